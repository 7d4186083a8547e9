//! The agent as a service that nobody watches: what a person has to mend is told once, waited for, and tried again.

use std::time::Duration;

use super::stop::Halt;
use crate::text::Text;

/// What a person mends (the agent joins, a configuration is corrected) works after this; looking whether it has costs
/// some files read.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Tries until an attempt ends well or it is told to stop. `tell` hears each other sentence once.
pub fn persist(
    halt: &Halt,
    retry_after: Duration,
    mut attempt: impl FnMut() -> Result<(), Text>,
    mut tell: impl FnMut(&Text),
) {
    let mut told = None;
    while !halt.is_ordered() {
        let Err(text) = attempt() else { return };
        if told.as_ref() != Some(&text) {
            tell(&text);
            told = Some(text);
        }
        halt.wait(retry_after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(text: &str) -> Result<(), Text> {
        Err(Text::new(text, text))
    }

    #[test]
    fn what_a_person_mends_is_told_once_and_tried_again() {
        let mut attempts = vec![Ok(()), trouble("broken"), trouble("not joined"), trouble("not joined")];
        let mut told = Vec::new();
        persist(
            &Halt::default(),
            Duration::ZERO,
            || attempts.pop().expect("no attempt after one that ended well"),
            |text| told.push(text.en.clone()),
        );
        assert_eq!(told, ["not joined", "broken"]);
        assert!(attempts.is_empty());
    }

    #[test]
    fn whoever_is_told_to_stop_does_not_try_again() {
        let halt = Halt::default();
        let mut attempts = 0;
        persist(
            &halt,
            Duration::from_secs(3600),
            || {
                attempts += 1;
                halt.order();
                trouble("not joined")
            },
            |_| (),
        );
        assert_eq!(attempts, 1);
    }
}
