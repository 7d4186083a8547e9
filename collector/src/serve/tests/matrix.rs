//! Every wrong way to show who one is: refused, and told with the address from which it came.

use std::io::Write;
use std::sync::{LazyLock, Mutex};

use rcgen::{
    BasicConstraints, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose,
    SanType,
};
use rustls_pki_types::pem::PemObject as _;

use super::*;
use crate::identity::permissions::PERMISSIONS;
use crate::identity::roles::ROLES;

const DAY: i64 = 86_400;

/// An endpoint that nobody knows.
const NOBODY: &str = "urn:daicho:endpoint:00000000-0000-4000-8000-00000000dead";

/// Far longer than anything here takes.
const NEVER: Duration = Duration::from_secs(20);

/// What the collector logs in this thread, in which all of a test's tasks run.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A second subscriber. While there is one alone, tracing asks the thread that first comes by a place in the code whether
/// anybody listens there, and takes a thread's no for everybody's.
static SECOND: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish()));

impl Lines {
    /// Takes what this thread logs, until the guard is dropped.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        LazyLock::force(&SECOND);
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    /// Whether a refused request was told with this caller and path.
    fn told_with(&self, name: &str, path: &str) -> bool {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().any(|line| {
            line.contains("Request refused.")
                && ["127.0.0.1:", name, path].iter().all(|word| line.contains(word))
        })
    }

    fn refusals(&self) -> usize {
        self.told_as("Nobody was let in.") + self.told_as("Request refused.")
    }

    fn told_as(&self, what: &str) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(what) && line.contains("127.0.0.1:")).count()
    }
}

/// Keys of our own issuing authority, as somebody has them who broke into the collector; or of one that only says so.
struct Forge(Issuer<'static, KeyPair>, String);

impl Forge {
    fn stolen(hall: &Hall) -> Self {
        let folder = files::authority(hall.folder.path());
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let pem = read("issuing.pem");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let key = KeyPair::from_pem(&read("issuing-key.pem")).unwrap();
        Forge(Issuer::from_ca_cert_der(&der, key).unwrap(), pem)
    }

    fn imitated() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Daicho issuing authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Forge(Issuer::new(params, key), pem)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Identity::from_pem(format!("{certificate}{}", self.1), key.serialize_pem())
    }
}

fn named(uris: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    params.extended_key_usages = vec![usage];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// Asks for what an agent and a person may ask; nothing of it may be answered, and each refusal is told.
async fn nothing_is_answered(hall: &Hall, lines: &Lines, case: &str, identity: Option<Identity>) {
    for asked in ["report", "renew", "violations"] {
        let before = lines.refusals();
        let answered = match hall.connect(identity.clone()).await {
            Err(_) => false,
            Ok(channel) => match asked {
                "report" => send(&mut IntakeClient::new(channel), report(1, 1..=1)).await.is_ok(),
                "renew" => {
                    let (certificate_request, _) = request();
                    EnrolmentClient::new(channel).renew(RenewRequest { certificate_request }).await.is_ok()
                }
                _ => QueryClient::new(channel).violations(wire::ViolationsRequest::default()).await.is_ok(),
            },
        };
        assert!(!answered, "{case}: {asked} was answered");
        told(lines, before, case).await;
    }
}

/// The client may know of its refusal before the collector has told it.
async fn told(lines: &Lines, before: usize, case: &str) {
    let line = async {
        while lines.refusals() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(NEVER, line).await.unwrap_or_else(|_| panic!("{case}: not told with its address"));
}

#[tokio::test]
async fn every_wrong_certificate_is_refused_and_told_with_its_address() {
    let lines = Lines::default();
    let _guard = lines.listen();
    let hall = Hall::open().await;
    let agent = hall.enrol(&hall.token(3_600).await).await.unwrap();
    let revoked = hall.enrol(&hall.token(3_600).await).await.unwrap();
    let order = Order::Revoke { who: revoked.id.clone(), reason: "stolen".to_owned() };
    carry_out(&hall.running.house, order).await.unwrap();
    let other = Hall::open().await;
    let stranger = other.enrol(&other.token(3_600).await).await.unwrap();

    let endpoint = format!("urn:daicho:endpoint:{}", agent.id);
    let endpoint = endpoint.as_str();
    let person = "urn:daicho:operator:suzuki";
    carry_out(&hall.running.house, operator("suzuki", &[Role::Officer])).await.unwrap();
    let (client, server) = (ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth);
    let (stolen, imitated) = (Forge::stolen(&hall), Forge::imitated());
    let self_made = {
        let key = KeyPair::generate().unwrap();
        let certificate = named(&[endpoint], client.clone()).self_signed(&key).unwrap();
        Identity::from_pem(certificate.pem(), key.serialize_pem())
    };
    let lived = |from: i64, until: i64, uri: &str| {
        let at = |days: i64| {
            time::OffsetDateTime::from_unix_timestamp(hall.clock.now().as_second() + days * DAY).unwrap()
        };
        let mut params = named(&[uri], client.clone());
        (params.not_before, params.not_after) = (at(from), at(until));
        stolen.sign(&params)
    };
    let renamed = {
        let neighbour = hall.enrol(&hall.token(3_600).await).await.unwrap();
        let row =
            hall.running.house.collector.shelves.endpoint(neighbour.id.parse().unwrap()).unwrap().unwrap();
        let serial = data_encoding::HEXLOWER.decode(row.certificates[0].as_bytes()).unwrap();
        let mut params = named(&[endpoint], client.clone());
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&serial));
        stolen.sign(&params)
    };
    let cases = [
        ("no certificate", None),
        ("another collector's agent", Some(stranger.identity())),
        ("self-made with the right name", Some(self_made)),
        ("an imitated authority", Some(imitated.sign(&named(&[endpoint], client.clone())))),
        ("an imitated authority for a person", Some(imitated.sign(&named(&[person], client.clone())))),
        ("for servers alone", Some(stolen.sign(&named(&[endpoint], server)))),
        ("of no name", Some(stolen.sign(&named(&[], client.clone())))),
        ("of two names", Some(stolen.sign(&named(&[endpoint, person], client.clone())))),
        ("of another kind of name", Some(stolen.sign(&named(&["urn:daicho:root:suzuki"], client.clone())))),
        ("of our authority, and not issued", Some(stolen.sign(&named(&[endpoint], client.clone())))),
        ("of a person, and not issued", Some(stolen.sign(&named(&[person], client.clone())))),
        ("ended, a person's", Some(lived(-20, -1, person))),
        ("ended long ago, an agent's", Some(lived(-800, -700, endpoint))),
        ("not yet begun, a person's", Some(lived(1, 20, person))),
        ("not yet begun, an agent's", Some(lived(1, 20, endpoint))),
        ("in the name of nobody who joined", Some(stolen.sign(&named(&[NOBODY], client.clone())))),
        ("of another agent's name, with a serial that is welcome", Some(renamed)),
        ("revoked", Some(revoked.identity())),
    ];
    // Who is let in and then refused: no certificate is no lie, and who is welcome is asked behind the door.
    let behind_the_door = [
        "no certificate",
        "of no name",
        "of two names",
        "of another kind of name",
        "of our authority, and not issued",
        "of a person, and not issued",
        "not yet begun, an agent's",
        "in the name of nobody who joined",
        "of another agent's name, with a serial that is welcome",
        "revoked",
    ];
    for (case, identity) in cases {
        let before = lines.told_as("Nobody was let in.");
        nothing_is_answered(&hall, &lines, case, identity).await;
        let at_the_door = lines.told_as("Nobody was let in.") > before;
        assert_eq!(at_the_door, !behind_the_door.contains(&case), "{case}");
    }
    assert_eq!(hall.log_length(&agent), 0);
}

#[tokio::test]
async fn whoever_is_known_asks_for_nothing_beyond_its_part() {
    let lines = Lines::default();
    let _guard = lines.listen();
    let hall = Hall::open().await;
    let agent = hall.enrol(&hall.token(3_600).await).await.unwrap();
    carry_out(&hall.running.house, operator("suzuki", &[Role::Officer])).await.unwrap();
    let question = wire::ViolationsRequest::default();
    let channel = hall.connect(Some(agent.identity())).await.unwrap();
    let refused = QueryClient::new(channel).violations(question).await.unwrap_err();
    assert_eq!((refused.code(), lines.refusals()), (Code::PermissionDenied, 1));
    let channel = hall.connect(Some(hall.operator("suzuki"))).await.unwrap();
    let refused = send(&mut IntakeClient::new(channel), report(1, 1..=1)).await.unwrap_err();
    assert_eq!((refused.code(), lines.refusals()), (Code::PermissionDenied, 2));
}

/// Calls a method with an empty message, whatever it takes.
async fn called(channel: Channel, method: &str) -> Result<(), Status> {
    let path = format!("/daicho.v1.{method}").parse().unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    client.unary(Request::new(()), path, codec).await.map(|_| ())
}

#[tokio::test]
async fn whoever_lacks_the_role_that_a_method_needs_is_refused_and_told_for_each_of_them() {
    let lines = Lines::default();
    let _guard = lines.listen();
    let hall = Hall::open().await;
    let agent = hall.enrol(&hall.token(3_600).await).await.unwrap();
    let mut callers = vec![(None, agent.id.clone(), hall.connect(Some(agent.identity())).await.unwrap())];
    for role in ROLES {
        let name = format!("{role:?}").to_lowercase();
        let section = (role == Role::SectionHead).then(|| "Ward 3".to_owned());
        let order = Order::Operator { name: name.clone(), roles: [role].into(), section };
        carry_out(&hall.running.house, order).await.unwrap();
        let channel = hall.connect(Some(hall.operator(&name))).await.unwrap();
        callers.push((Some(role), name, channel));
    }
    let mut refused = 0;
    for (method, allowed) in PERMISSIONS {
        for (role, name, channel) in &callers {
            if role.is_some_and(|role| allowed.contains(&role)) {
                continue;
            }
            let before = lines.refusals();
            let status = called(channel.clone(), method).await.unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{role:?} asks {method}: {status}");
            told(&lines, before, method).await;
            assert!(lines.told_with(name, method), "{name} asks {method}: told without its name");
            refused += 1;
        }
    }
    println!("{refused} calls of {} methods refused and told", PERMISSIONS.len());
    assert!(refused > PERMISSIONS.len());
}

#[tokio::test]
async fn nothing_older_than_tls_1_3_is_spoken() {
    let hall = Hall::open().await;
    for (version, spoken) in [(&rustls::version::TLS12, false), (&rustls::version::TLS13, true)] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(hall.root_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = tokio::net::TcpStream::connect(hall.running.address).await.unwrap();
        let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
        let shaken = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        assert_eq!(shaken.is_ok(), spoken, "{version:?}");
    }
}
