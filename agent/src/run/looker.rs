//! Looks, on a thread of its own and with a time limit: a file system that hangs must not hang the agent.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use daicho_proto::facts::{Fact, Subject};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::platform::Platform;
use crate::probes::{PROBES, Probe, unreadable};

/// A whole look at a big machine takes 0.1 s; a minute means that a disk, a bus or a network mount does not answer.
const LOOK_TIME_MAX: Duration = Duration::from_secs(60);

type Order = (&'static Probe, oneshot::Sender<Fact>);

/// One thread that looks. When a look hangs the thread is left to it, and another one takes over.
pub(super) struct Looker {
    platform: Arc<dyn Platform>,
    time_max: Duration,
    orders: Option<mpsc::Sender<Order>>,
    /// Subjects whose look still hangs: not tried again before it ends, so that threads do not pile up.
    hanging: Arc<Mutex<BTreeSet<Subject>>>,
}

impl Looker {
    pub(super) fn new(platform: Arc<dyn Platform>) -> Self {
        Looker { platform, time_max: LOOK_TIME_MAX, orders: None, hanging: Arc::default() }
    }

    /// Looks at a subject; what cannot be seen in time is told as unreadable.
    pub(super) async fn look(&mut self, subject: Subject) -> Option<Fact> {
        let probe = PROBES.iter().find(|probe| probe.subject == subject)?;
        let limit = self.time_max;
        let too_long = || unreadable(subject, format!("{subject}: the look took longer than {limit:?}"));
        if self.hanging().contains(&subject) {
            return Some(too_long());
        }
        let (sender, receiver) = oneshot::channel();
        self.hanging().insert(subject);
        if let Err(error) = self.order((probe, sender)) {
            self.hanging().remove(&subject);
            return Some(unreadable(
                subject,
                format!("{subject}: no thread could be started to look: {error}"),
            ));
        }
        Some(match timeout(self.time_max, receiver).await {
            Ok(Ok(fact)) => fact,
            // The look panicked: its thread is gone.
            Ok(Err(_)) => {
                self.orders = None;
                self.hanging().remove(&subject);
                unreadable(subject, format!("{subject}: the look failed; see the agent's log"))
            }
            Err(_) => {
                self.orders = None;
                too_long()
            }
        })
    }

    fn order(&mut self, order: Order) -> std::io::Result<()> {
        let order = match &self.orders {
            Some(orders) => match orders.send(order) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(order)) => order,
            },
            None => order,
        };
        let (orders, receiver) = mpsc::channel::<Order>();
        let (platform, hanging) = (self.platform.clone(), self.hanging.clone());
        std::thread::Builder::new().name("look".to_owned()).spawn(move || {
            for (probe, answer) in receiver {
                let fact = (probe.look)(platform.as_ref());
                hanging.lock().unwrap_or_else(PoisonError::into_inner).remove(&probe.subject);
                // Nobody waits any more: it took too long, and that was told.
                drop(answer.send(fact));
            }
        })?;
        drop(orders.send(order));
        self.orders = Some(orders);
        Ok(())
    }

    fn hanging(&self) -> std::sync::MutexGuard<'_, BTreeSet<Subject>> {
        self.hanging.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use daicho_proto::facts::{Account, Host, Look, Service};

    use super::*;

    #[derive(Default)]
    struct Stubborn {
        tried: AtomicU32,
        gate: Mutex<()>,
    }

    impl Platform for Stubborn {
        fn host(&self) -> Look<Host> {
            Look::complete(Host::default())
        }
        fn accounts(&self) -> Look<Vec<Account>> {
            self.tried.fetch_add(1, Ordering::SeqCst);
            drop(self.gate.lock());
            Look::complete(Vec::new())
        }
        fn services(&self) -> Look<Vec<Service>> {
            panic!("a probe with a mistake")
        }
    }

    #[test]
    fn a_look_that_hangs_or_fails_is_unreadable_and_the_others_go_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let platform = Arc::new(Stubborn::default());
        let shut = platform.gate.lock().unwrap();
        let mut looker = Looker { time_max: Duration::from_millis(50), ..Looker::new(platform.clone()) };
        let look = |looker: &mut Looker, subject| runtime.block_on(looker.look(subject)).unwrap();
        for _ in 0..3 {
            let fact = look(&mut looker, Subject::Accounts);
            assert!(matches!(fact, Fact::Accounts(Look::Unreadable { .. })));
        }
        assert_eq!(platform.tried.load(Ordering::SeqCst), 1, "a hanging look is not started again");
        looker.time_max = LOOK_TIME_MAX;
        let fact = look(&mut looker, Subject::Services);
        assert!(matches!(fact, Fact::Services(Look::Unreadable { .. })));
        assert!(matches!(look(&mut looker, Subject::Host), Fact::Host(Look::Seen { .. })));
        drop(shut);
    }
}
