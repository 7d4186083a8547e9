//! The Bookkeeping service over bookkeeping.rs.
