//! Proves that nothing was altered or removed.
