//! Runs the literate specs: each row of a table in `specs/*.md` is a case. Their form is explained in `specs/README.md`.

#![expect(clippy::unwrap_used, reason = "a spec that cannot be read is a failed test")]

use std::collections::BTreeSet;

use daicho_rules::articles::{RULES, judge};
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::Ledger;
use daicho_rules::linking::{Link, link};
use daicho_rules::record::EndpointRecord;
use daicho_rules::rule::{Assessment, Severity, Verdict};
use daicho_rules::violation::{State, reconcile};

use reading::{Case, Row};

mod reading;

static SPECS: &[(&str, &str)] = &[
    ("article_04_device_ledger.md", include_str!("../../specs/article_04_device_ledger.md")),
    ("article_08_unneeded_accounts.md", include_str!("../../specs/article_08_unneeded_accounts.md")),
    ("article_09_security_patches.md", include_str!("../../specs/article_09_security_patches.md")),
    ("article_11_external_media.md", include_str!("../../specs/article_11_external_media.md")),
    ("article_13_unneeded_software.md", include_str!("../../specs/article_13_unneeded_software.md")),
    ("exceptions.md", include_str!("../../specs/exceptions.md")),
];

macro_rules! specs {
    ($($name:ident $rule:literal)*) => {
        $(#[test]
        fn $name() {
            run($rule);
        })*

        #[test]
        fn each_rule_has_its_test() {
            let tested = BTreeSet::from([$($rule),*]);
            let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
            assert_eq!(tested, rules);
        }
    };
}

specs! {
    unlisted_device "04.unlisted_device"
    silent_device "04.silent_device"
    retired_device "04.retired_device"
    cloned_device "04.cloned_device"
    retired_staff "08.retired_staff"
    long_unused "08.long_unused"
    unlisted_account "08.unlisted_account"
    missing_update "09.missing_update"
    below_baseline "09.below_baseline"
    unsupported_os "09.unsupported_os"
    restart_pending "09.restart_pending"
    stale_patterns "09.stale_patterns"
    unapproved_use "11.unapproved_use"
    unscanned_use "11.unscanned_use"
    taken_outside "11.taken_outside"
    unneeded_service "13.unneeded_service"
    unneeded_software "13.unneeded_software"
}

#[test]
fn each_rule_shows_all_three_verdicts() {
    for rule in RULES {
        let mut verdicts = BTreeSet::new();
        for case in cases().iter().filter(|case| case.rule == rule.id) {
            verdicts.extend(case.rows.iter().map(|row| row.verdict.clone()));
        }
        for verdict in ["satisfied", "violated", "undetermined"] {
            assert!(verdicts.contains(verdict), "{} {verdict}", rule.id);
        }
    }
}

#[test]
fn every_spec_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/specs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let listed = name == "README.md" || SPECS.iter().any(|(listed, _)| *listed == name);
        assert!(listed, "{name} is not run");
    }
}

fn cases() -> Vec<Case> {
    SPECS.iter().flat_map(|(file, text)| reading::cases(file, text)).collect()
}

fn run(rule: &str) {
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases().iter().filter(|case| case.rule == rule) {
        assert!(!case.rows.is_empty(), "{}: no row", case.name);
        for row in &case.rows {
            count += 1;
            let name = format!("{} ({})", case.name, row.at);
            match check(case, row) {
                Ok(()) => println!("{name} ... ok"),
                Err(difference) => failures.push(format!("{name}\n    {difference}")),
            }
        }
    }
    assert!(count >= 3, "{rule} has {count} cases");
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
}

fn check(case: &Case, row: &Row) -> Result<(), String> {
    let ledger: Ledger = case.ledger();
    let mut record = EndpointRecord::default();
    for (document, wrong_clock) in case.documents(row.at) {
        record.take_document(document);
        for sighting in record.sightings.iter_mut().filter(|_| wrong_clock.is_some()) {
            sighting.wrong_clock = wrong_clock;
        }
    }
    let host = record.host.as_ref().and_then(|held| held.look.value()).cloned().unwrap_or_default();
    let listed = match link(&ledger, &host) {
        Link::Listed { device, .. } => Some(device),
        Link::Ambiguous(_) | Link::Unlisted => None,
    };
    // Without any observation the case is about the ledger's first machine, of which no agent reports.
    let record = (!case.observations.is_empty()).then_some(&record);
    let device = if record.is_none() { ledger.devices.first() } else { listed };
    let evidence =
        Evidence { record, device, ledger: &ledger, now: row.at, surroundings: &case.surroundings() };
    let judged = judge(&evidence);
    let none = Assessment::default();
    let assessment =
        judged.iter().find(|judged| judged.rule.id == case.rule).map_or(&none, |judged| &judged.assessment);
    let changes = reconcile(&[], "DEVICE", &judged, &evidence);
    let violations: Vec<_> =
        changes.iter().map(|change| &change.violation).filter(|one| one.rule == case.rule).collect();

    let verdict = match assessment.verdict() {
        Verdict::Satisfied => "satisfied",
        Verdict::Violated if violations.iter().all(|one| one.state == State::Excepted) => "excepted",
        Verdict::Violated => "violated",
        Verdict::Undetermined => "undetermined",
    };
    let told = format!("{:?} {:?}", assessment.findings, assessment.unknowns);
    if verdict != row.verdict {
        return Err(format!("expected {}, got {verdict}: {told}", row.verdict));
    }
    let subjects: BTreeSet<&str> = match assessment.verdict() {
        Verdict::Violated => violations.iter().map(|one| one.subject.as_str()).collect(),
        _ => assessment.unknowns.iter().filter_map(|unknown| unknown.subject.as_deref()).collect(),
    };
    if subjects != row.subjects.iter().map(String::as_str).collect() {
        return Err(format!("expected {:?}, got {subjects:?}: {told}", row.subjects));
    }
    for violation in &violations {
        let severity = match violation.severity {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        };
        if !row.severity.is_empty() && row.severity != severity {
            return Err(format!("expected {}, got {severity}: {told}", row.severity));
        }
        let complete = !violation.evidence.is_empty()
            && !violation.summary.ja.is_empty()
            && !violation.summary.en.is_empty()
            && !violation.remedy.ja.is_empty()
            && !violation.remedy.en.is_empty();
        if !complete {
            return Err(format!("lacks a text or its evidence: {violation:?}"));
        }
    }
    if let Some(words) = row.words.iter().find(|words| !told.contains(words.as_str())) {
        return Err(format!("does not say {words:?}: {told}"));
    }
    Ok(())
}
