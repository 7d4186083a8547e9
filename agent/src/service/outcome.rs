//! How a service's life ends: by itself, by order, or by a limit.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the service answers when it did not stop in time.
pub const HANGS: u32 = 3;

/// What it answers when its work broke off.
pub const BROKE: u32 = 4;

/// What whoever waits for the end hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// It is to stop.
    Ordered,
    /// The work ended, well or by a panic.
    Ended(bool),
}

/// Waits for the end: as long as it takes, and once it is to stop no longer than this. Answers 0, or what went wrong.
pub fn outcome(messages: &Receiver<Message>, stop_time_max: Duration) -> u32 {
    let mut longest = Duration::MAX;
    loop {
        match messages.recv_timeout(longest) {
            Ok(Message::Ordered) => longest = stop_time_max,
            Ok(Message::Ended(true)) => return 0,
            Ok(Message::Ended(false)) | Err(RecvTimeoutError::Disconnected) => return BROKE,
            Err(RecvTimeoutError::Timeout) => return HANGS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Far longer than it needs: reached only when nothing is heard at all.
    const NEVER: Duration = Duration::from_secs(20);

    #[test]
    fn a_service_that_stops_as_told_ended_well_and_one_that_broke_off_did_not() {
        let (sender, messages) = channel();
        sender.send(Message::Ordered).unwrap();
        sender.send(Message::Ended(true)).unwrap();
        assert_eq!(outcome(&messages, NEVER), 0);
        sender.send(Message::Ended(false)).unwrap();
        assert_eq!(outcome(&messages, NEVER), BROKE);
    }

    #[test]
    fn a_service_that_hangs_while_it_stops_is_left_behind() {
        let (sender, messages) = channel();
        sender.send(Message::Ordered).unwrap();
        assert_eq!(outcome(&messages, Duration::ZERO), HANGS);
        drop(sender);
        assert_eq!(outcome(&messages, NEVER), BROKE);
    }
}
