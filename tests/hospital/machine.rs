//! A machine of the hospital: what it truly is, and the agent on it with its own spool on a real folder.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use daicho_agent::platform::Platform;
use daicho_agent::probes::PROBES;
use daicho_agent::spool::keeper::Keeper;
use daicho_agent::uplink::backoff::Backoff;
use daicho_collector::clock::Clock as _;
use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{
    Account, Fact, Host, Look, Medium, MediumAction, MediumEvent, MediumKind, Subject,
};
use fastrand::Rng;

use super::clock::{TrueTime, Wall};

/// Events may take this much in a spool; more is given up, and told as a gap.
pub(crate) const EVENT_BYTES_MAX: u64 = 64 * 1024;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// What a simulated machine shows of itself.
pub(crate) const SUBJECTS: [Subject; 3] = [Subject::Host, Subject::Accounts, Subject::Media];

/// Accounts that come and go.
pub(crate) const PEOPLE: [&str; 4] = ["tanaka", "suzuki", "sato", "vendor"];

/// What a machine truly is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    /// Which of `PEOPLE` have an account.
    pub(crate) accounts: [bool; 4],
    /// Rises with each change. An account that is always there carries it, so that an older look is known for one.
    pub(crate) version: u64,
}

impl Platform for Truth {
    fn host(&self) -> Look<Host> {
        Look::complete(Host::default())
    }

    fn accounts(&self) -> Look<Vec<Account>> {
        let account = |name: &str, full_name: Option<String>| Account {
            name: name.to_owned(),
            full_name,
            enabled: Some(true),
            interactive: Some(true),
            privileged: Some(false),
            ..Account::default()
        };
        let people = PEOPLE.iter().zip(self.accounts).filter(|(_, there)| *there);
        let mut all: Vec<Account> = people.map(|(name, _)| account(name, None)).collect();
        all.push(account("always", Some(self.version.to_string())));
        Look::complete(all)
    }

    fn media(&self) -> Look<Vec<Medium>> {
        Look::complete(Vec::new())
    }
}

impl Truth {
    /// What a look at a subject sees now.
    pub(crate) fn look(&self, subject: Subject) -> Fact {
        let probe = PROBES.iter().find(|probe| probe.subject == subject).expect("each subject has a probe");
        (probe.look)(self)
    }
}

/// A medium's arrival. Each has a serial of its own, so that none can be taken for another.
pub(crate) fn arrival(serial: &str) -> Fact {
    let medium = Medium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some(serial.to_owned()),
        kind: MediumKind::Storage,
        ..Medium::default()
    };
    Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium })
}

/// Where the line to the collector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// There is none, or it was not asked yet how far the collector has everything.
    Down,
    /// A request is under way.
    Waiting { request: u64, sent: usize, incarnation: u64 },
    /// Nothing is to be said.
    Calm,
}

/// The agent while it runs.
pub(crate) struct Life {
    /// The agent's own.
    pub(crate) keeper: Keeper,
    /// The agent's own.
    pub(crate) backoff: Backoff,
    /// Where the line stands.
    pub(crate) line: Line,
    /// The timer of the uplink that counts; earlier ones are void.
    pub(crate) timer: u64,
}

/// One machine.
pub(crate) struct Machine {
    /// Who it is.
    pub(crate) endpoint: EndpointId,
    /// Its row in the ledger.
    pub(crate) label: String,
    /// Its clock.
    pub(crate) clock: Wall,
    /// What it truly is.
    pub(crate) truth: Truth,
    /// Its agent, while it runs.
    pub(crate) life: Option<Life>,
    /// How often the agent was started.
    pub(crate) lives: u64,
    /// Whether the network reaches the collector from here.
    pub(crate) cut_off: bool,
    /// The agent dies in the middle of this operation on its spool, counted from now; true: with the power.
    pub(crate) doomed: Option<(u64, bool)>,
    /// Events that happened so far.
    pub(crate) events: u64,
    /// Serials of those that are in the agent's memory only.
    pub(crate) held: Vec<String>,
    folder: PathBuf,
}

impl Machine {
    /// A machine whose agent is enrolled and was never started.
    pub(crate) fn new(folder: &Path, number: usize, time: &TrueTime) -> Self {
        let label = format!("PC-{number:03}");
        let folder = folder.join(&label);
        fs::create_dir_all(&folder).expect("a temporary folder can be written");
        Machine {
            endpoint: format!("00000000-0000-4000-8000-{number:012}").parse().expect("an endpoint's name"),
            label,
            clock: Wall::new(time),
            truth: Truth::default(),
            life: None,
            lives: 0,
            cut_off: false,
            doomed: None,
            events: 0,
            held: Vec::new(),
            folder,
        }
    }

    /// The agent starts. It may die in the middle of that.
    pub(crate) fn start(&mut self, chance: &mut Rng) -> bool {
        let before = self.lengths();
        let keeper = Keeper::new(
            &self.folder,
            EVENT_BYTES_MAX,
            self.endpoint.to_string(),
            super::world::fresh,
            self.clock.now(),
        );
        self.lives += 1;
        self.life = Some(Life { keeper, backoff: Backoff::default(), line: Line::Down, timer: 0 });
        self.survives(&before, chance)
    }

    /// Does something with the spool; `None`: the agent died in the middle of it.
    pub(crate) fn operate<T>(&mut self, chance: &mut Rng, work: impl FnOnce(&Keeper) -> T) -> Option<T> {
        let before = if self.doomed.is_some() { self.lengths() } else { BTreeMap::new() };
        let done = work(&self.life.as_ref()?.keeper);
        self.survives(&before, chance).then_some(done)
    }

    /// The agent is gone, with all that it had in memory.
    pub(crate) fn fall(&mut self) {
        (self.life, self.doomed) = (None, None);
        self.held.clear();
    }

    fn survives(&mut self, before: &BTreeMap<PathBuf, u64>, chance: &mut Rng) -> bool {
        let power = match &mut self.doomed {
            Some((0, power)) => *power,
            Some((left, _)) => {
                *left -= 1;
                return true;
            }
            None => return true,
        };
        let after = self.lengths();
        self.fall();
        self.tear(before, &after, power, chance);
        false
    }

    /// What the operation added to the files is there in part only.
    fn tear(
        &self,
        before: &BTreeMap<PathBuf, u64>,
        after: &BTreeMap<PathBuf, u64>,
        power: bool,
        chance: &mut Rng,
    ) {
        if !before.keys().eq(after.keys()) {
            // A file took another one's place: between those two moments the whole operation is there or nothing of it.
            return;
        }
        for (path, end) in after {
            let begin = before[path];
            if begin >= *end {
                continue;
            }
            let mut cut = chance.u64(begin..=*end);
            let file = OpenOptions::new().write(true).open(path).expect("the agent's file is there");
            if power && chance.bool() {
                // The length came to the disk, the last of the data did not. A sector is there whole or not at all.
                cut = (cut / SECTOR_BYTES * SECTOR_BYTES).max(begin);
                let zeros = vec![0; usize::try_from(end - cut).expect("a few bytes")];
                file.write_all_at(&zeros, cut).expect("a temporary folder can be written");
            } else {
                file.set_len(cut).expect("a temporary folder can be written");
            }
        }
    }

    fn lengths(&self) -> BTreeMap<PathBuf, u64> {
        let Ok(entries) = fs::read_dir(self.spool()) else { return BTreeMap::new() };
        let entries = entries.map(|entry| entry.expect("a folder of ours reads"));
        entries.map(|entry| (entry.path(), entry.metadata().map_or(0, |found| found.len()))).collect()
    }

    fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// A byte of the spool's files is another one from now on. False: there is none.
    pub(crate) fn spoil(&self, chance: &mut Rng) -> bool {
        let files: Vec<(PathBuf, u64)> = self.lengths().into_iter().filter(|(_, bytes)| *bytes > 0).collect();
        let Some((path, bytes)) = files.get(chance.usize(0..files.len().max(1))) else { return false };
        let file = OpenOptions::new().read(true).write(true).open(path).expect("the agent's file is there");
        let (at, mut byte) = (chance.u64(0..*bytes), [0]);
        file.read_exact_at(&mut byte, at).expect("it is that long");
        byte[0] ^= 1 << chance.u8(0..8);
        file.write_all_at(&byte, at).expect("a temporary folder can be written");
        true
    }

    /// Something lies where the spool's folder was, or the folder is back.
    pub(crate) fn block(&self, blocked: bool) {
        let (spool, aside) = (self.spool(), self.folder.join("moved"));
        if blocked && !aside.exists() {
            // A machine that was never started has no folder yet.
            drop(fs::rename(&spool, &aside));
            fs::write(&spool, "").expect("a temporary folder can be written");
        } else if !blocked && spool.is_file() {
            fs::remove_file(&spool).expect("a temporary folder can be written");
            if aside.exists() {
                fs::rename(&aside, &spool).expect("a temporary folder can be written");
            }
        }
    }
}
