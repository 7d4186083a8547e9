//! The collector in a simulated network: its own server over its own rooms.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use daicho_collector::authority::{Authority, Own, init};
use daicho_collector::bookkeeping::importing::{self, Entry};
use daicho_collector::clock::{Clock as _, SystemClock};
use daicho_collector::evaluation;
use daicho_collector::shelves::{EndpointRow, OperatorRow, Shelves};
use daicho_collector::store::Batch;
use daicho_collector::{Collector, chronicle, grpc, identity};
use daicho_proto::endpoint::EndpointId;
use daicho_rules::ledger::{ApprovedAccount, ApprovedMedium, Device, Ledger};
use jiff::SignedDuration;
use tokio::sync::watch;
use turmoil::net::{TcpListener, TcpStream};

use super::machine::{Machine, SERIALS_MAX};
use crate::hospital::{Disk, PEOPLE};

/// Its name in the network.
pub(super) const COLLECTOR: &str = "collector";

/// Where it listens.
pub(super) const PORT: u16 = 7443;

/// A disk that refuses is tried again after this long, as systemd does.
const RESTART_AFTER: Duration = Duration::from_secs(5);

const OFFICER: &str = "suzuki";
const ENDPOINT_DAYS: u32 = 90;

/// The authority is that old: certificates may be older than today.
const AUTHORITY_DAYS: i64 = 100;

/// What outlives each of its lives.
pub(super) struct Site {
    pub(super) disk: Arc<Disk>,
    pub(super) authority: Arc<Authority>,
    tls: Arc<rustls::ServerConfig>,
    at_work: RefCell<Option<Arc<Collector>>>,
    is_up: RefCell<bool>,
}

impl Site {
    /// A site with an authority of its own.
    pub(super) fn new(folder: &Path) -> Self {
        let now = SystemClock.now();
        let data = folder.join("collector");
        let made = init::make(&data, now - SignedDuration::from_hours(24 * AUTHORITY_DAYS));
        let authority = Arc::new(made.expect("an authority"));
        let names = [COLLECTOR.to_owned()];
        let (chain, key) = init::server_identity(&data, &authority, &names, now).expect("a certificate");
        let own = Arc::new(Own::new(chain, &key).expect("its own key"));
        let grace = SignedDuration::from_hours(24 * 180);
        let tls = grpc::tls::server(own, Arc::clone(&authority), grace, Arc::new(SystemClock));
        Site {
            disk: Arc::default(),
            authority,
            tls: tls.expect("what we made fits"),
            at_work: RefCell::new(None),
            is_up: RefCell::new(true),
        }
    }

    /// What stands in it at the first start: the machines, an officer, and a ledger that approves every second medium and
    /// the first two people.
    pub(super) fn open(&self, machines: &[Rc<Machine>]) {
        let collector = Collector::open(Arc::clone(&self.disk) as _, Arc::new(SystemClock));
        let collector = collector.expect("a log begins on an empty disk");
        let now = collector.clock.now();
        let mut batch = Batch::default();
        for machine in machines {
            let row = EndpointRow {
                certificates: vec![machine.serial_number.clone()],
                device: Some(machine.name.clone()),
                ..EndpointRow::joined(machine.endpoint, machine.name.clone(), now)
            };
            let what = chronicle::What::of_endpoint(&row);
            batch.put_waiting(now, &format!("endpoint:{}", row.id), what);
            batch.put_endpoint(&row);
        }
        let officer = OperatorRow {
            name: OFFICER.to_owned(),
            certificates: vec!["02".to_owned()],
            not_after: now,
            newest_root: None,
            revoked_at: None,
            roles: identity::roles::of_one_person(),
            section: None,
        };
        batch.put_waiting(now, "administrator", chronicle::What::of_operator(&officer));
        batch.put_operator(&officer);
        let entry = Entry { operator: OFFICER.to_owned(), ..Entry::default() };
        block_on(async {
            collector.writer.commit(batch).await.expect("memory writes");
            importing::adopt(&collector, ledger(machines), entry).await.expect("an officer brings it");
        });
    }

    /// Whether it runs.
    pub(super) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// It is about to be gone.
    pub(super) fn fall(&self) {
        *self.is_up.borrow_mut() = false;
        *self.at_work.borrow_mut() = None;
    }

    /// As `daicho-collector revoke` does. False: nothing was written, and the machine is as welcome as before.
    pub(super) fn revoke(&self, endpoint: EndpointId) -> bool {
        let Some(collector) = self.at_work.borrow().clone() else { return false };
        // The order waits for its turn; here the person comes back. Without it, a renewal that is under way would be
        // written over, and its end would let the machine in again.
        let Ok(_one_at_a_time) = collector.enrolling.try_lock() else { return false };
        let Ok(Some(mut row)) = collector.shelves.endpoint(endpoint) else { return false };
        row.certificates.clear();
        row.revoked_at = Some(collector.clock.now());
        row.revoked_because = Some("stolen".to_owned());
        let mut batch = Batch::default();
        batch.put_endpoint(&row);
        let (hostname, reason) = (row.hostname.clone(), "stolen".to_owned());
        let what = chronicle::What::EndpointRevoked { endpoint, hostname, reason };
        batch.put_waiting(collector.clock.now(), "administrator", what);
        if block_on(collector.writer.commit(batch)).is_err() {
            return false;
        }
        collector.gate.set_endpoint(&row);
        true
    }

    /// What is kept.
    pub(super) fn shelves(&self) -> Shelves {
        Shelves::new(Arc::clone(&self.disk) as _)
    }
}

/// The ledger of these machines.
pub(super) fn ledger(machines: &[Rc<Machine>]) -> Ledger {
    let devices = machines.iter().map(|machine| Device {
        device_id: machine.name.clone(),
        hostname: Some(machine.name.clone()),
        ..Device::default()
    });
    let people = PEOPLE.iter().take(2).chain(&["always"]);
    let accounts =
        people.map(|name| ApprovedAccount { account: (*name).to_owned(), ..ApprovedAccount::default() });
    let serials =
        machines.iter().flat_map(|machine| (0..SERIALS_MAX).step_by(2).map(|number| machine.serial(number)));
    let media = serials.map(|serial| ApprovedMedium {
        media_id: format!("USB-{serial}"),
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some(serial),
        approved_by: Some("事務長".to_owned()),
        ..ApprovedMedium::default()
    });
    Ledger {
        devices: devices.collect(),
        accounts: accounts.collect(),
        media: media.collect(),
        ..Ledger::default()
    }
}

/// One life of it.
pub(super) async fn serve(site: Rc<Site>) -> turmoil::Result {
    *site.is_up.borrow_mut() = true;
    let collector = loop {
        let disk = Arc::clone(&site.disk);
        match Collector::open(disk as _, Arc::new(SystemClock)) {
            Ok(collector) => break Arc::new(collector),
            Err(_) => tokio::time::sleep(RESTART_AFTER).await,
        }
    };
    *site.at_work.borrow_mut() = Some(Arc::clone(&collector));
    collector.nudge_all();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(evaluation::run(Arc::clone(&collector), stopped.clone()));
    tokio::spawn(chronicle::waiting::run(Arc::clone(&collector), stopped));
    let listener = Port(TcpListener::bind(("0.0.0.0", PORT)).await?);
    let routes = grpc::routes(&collector, &site.authority, ENDPOINT_DAYS);
    drop(collector);
    grpc::serve(listener, Arc::clone(&site.tls), routes, std::future::pending()).await?;
    Ok(())
}

struct Port(TcpListener);

impl grpc::Listener for Port {
    type Line = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime of one thread").block_on(work)
}
