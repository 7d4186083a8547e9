//! Who gets in, and who is put out again: guessed tokens, tokens for one device, copies, revocation.

use daicho_proto::facts::{Fact, Host, Look};
use daicho_rules::ledger::{Device, Ledger};
use daicho_rules::violation::State;
use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::bookkeeping::importing::{self, Entry};

/// Far longer than anything here takes: reached only when it does not come at all.
const NEVER: Duration = Duration::from_secs(30);

fn wrong_token(hall: &Hall, number: u64) -> String {
    let secret = data_encoding::BASE32_NOPAD.encode(&[&[7; 12][..], &number.to_be_bytes()].concat());
    let root = hall.running.house.authority.root_fingerprint();
    daicho_proto::token::EnrolmentToken { secret: secret.to_ascii_lowercase(), root }.to_string()
}

/// From another address of this machine.
async fn from(hall: &Hall, address: [u8; 4]) -> EnrolmentClient<Channel> {
    let tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&hall.root_pem)).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", hall.running.address)).unwrap();
    let endpoint = endpoint.local_address(Some(std::net::IpAddr::from(address))).tls_config(tls).unwrap();
    EnrolmentClient::new(endpoint.connect().await.unwrap())
}

fn asking(token: String) -> EnrolRequest {
    EnrolRequest { token, certificate_request: request().0, ..EnrolRequest::default() }
}

#[tokio::test]
async fn who_guesses_tokens_is_asked_for_patience_and_another_address_still_gets_in() {
    let hall = Hall::open().await;
    let mut guesser = from(&hall, [127, 0, 0, 2]).await;
    let (mut looked_at, mut busy) = (0_u64, None);
    for number in 0..2_000 {
        match guesser.enrol(asking(wrong_token(&hall, number))).await.unwrap_err() {
            status if status.code() == Code::ResourceExhausted => {
                busy = Some(status);
                break;
            }
            status if status.code() == Code::PermissionDenied => {
                assert_eq!(reason(&status), "token_unknown");
                looked_at += 1;
            }
            // It said all that a caller without a certificate may say.
            _ => guesser = from(&hall, [127, 0, 0, 2]).await,
        }
    }
    let busy = busy.expect("nobody may guess two thousand times without a pause");
    assert!(busy.metadata().get("retry-after-ms").is_some());
    println!("guesses that were looked at before patience was asked for: {looked_at}");
    let mut other = from(&hall, [127, 0, 0, 3]).await;
    assert!(other.enrol(asking(hall.token(3_600).await)).await.is_ok());
}

#[tokio::test]
async fn a_token_for_one_device_lets_in_no_machine_that_the_ledger_tells_from_it() {
    let hall = Hall::open().await;
    let device = Device {
        device_id: "PC-07".to_owned(),
        serial_number: Some("5CG1234XYZ".to_owned()),
        ..Device::default()
    };
    let ledger = Ledger { devices: vec![device], ..Ledger::default() };
    let collector = &hall.running.house.collector;
    importing::adopt(collector, ledger, Entry { operator: "suzuki".to_owned(), ..Entry::default() })
        .await
        .unwrap();
    let token = hall.token_for(3_600, Some("PC-07")).await;
    let asking = |serial: Option<&str>| EnrolRequest {
        serial_number: serial.map(str::to_owned),
        ..asking(token.clone())
    };
    let mut client = EnrolmentClient::new(hall.connect(None).await.unwrap());
    let refused = client.enrol(asking(Some("5CG9999ABC"))).await.unwrap_err();
    assert_eq!(reason(&refused), "token_for_another");
    assert!(refused.message().contains("PC-07"), "{refused:?}");
    assert!(!refused.message().contains("5CG1234XYZ"), "whoever holds a token learns no number: {refused:?}");
    // Unused, and written in any way that means the same.
    let joined = client.enrol(asking(Some(" 5cg1234xyz "))).await.unwrap().into_inner();
    let row = collector.shelves.endpoint(joined.endpoint_id.parse().unwrap()).unwrap().unwrap();
    assert_eq!(row.device.as_deref(), Some("PC-07"));
    assert_eq!(reason(&client.enrol(asking(None)).await.unwrap_err()), "token_used");
}

/// A report of what machine this is.
fn machine(incarnation: u64, sequence: u64, serial: &str) -> ReportRequest {
    let host =
        Host { hostname: Some("sv01".to_owned()), serial_number: Some(serial.to_owned()), ..Host::default() };
    let fact = Fact::Host(Look::complete(host));
    let observed_at = Timestamp::from_second(1_795_000_000).unwrap();
    let observations = vec![Observation { sequence, observed_at, fact }.into()];
    ReportRequest { incarnation, observations, ..ReportRequest::default() }
}

/// Waits until a clone is told, or no longer.
async fn clone_is_told(hall: &Hall, told: bool) {
    let collector = &hall.running.house.collector;
    let is_so = || {
        let all = collector.shelves.violations().unwrap();
        all.iter().any(|one| one.rule == "04.cloned_device" && one.state != State::Resolved) == told
    };
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(NEVER, waiting).await.unwrap_or_else(|_| panic!("cloned_device: {told} expected"));
}

#[tokio::test]
async fn a_copy_is_told_and_both_are_back_once_a_person_revoked_and_enrolled_them_anew() {
    let hall = Hall::open().await;
    let (agent, mut original) = hall.agent().await;
    let mut copy = hall.intake(&agent).await;
    assert_eq!(send(&mut original, machine(1, 1, "ORIGINAL-1")).await.unwrap(), 1);
    // The copy has a spool of its own, and the hardware of another machine.
    for round in 2..=4 {
        hall.later(600);
        let (client, serial) =
            if round % 2 == 0 { (&mut copy, "COPY-2") } else { (&mut original, "ORIGINAL-1") };
        assert_eq!(send(client, machine(round, 1, serial)).await.unwrap(), 1);
    }
    assert_eq!(
        send(&mut original, machine(3, 2, "ORIGINAL-1")).await.unwrap_err().code(),
        Code::Aborted,
        "what had ended does not go on"
    );
    clone_is_told(&hall, true).await;

    let order = Order::Revoke { who: agent.id.clone(), reason: "copied".to_owned() };
    carry_out(&hall.running.house, order).await.unwrap();
    for client in [&mut original, &mut copy] {
        let refused = send(client, machine(5, 1, "ORIGINAL-1")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let (first, mut original) = hall.agent().await;
    let (second, mut copy) = hall.agent().await;
    assert_ne!(first.id, second.id);
    for incarnation in [6, 7] {
        hall.later(600);
        assert_eq!(send(&mut original, machine(incarnation, 1, "ORIGINAL-1")).await.unwrap(), 1);
        assert_eq!(send(&mut copy, machine(incarnation, 1, "COPY-2")).await.unwrap(), 1);
    }
    clone_is_told(&hall, false).await;
}

#[tokio::test]
async fn revocation_bites_at_once_on_an_open_connection_and_after_a_restart() {
    let hall = Hall::open().await;
    let (agent, mut client) = hall.agent().await;
    assert_eq!(send(&mut client, report(1, 1..=2)).await.unwrap(), 2);
    let asked = std::time::Instant::now();
    let order = Order::Revoke { who: agent.id.clone(), reason: "stolen".to_owned() };
    carry_out(&hall.running.house, order).await.unwrap();
    let refused = send(&mut client, report(1, 3..=3)).await.unwrap_err();
    println!("from the order to the refusal on an open connection: {} ms", asked.elapsed().as_millis());
    assert_eq!(refused.code(), Code::PermissionDenied);
    let hall = hall.again().await;
    let mut client = hall.intake(&agent).await;
    assert_eq!(send(&mut client, report(1, 3..=3)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(hall.log_length(&agent), 2);
}

#[tokio::test]
async fn no_session_is_resumed_so_that_each_connection_shows_its_certificate() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    let certificates = |pem: &str| crate::authority::certificates(pem).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for root in certificates(&hall.root_pem) {
        roots.add(root).unwrap();
    }
    let key = rustls_pki_types::pem::PemObject::from_pem_slice(agent.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&agent.chain_pem), key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    tls.resumption = rustls::client::Resumption::in_memory_sessions(64);
    let tls = TlsConnector::from(Arc::new(tls));
    for _ in 0..3 {
        let stream = TcpStream::connect(hall.running.address).await.unwrap();
        let mut stream = tls.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        // A ticket would come with the first bytes.
        let mut first = [0; 9];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
    }
}
