//! Whether Windows Update may be asked now: its COM object starts the service `wuauserv` where it waits for work, and the
//! agent starts no service. It works for some minutes at least once a day by itself; an answer of then is kept.

use jiff::SignedDuration;

/// The service that answers.
pub(in super::super) const SERVICE: &str = "wuauserv";

/// How long an answer holds before the same is asked again: to go through the list is work for the machine.
const HOLDS: SignedDuration = SignedDuration::from_hours(6);

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Way {
    /// Tell the last answer again.
    Kept,
    Ask,
    /// Do not ask, for this reason.
    Leave(String),
}

/// `kept` is how old an answer is since which nothing was installed or searched for; `runs`: whether the service does.
pub(in super::super) fn way(kept: Option<SignedDuration>, runs: Option<bool>) -> Way {
    let holds = |age: SignedDuration| (SignedDuration::ZERO..HOLDS).contains(&age);
    match (kept, runs) {
        (Some(age), _) if holds(age) => Way::Kept,
        (_, Some(true)) => Way::Ask,
        // Without a search since, the list that it would be asked for is the same.
        (Some(age), _) if !age.is_negative() => Way::Kept,
        (_, Some(false)) => Way::Leave(format!(
            "the service Windows Update ({SERVICE}) does not run now, and the agent starts no service; it is asked when it runs"
        )),
        (_, None) => Way::Leave(format!(
            "whether the service Windows Update ({SERVICE}) runs is not known, and the agent starts no service"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_does_not_run_is_never_asked_and_what_it_said_is_kept() {
        let hours = |hours| Some(SignedDuration::from_hours(hours));
        for runs in [Some(false), None] {
            assert!(matches!(way(None, runs), Way::Leave(reason) if reason.contains("starts no service")));
            // The clock was put back.
            assert!(matches!(way(hours(-1), runs), Way::Leave(_)));
            assert_eq!(way(hours(100), runs), Way::Kept);
        }
        assert_eq!((way(None, Some(true)), way(hours(7), Some(true))), (Way::Ask, Way::Ask));
        assert_eq!((way(hours(5), Some(true)), way(hours(5), Some(false))), (Way::Kept, Way::Kept));
    }
}
