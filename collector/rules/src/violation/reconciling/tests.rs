//! The life of a violation.
