//! The collector over real TLS on loopback: who is let in, and what is kept.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use daicho_proto::facts::{Fact, Medium, MediumAction, MediumEvent};
use daicho_proto::observation::Observation;
use daicho_proto::wire::enrolment_client::EnrolmentClient;
use daicho_proto::wire::intake_client::IntakeClient;
use daicho_proto::wire::query_client::QueryClient;
use daicho_proto::wire::{self, EnrolAnswer, EnrolRequest, RenewRequest, ReportRequest};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use super::*;
use crate::admin::{Done, Order, carry_out};
use crate::authority::{Authority, Life, files};
use crate::identity::Role;

mod admission;
mod certificates;
mod matrix;
mod strangers;

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A collector in a temporary folder.
struct Hall {
    folder: TempDir,
    clock: Arc<SetClock>,
    running: Running,
    root_pem: String,
}

/// An endpoint's identity.
struct Agent {
    id: String,
    chain_pem: String,
    key_pem: String,
}

fn operator(name: &str, roles: &[Role]) -> Order {
    Order::Operator { name: name.to_owned(), roles: roles.iter().copied().collect(), section: None }
}

fn config(data: &Path) -> Config {
    let mut config = Config::parse("names = [\"localhost\"]\n", Path::new("test"), data).unwrap();
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.telemetry.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config
}

impl Hall {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The client's side of TLS reads the real clock.
        let clock = Arc::new(SetClock(AtomicI64::new(crate::clock::SystemClock.now().as_second())));
        let authority = init::make(folder.path(), clock.now()).unwrap();
        let root_pem = files::pem(&[authority.root()]);
        let running = start(folder.path(), config(folder.path()), Arc::clone(&clock) as _).await.unwrap();
        Hall { folder, clock, running, root_pem }
    }

    async fn again(self) -> Self {
        let Hall { folder, clock, running, root_pem } = self;
        running.stop().await;
        let running = start(folder.path(), config(folder.path()), Arc::clone(&clock) as _).await.unwrap();
        Hall { folder, clock, running, root_pem }
    }

    fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn token(&self, seconds: i64) -> String {
        self.token_for(seconds, None).await
    }

    async fn token_for(&self, seconds: i64, device: Option<&str>) -> String {
        let order = Order::Token { valid_for_seconds: seconds, device: device.map(str::to_owned) };
        match carry_out(&self.running.house, order).await.unwrap() {
            Done::Token { token, .. } => token,
            other => panic!("{other:?}"),
        }
    }

    async fn connect(&self, identity: Option<Identity>) -> Result<Channel, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.root_pem))
            .domain_name("localhost");
        if let Some(identity) = identity {
            tls = tls.identity(identity);
        }
        let address = format!("https://{}", self.running.address);
        Endpoint::from_shared(address).unwrap().tls_config(tls).unwrap().connect().await
    }

    async fn enrol(&self, token: &str) -> Result<Agent, Status> {
        let (request, key_pem) = request();
        let mut client = EnrolmentClient::new(self.connect(None).await.unwrap());
        let asked = EnrolRequest {
            token: token.to_owned(),
            certificate_request: request,
            hostname: "sv01".to_owned(),
            ..EnrolRequest::default()
        };
        let answer = client.enrol(asked).await?.into_inner();
        Ok(joined(answer, key_pem))
    }

    async fn agent(&self) -> (Agent, IntakeClient<Channel>) {
        let agent = self.enrol(&self.token(3_600).await).await.unwrap();
        let client = self.intake(&agent).await;
        (agent, client)
    }

    async fn intake(&self, agent: &Agent) -> IntakeClient<Channel> {
        IntakeClient::new(self.connect(Some(agent.identity())).await.unwrap())
    }

    fn operator(&self, name: &str) -> Identity {
        let folder = files::operator(self.folder.path(), name);
        let read = |name| std::fs::read_to_string(folder.join(name)).unwrap();
        Identity::from_pem(read("certificate.pem"), read("key.pem"))
    }

    fn log_length(&self, agent: &Agent) -> usize {
        let endpoint = agent.id.parse().unwrap();
        self.running.house.collector.shelves.log(endpoint, None, 10_000).unwrap().len()
    }
}

impl Agent {
    fn identity(&self) -> Identity {
        Identity::from_pem(&self.chain_pem, &self.key_pem)
    }
}

fn joined(answer: EnrolAnswer, key_pem: String) -> Agent {
    let chain: Vec<_> = answer.certificate_chain.into_iter().map(Into::into).collect();
    Agent { id: answer.endpoint_id, chain_pem: files::pem(&chain), key_pem }
}

fn request() -> (Vec<u8>, String) {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    (request.der().to_vec(), key.serialize_pem())
}

fn event(sequence: u64, serial: &str) -> wire::Observation {
    let medium = Medium { serial: Some(serial.to_owned()), ..Medium::default() };
    let fact = Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium });
    Observation { sequence, observed_at: Timestamp::from_second(1_795_000_000).unwrap(), fact }.into()
}

fn report(incarnation: u64, sequences: impl IntoIterator<Item = u64>) -> ReportRequest {
    let observations =
        sequences.into_iter().map(|sequence| event(sequence, &format!("AA{sequence}"))).collect();
    ReportRequest { incarnation, observations, agent_time_us: 0, ..Default::default() }
}

async fn send(client: &mut IntakeClient<Channel>, report: ReportRequest) -> Result<u64, Status> {
    client.report(report).await.map(|answer| answer.into_inner().durable_to)
}

fn reason(status: &Status) -> &str {
    status.metadata().get("daicho-reason").unwrap().to_str().unwrap()
}

#[tokio::test]
async fn a_token_lets_one_endpoint_in_once_and_in_time() {
    let hall = Hall::open().await;
    let token = hall.token(3_600).await;
    let joined = hall.enrol(&token).await.unwrap();
    assert!(joined.id.parse::<daicho_proto::endpoint::EndpointId>().is_ok());
    let used = hall.enrol(&token).await.err().unwrap();
    assert_eq!((used.code(), reason(&used)), (Code::PermissionDenied, "token_used"));
    let secret = token.split('-').nth(1).unwrap();
    let unknown = hall.enrol(&token.replace(secret, &"a".repeat(32))).await.err().unwrap();
    assert_eq!((unknown.code(), reason(&unknown)), (Code::PermissionDenied, "token_unknown"));
    let late = hall.token(60).await;
    hall.later(60);
    let expired = hall.enrol(&late).await.err().unwrap();
    assert_eq!((expired.code(), reason(&expired)), (Code::PermissionDenied, "token_expired"));
    assert_eq!(hall.running.house.collector.shelves.endpoints().unwrap().len(), 1);
}

#[tokio::test]
async fn two_who_use_one_token_at_once_are_not_both_let_in() {
    let hall = Hall::open().await;
    let token = hall.token(3_600).await;
    let (one, other) = tokio::join!(hall.enrol(&token), hall.enrol(&token));
    assert_eq!([one.is_ok(), other.is_ok()].into_iter().filter(|joined| *joined).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_who_use_one_token_at_once_one_is_let_in_and_the_token_lies_hashed() {
    let hall = Arc::new(Hall::open().await);
    let token = hall.token(3_600).await;
    // One connection each: all are open before the first asks.
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(EnrolmentClient::new(hall.connect(None).await.unwrap()));
    }
    let begin = Arc::new(tokio::sync::Barrier::new(64));
    let mut asking = JoinSet::new();
    for number in 0..64 {
        let (mut client, begin, token) = (clients[number % 16].clone(), Arc::clone(&begin), token.clone());
        asking.spawn(async move {
            let (certificate_request, _) = request();
            let asked = EnrolRequest { token, certificate_request, ..EnrolRequest::default() };
            begin.wait().await;
            client.enrol(asked).await.map_err(|status| status.code())
        });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let shelves = &hall.running.house.collector.shelves;
    assert_eq!(shelves.endpoints().unwrap().len(), 1);
    drop(clients);
    let secret = token.split('-').nth(1).unwrap().as_bytes().to_vec();
    let mut files = vec![hall.folder.path().join("store")];
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        read += bytes.len();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
    }
    assert!(read > 0, "the store was read");
}

#[tokio::test]
async fn a_token_is_made_through_the_socket_of_the_running_collector() {
    let hall = Hall::open().await;
    let data = hall.folder.path().to_owned();
    let order = Order::Token { valid_for_seconds: 60, device: None };
    let done = tokio::task::spawn_blocking(move || control::ask(&data, &order)).await.unwrap().unwrap();
    let Some(Done::Token { token, .. }) = done else { panic!("no token") };
    assert!(hall.enrol(&token).await.is_ok());
    let data = hall.folder.path().to_owned();
    let order = Order::Token { valid_for_seconds: 60, device: Some("SV-99".to_owned()) };
    let refused = tokio::task::spawn_blocking(move || control::ask(&data, &order)).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("SV-99"));
}

#[tokio::test]
async fn without_a_certificate_nothing_is_taken() {
    let hall = Hall::open().await;
    let mut client = IntakeClient::new(hall.connect(None).await.unwrap());
    let refused = send(&mut client, report(1, 1..=1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn another_authoritys_certificate_ends_at_the_handshake() {
    let (hall, other) = (Hall::open().await, Hall::open().await);
    let stranger = other.enrol(&other.token(3_600).await).await.unwrap();
    // TLS 1.3: the client may believe itself connected until the first answer does not come.
    let outcome = match hall.connect(Some(stranger.identity())).await {
        Ok(channel) => send(&mut IntakeClient::new(channel), report(1, 1..=1)).await.is_err(),
        Err(_) => true,
    };
    assert!(outcome);
    assert_eq!(hall.log_length(&stranger), 0);
}

#[tokio::test]
async fn a_renewed_certificate_has_the_same_identity() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    let mut client = EnrolmentClient::new(hall.connect(Some(agent.identity())).await.unwrap());
    let (certificate_request, key_pem) = request();
    let answer = client.renew(RenewRequest { certificate_request }).await.unwrap().into_inner();
    let renewed = joined(answer, key_pem);
    assert_eq!(renewed.id, agent.id);
    let mut client = hall.intake(&renewed).await;
    assert_eq!(send(&mut client, report(1, 1..=1)).await.unwrap(), 1);
    let mut anonymous = EnrolmentClient::new(hall.connect(None).await.unwrap());
    let (certificate_request, _) = request();
    let refused = anonymous.renew(RenewRequest { certificate_request }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_operator_does_not_report() {
    let hall = Hall::open().await;
    carry_out(&hall.running.house, operator("suzuki", &[Role::Department])).await.unwrap();
    let channel = hall.connect(Some(hall.operator("suzuki"))).await.unwrap();
    let refused = send(&mut IntakeClient::new(channel), report(1, 1..=1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn an_endpoint_asks_nothing() {
    let hall = Hall::open().await;
    let agent = hall.enrol(&hall.token(3_600).await).await.unwrap();
    let question = wire::ViolationsRequest::default();
    let channel = hall.connect(Some(agent.identity())).await.unwrap();
    let refused = QueryClient::new(channel).violations(question.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let anonymous = QueryClient::new(hall.connect(None).await.unwrap());
    let refused = anonymous.clone().violations(question.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    carry_out(&hall.running.house, operator("suzuki", &[Role::Department])).await.unwrap();
    let channel = hall.connect(Some(hall.operator("suzuki"))).await.unwrap();
    assert!(QueryClient::new(channel).violations(question).await.is_ok());
}

#[tokio::test]
async fn an_auditor_reads_and_is_refused_what_changes_something_with_the_role_that_it_takes() {
    let hall = Hall::open().await;
    carry_out(&hall.running.house, operator("kansa", &[Role::Auditor])).await.unwrap();
    let mut client = QueryClient::new(hall.connect(Some(hall.operator("kansa"))).await.unwrap());
    assert!(client.violations(wire::ViolationsRequest::default()).await.is_ok());
    let status = client.status(wire::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.roles, ["auditor"]);
    let close = wire::CloseRequest { key: "11.unapproved_use/SV-01/a".to_owned(), reason: "x".to_owned() };
    let refused = client.close(close).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let told = grpc::told::text(&refused).unwrap();
    assert!(told.ja.contains("管理部門") && told.en.contains("the management department"), "{told:?}");
}

#[tokio::test]
async fn what_was_refused_just_before_the_end_is_in_the_log() {
    let hall = Hall::open().await;
    for name in ["kansa", "joho"] {
        carry_out(&hall.running.house, operator(name, &[Role::Auditor])).await.unwrap();
        let mut client = QueryClient::new(hall.connect(Some(hall.operator(name))).await.unwrap());
        let close = wire::CloseRequest { key: "a".to_owned(), reason: "x".to_owned() };
        assert_eq!(client.close(close).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let hall = hall.again().await;
    let log = hall.running.house.collector.shelves.chronicle_after(0, 1_000).unwrap();
    let refused = log.iter().filter(|entry| matches!(entry.what, chronicle::What::Refused { .. }));
    let who: BTreeSet<&str> = refused.map(|entry| entry.by.as_str()).collect();
    assert_eq!(who, BTreeSet::from(["joho", "kansa"]));
}

#[tokio::test]
async fn a_certificate_of_other_roles_ends_when_the_roles_change() {
    let hall = Hall::open().await;
    carry_out(&hall.running.house, operator("suzuki", &[Role::Officer, Role::Department])).await.unwrap();
    let before = hall.operator("suzuki");
    // The same roles again: both certificates are welcome.
    carry_out(&hall.running.house, operator("suzuki", &[])).await.unwrap();
    let mut client = QueryClient::new(hall.connect(Some(before)).await.unwrap());
    assert!(client.status(wire::StatusRequest {}).await.is_ok());
    carry_out(&hall.running.house, operator("suzuki", &[Role::Auditor])).await.unwrap();
    let refused = client.status(wire::StatusRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut client = QueryClient::new(hall.connect(Some(hall.operator("suzuki"))).await.unwrap());
    let status = client.status(wire::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.roles, ["auditor"]);
}

#[tokio::test]
async fn a_head_of_section_needs_a_section() {
    let hall = Hall::open().await;
    let order = operator("sato", &[Role::SectionHead]);
    let refused = carry_out(&hall.running.house, order).await.unwrap_err();
    assert!(refused.to_string().contains("--section"), "{refused}");
    let (name, section) = ("sato".to_owned(), Some("放射線科".to_owned()));
    let order = Order::Operator { name, roles: [Role::SectionHead].into(), section: section.clone() };
    carry_out(&hall.running.house, order).await.unwrap();
    let mut client = QueryClient::new(hall.connect(Some(hall.operator("sato"))).await.unwrap());
    assert_eq!(client.status(wire::StatusRequest {}).await.unwrap().into_inner().section, section);
}

#[tokio::test]
async fn a_report_that_comes_again_is_counted_once() {
    let hall = Hall::open().await;
    let (agent, mut client) = hall.agent().await;
    assert_eq!(send(&mut client, report(1, 1..=3)).await.unwrap(), 3);
    assert_eq!(send(&mut client, report(1, 1..=3)).await.unwrap(), 3);
    assert_eq!(send(&mut client, report(1, 2..=5)).await.unwrap(), 5);
    assert_eq!(hall.log_length(&agent), 5);
    assert_eq!(hall.running.house.collector.metrics.observations.get(), 5);
}

#[tokio::test]
async fn a_hole_takes_nothing_and_says_what_is_expected() {
    let hall = Hall::open().await;
    let (agent, mut client) = hall.agent().await;
    assert_eq!(send(&mut client, report(1, 1..=2)).await.unwrap(), 2);
    let refused = send(&mut client, report(1, 4..=5)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.metadata().get("expected-sequence").unwrap(), "3");
    let mut broken = report(1, 3..=3);
    broken.observations.push(event(5, "AA5"));
    assert_eq!(send(&mut client, broken).await.unwrap_err().code(), Code::InvalidArgument);
    let mut empty = report(1, 3..=4);
    empty.observations[1].fact = None;
    assert_eq!(send(&mut client, empty).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(hall.log_length(&agent), 2);
    assert_eq!(send(&mut client, report(1, [])).await.unwrap(), 2, "an empty report asks how far it is");
}

#[tokio::test]
async fn one_identity_alive_twice_is_a_conflict() {
    let hall = Hall::open().await;
    let (agent, mut client) = hall.agent().await;
    assert_eq!(send(&mut client, report(1, 1..=2)).await.unwrap(), 2);
    let mut copy = report(1, 1..=2);
    copy.observations[1] = event(2, "another stick");
    assert_eq!(send(&mut client, copy).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(send(&mut client, report(2, 1..=1)).await.unwrap(), 1, "a new spool begins at 1");
    assert_eq!(send(&mut client, report(1, 3..=3)).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(hall.log_length(&agent), 3);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_restart() {
    let hall = Hall::open().await;
    let (agent, mut client) = hall.agent().await;
    assert_eq!(send(&mut client, report(1, 1..=100)).await.unwrap(), 100);
    drop(client);
    let hall = hall.again().await;
    let mut client = hall.intake(&agent).await;
    assert_eq!(send(&mut client, report(1, 50..=120)).await.unwrap(), 120);
    assert_eq!(hall.log_length(&agent), 120);
    let record = hall.running.house.collector.shelves.record(agent.id.parse().unwrap()).unwrap();
    assert_eq!(record.sightings.len(), 120);
    assert!(record.last_heard.is_some());
}

#[tokio::test]
async fn an_authority_is_made_once() {
    let hall = Hall::open().await;
    let before = std::fs::read_to_string(files::authority(hall.folder.path()).join("root.pem")).unwrap();
    assert!(init::make(hall.folder.path(), hall.clock.now()).is_err());
    let after = std::fs::read_to_string(files::authority(hall.folder.path()).join("root.pem")).unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_port_in_use_is_told_in_a_sentence() {
    let hall = Hall::open().await;
    let other = tempfile::tempdir().unwrap();
    init::make(other.path(), hall.clock.now()).unwrap();
    let mut taken = config(other.path());
    taken.listen = hall.running.address;
    let error = start(other.path(), taken, Arc::clone(&hall.clock) as _).await.err().unwrap().to_string();
    assert!(error.contains(&hall.running.address.to_string()) && error.contains("listen"), "{error}");
}

#[test]
fn the_server_certificate_is_made_anew_for_new_names_and_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_second(1_795_000_000).unwrap();
    let authority: Authority = init::make(folder.path(), now).unwrap();
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let certificate = |names: &[String], now| {
        init::server_identity(folder.path(), &authority, names, now).unwrap().0.swap_remove(0)
    };
    let first = certificate(&names(&["sv01", "192.0.2.1"]), now);
    assert_eq!(first, certificate(&names(&["sv01", "192.0.2.1"]), now));
    let second = certificate(&names(&["sv01", "192.0.2.2"]), now);
    assert_ne!(first, second);
    let day = |days: i64| now + SignedDuration::from_hours(24 * days);
    assert_eq!(second, certificate(&names(&["sv01", "192.0.2.2"]), day(240)));
    assert_ne!(second, certificate(&names(&["sv01", "192.0.2.2"]), day(250)));
}

#[tokio::test]
async fn a_backup_of_a_running_collector_is_a_collector() {
    let hall = Hall::open().await;
    let (agent, mut client) = hall.agent().await;
    send(&mut client, report(1, 1..=9)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    carry_out(&hall.running.house, Order::Backup { to: to.clone() }).await.unwrap();
    send(&mut client, report(1, 10..=12)).await.unwrap();
    let data = folder.path().join("data");
    assert!(
        crate::admin::backup::restore(&to, hall.folder.path(), false).is_err(),
        "never into a folder with something in it"
    );
    let restored = crate::admin::backup::restore(&to, &data, false).unwrap();
    assert!(restored.proof.unwrap().is_sound());
    let Hall { folder: _, clock, running, root_pem } = hall;
    running.stop().await;
    let running = start(&data, config(&data), Arc::clone(&clock) as _).await.unwrap();
    let hall = Hall { folder, clock, running, root_pem };
    let mut client = hall.intake(&agent).await;
    let refused = send(&mut client, report(1, 11..=12)).await.unwrap_err();
    assert_eq!(refused.metadata().get("expected-sequence").unwrap(), "10", "the backup is of its moment");
    assert_eq!(send(&mut client, report(1, 8..=12)).await.unwrap(), 12);
    assert_eq!(hall.log_length(&agent), 12);
}

#[tokio::test]
async fn a_broken_backup_changes_nothing() {
    let hall = Hall::open().await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    carry_out(&hall.running.house, Order::Backup { to: to.clone() }).await.unwrap();
    let file = to.join("store.backup");
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let mut newer = whole.clone();
    newer[16 + 7] = 9;
    for (bytes, word) in [(&changed[..], ""), (&whole[..whole.len() - 40], ""), (&newer[..], "form 9")] {
        std::fs::write(&file, bytes).unwrap();
        let data = folder.path().join("data");
        let error = crate::admin::backup::restore(&to, &data, false).unwrap_err().to_string();
        assert!(error.contains("nothing was changed") && error.contains(word), "{error}");
        assert!(!data.exists());
    }
}

#[tokio::test]
async fn a_backup_whose_log_was_altered_is_restored_only_where_that_is_said() {
    let hall = Hall::open().await;
    let shelves = &hall.running.house.collector.shelves;
    let (number, line) = shelves.chronicle_lines(0, 1).unwrap().remove(0);
    let altered = String::from_utf8(line).unwrap().replace("daicho", "nobody");
    let mut batch = crate::store::Batch::default();
    batch.put(format!("chronicle/entry/{number:016x}"), altered);
    shelves.commit(batch).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    carry_out(&hall.running.house, Order::Backup { to: to.clone() }).await.unwrap();
    let data = folder.path().join("data");
    let error = crate::admin::backup::restore(&to, &data, false).unwrap_err().to_string();
    assert!(error.contains("altered or cut") && error.contains("nothing was changed"), "{error}");
    assert!(!data.exists());
    let restored = crate::admin::backup::restore(&to, &data, true).unwrap();
    assert!(!restored.proof.unwrap().is_sound());
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn figures_and_health_are_told_on_loopback() {
    let hall = Hall::open().await;
    let (_agent, mut client) = hall.agent().await;
    send(&mut client, report(1, 1..=7)).await.unwrap();
    let address = hall.running.telemetry_address.unwrap();
    let figures = get(address, "/metrics").await;
    for line in [
        "daicho_observations_total 7",
        "daicho_reports_total 1",
        "daicho_endpoints 1",
        "daicho_endpoints_heard{within_seconds=\"300\"} 1",
        "daicho_certificate_days_left_min 90",
        "daicho_own_certificate_days_left{of=\"server\"} 365",
        "daicho_own_certificate_days_left{of=\"issuing\"} 3650",
        "daicho_own_certificate_days_left{of=\"root\"} 7300",
    ] {
        assert!(figures.contains(line), "{line} is missing in {figures}");
    }
    let health = get(address, "/health").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"healthy\":true"), "{health}");
}
