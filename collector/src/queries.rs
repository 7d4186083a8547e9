//! The management department's questions and their answers, free of gRPC and of tables.
