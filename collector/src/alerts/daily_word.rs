//! The daily word: a silent monitor is not trusted, so it says each day what it saw, and above all what it did not see.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::articles::RULES;
use daicho_rules::ledger::{DeviceKind, DeviceStatus};
use daicho_rules::normal;
use daicho_rules::rule::Severity;
use daicho_rules::violation::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Collector;
use crate::applications;
use crate::store::StoreError;

/// A machine that was not heard of for longer is silent today, whatever the ledger allows its kind.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Everything is judged each hour: what is older was not judged, and says nothing of today.
const JUDGED_WITHIN: SignedDuration = SignedDuration::from_hours(3);
/// Names that are listed; the rest is counted.
pub(super) const NAMES_MAX: usize = 8;

/// What there is to say on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyWord {
    /// Machines with an agent.
    pub machines: usize,
    /// Those of them that were heard of within a day.
    pub heard: usize,
    /// The others, the first of them.
    pub silent: Vec<String>,
    /// Servers and terminals in use that have no agent: nothing of them is measured.
    pub without_agent: usize,
    /// The first of them.
    pub without_agent_names: Vec<String>,
    /// Open or being worked on, by severity: high, medium, low.
    pub open: [usize; 3],
    /// Accepted for a time.
    pub excepted: usize,
    /// Devices of which some rule cannot tell.
    pub undetermined: usize,
    /// Rules that cannot tell, and of how many devices, the most first.
    pub undetermined_rules: Vec<(String, usize)>,
    /// Devices that were not judged for hours.
    pub unjudged: usize,
    /// The ledger's version; `None`: there is none, so that nothing was compared.
    pub ledger: Option<u64>,
    /// Applications that wait for the officer's yes or no; `None` in a word of before they were counted.
    pub applications: Option<usize>,
    /// The log's end, `1234:9f2c4a1b77e0`: whoever keeps this mail can prove later that no end was cut off.
    pub log: Option<String>,
    /// Channels of the alerts that fail.
    pub failing: Vec<String>,
    /// Where alerts wait for the end of maintenance.
    pub maintenance: Vec<String>,
    /// The articles that are measured; all others are not.
    pub measured: BTreeSet<u8>,
}

impl DailyWord {
    /// Whether all is well: everything was seen, and nothing was found. Silence is not compliance.
    pub fn is_well(&self) -> bool {
        self.machines > 0
            && self.heard == self.machines
            && self.without_agent == 0
            && self.open_in_all() == 0
            && self.undetermined == 0
            && self.unjudged == 0
            && self.ledger.is_some()
            && self.failing.is_empty()
            && self.maintenance.is_empty()
    }

    /// Of all severities.
    pub fn open_in_all(&self) -> usize {
        self.open.iter().sum()
    }
}

/// Looks. `failing` and `maintenance` are known to who asks.
pub(super) fn look(
    collector: &Collector,
    failing: Vec<String>,
    maintenance: Vec<String>,
    now: Timestamp,
) -> Result<DailyWord, StoreError> {
    let shelves = &collector.shelves;
    let mut word = DailyWord { failing, maintenance, ..DailyWord::default() };
    word.measured = RULES.iter().map(|rule| rule.article).collect();
    word.ledger = shelves.ledger_versions()?.last().map(|version| version.number);
    word.applications = Some(applications::waiting(collector)?);
    word.log = Some(shelves.chronicle_head()?).filter(|head| head.number > 0).map(|head| head.anchor());
    for row in shelves.endpoints()?.into_iter().filter(|row| row.revoked_at.is_none()) {
        word.machines += 1;
        let (heard, _) = shelves.heard(row.id)?;
        // A time that lies ahead of our clock proves nothing.
        if heard.is_some_and(|heard| heard <= now && now.duration_since(heard) <= HEARD_WITHIN) {
            word.heard += 1;
        } else {
            word.silent.push(row.device.unwrap_or(row.hostname));
        }
    }
    word.silent.truncate(NAMES_MAX);
    count_verdicts(collector, &mut word, now)?;
    for violation in shelves.violations()? {
        match (violation.state, violation.severity) {
            (State::Resolved, _) => {}
            (State::Excepted, _) => word.excepted += 1,
            (_, Severity::High) => word.open[0] += 1,
            (_, Severity::Medium) => word.open[1] += 1,
            (_, Severity::Low) => word.open[2] += 1,
        }
    }
    Ok(word)
}

fn count_verdicts(collector: &Collector, word: &mut DailyWord, now: Timestamp) -> Result<(), StoreError> {
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    let mut judged: BTreeMap<String, bool> = BTreeMap::new();
    for device in collector.shelves.verdicts()? {
        let age = now.duration_since(device.judged_at);
        word.unjudged += usize::from(age > JUDGED_WITHIN);
        let unsure: Vec<_> = device.rules.iter().filter(|rule| !rule.unknowns.is_empty()).collect();
        word.undetermined += usize::from(!unsure.is_empty());
        for rule in unsure {
            *rules.entry(rule.rule.clone()).or_default() += 1;
        }
        judged.insert(normal::key(&device.device), !device.endpoints.is_empty());
    }
    word.undetermined_rules = rules.into_iter().collect();
    word.undetermined_rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    word.undetermined_rules.truncate(NAMES_MAX);
    let ledger = collector.ledger();
    let in_use = ledger.devices.iter().filter(|row| {
        row.status == DeviceStatus::InUse && matches!(row.kind, DeviceKind::Server | DeviceKind::Terminal)
    });
    for row in in_use {
        match judged.get(&normal::key(&row.device_id)) {
            Some(true) => {}
            Some(false) | None => {
                word.without_agent += 1;
                word.without_agent_names.push(row.device_id.clone());
            }
        }
    }
    word.without_agent_names.truncate(NAMES_MAX);
    Ok(())
}
