//! daicho violations: what is wrong, filtered, and closing an incident with a reason.
