//! Many agents in one process: their identities, as the collector's own authority signs them, and a line of reports each.

use std::time::Duration;

use daicho_agent::address::Address;
use daicho_agent::identity::Identity;
use daicho_agent::uplink::backoff::Backoff;
use daicho_agent::uplink::connection::{Connection, connect};
use daicho_agent::uplink::trouble::Trouble;
use daicho_collector::authority::Authority;
use daicho_collector::chronicle::What;
use daicho_collector::shelves::{EndpointRow, Shelves};
use daicho_collector::store::{Batch, StoreConfig, open};
use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Fact, Host, Look, Medium, MediumAction, MediumEvent, MediumKind};
use daicho_proto::observation::Observation;
use daicho_proto::wire::ReportRequest;
use daicho_proto::wire::intake_client::IntakeClient;
use jiff::Timestamp;
use std::sync::Arc;
use tonic::transport::Channel;

use crate::site::Site;

/// Days that their certificates live.
const DAYS: u32 = 90;

/// Identities of so many agents, at a collector that does not run now: as if each had enrolled, without its seconds.
pub fn join_all(site: &Site, count: usize, now: Timestamp) -> anyhow::Result<Vec<Identity>> {
    let authority = Authority::open(&site.data())?;
    let shelves = Shelves::new(open(&StoreConfig::Folder { path: site.data().join("store") })?);
    let collector: Address =
        format!("localhost:{}", site.address.port()).parse().map_err(|_| anyhow::anyhow!("no address"))?;
    let mut identities = Vec::with_capacity(count);
    let mut batch = Batch::default();
    for number in 0..count {
        let id = EndpointId(uuid::Uuid::from_u128(0xda1c_0000_0000 + number as u128));
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let request = rcgen::CertificateParams::default().serialize_request(&key)?;
        let issued = authority.sign_endpoint(id, request.der(), now, DAYS)?;
        let row = EndpointRow {
            certificates: vec![issued.serial.clone()],
            not_after: issued.not_after,
            newest_root: Some(authority.newest_root()),
            ..EndpointRow::joined(id, hostname(number), now)
        };
        batch.put_waiting(now, &format!("endpoint:{id}"), What::of_endpoint(&row));
        batch.put_endpoint(&row);
        let mut chain = authority.chain(issued.certificate);
        let roots = chain.split_off(2);
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let identity = Identity::new(id, collector.clone(), chain, roots, key);
        identities.push(identity.map_err(|what| anyhow::anyhow!(what))?);
    }
    shelves.commit(batch)?;
    Ok(identities)
}

/// What the agent of this number calls its machine.
pub fn hostname(number: usize) -> String {
    format!("pc-{number:05}")
}

/// One agent: sends what it has to say until it is durable.
pub struct Agent {
    identity: Identity,
    incarnation: u64,
    next: u64,
    line: Option<(Connection, IntakeClient<Channel>)>,
    backoff: Backoff,
    chance: fastrand::Rng,
    /// How often a connection that worked broke.
    pub cut_off: u64,
    /// How often it was asked for patience.
    pub asked: u64,
}

impl Agent {
    /// An agent that has never reported.
    pub fn new(identity: Identity, seed: u64) -> Self {
        Agent {
            identity,
            incarnation: 7,
            next: 1,
            line: None,
            backoff: Backoff::default(),
            chance: fastrand::Rng::with_seed(seed),
            cut_off: 0,
            asked: 0,
        }
    }

    /// Who it is.
    pub fn endpoint(&self) -> EndpointId {
        self.identity.endpoint
    }

    /// How many of its observations are durable.
    pub fn durable(&self) -> u64 {
        self.next - 1
    }

    /// One attempt to have these facts taken, on the connection that there is, or on a new one.
    pub async fn try_report(&mut self, facts: &[Fact], at: Timestamp) -> Result<(), Trouble> {
        let had_line = self.line.is_some();
        if self.line.is_none() {
            let tls = self
                .identity
                .tls(daicho_agent::clock::system())
                .map_err(|error| Trouble::Tls(error.to_string()))?;
            let connection = connect(&self.identity.collector, Arc::new(tls)).await?;
            let client = IntakeClient::new(connection.channel.clone());
            self.line = Some((connection, client));
        }
        let Some((connection, client)) = &mut self.line else {
            return Err(Trouble::Failed("there is no line".to_owned()));
        };
        let observations = (self.next..)
            .zip(facts)
            .map(|(sequence, fact)| Observation { sequence, observed_at: at, fact: fact.clone() }.into());
        let request = ReportRequest {
            incarnation: self.incarnation,
            observations: observations.collect(),
            agent_version: "0.1.0".to_owned(),
            ..ReportRequest::default()
        };
        let last = self.next - 1 + facts.len() as u64;
        match client.report(request).await.map_err(|status| connection.trouble(&status)) {
            Ok(answer) if answer.get_ref().durable_to >= last => {
                self.next = last + 1;
                self.backoff.reset();
                Ok(())
            }
            Ok(answer) => {
                Err(Trouble::Failed(format!("durable to {} of {last}", answer.get_ref().durable_to)))
            }
            Err(trouble) => {
                if matches!(trouble, Trouble::Busy(_) | Trouble::CannotWrite(_)) {
                    self.asked += 1;
                } else {
                    self.line = None;
                    self.cut_off += u64::from(had_line);
                }
                Err(trouble)
            }
        }
    }

    /// Has these facts taken, with the real agent's waits between the attempts. Answers how many it took.
    pub async fn report(&mut self, facts: &[Fact], at: Timestamp) -> u64 {
        for attempt in 1.. {
            let Err(trouble) = self.try_report(facts, at).await else { return attempt };
            let wait = self.backoff.wait(trouble.pace(), self.chance.f64());
            tokio::time::sleep(wait).await;
        }
        0
    }

    /// Leaves its connection, as a machine that is switched off.
    pub fn hang_up(&mut self) {
        self.line = None;
    }
}

/// What an agent says of its machine first.
pub fn host(number: usize) -> Fact {
    let hostname = Some(hostname(number));
    Fact::Host(Look::Seen { value: Host { hostname, ..Host::default() }, problems: Vec::new() })
}

/// A stick that came.
pub fn stick(number: u64) -> Fact {
    let medium = Medium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some(format!("FLEET{:02}", number % 5)),
        kind: MediumKind::Storage,
        ..Medium::default()
    };
    Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium })
}

/// The most memory that a process of ours held at once, in megabytes: VmHWM of proc(5).
pub fn peak_megabytes(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or_default() / 1024.0
}

/// The value below which so many of a hundred lie; the list is sorted.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or_default()
}

/// One figure of a collector's metrics.
pub fn figure(telemetry: std::net::SocketAddr, name: &str) -> Option<f64> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(telemetry).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Lets this process, and those that it starts, have so many connections and some more.
pub fn files_at_once(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let known = getrlimit(Resource::Nofile);
    let wanted = (connections as u64 * 2 + 512).max(known.current.unwrap_or(u64::MAX));
    let most = known.maximum.unwrap_or(u64::MAX);
    // Where that is not allowed, connections fail and say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted.min(most)), maximum: known.maximum });
}
