//! Who holds how many connections. Where there are too many, the oldest that nobody needs gives way (pure but for its lock).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::super::limits::Who;

/// Handshakes at once. A waiting one takes about 30 KB, and one that only waits for the next is no work.
pub(super) const HANDSHAKES_MAX: usize = 1_024;

/// Handshakes at once from one address: a branch's router may stand before hundreds of PCs that come back together.
pub(super) const HANDSHAKES_PER_ADDRESS_MAX: usize = 128;

/// Connections without a certificate: they can only enrol, which takes some milliseconds. The limit of handshakes is higher
/// because an honest handshake turns into something else at once.
pub(super) const STRANGERS_MAX: usize = 256;

/// Of these from one address.
pub(super) const STRANGERS_PER_ADDRESS_MAX: usize = 32;

/// Connections of one agent: it has one, a new one while it renews, and dead ones that nobody has noticed yet.
pub(super) const AGENT_CONNECTIONS_MAX: usize = 4;

/// Connections of one person: each command is one.
pub(super) const OPERATOR_CONNECTIONS_MAX: usize = 64;

/// Whoever is in front of the door for longer than this gives way when others wait: an honest handshake needs two round
/// trips, an enrolment three.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// Where a caller without a name comes from: an IPv4 address, or the network of 2^64 addresses that one IPv6 host may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::grpc) struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Origin(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The end of a connection: comes when its place is taken away.
pub(super) type End = oneshot::Receiver<()>;

/// All places. Each holder has the other half of its connection's [`End`]; to forget it is to end the connection.
#[derive(Debug, Default)]
pub(super) struct Places {
    held: Mutex<Held>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    shaking: BTreeMap<u64, Holder>,
    strangers: BTreeMap<u64, Holder>,
    known: BTreeMap<Who, BTreeMap<u64, oneshot::Sender<()>>>,
}

#[derive(Debug)]
struct Holder {
    origin: Origin,
    since: Instant,
    end: oneshot::Sender<()>,
}

/// One connection's place; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    who: Option<Who>,
}

impl Places {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more handshake may begin.
    pub(super) async fn room(&self) {
        loop {
            let oldest = {
                let mut held = self.held();
                if held.shaking.len() < HANDSHAKES_MAX {
                    return;
                }
                let Some(oldest) = held.shaking.first_entry() else { return };
                if oldest.get().since.elapsed() >= GRACE {
                    oldest.remove();
                    return;
                }
                oldest.get().since
            };
            tokio::select! {
                () = self.left.notified() => {}
                () = tokio::time::sleep_until(oldest + GRACE) => {}
            }
        }
    }

    /// A place for a handshake, and its end. `None`: too many from there are waiting already.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<(Place, End)> {
        let origin = Origin::from(address);
        let held = &mut *self.held();
        if !make_room(&mut held.shaking, origin, HANDSHAKES_PER_ADDRESS_MAX, usize::MAX, now) {
            return None;
        }
        let number = held.next;
        held.next += 1;
        let (end, ended) = oneshot::channel();
        held.shaking.insert(number, Holder { origin, since: now, end });
        Some((Place { places: Arc::clone(self), number, who: None }, ended))
    }
}

impl Place {
    /// The handshake is done. `who`: a caller with a certificate, whose oldest connection gives way to this one.
    /// False: there is no place for one more without a certificate, or this one's was taken away meanwhile.
    pub(super) fn settle(&mut self, who: Option<Who>, now: Instant) -> bool {
        let held = &mut *self.places.held();
        let Some(holder) = held.shaking.remove(&self.number) else { return false };
        self.places.left.notify_one();
        let Some(who) = who else {
            let (origin, strangers) = (holder.origin, &mut held.strangers);
            if !make_room(strangers, origin, STRANGERS_PER_ADDRESS_MAX, STRANGERS_MAX, now) {
                return false;
            }
            strangers.insert(self.number, Holder { since: now, ..holder });
            return true;
        };
        let most =
            if matches!(who, Who::Operator(_)) { OPERATOR_CONNECTIONS_MAX } else { AGENT_CONNECTIONS_MAX };
        let all = held.known.entry(who.clone()).or_default();
        while all.len() >= most {
            all.pop_first();
        }
        all.insert(self.number, holder.end);
        self.who = Some(who);
        true
    }
}

/// Room for one more, by taking the oldest one's place where that has had its time. Who comes from a full address displaces
/// nobody from elsewhere.
fn make_room(
    holders: &mut BTreeMap<u64, Holder>,
    origin: Origin,
    per_origin: usize,
    in_all: usize,
    now: Instant,
) -> bool {
    let mut theirs = holders.iter().filter(|(_, holder)| holder.origin == origin).peekable();
    let oldest = theirs.peek().map(|(number, holder)| (**number, holder.since));
    let oldest = if theirs.count() >= per_origin {
        oldest
    } else if holders.len() >= in_all {
        holders.first_key_value().map(|(number, holder)| (*number, holder.since))
    } else {
        return true;
    };
    match oldest {
        Some((number, since)) if now.saturating_duration_since(since) >= GRACE => {
            holders.remove(&number);
            true
        }
        _ => false,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held = &mut *self.places.held();
        match &self.who {
            Some(who) => {
                if let Some(all) = held.known.get_mut(who) {
                    all.remove(&self.number);
                    if all.is_empty() {
                        held.known.remove(who);
                    }
                }
            }
            None => {
                if held.shaking.remove(&self.number).is_some() {
                    self.places.left.notify_one();
                }
                held.strangers.remove(&self.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use daicho_proto::endpoint::EndpointId;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn agent() -> Who {
        Who::Endpoint(EndpointId(uuid::Uuid::from_u128(7)))
    }

    #[test]
    fn a_full_address_displaces_its_own_oldest_and_nobody_elses() {
        let (places, now) = (Arc::new(Places::default()), Instant::now());
        let mut other = places.enter(address(9), now).unwrap();
        let mut all: Vec<_> =
            (0..HANDSHAKES_PER_ADDRESS_MAX).map(|_| places.enter(address(1), now).unwrap()).collect();
        assert!(places.enter(address(1), now).is_none(), "none of them had its time yet");
        let late = places.enter(address(1), now + GRACE).unwrap();
        assert!(all[0].1.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        assert_eq!(other.1.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert_eq!(all[1].1.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(late);
        assert!(places.enter(address(1), now).is_some(), "a place that is given back is free");
    }

    #[test]
    fn an_address_is_one_host_of_ipv4_and_one_network_of_ipv6() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:2"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
    }

    #[test]
    fn strangers_fill_no_more_than_their_own_places() {
        let (places, now) = (Arc::new(Places::default()), Instant::now());
        let mut held = Vec::new();
        for host in 0..100 {
            for _ in 0..10 {
                let (mut place, end) = places.enter(address(host), now).unwrap();
                if place.settle(None, now) {
                    held.push((place, end));
                }
            }
        }
        assert_eq!(held.len(), STRANGERS_MAX);
        let (mut known, _end) = places.enter(address(1), now).unwrap();
        assert!(known.settle(Some(agent()), now), "who has a certificate does not wait for them");
    }

    #[test]
    fn the_newest_connection_of_an_agent_wins() {
        let (places, now) = (Arc::new(Places::default()), Instant::now());
        let mut held: Vec<_> = (0..=AGENT_CONNECTIONS_MAX)
            .map(|_| {
                let (mut place, end) = places.enter(address(1), now).unwrap();
                assert!(place.settle(Some(agent()), now));
                (place, end)
            })
            .collect();
        let ended: Vec<bool> = held
            .iter_mut()
            .map(|(_, end)| end.try_recv() != Err(oneshot::error::TryRecvError::Empty))
            .collect();
        assert_eq!(ended, [true, false, false, false, false]);
        drop(held);
        assert!(places.held().known.is_empty());
    }

    #[tokio::test]
    async fn half_handshakes_from_everywhere_give_way_after_their_time() {
        let fill = |since| {
            let places = Arc::new(Places::default());
            let address = |number: usize| {
                let [.., third, fourth] = number.to_be_bytes();
                IpAddr::from([10, 0, third, fourth])
            };
            let held: Vec<_> =
                (0..HANDSHAKES_MAX).map(|number| places.enter(address(number), since).unwrap()).collect();
            (places, held)
        };
        let (places, held) = fill(Instant::now() + GRACE);
        let waits = tokio::select! {
            biased;
            () = places.room() => false,
            () = std::future::ready(()) => true,
        };
        assert!(waits, "none of them had its time yet");
        drop(held);
        places.room().await;
        let (places, mut held) = fill(Instant::now().checked_sub(GRACE).unwrap());
        places.room().await;
        assert!(places.enter(address(1), Instant::now()).is_some());
        assert!(!held[0].0.settle(Some(agent()), Instant::now()), "its place was taken away");
    }
}
