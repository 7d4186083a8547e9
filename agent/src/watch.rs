//! A change on disk wakes a probe early.
