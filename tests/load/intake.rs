//! Observations a second that the real collector has on disk, beside a bare echo of the same bytes in the same run.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use daicho_agent::address::Address;
use daicho_agent::identity::Identity;
use daicho_agent::uplink::connection::connect;
use daicho_proto::facts::{Fact, Medium, MediumAction, MediumEvent, MediumKind};
use daicho_proto::observation::Observation;
use daicho_proto::wire::ReportRequest;
use daicho_proto::wire::intake_client::IntakeClient;
use daicho_tests::daemons::free_address;
use daicho_tests::programs::until;
use daicho_tests::site::Site;

/// Observations in one report, as an agent with much to say sends them.
const BATCH: u64 = 1_000;

/// Sticks of one endpoint: events of the same few, as a ward has them.
const STICKS: u64 = 5;

/// Measures both and prints them.
pub(crate) fn measure(connections: usize, seconds: u64) -> anyhow::Result<()> {
    let site = Site::start("");
    let mut identities = Vec::new();
    for number in 0..connections {
        let folder = site.folder(&format!("agent-{number}"));
        let joined = site.enrol(&folder, &site.token());
        ensure!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
        identities.push(folder);
    }
    let listen = free_address();
    let mut echo = Command::new(std::env::current_exe()?)
        .args(["echo", "--listen", &listen.to_string(), "--data"])
        .arg(site.data())
        .stdin(Stdio::null())
        .spawn()?;
    until("the echo to listen", || std::net::TcpStream::connect(listen).ok());
    println!(
        "intake: {connections} connections, reports of {BATCH} observations, {seconds} s each; mutual TLS 1.3"
    );
    let bare = load(&identities, listen, seconds);
    echo.kill()?;
    echo.wait()?;
    let bare = bare?;
    println!("  bare echo of the same bytes: {bare:.0} observations/s");
    let durable = load(&identities, site.address, seconds)?;
    println!(
        "  the collector, durable: {durable:.0} observations/s, {:.2} of the echo; budget 20000/s and 0.5",
        durable / bare
    );
    Ok(())
}

fn load(folders: &[std::path::PathBuf], address: SocketAddr, seconds: u64) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for folder in folders {
            let identity = Identity::read(folder).map_err(|error| anyhow::anyhow!("{error}"))?;
            tasks.spawn(send(identity, address, until, done.clone()));
        }
        while let Some(result) = tasks.join_next().await {
            result.context("a sender ended early")??;
        }
        anyhow::Ok(())
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    Ok(done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}

async fn send(
    identity: Identity,
    to: SocketAddr,
    until: Instant,
    done: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let tls = Arc::new(identity.tls(daicho_agent::clock::system())?);
    let address: Address =
        format!("localhost:{}", to.port()).parse().map_err(|_| anyhow::anyhow!("no address"))?;
    let connection = connect(&address, tls).await.map_err(|trouble| anyhow::anyhow!("{trouble:?}"))?;
    let mut client = IntakeClient::new(connection.channel.clone());
    let mut next = 1;
    while Instant::now() < until {
        let observations = (next..next + BATCH).map(observation).map(Into::into).collect();
        let request = ReportRequest { incarnation: 7, observations, ..ReportRequest::default() };
        let answer = client.report(request).await?.into_inner();
        ensure!(answer.durable_to == next + BATCH - 1, "durable to {} only", answer.durable_to);
        next += BATCH;
        done.fetch_add(BATCH, Ordering::Relaxed);
    }
    Ok(())
}

fn observation(sequence: u64) -> Observation {
    let medium = Medium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some(format!("LOAD{:02}", sequence % STICKS)),
        kind: MediumKind::Storage,
        ..Medium::default()
    };
    let action = if sequence.is_multiple_of(2) { MediumAction::Left } else { MediumAction::Arrived };
    let at = i64::try_from(sequence).unwrap_or(0) + 1_790_000_000_000_000;
    let observed_at = daicho_proto::time::from_wire(at);
    Observation { sequence, observed_at, fact: Fact::MediumEvent(MediumEvent { action, medium }) }
}
