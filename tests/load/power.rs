//! The power goes while the real programs write: what was acknowledged is there once, and each of them starts again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use daicho_collector::chronicle::verifying;
use daicho_collector::shelves::Shelves;
use daicho_collector::store::{StoreConfig, open};
use daicho_proto::facts::{Fact, Medium, MediumAction, MediumEvent, MediumKind};
use daicho_tests::drill::{self, Count};
use daicho_tests::fleet::{Agent, host, join_all};
use daicho_tests::machine::Machine;
use daicho_tests::power::{Cut, MARK, Record, kill_recorded, recorded, snapshot};
use daicho_tests::programs::{Running, command, expect, run, until};
use daicho_tests::site::Site;

/// Cuts of each program, unless DAICHO_CUTS says how many: an agent needs some seconds until it has sent everything.
const CUTS: usize = 20;
const CUTS_OF_THE_AGENT: usize = 5;

/// Agents that report at the same time, so that one commit serves several, and events of each.
const AGENTS: usize = 4;
const EVENTS_EACH: usize = 25;

/// Events that an agent notes while it reaches nobody.
const EVENTS_AT_SEA: usize = 60;

/// Cuts on which a disk that lies is tried: one of them has to be found.
const LIES: usize = 60;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn a_collector_whose_power_goes_keeps_what_it_acknowledged_and_starts_again() {
    let (seed, cuts) = (number("DAICHO_SEED", 20_261_123), number("DAICHO_CUTS", CUTS));
    let site = Site::prepare("");
    let identities = join_all(&site, AGENTS, daicho_agent::clock::now()).expect("they join");
    let before = snapshot(&site.data());
    let trace = site.folder("trace").join("calls");
    let mut serve = command("daicho-collector");
    serve.args(["serve", "--data"]).arg(site.data());
    let mut collector = Running::start(recorded(&serve, &trace));
    let address = site.address;
    until("the collector to listen", || TcpStream::connect(address).ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let telemetry = site.telemetry;
    runtime.expect("a runtime").block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for (place, identity) in identities.into_iter().enumerate() {
            all.spawn(async move {
                let mut agent = Agent::new(identity, place as u64);
                agent.report(&[host(place)], daicho_agent::clock::now()).await;
                for event in 0..EVENTS_EACH {
                    agent.report(&[stick(place, event)], daicho_agent::clock::now()).await;
                    let marked = tokio::task::spawn_blocking(move || mark(telemetry, place, event));
                    marked.await.expect("it ends");
                }
            });
        }
        all.join_all().await;
    });
    kill_recorded(collector.id());
    collector.wait();
    let record = Record::read(&site.data(), before, &trace);
    let started = Instant::now();
    let mut chance = fastrand::Rng::with_seed(seed as u64);
    let (mut acknowledged, mut pending) = (0, 0);
    for cut in 0..cuts {
        let state = record.cut(&mut chance, false);
        acknowledged += state.marks.len();
        pending += state.pending;
        let folder = tempfile::tempdir().expect("a temporary folder");
        state.write(folder.path());
        let mut serve = command("daicho-collector");
        serve.args(["serve", "--data"]).arg(folder.path());
        let mut again = Running::start(serve);
        again.wait_for_line("Collector serves.");
        assert_eq!(again.stop(), Some(0), "seed {seed}, cut {cut}");
        let what =
            missing(folder.path(), &state).unwrap_or_else(|what| panic!("seed {seed}, cut {cut}: {what}"));
        assert_eq!(what, Vec::<String>::new(), "seed {seed}, cut {cut}: acknowledged and lost");
    }
    let lies = (0..LIES).filter(|_| {
        let state = record.cut(&mut chance, true);
        let folder = tempfile::tempdir().expect("a temporary folder");
        state.write(folder.path());
        missing(folder.path(), &state).map_or(true, |missing| !missing.is_empty())
    });
    let found = lies.count();
    assert!(found > 0, "a disk that lies is found by nobody");
    println!(
        "power cuts of the collector: {cuts} (DAICHO_CUTS, seed {seed}) over {} writes, {pending} of them on their way; {acknowledged} acknowledged, 0 lost, 0 twice, each started; {found} of {LIES} cuts of a lying disk found; {} s",
        record.writes(),
        started.elapsed().as_secs()
    );
}

fn serial(place: usize, event: usize) -> String {
    format!("CUT{place:02}-{event:04}")
}

fn stick(place: usize, event: usize) -> Fact {
    let medium = Medium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some(serial(place, event)),
        kind: MediumKind::Storage,
        ..Medium::default()
    };
    Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium })
}

/// Tells the record that an event was acknowledged: the collector receives it, and answers that it knows no such page.
fn mark(telemetry: SocketAddr, place: usize, event: usize) {
    let mut line = TcpStream::connect(telemetry).expect("the collector answers");
    let asked = format!("{MARK}{place}/{event} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    line.write_all(asked.as_bytes()).expect("the collector answers");
    line.read_to_end(&mut Vec::new()).expect("the collector answers");
}

/// What was acknowledged before the cut and is not there once, or why that cannot be told.
fn missing(data: &Path, state: &Cut) -> Result<Vec<String>, String> {
    let store = open(&StoreConfig::Folder { path: data.join("store") }).map_err(|error| error.to_string())?;
    let shelves = Shelves::new(store);
    let proof = verifying::of_store(&shelves, &[]).map_err(|error| error.to_string())?;
    let proof = proof.ok_or("the log is gone")?;
    if !proof.is_sound() {
        return Err(format!("the log is broken: {:?}", proof.breaks));
    }
    let (mut kept, mut twice) = (BTreeSet::new(), 0);
    for row in shelves.endpoints().map_err(|error| error.to_string())? {
        for entry in shelves.log(row.id, None, usize::MAX).map_err(|error| error.to_string())? {
            if let Fact::MediumEvent(event) = entry.observation.fact {
                twice += usize::from(!kept.insert(event.medium.serial.unwrap_or_default()));
            }
        }
    }
    let acknowledged = state.marks.iter().map(|mark| {
        let (place, event) = mark.split_once('/').expect("our own mark");
        serial(place.parse().expect("our own mark"), event.parse().expect("our own mark"))
    });
    let missing = acknowledged.filter(|serial| !kept.contains(serial)).collect();
    if twice > 0 { Err(format!("{twice} are there twice")) } else { Ok(missing) }
}

#[test]
fn an_agent_whose_power_goes_brings_everything_that_it_had_noted_once() {
    let (seed, cuts) = (number("DAICHO_SEED", 20_261_123), number("DAICHO_CUTS", CUTS_OF_THE_AGENT));
    let mut site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    let agent = site.folder("agent");
    expect(&site.enrol(&agent, &site.token()), 0);
    site.stop_collector();
    let (before, hospital) = (snapshot(&agent), snapshot(&site.data()));
    let events = site.folder("drill").join("media.jsonl");
    fs::write(&events, "").expect("a temporary folder can be written");
    drill::append(&events, 0..EVENTS_AT_SEA);
    let trace = site.folder("trace").join("calls");
    let mut recording = Running::start(recorded(&agent_command(&agent, machine.root(), &events), &trace));
    recording.wait_for_line("Drill finished.");
    kill_recorded(recording.id());
    recording.wait();
    let record = Record::read(&agent, before, &trace);
    assert!(
        record.each_is_synced_before_the_next("DRILL"),
        "an event is on the disk before the next is looked for"
    );
    let started = Instant::now();
    let mut chance = fastrand::Rng::with_seed(seed as u64);
    let mut pending = 0;
    for cut in 0..cuts {
        let state = record.cut(&mut chance, false);
        pending += state.pending;
        put_back(&agent, &state);
        let whole = Cut { files: hospital.clone(), folders: Vec::new(), marks: Vec::new(), pending: 0 };
        put_back(&site.data(), &whole);
        site.start_collector();
        let mut again = Running::start(agent_command(&agent, machine.root(), &events));
        again.wait_for_line("Drill finished.");
        nothing_waits(&agent);
        assert_eq!(again.stop(), Some(0), "seed {seed}, cut {cut}");
        site.stop_collector();
        let count = drill::count(&site.data().join("store"), EVENTS_AT_SEA);
        let all = Count { stored: EVENTS_AT_SEA, lost: 0, twice: 0 };
        assert_eq!(count, all, "seed {seed}, cut {cut}");
    }
    println!(
        "power cuts of the agent: {cuts} (DAICHO_CUTS, seed {seed}) over {} writes, {pending} of them on their way; of {EVENTS_AT_SEA} events 0 lost, 0 twice each time; {} s",
        record.writes(),
        started.elapsed().as_secs()
    );
}

fn agent_command(data: &Path, root: &Path, events: &Path) -> std::process::Command {
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(data).arg("--root").arg(root);
    run.arg("--replay-media").arg(events).args(["--replay-interval-ms", "1"]);
    run
}

/// A folder as it is to be, in the place where it was.
fn put_back(folder: &Path, state: &Cut) {
    fs::remove_dir_all(folder).expect("our own folder");
    state.write(folder);
    let own = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(folder, own).expect("our own folder");
}

fn nothing_waits(agent: &Path) {
    let data: PathBuf = agent.to_owned();
    until("the agent to have nothing left to send", || {
        let status = run(
            "daicho-agent",
            &["status".as_ref(), "--format".as_ref(), "json".as_ref(), "--data".as_ref(), data.as_os_str()],
        );
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
        (status["waiting"]["events"] == 0 && status["last_contact"].is_string()).then_some(())
    });
}
