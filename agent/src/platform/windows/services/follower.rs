//! Sees that a service started, ended or came, soon after it did.
//!
//! Windows gives no word for all services at once: `SubscribeServiceChangeNotifications` and `NotifyServiceStatusChange`
//! want one registration for each of some 300, which have to be renewed, lag behind, and hold the service control manager
//! where a service is deleted meanwhile. The whole list is one question that it answers in a millisecond or two, so it is
//! asked again and again, and a look is made only where the answer differs.

use std::collections::BTreeMap;
use std::io;

use super::running::Known;

/// What a change shows in: a service that was started anew between two questions has another process.
type States = BTreeMap<String, (u32, u32)>;

/// Calls `changed` whenever `list` differs from the one before, and at first, until it answers `false`. `wait` is called
/// between two questions.
pub(in super::super) fn follow(
    list: &mut dyn FnMut() -> io::Result<Vec<Known>>,
    wait: &mut dyn FnMut(),
    changed: &mut dyn FnMut() -> bool,
) -> io::Result<()> {
    let mut before = states(list()?);
    // What changed before we asked.
    let mut goes_on = changed();
    while goes_on {
        wait();
        let now = states(list()?);
        if now != before {
            goes_on = changed();
        }
        before = now;
    }
    Ok(())
}

fn states(list: Vec<Known>) -> States {
    list.into_iter().map(|known| (known.name, (known.state, known.pid))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, state: u32, pid: u32) -> Known {
        Known { name: name.to_owned(), state, pid, ..Known::default() }
    }

    /// How often it was told, and how it ended.
    fn told(answers: Vec<io::Result<Vec<Known>>>) -> (usize, io::Result<()>) {
        let mut answers = answers.into_iter();
        let mut told = 0;
        let mut list = || answers.next().unwrap_or_else(|| Err(io::Error::other("no more")));
        let ended = follow(&mut list, &mut || {}, &mut || {
            told += 1;
            true
        });
        (told, ended)
    }

    #[test]
    fn a_service_that_stops_starts_anew_comes_or_goes_is_told_once() {
        let running = || vec![service("Spooler", 4, 700), service("RpcSs", 4, 500)];
        let again = || Ok(running());
        assert_eq!(told(vec![again(), again(), again()]).0, 1, "nothing changed");
        let stopped = vec![service("RpcSs", 4, 500), service("Spooler", 1, 0)];
        assert_eq!(
            told(vec![again(), Ok(stopped.clone()), Ok(stopped), again()]).0,
            3,
            "stopped and started"
        );
        let anew = vec![service("Spooler", 4, 701), service("RpcSs", 4, 500)];
        assert_eq!(told(vec![again(), Ok(anew)]).0, 2, "another process");
        let mut more = running();
        more.push(service("RemoteHelper", 1, 0));
        assert_eq!(told(vec![again(), Ok(more), again()]).0, 3, "came and went");
        let mut turned = running();
        turned.reverse();
        assert_eq!(told(vec![again(), Ok(turned)]).0, 1, "an order is no change");
    }

    #[test]
    fn a_manager_that_refuses_ends_it_with_its_reason_and_a_listener_that_had_enough_without() {
        let (count, ended) = told(vec![Err(io::Error::other("refused"))]);
        assert!(count == 0 && ended.is_err_and(|error| error.to_string() == "refused"));
        let mut asked = 0;
        let mut list = || {
            asked += 1;
            Ok(Vec::new())
        };
        assert!(follow(&mut list, &mut || {}, &mut || false).is_ok() && asked == 1);
    }
}
