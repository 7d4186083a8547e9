//! The Query service over queries.rs.
