//! The uplink against a collector that refuses, forgets and dies.

use std::collections::VecDeque;
use std::sync::Mutex;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Fact, Medium, MediumAction, MediumEvent};
use daicho_proto::wire::intake_server::{Intake, IntakeServer};
use daicho_proto::wire::{self, ReportAnswer};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status};

use super::*;

/// Far longer than anything here takes: reached only when it does not come at all.
const NEVER: Duration = Duration::from_secs(20);

/// What the collector does with the next report that carries something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Take,
    TakeOnlyTheFirst,
    TakeAndLoseTheAnswer,
    BeBusy,
}

/// A collector that keeps the contract of `intake.proto` and nothing else, with the misfortunes of a script.
#[derive(Default)]
struct Desk {
    steps: VecDeque<Step>,
    incarnation: u64,
    taken: Vec<String>,
    reports: u64,
    connections: u64,
}

#[derive(Clone)]
struct Collector {
    desk: Arc<Mutex<Desk>>,
    heard: Arc<Notify>,
}

#[tonic::async_trait]
impl Intake for Collector {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportAnswer>, Status> {
        let report = request.into_inner();
        let mut desk = self.desk.lock().unwrap();
        self.heard.notify_one();
        desk.reports += 1;
        assert!(desk.reports > 1 || report.observations.is_empty(), "the first word is a question");
        if desk.incarnation != report.incarnation {
            desk.incarnation = report.incarnation;
            desk.taken.clear();
        }
        let step = if report.observations.is_empty() {
            Step::Take
        } else {
            desk.steps.pop_front().unwrap_or(Step::Take)
        };
        if step == Step::BeBusy {
            let mut busy = Status::resource_exhausted("busy");
            busy.metadata_mut().insert("retry-after-ms", "1".parse().unwrap());
            return Err(busy);
        }
        for observation in report.observations {
            if observation.sequence == desk.taken.len() as u64 + 1 {
                let Some(wire::observation::Fact::MediumEvent(event)) = observation.fact else { panic!() };
                desk.taken.push(event.medium.unwrap().serial.unwrap());
            }
            if step == Step::TakeOnlyTheFirst {
                break;
            }
        }
        match step {
            Step::TakeAndLoseTheAnswer => Err(Status::unavailable("the answer is lost")),
            _ => {
                Ok(Response::new(ReportAnswer { durable_to: desk.taken.len() as u64, collector_time_us: 0 }))
            }
        }
    }
}

struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Authority { root, issuer: Issuer::new(params, key) }
    }

    fn certificate(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// An agent of this authority that trusts the root of `collector`.
    fn identity(&self, collector: &Authority, address: Address) -> Identity {
        let (chain, key) = self.certificate("agent");
        let endpoint = EndpointId(uuid::Uuid::from_u128(7));
        Identity::new(endpoint, address, chain, vec![collector.root.clone()], key).unwrap()
    }

    async fn serve(&self, collector: Collector) -> Address {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let (chain, key) = self.certificate("localhost");
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let desk = collector.desk.clone();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let connections =
            futures_util::stream::unfold((listener, acceptor, desk), |(listener, acceptor, desk)| async {
                loop {
                    let (tcp, _) = listener.accept().await.unwrap();
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        desk.lock().unwrap().connections += 1;
                        return Some((Ok::<_, std::io::Error>(stream), (listener, acceptor, desk)));
                    }
                }
            });
        tokio::spawn(async move {
            let server = tonic::transport::Server::builder();
            let service = IntakeServer::new(collector);
            server.serve_with_incoming_shutdown(service, Box::pin(connections), std::future::pending()).await
        });
        format!("localhost:{port}").parse().unwrap()
    }
}

fn uplink(data: &TempDir, identity: Identity) -> Uplink {
    let now = Timestamp::UNIX_EPOCH;
    let collector = identity.collector.clone();
    Uplink {
        data: data.path().to_owned(),
        keeper: Arc::new(Keeper::new(data.path(), 1 << 20, "me".to_owned(), || 7, now)),
        health: Arc::new(Health::new(data.path(), &identity, collector.to_string(), now)),
        identity,
        collector,
        dial: connection::TCP,
        look_again: Arc::new(Notify::new()),
        chance: || 0.0,
        incarnation: || 8,
        collector_ahead_us: AtomicI64::new(0),
    }
}

fn record(keeper: &Keeper, serial: &str) {
    let medium = Medium { serial: Some(serial.to_owned()), ..Medium::default() };
    let event = Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium });
    keeper.record(event, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
}

/// Sends these serials through a collector with these misfortunes; every one has to arrive once, in order. Answers how
/// many connections that took.
async fn check(steps: &[Step]) -> u64 {
    let data = TempDir::new().unwrap();
    let authority = Authority::new();
    let desk = Desk { steps: steps.iter().copied().collect(), ..Desk::default() };
    let collector = Collector { desk: Arc::new(Mutex::new(desk)), heard: Arc::new(Notify::new()) };
    let address = authority.serve(collector.clone()).await;
    let uplink = uplink(&data, authority.identity(&authority, address));
    let keeper = uplink.keeper.clone();
    for serial in ["AA01", "AA02", "AA03"] {
        record(&keeper, serial);
    }
    let (stop, stopped) = watch::channel(false);
    let following = tokio::spawn(uplink.follow(stopped));
    timeout(NEVER, async {
        while collector.desk.lock().unwrap().taken.len() < 3 {
            collector.heard.notified().await;
        }
        // One more while the line is up: it must not wait for a sign of life.
        record(&keeper, "AA04");
        while collector.desk.lock().unwrap().taken.len() < 4 {
            collector.heard.notified().await;
        }
    })
    .await
    .expect("everything arrives");
    stop.send(true).unwrap();
    timeout(NEVER, following).await.unwrap().unwrap();
    let desk = collector.desk.lock().unwrap();
    assert_eq!(desk.taken, ["AA01", "AA02", "AA03", "AA04"]);
    desk.connections
}

#[tokio::test]
async fn what_is_spooled_arrives() {
    check(&[]).await;
}

#[tokio::test]
async fn a_lost_answer_loses_nothing_and_doubles_nothing() {
    check(&[Step::TakeAndLoseTheAnswer, Step::TakeAndLoseTheAnswer]).await;
}

#[tokio::test]
async fn a_report_that_was_taken_in_part_goes_on_where_it_stopped() {
    check(&[Step::TakeOnlyTheFirst, Step::TakeOnlyTheFirst]).await;
}

#[tokio::test]
async fn a_busy_collector_is_asked_again() {
    check(&[Step::BeBusy, Step::BeBusy, Step::TakeAndLoseTheAnswer]).await;
}

#[tokio::test]
async fn whoever_is_asked_for_patience_waits_on_the_connection_that_there_is() {
    assert_eq!(check(&[Step::BeBusy, Step::BeBusy]).await, 1);
}

async fn first_failure(agent: &Authority, trusted: &Authority, collector: &Authority, name: &str) -> String {
    let data = TempDir::new().unwrap();
    let desk = Collector { desk: Arc::default(), heard: Arc::new(Notify::new()) };
    let served = collector.serve(desk).await;
    let address = format!("{name}:{}", served.port).parse().unwrap();
    let uplink = uplink(&data, agent.identity(trusted, address));
    let health = uplink.health.clone();
    let (stop, stopped) = watch::channel(false);
    let following = tokio::spawn(uplink.follow(stopped));
    let told = timeout(NEVER, async {
        loop {
            if let Some(failure) = health.status().report.last_failure {
                return failure.what.en;
            }
            health.changed().await;
        }
    });
    let told = told.await.expect("a failure is told");
    stop.send(true).unwrap();
    timeout(NEVER, following).await.unwrap().unwrap();
    told
}

#[tokio::test]
async fn a_wrong_certificate_on_either_side_is_told_as_what_it_is() {
    let (ours, other) = (Authority::new(), Authority::new());
    let told = first_failure(&ours, &ours, &other, "localhost").await;
    assert!(told.contains("does not belong to the authority"), "{told}");
    let told = first_failure(&other, &ours, &ours, "localhost").await;
    assert!(told.contains("refuses this machine's certificate"), "{told}");
    let told = first_failure(&ours, &ours, &ours, "127.0.0.1").await;
    assert!(told.contains("is not for the name 127.0.0.1"), "{told}");
}
