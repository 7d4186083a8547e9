//! A machine in a simulated network: the agent's own spool, identity and uplink.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use daicho_agent::address::Address;
use daicho_agent::clock;
use daicho_agent::identity::Identity;
use daicho_agent::spool::keeper::Keeper;
use daicho_agent::status::Health;
use daicho_agent::uplink::Uplink;
use daicho_agent::uplink::connection::{Dial, Wire};
use daicho_proto::endpoint::EndpointId;
use fastrand::Rng;
use jiff::SignedDuration;
use tokio::sync::{Notify, watch};
use turmoil::net::TcpStream;

use super::collector::{COLLECTOR, PORT, Site};
use crate::hospital::{SUBJECTS, Truth, arrival};

/// Media that one machine may see: as many as its record remembers apart.
pub(super) const SERIALS_MAX: u64 = 60;

/// Enough for everything: gaps are the hospital's matter next door.
const EVENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

const CERTIFICATE_DAYS: u32 = 90;

/// A certificate of that age is renewed at the first word.
const OLD_DAYS: i64 = 70;

/// One machine.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) endpoint: EndpointId,
    /// Of its first certificate.
    pub(super) serial_number: String,
    /// Whether that one is due to be renewed.
    pub(super) is_old: bool,
    number: usize,
    data: PathBuf,
    truth: RefCell<Truth>,
    serials: Cell<u64>,
    revoked: Cell<bool>,
    up: Cell<bool>,
    keeper: RefCell<Option<Arc<Keeper>>>,
}

impl Machine {
    /// A machine that a person let in.
    pub(super) fn new(folder: &Path, number: usize, site: &Site, chance: &mut Rng) -> Self {
        let name = format!("pc-{number}");
        let data = folder.join(&name);
        std::fs::create_dir_all(&data).expect("a temporary folder can be written");
        let endpoint = EndpointId(uuid::Uuid::from_u64_pair(chance.u64(..), number as u64));
        let is_old = chance.bool();
        let age = if is_old { SignedDuration::from_hours(24 * OLD_DAYS) } else { SignedDuration::ZERO };
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
        let issued =
            site.authority.sign_endpoint(endpoint, request.der(), clock::now() - age, CERTIFICATE_DAYS);
        let issued = issued.expect("it is signed");
        let mut chain = site.authority.chain(issued.certificate);
        chain.truncate(2);
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let address: Address = format!("{COLLECTOR}:{PORT}").parse().expect("an address");
        let identity = Identity::new(endpoint, address, chain, site.authority.roots_to_give(), key);
        identity.expect("it fits").write(&data).expect("a temporary folder can be written");
        Machine {
            name,
            endpoint,
            serial_number: issued.serial,
            is_old,
            number,
            data,
            truth: RefCell::default(),
            serials: Cell::new(0),
            revoked: Cell::new(false),
            up: Cell::new(true),
            keeper: RefCell::new(None),
        }
    }

    /// The serial of one of its media. The ledger approves those with an even number.
    pub(super) fn serial(&self, number: u64) -> String {
        format!("S{:03}{number:04}", self.number)
    }

    /// A medium that was never there, while there are any.
    pub(super) fn next_serial(&self) -> Option<String> {
        let number = Some(self.serials.get()).filter(|number| *number < SERIALS_MAX)?;
        self.serials.set(number + 1);
        Some(self.serial(number))
    }

    /// A medium arrives. Answers whether the agent has that on its disk.
    pub(super) fn tell(&self, serial: &str) -> bool {
        let Some(keeper) = self.keeper.borrow().clone() else { return false };
        keeper.record(arrival(serial), clock::now(), clock::now());
        assert_eq!(keeper.held(), 0, "its disk takes everything");
        true
    }

    /// An account comes or goes.
    pub(super) fn change(&self, which: usize) {
        let mut truth = self.truth.borrow_mut();
        truth.accounts[which] = !truth.accounts[which];
        truth.version += 1;
        drop(truth);
        self.look();
    }

    /// What it truly is.
    pub(super) fn truth(&self) -> Truth {
        self.truth.borrow().clone()
    }

    /// How much it has to say, in words; `None`: nothing.
    pub(super) fn unsaid(&self) -> Option<String> {
        let Some(keeper) = self.keeper.borrow().clone() else {
            return Some("its agent does not run".to_owned());
        };
        let Some(spool) = keeper.spool() else { return Some("its agent has no spool".to_owned()) };
        let waiting = spool.waiting();
        (waiting.events + waiting.inventories + waiting.outgoing > 0).then(|| format!("{waiting:?}"))
    }

    /// Whether its certificate is a newer one than it had at the beginning.
    pub(super) fn has_renewed(&self) -> bool {
        let identity = Identity::read(&self.data).expect("a whole identity, whenever it died");
        self.is_old && identity.life.from > clock::now() - SignedDuration::from_hours(24)
    }

    /// It is no longer welcome.
    pub(super) fn revoke(&self) {
        self.revoked.set(true);
    }

    /// Whether it is no longer welcome.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.get()
    }

    /// Whether its agent runs.
    pub(super) fn is_up(&self) -> bool {
        self.up.get()
    }

    /// Its agent is about to be gone.
    pub(super) fn fall(&self) {
        self.up.set(false);
        *self.keeper.borrow_mut() = None;
    }

    fn look(&self) {
        let Some(keeper) = self.keeper.borrow().clone() else { return };
        let truth = self.truth();
        for subject in SUBJECTS {
            keeper.record(truth.look(subject), clock::now(), clock::now());
        }
    }
}

/// One life of its agent.
pub(super) async fn follow(machine: Rc<Machine>) -> turmoil::Result {
    machine.up.set(true);
    let (now, data) = (clock::now(), machine.data.clone());
    let identity = Identity::read(&data)?;
    let keeper =
        Keeper::new(&data, EVENT_BYTES_MAX, identity.endpoint.to_string(), || fastrand::u64(..), now);
    let keeper = Arc::new(keeper);
    *machine.keeper.borrow_mut() = Some(Arc::clone(&keeper));
    machine.look();
    let collector = identity.collector.clone();
    let look_again = Arc::new(Notify::new());
    let uplink = Uplink {
        health: Arc::new(Health::new(&data, &identity, collector.to_string(), now)),
        data,
        identity,
        collector,
        dial: THROUGH_THE_STORM,
        keeper,
        look_again: Arc::clone(&look_again),
        chance: fastrand::f64,
        incarnation: || fastrand::u64(..),
        collector_ahead_us: AtomicI64::new(0),
    };
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(uplink.follow(stopped));
    loop {
        look_again.notified().await;
        machine.look();
    }
}

const THROUGH_THE_STORM: Dial = |address| {
    Box::pin(async move {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        Ok(Box::new(stream) as Box<dyn Wire>)
    })
};
