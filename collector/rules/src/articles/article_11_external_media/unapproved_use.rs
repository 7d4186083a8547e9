//! A medium was used that the ledger does not approve, on this device, on that day.

use daicho_proto::facts::MediumKind;
use jiff::{Timestamp, ToSpan};

use super::approval::{Identity, Refusal, blur, identity, refusal};
use crate::articles::words;
use crate::evidence::Evidence;
use crate::ledger::ApprovedMedium;
use crate::record::Sighting;
use crate::rule::{Assessment, Cleared, Finding, Kind, Proof, Rule, Severity, Unknown};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "11.unapproved_use",
    article: 11,
    summary: (
        "承認のない外部記録媒体や情報機器が接続されました。",
        "An external medium or device was used without approval.",
    ),
    remedy: (
        "使った人と目的を確かめ、承認するなら台帳に登録し、しないなら使用をやめさせて、理由を書いて終了してください。",
        "Find out who used it and what for. Approve it in the ledger, or stop its use, and close this with a reason.",
    ),
    severity: Severity::High,
    kind: Kind::Incident,
    settings: &[],
    assess,
};

/// Days for which a loss of observations, or a record that does not tell what was connected, makes it unknown whether a
/// medium was used: what is older was looked at by a person, or never will be.
const GAP_DAYS: i64 = 30;

fn is_recent(evidence: &Evidence<'_>, at: Timestamp) -> bool {
    evidence.now.duration_since(at) < jiff::SignedDuration::from_hours(24 * GAP_DAYS)
}

fn assess(evidence: &Evidence<'_>) -> Assessment {
    let mut assessment = Assessment::satisfied();
    let sightings = evidence.record.map_or(&[][..], |record| &record.sightings);
    for sighting in sightings {
        judge(evidence, sighting, &mut assessment);
    }
    let gaps = evidence.record.map_or(&[][..], |record| &record.gaps);
    if let Some(gap) = gaps.iter().rev().find(|gap| is_recent(evidence, gap.until)) {
        let (from, to) = (words::day(gap.since), words::day(gap.until));
        assessment.unknowns.push(Unknown {
            subject: None,
            reason: Text::new(
                format!(
                    "{}から{}までの記録{}が失われ（{}）、その間の使用がわかりません。",
                    words::ja(from),
                    words::ja(to),
                    gap.count().ja,
                    gap.why().ja
                ),
                format!(
                    "{} observations between {from} and {to} were lost ({}); what was used then is not known.",
                    gap.count().en,
                    gap.why().en
                ),
            ),
        });
    }
    if let Some(trouble) = evidence.record.and_then(|record| record.spool_trouble) {
        assessment.unknowns.push(Unknown { subject: None, reason: trouble.text() });
    }
    match evidence.media() {
        Ok(media) => media.finish(assessment),
        Err(reason) => {
            assessment.unknowns.push(Unknown { subject: None, reason });
            assessment
        }
    }
}

fn judge(evidence: &Evidence<'_>, sighting: &Sighting, assessment: &mut Assessment) {
    let medium = &sighting.medium;
    let rows: Vec<(&ApprovedMedium, Identity)> =
        evidence.ledger.media.iter().map(|row| (row, identity(row, medium))).collect();
    let mut uses = sighting.connections.clone();
    if uses.is_empty() {
        uses.push(sighting.attached_at);
    }
    let mut allowing: Vec<(&ApprovedMedium, Identity)> = Vec::new();
    let mut unapproved = None;
    for at in &uses {
        let day = words::day(*at);
        let allows = |(row, identity): &&(&ApprovedMedium, Identity)| {
            matches!(identity, Identity::Same | Identity::Indistinguishable)
                && refusal(evidence, row, day).is_none()
        };
        // A row that names the very stick speaks before one that names its model.
        let exact = rows.iter().filter(|row| row.1 == Identity::Same).find(allows);
        match exact.or_else(|| rows.iter().find(allows)) {
            Some(row) => allowing.push(*row),
            None => unapproved = Some(*at),
        }
    }
    let subject = medium.subject();
    if let Some(at) = unapproved {
        if medium.kind == MediumKind::Other && sighting.is_from_records(at) {
            if is_recent(evidence, at) {
                assessment.doubt(subject.clone(), nameless(&subject, at));
            }
        } else {
            assessment.findings.push(finding(evidence, sighting, at, &rows));
        }
    } else if let Some((row, _)) = allowing.iter().find(|row| row.1 == Identity::Indistinguishable) {
        let id = &row.media_id;
        let (ja_blur, en_blur) = blur(medium).unwrap_or_default();
        assessment.doubt(
            subject.clone(),
            Text::new(
                format!("媒体「{subject}」は{ja_blur}、承認した{id}と同じものか見分けられません。"),
                format!("Whether medium {subject} is the approved {id} cannot be told: {en_blur}."),
            ),
        );
    } else {
        let proofs = allowing.last().map(|(row, _)| Proof::ledger("media_id", &row.media_id, &row.row));
        let since = uses.first().copied();
        assessment.cleared.push(Cleared { subject, since, proofs: proofs.into_iter().collect() });
    }
}

/// The kernel's messages name a device and not always what it is: a headset leaves no more than a phone does.
fn nameless(subject: &str, at: Timestamp) -> Text {
    Text::new(
        format!(
            "{}に「{subject}」が接続されましたが、機器に残った記録からは、外部記録媒体かどうかわかりません。",
            words::moment_ja(at)
        ),
        format!(
            "{subject} was connected at {}; the machine's records do not tell whether it is an external medium.",
            words::moment_en(at)
        ),
    )
}

fn finding(
    evidence: &Evidence<'_>,
    sighting: &Sighting,
    at: Timestamp,
    rows: &[(&ApprovedMedium, Identity)],
) -> Finding {
    let medium = &sighting.medium;
    let subject = medium.subject();
    let told = [&medium.manufacturer, &medium.product];
    let product: Vec<&str> =
        told.into_iter().flatten().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    let product = if product.is_empty() { String::new() } else { format!(" {}", product.join(" ")) };
    let (ja_kind, en_kind, severity) = kind(medium.kind);
    let (ja_why, en_why, row) = why(evidence, rows, at);
    let found_afterwards = sighting.is_from_records(at);
    let (ja_blur, en_blur) = match blur(medium) {
        Some((ja, en)) => (
            format!("{ja}、同じ型番のほかのものと見分けられません。"),
            format!(" It cannot be told from another one of its model: {en}."),
        ),
        None => Default::default(),
    };
    let (ja_after, en_after) = if found_afterwards {
        ("（機器に残った記録から後で判明）", " (found afterwards in the machine's records)")
    } else {
        ("", "")
    };
    let mut proofs = vec![
        Proof::observed("media", "vendor_id:product_id:serial", subject.clone(), sighting.last_at)
            .read_in(if found_afterwards { "record" } else { "present" }),
        Proof::observed("media", "attached_at", at.to_string(), sighting.last_at),
    ];
    proofs.extend(row.map(|row| Proof::ledger("media_id", &row.media_id, &row.row)));
    Finding {
        summary: Text::new(
            format!(
                "{}に{ja_kind}「{subject}」{product}が接続されました{ja_after}。{ja_why}{ja_blur}",
                words::moment_ja(at)
            ),
            format!(
                "{en_kind} {subject}{product} was connected at {}{en_after}. {en_why}{en_blur}",
                words::moment_en(at)
            ),
        ),
        subject,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity,
        proofs,
        occurred_at: Some(at),
    }
}

/// The reason, as near to the ledger as it can be: the row that almost fits.
fn why<'a>(
    evidence: &Evidence<'_>,
    rows: &[(&'a ApprovedMedium, Identity)],
    at: Timestamp,
) -> (String, String, Option<&'a ApprovedMedium>) {
    let day = words::day(at);
    let fitting = rows.iter().filter(|row| matches!(row.1, Identity::Same | Identity::Indistinguishable));
    let refused = fitting.filter_map(|(row, _)| Some((*row, refusal(evidence, row, day)?)));
    // The later in the list of refusals, the nearer to an approval.
    if let Some((row, refusal)) = refused.max_by_key(|(_, refusal)| *refusal as u8) {
        let id = &row.media_id;
        let (ja, en) = match refusal {
            Refusal::OutsideOfPeriod => period(row, day),
            Refusal::NotApproved => (
                format!("台帳の{id}には承認者が書かれていません。"),
                format!("Row {id} of the ledger names nobody who approved it."),
            ),
            Refusal::OtherDevice => (
                format!("台帳の{id}は、この機器での使用を承認していません（承認は{}）。", row.device),
                format!("Row {id} of the ledger approves it for {}, not for this device.", row.device),
            ),
        };
        return (ja, en, Some(row));
    }
    if let Some((row, _)) = rows.iter().find(|row| row.1 == Identity::SerialMissing) {
        let id = &row.media_id;
        return (
            format!(
                "台帳の{id}は同じ型番ですが、シリアル番号が書かれていないため、この媒体の承認とみなせません。"
            ),
            format!(
                "Row {id} of the ledger is of the same model and names no serial number, so it does not approve this one."
            ),
            Some(row),
        );
    }
    ("台帳に承認がありません。".to_owned(), "The ledger does not approve it.".to_owned(), None)
}

fn period(row: &ApprovedMedium, day: jiff::civil::Date) -> (String, String) {
    let id = &row.media_id;
    match (row.approved_from, row.approved_until) {
        (Some(first_day), _) if day < first_day => (
            format!("台帳の{id}の承認は{}からです。", words::ja(first_day)),
            format!("Row {id} of the ledger approves it from {first_day} on."),
        ),
        (_, last_day) => {
            let last_day = last_day.unwrap_or_else(|| day.saturating_sub(1.days()));
            (
                format!("台帳の{id}の承認は{}までです。", words::ja(last_day)),
                format!("Row {id} of the ledger approved it until {last_day}."),
            )
        }
    }
}

fn kind(kind: MediumKind) -> (&'static str, &'static str, Severity) {
    match kind {
        MediumKind::Storage => ("外部記録媒体", "Storage medium", Severity::High),
        MediumKind::Phone => ("スマートフォンなどの携帯端末", "Phone", Severity::High),
        MediumKind::Network => ("ネットワーク機器（USB）", "USB network device", Severity::High),
        MediumKind::Optical => ("光学ドライブ", "Optical drive", Severity::Medium),
        MediumKind::Other => ("情報機器", "Device", Severity::Medium),
    }
}
