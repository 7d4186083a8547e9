//! A medium was used, and the antivirus records of the machine do not show that it was scanned before. Nothing of a
//! medium can be scanned before it is mounted, so the hospital says how soon after that the scan has to begin.

use daicho_proto::facts::{MediumKind, ScanState};
use jiff::{SignedDuration, Timestamp};

use super::approval::{Identity, identity};
use crate::articles::words;
use crate::evidence::Evidence;
use crate::ledger::ApprovedMedium;
use crate::record::{SAME_CONNECTION_SECONDS, Sighting, UseScan};
use crate::rule::{Assessment, Cleared, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

const SCAN_MINUTES_MAX: Setting = Setting {
    key: "11.scan_minutes_max",
    default: 10,
    range: (0, 60),
    meaning: (
        "外部記録媒体をマウントしてからウイルススキャンが始まるまでの分数の上限",
        "Minutes at most between the mount of an external medium and its virus scan",
    ),
};

pub(in crate::articles) static RULE: Rule = Rule {
    id: "11.unscanned_use",
    article: 11,
    summary: (
        "外部記録媒体がウイルススキャンなしで使われました。",
        "An external medium was used without being scanned.",
    ),
    remedy: (
        "使用前のウイルススキャンの記録を確かめ、なければスキャンして、理由を書いて終了してください。",
        "Look for the record of the scan before its use, scan it if there is none, and close this with a reason.",
    ),
    severity: Severity::Medium,
    kind: Kind::Incident,
    settings: &[SCAN_MINUTES_MAX],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    let mut assessment = Assessment::satisfied();
    let sightings = evidence.record.map_or(&[][..], |record| &record.sightings);
    // A network card holds no files.
    for sighting in sightings.iter().filter(|sighting| sighting.medium.kind != MediumKind::Network) {
        match scan_not_required(evidence, sighting) {
            Some(row) => assessment.cleared.push(Cleared {
                subject: sighting.medium.subject(),
                since: Some(sighting.first_at),
                proofs: vec![Proof::ledger("media_id", &row.media_id, &row.row)],
            }),
            None => judge(evidence, sighting, &mut assessment),
        }
    }
    match evidence.media() {
        Ok(media) => media.finish(assessment),
        Err(reason) => {
            assessment.unknowns.push(crate::rule::Unknown { subject: None, reason });
            assessment
        }
    }
}

/// What one use came to.
enum Use<'a> {
    Scanned(&'a UseScan),
    /// It may still be scanned in time.
    Waits,
    Unscanned(&'a UseScan),
    Unknown,
}

fn judge(evidence: &Evidence<'_>, sighting: &Sighting, assessment: &mut Assessment) {
    let minutes_max = evidence.ledger.setting(&SCAN_MINUTES_MAX);
    let subject = sighting.medium.subject();
    // Of a connection that no record speaks of nothing is known.
    let silent = connections_without_record(sighting);
    let uses: Vec<Use<'_>> = sighting.scans.iter().map(|scan| use_of(scan, minutes_max)).collect();
    let unscanned =
        uses.iter().rev().find_map(|it| if let Use::Unscanned(scan) = it { Some(*scan) } else { None });
    if let Some(scan) = unscanned {
        assessment.findings.push(finding(evidence, sighting, scan));
    } else if uses.iter().any(|it| matches!(it, Use::Waits)) {
        assessment.doubt(
            subject.clone(),
            Text::new(
                format!("媒体「{subject}」はマウントされたばかりで、スキャンの記録を待っています（{minutes_max}分まで）。"),
                format!("Medium {subject} was mounted just now; its scan may still come (within {minutes_max} minutes)."),
            ),
        );
    } else if silent || uses.iter().any(|it| matches!(it, Use::Unknown)) {
        assessment.doubt(subject.clone(), unknown(evidence, &subject));
    } else {
        let last =
            uses.iter().rev().find_map(|it| if let Use::Scanned(scan) = it { Some(*scan) } else { None });
        assessment.cleared.push(Cleared {
            subject,
            since: sighting.scans.first().map(|scan| scan.since.min(sighting.first_at)),
            proofs: last.map(proofs).unwrap_or_default(),
        });
    }
}

fn use_of(scan: &UseScan, minutes_max: i64) -> Use<'_> {
    let limit = SignedDuration::from_mins(minutes_max);
    let waited = |until: Timestamp| until.duration_since(scan.since);
    match (scan.scan.state, scan.scan.at) {
        (ScanState::At, Some(at)) if waited(at) <= limit => Use::Scanned(scan),
        (ScanState::At, Some(_)) => Use::Unscanned(scan),
        (ScanState::None, _) if scan.ended || waited(scan.observed_at) > limit => Use::Unscanned(scan),
        (ScanState::None, _) => Use::Waits,
        (ScanState::At | ScanState::Unknown, _) => Use::Unknown,
    }
}

/// Whether it was plugged in at a time of which no record tells what became of it.
fn connections_without_record(sighting: &Sighting) -> bool {
    let slack = SignedDuration::from_secs(SAME_CONNECTION_SECONDS);
    let begins = &sighting.connections;
    begins.is_empty()
        || begins.iter().enumerate().any(|(index, begin)| {
            let end = begins.get(index + 1);
            let within = |at: Timestamp| at + slack >= *begin && end.is_none_or(|end| at + slack < *end);
            !sighting.scans.iter().any(|scan| within(scan.since))
        })
}

fn finding(evidence: &Evidence<'_>, sighting: &Sighting, scan: &UseScan) -> Finding {
    let subject = sighting.medium.subject();
    let (minutes_max, row) = evidence.limit(&SCAN_MINUTES_MAX);
    let (ja_when, en_when) = (words::moment_ja(scan.since), words::moment_en(scan.since));
    let late = scan.scan.at.map(|at| at.duration_since(scan.since).as_mins());
    let summary = match late {
        Some(minutes) => Text::new(
            format!(
                "媒体「{subject}」は{ja_when}にマウントされ、ウイルススキャンが始まったのは{minutes}分後でした（上限{minutes_max}分）。"
            ),
            format!(
                "Medium {subject} was mounted at {en_when} and its virus scan began {minutes} minutes later (limit {minutes_max})."
            ),
        ),
        None => Text::new(
            format!(
                "媒体「{subject}」は{ja_when}にマウントされ、ウイルススキャンの記録がないまま使われました。"
            ),
            format!("Medium {subject} was mounted at {en_when} and used with no record of a virus scan."),
        ),
    };
    let mut proofs = proofs(scan);
    proofs.extend(row);
    Finding {
        subject,
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs,
        occurred_at: Some(scan.since),
    }
}

fn proofs(scan: &UseScan) -> Vec<Proof> {
    let source = scan.scan.source.clone().unwrap_or_default();
    let at = scan.scan.at.map_or_else(|| "none".to_owned(), |at| at.to_string());
    let mut proofs = vec![
        Proof::observed("media", "scan.since", scan.since.to_string(), scan.observed_at),
        Proof::observed("media", "scan.at", at, scan.observed_at).read_in(source.clone()),
    ];
    if let Some(files) = scan.scan.files.filter(|files| *files > 0) {
        proofs.push(
            Proof::observed("media", "scan.files", files.to_string(), scan.observed_at).read_in(source),
        );
    }
    proofs
}

fn unknown(evidence: &Evidence<'_>, subject: &str) -> Text {
    let products: Vec<&str> = evidence
        .antivirus()
        .map(|products| products.value.iter().map(|product| product.product.as_str()).collect())
        .unwrap_or_default();
    let (ja_products, en_products) = if products.is_empty() {
        ("ウイルス対策ソフト".to_owned(), "antivirus products".to_owned())
    } else {
        (products.join("、"), products.join(", "))
    };
    Text::new(
        format!(
            "媒体「{subject}」が使用前にスキャンされたかどうか、{ja_products}の記録からはわかりません（ClamAVでは設定のLogFile、LogTime、LogCleanが必要です）。"
        ),
        format!(
            "Whether medium {subject} was scanned before its use cannot be told from the records of {en_products} (of ClamAV, LogFile, LogTime and LogClean have to be set)."
        ),
    )
}

/// The row of the ledger that says of this very medium that it needs no scan, unless another says that it does.
fn scan_not_required<'a>(evidence: &Evidence<'a>, sighting: &Sighting) -> Option<&'a ApprovedMedium> {
    let fits = |row: &&ApprovedMedium| {
        identity(row, &sighting.medium) == Identity::Same && row.device.covers(evidence.device)
    };
    let mut rows = evidence.ledger.media.iter().filter(fits);
    let first = rows.next()?;
    (first.scan_required == Some(false) && rows.all(|row| row.scan_required == Some(false))).then_some(first)
}

#[cfg(test)]
mod tests;
