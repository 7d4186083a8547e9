//! A permitted medium of this device has not been seen for so long that it may have left the hospital.
//!
//! No machine sees a medium leave. What can be told: a medium that the ledger allows on this device alone was used here,
//! and has been away for longer than the hospital allows. Everything else stays with the people who keep the media.

use crate::evidence::Evidence;
use crate::ledger::{ApprovedMedium, Scope};
use crate::record::Sighting;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

use super::super::words;
use super::approval::{Identity, identity};

static UNSEEN_DAYS_MAX: Setting = Setting {
    key: "11.unseen_days_max",
    default: 30,
    range: (1, 3650),
    meaning: (
        "一つの機器だけで使う外部記録媒体が、そこに現れないままでよい日数",
        "Days for which a medium that is for one device alone may go unseen there",
    ),
};

pub(in crate::articles) static RULE: Rule = Rule {
    id: "11.taken_outside",
    article: 11,
    summary: (
        "外部記録媒体が院外に持ち出されたおそれがあります。",
        "An external medium may have been taken outside of the hospital.",
    ),
    remedy: (
        "媒体の所在を確かめてください。院外にあれば持ち出しをやめさせ、使わなくなった媒体なら台帳から外してください。",
        "Find out where the medium is. Stop its being taken outside, or take it out of the ledger if it is used no more.",
    ),
    severity: Severity::Medium,
    kind: Kind::Standing,
    settings: &[UNSEEN_DAYS_MAX],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let media = evidence.media()?;
    let sightings = evidence.record.map_or(&[][..], |record| &record.sightings);
    let rows = || evidence.ledger.media.iter().filter(|row| row.device.covers(evidence.device));
    if sightings.is_empty() && rows().next().is_none() {
        return Ok(media.finish(Assessment::satisfied()));
    }
    let mut assessment = Assessment::undetermined(Text::new(
        "媒体が院外に持ち出されたかどうかは、機器からはわかりません。現物を確かめてください。",
        "Whether media were taken outside of the hospital cannot be seen on a machine. Check the media themselves.",
    ));
    for sighting in sightings {
        let row = rows().find(|row| {
            matches!(row.device, Scope::Device(_)) && identity(row, &sighting.medium) == Identity::Same
        });
        let Some(row) = row else { continue };
        let days = if sighting.present { 0 } else { evidence.days_since(sighting.last_at) };
        if days > evidence.ledger.setting(&UNSEEN_DAYS_MAX) {
            assessment.findings.push(finding(sighting, row, days));
        } else {
            // It was here since: what was feared of it is over.
            assessment.clear(sighting.medium.subject());
        }
    }
    Ok(assessment)
}

fn finding(sighting: &Sighting, row: &ApprovedMedium, days: i64) -> Finding {
    let (subject, id) = (sighting.medium.subject(), &row.media_id);
    let last = words::day(sighting.last_at);
    Finding {
        summary: Text::new(
            format!(
                "この機器だけで使う媒体「{subject}」（台帳の{id}）が、{}から{days}日間、接続されていません。院外に持ち出されたおそれがあります。",
                words::ja(last)
            ),
            format!(
                "Medium {subject} (row {id} of the ledger), which is for this device alone, has not been seen for {days} days, since {last}. It may have been taken outside."
            ),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs: vec![
            Proof::observed("media", "last_seen", sighting.last_at.to_string(), sighting.last_at),
            Proof::ledger("media_id", id, &row.row),
        ],
        occurred_at: None,
        subject,
    }
}
