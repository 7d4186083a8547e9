//! The one place of the agent that reads wall time. Everybody else gets it as an argument.

use jiff::Timestamp;

/// Now, by this machine's clock, UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
