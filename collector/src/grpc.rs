//! The gRPC server: one port, TLS 1.3, each service behind the caller's identity.
