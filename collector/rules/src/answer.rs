//! The answer of `check` and `violations`: violations, what is undetermined, what is satisfied.
