//! The one place of the agent that reads wall time. Everybody else gets it as an argument.

use std::sync::Arc;

use jiff::Timestamp;

/// Whatever tells the time, UTC.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// This machine's clock.
pub fn system() -> Clock {
    Arc::new(now)
}

/// Now, by this machine's clock, UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
