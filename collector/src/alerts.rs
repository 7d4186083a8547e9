//! Tells people: an outbox that survives restarts, retries, and never tells the same thing twice.
