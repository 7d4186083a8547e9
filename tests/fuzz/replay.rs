//! Every input that the fuzzer kept, and every one that once did harm, read again by today's parsers.
//!
//! Each target is read in a process of its own, which may have as much memory as the fuzzer allowed and, so that a
//! parser that never ends is an error and not a wait, a minute of processor time for all its inputs together.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use daicho_fuzz::{Laid, TARGETS, Target};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Names the target that this process is to read.
const CHILD: &str = "DAICHO_REPLAY_TARGET";

/// What an input may make the agent hold.
const MEMORY_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// For all inputs of one target: hundreds of them, some milliseconds each without optimisation.
const PROCESSOR_SECONDS_MAX: u64 = 60;

/// A corpus is what CI reads each time; the fuzzer's own grows without end.
const CORPUS_BYTES_MAX: u64 = 128 * 1024;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn archive(target: &str) -> PathBuf {
    folder().join("corpus").join(format!("{target}.zip"))
}

/// The kept inputs of a target, by name.
fn inputs(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let mut inputs = BTreeMap::new();
    let path = archive(target.name);
    let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = zip::ZipArchive::new(file).expect("a corpus is a zip archive");
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        let name = entry.name().expect("a name").into_owned();
        inputs.insert(format!("{}: {name}", path.display()), bytes);
    }
    for path in listed(&folder().join("findings").join(target.name)) {
        inputs.insert(path.display().to_string(), fs::read(&path).expect("a finding"));
    }
    inputs
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn every_kept_input_is_read_within_the_limits() {
    if let Ok(name) = std::env::var(CHILD) {
        return read_all(&name);
    }
    let this = std::env::current_exe().expect("the test's own program");
    let mut faults = Vec::new();
    let mut count = 0;
    for target in TARGETS {
        count += inputs(target).len();
        let output = Command::new(&this)
            .args(["--exact", "every_kept_input_is_read_within_the_limits", "--nocapture"])
            .env(CHILD, target.name)
            .output()
            .expect("the test's own program starts");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout);
            let last = said.lines().filter_map(|line| line.strip_prefix("reads ")).next_back();
            let error = String::from_utf8_lossy(&output.stderr);
            faults.push(format!("{} at {}: {error}", output.status, last.unwrap_or("the start")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > TARGETS.len(), "the corpus is not empty");
    println!("{count} inputs of {} targets were read", TARGETS.len());
}

/// In the child: reads one target's inputs under the limits.
fn read_all(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the name of a target");
    let inputs = inputs(target);
    let laid = Laid::new(target).expect("the target's files can be written");
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    let held: u64 = inputs.values().map(|bytes| bytes.len() as u64).sum();
    setrlimit(Resource::Data, limit(MEMORY_BYTES_MAX + held)).expect("a limit of memory");
    setrlimit(Resource::Cpu, limit(PROCESSOR_SECONDS_MAX)).expect("a limit of processor time");
    for (name, bytes) in &inputs {
        println!("reads {name}");
        laid.look(bytes).expect("the file can be written");
    }
}

#[test]
fn what_is_kept_belongs_to_a_target_and_stays_small() {
    for path in listed(&folder().join("corpus")) {
        let target = path.file_stem().unwrap_or_default().to_string_lossy();
        assert!(TARGETS.iter().any(|one| one.name == target), "{} has no target", path.display());
        let size = fs::metadata(&path).expect("a corpus").len();
        assert!(size <= CORPUS_BYTES_MAX, "{} has {size} bytes: keep less (tests/fuzz/run)", path.display());
    }
    for path in listed(&folder().join("findings")) {
        let target = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(TARGETS.iter().any(|one| one.name == target), "{} has no target", path.display());
    }
}
