//! The shelves against the log: what is shown day by day is what was decided.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::rule::Proof;
use daicho_rules::violation::{Excepted, Stage, Step, Treatment, Violation};
use jiff::Timestamp;

use super::{Chain, Compared, Verdict};
use crate::applications;
use crate::chronicle::{Digest, Entry};
use crate::shelves::Shelves;
use crate::store::{self, StoreError};

/// Entries that one look takes.
const PAGE: usize = 1_000;

pub(super) fn is_before_log(shelves: &Shelves) -> Result<bool, StoreError> {
    store::format_before_log(shelves.store().as_ref())
}

/// Compares; what cannot be read counts as altered.
pub(super) fn compare(shelves: &Shelves, chain: &mut Chain<'_>) -> Result<(), StoreError> {
    let waiting = readable(shelves.chronicle_waiting(), &mut chain.verdict)?.unwrap_or_default();
    chain.verdict.waiting = waiting.len();
    for entry in waiting {
        let (number, previous) = (chain.end.number, chain.end.hash);
        chain.standing.take(&Entry { number, at: entry.at, by: entry.by, what: entry.what, previous });
    }
    let mut compared = Compared::default();
    violations(shelves, chain, &mut compared)?;
    ledgers(shelves, chain, &mut compared)?;
    devices(shelves, chain, &mut compared)?;
    people(shelves, chain, &mut compared)?;
    endpoints(shelves, chain, &mut compared)?;
    applied(shelves, chain, &mut compared)?;
    chain.verdict.compared = Some(compared);
    Ok(())
}

fn readable<T>(read: Result<T, StoreError>, verdict: &mut Verdict) -> Result<Option<T>, StoreError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Corrupt { key, reason }) => {
            let ja = format!("保存されている {key} を読み取れません（{reason}）。書き換えられています。");
            let en = format!("what is kept at {key} cannot be read ({reason}): it was altered");
            verdict.broken(None, None, ja, en);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn violations(shelves: &Shelves, chain: &mut Chain<'_>, compared: &mut Compared) -> Result<(), StoreError> {
    let Chain { verdict, standing, .. } = chain;
    let Some(kept) = readable(shelves.violations(), verdict)? else { return Ok(()) };
    let mut seen = BTreeSet::new();
    let mut steps_expected = 0;
    for violation in &kept {
        seen.insert(violation.key.clone());
        let Some(life) = standing.violations.get(&violation.key) else {
            differs(verdict, &violation.key, None, ("記録簿にない違反です", "the log has no such violation"));
            continue;
        };
        compared.violations += 1;
        let last = life.steps.last().map(|step| step.at);
        if lasting(violation, &life.violation) != lasting(&life.violation, &life.violation) {
            let words = ("違反の内容が記録簿と違います", "the violation is not as its last step left it");
            differs(verdict, &violation.key, last, words);
        }
        let lines = shelves.history_lines(&violation.key)?;
        let before = life.before.map_or(0, |(steps, _)| usize::try_from(steps).unwrap_or(usize::MAX));
        steps_expected += before.saturating_add(life.steps.len());
        compared.steps += lines.len();
        let mut old = Vec::new();
        for line in lines.iter().take(before) {
            old.extend_from_slice(line);
            old.push(b'\n');
        }
        let old_is_right = life.before.is_none_or(|(_, digest)| digest == Digest::of(&old));
        // Byte for byte: a step is written once, and in this form.
        let written = |step: &Step| serde_json::to_vec(step).unwrap_or_default();
        let new = lines.iter().skip(before);
        let new_is_right = lines.len() == before.saturating_add(life.steps.len())
            && new.zip(&life.steps).all(|(kept, told)| *kept == written(told));
        if !old_is_right || !new_is_right {
            let words = ("経過が記録簿と違います", "its history is not what the log says");
            differs(verdict, &violation.key, last, words);
        }
    }
    for (key, life) in &standing.violations {
        if !seen.contains(key) {
            let last = life.steps.last().map(|step| step.at);
            differs(verdict, key, last, ("記録簿にある違反がありません", "the log has it, and it is gone"));
        }
    }
    let steps = count(shelves, b"history/")?;
    if steps > compared.steps.max(steps_expected) {
        let ja = format!("経過が{steps}件ありますが、記録簿には{steps_expected}件しかありません。");
        let en = format!("there are {steps} steps of histories, and the log has {steps_expected}");
        verdict.broken(None, None, ja, en);
    }
    Ok(())
}

fn ledgers(shelves: &Shelves, chain: &mut Chain<'_>, compared: &mut Compared) -> Result<(), StoreError> {
    let Chain { verdict, standing, .. } = chain;
    let Some(kept) = readable(shelves.ledger_versions(), verdict)? else { return Ok(()) };
    for (version, digest) in &standing.ledgers {
        let number = version.number;
        let name = format!("台帳 第{number}版 / ledger version {number}");
        let content = shelves.store().get(format!("ledger/content/{number:016x}").as_bytes())?;
        let row = kept.iter().find(|row| row.number == number);
        compared.ledgers += 1;
        if row != Some(version) {
            let words = ("取り込みの記録が記録簿と違います", "its import is not what the log says");
            differs(verdict, &name, Some(version.imported_at), words);
        }
        if content.is_none_or(|content| Digest::of(&content) != *digest) {
            let words = ("台帳の内容が記録簿と違います", "its content is not what was imported");
            differs(verdict, &name, Some(version.imported_at), words);
        }
    }
    let contents = count(shelves, b"ledger/content/")?;
    if contents > standing.ledgers.len() || kept.len() > standing.ledgers.len() {
        let words = ("記録簿にない版があります", "there is a version that the log does not have");
        differs(verdict, "台帳 / ledger", None, words);
    }
    Ok(())
}

fn devices(shelves: &Shelves, chain: &mut Chain<'_>, compared: &mut Compared) -> Result<(), StoreError> {
    let Chain { verdict, standing, .. } = chain;
    let Some(kept) = readable(shelves.verdicts(), verdict)? else { return Ok(()) };
    for row in &kept {
        compared.devices += 1;
        let said = standing.devices.remove(&row.device);
        let same = said.as_ref().is_some_and(|said| {
            said.group == row.group
                && said.rules.len() == row.rules.len()
                && row.rules.iter().all(|rule| said.rules.get(&rule.rule) == Some(rule))
        });
        if !same {
            let words = ("判定が記録簿と違います", "what the rules said is not what the log says");
            differs(verdict, &row.device, said.map(|said| said.at), words);
        }
    }
    for (device, said) in &standing.devices {
        let words = ("記録簿にある判定がありません", "the log has verdicts on it, and they are gone");
        differs(verdict, device, Some(said.at), words);
    }
    Ok(())
}

fn people(shelves: &Shelves, chain: &mut Chain<'_>, compared: &mut Compared) -> Result<(), StoreError> {
    let Chain { verdict, standing, .. } = chain;
    let Some(kept) = readable(shelves.operators(), verdict)? else { return Ok(()) };
    for row in &kept {
        compared.people += 1;
        let same = standing.people.get(&row.name).is_some_and(|person| {
            person.revoked == row.revoked_at.is_some()
                && (person.revoked || (person.roles == row.roles && person.section == row.section))
        });
        if !same {
            let words = ("役割が記録簿と違います", "the roles are not what the log says");
            differs(verdict, &row.name, None, words);
        }
    }
    for name in standing.people.keys().filter(|name| !kept.iter().any(|row| row.name == **name)) {
        differs(
            verdict,
            name,
            None,
            ("記録簿にある担当者がいません", "the log has this person, and the row is gone"),
        );
    }
    Ok(())
}

fn endpoints(shelves: &Shelves, chain: &mut Chain<'_>, compared: &mut Compared) -> Result<(), StoreError> {
    let Chain { verdict, standing, .. } = chain;
    let Some(kept) = readable(shelves.endpoints(), verdict)? else { return Ok(()) };
    for row in &kept {
        compared.endpoints += 1;
        let revoked = standing.endpoints.remove(&row.id);
        if revoked != Some(row.revoked_at.is_some()) {
            let name = format!("{} ({})", row.hostname, row.id);
            let words = (
                "登録の状態が記録簿と違います",
                "whether it is enrolled or revoked is not what the log says",
            );
            differs(verdict, &name, None, words);
        }
    }
    for endpoint in standing.endpoints.keys() {
        let words = ("記録簿にある端末がありません", "the log has this machine, and the row is gone");
        differs(verdict, &endpoint.to_string(), None, words);
    }
    Ok(())
}

/// Applications and approvals, byte for byte.
fn applied(shelves: &Shelves, chain: &mut Chain<'_>, compared: &mut Compared) -> Result<(), StoreError> {
    let Chain { verdict, standing, .. } = chain;
    let logged = std::mem::take(&mut standing.applications).into_iter();
    let logged = logged.map(|(number, digest)| {
        // The number as in the key: a text that is none has no key, and is missed.
        let key = number.parse::<u64>().map_or(number, |number| format!("{number:016x}"));
        (key, digest)
    });
    let name = ("申請", "application");
    compared.applications = same_bytes(shelves, verdict, applications::APPLICATIONS, name, logged.collect())?;
    let logged = std::mem::take(&mut standing.approvals).into_iter();
    let logged = logged.map(|(meaning, digest)| (meaning.to_string(), digest.to_string()));
    let name = ("承認", "approval");
    compared.approvals = same_bytes(shelves, verdict, applications::APPROVALS, name, logged.collect())?;
    Ok(())
}

/// Compares each value of a shelf with the digest that the log has of it; how many there are.
fn same_bytes(
    shelves: &Shelves,
    verdict: &mut Verdict,
    shelf: &str,
    (ja, en): (&str, &str),
    mut logged: BTreeMap<String, String>,
) -> Result<usize, StoreError> {
    let (mut seen, mut after): (usize, Option<Vec<u8>>) = (0, None);
    loop {
        let page = shelves.store().scan(shelf.as_bytes(), after.as_deref(), PAGE)?;
        for (key, value) in &page {
            seen += 1;
            let key = String::from_utf8_lossy(key);
            let key = key.strip_prefix(shelf).unwrap_or(&key);
            if logged.remove(key).is_none_or(|digest| digest != Digest::of(value).to_string()) {
                let (ja, en) = (format!("{ja} {key}"), format!("{en} {key}"));
                let (ja, en) =
                    (format!("{ja}: 記録簿と違います。"), format!("{en}: is not what the log says"));
                verdict.broken(None, None, ja, en);
            }
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => after = Some(key.clone()),
            _ => break,
        }
    }
    for key in logged.keys() {
        let (ja, en) = (format!("{ja} {key}"), format!("{en} {key}"));
        let (ja, en) = (
            format!("{ja}: 記録簿にあるのに、ありません。"),
            format!("{en}: the log has it, and it is gone"),
        );
        verdict.broken(None, None, ja, en);
    }
    Ok(seen)
}

fn count(shelves: &Shelves, prefix: &[u8]) -> Result<usize, StoreError> {
    let (mut entries, mut after): (usize, Option<Vec<u8>>) = (0, None);
    loop {
        let page = shelves.store().scan(prefix, after.as_deref(), PAGE)?;
        entries += page.len();
        match page.last() {
            Some((key, _)) if page.len() == PAGE => after = Some(key.clone()),
            _ => return Ok(entries),
        }
    }
}

fn differs(verdict: &mut Verdict, name: &str, at: Option<Timestamp>, (ja, en): (&str, &str)) {
    verdict.broken(None, at, format!("{name}: {ja}。"), format!("{name}: {en}"));
}

/// A violation without what may change with no step: when it was last seen, and the words that follow from the rest.
fn lasting(violation: &Violation, logged: &Violation) -> Violation {
    let mut lasting = violation.clone();
    lasting.last_seen = Timestamp::default();
    lasting.kind = logged.kind;
    lasting.summary = Default::default();
    lasting.remedy = Default::default();
    for proof in &mut lasting.evidence {
        *proof = Proof { observed_at: None, ledger_row: None, ..proof.clone() };
    }
    lasting.exception =
        lasting.exception.map(|exception| Excepted { ledger_row: String::new(), ..exception });
    let accepted = lasting.treatment.accepted.take().filter(|_| logged.treatment.accepted.is_some());
    lasting.treatment = Treatment { stage: Stage::default(), accepted, ..lasting.treatment };
    lasting
}
