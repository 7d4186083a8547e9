//! A permitted medium was not seen for so long that it may have left the hospital, was seen where it may not be, or was
//! written by a machine that is not ours.
//!
//! No machine sees a medium leave. Of a medium that several devices saw, the one that saw it last tells. Everything else
//! stays with the people who keep the media.

use jiff::Timestamp;

use crate::evidence::Evidence;
use crate::ledger::{ApprovedMedium, Scope};
use crate::linking::Elsewhere;
use crate::record::Sighting;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

use super::super::words;
use super::approval::{Identity, identity};

mod clock;
mod written;

static UNSEEN_DAYS_MAX: Setting = Setting {
    key: "11.unseen_days_max",
    default: 30,
    range: (1, 3650),
    meaning: (
        "使用を認めた外部記録媒体が、どの機器にも現れないままでよい日数",
        "Days for which a permitted medium may go unseen on every device",
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
        "媒体が院外に持ち出されたかどうかは、機器だけではわかりません（FAT、exFAT、NTFSの媒体は、ほかで書き込まれても記録が残りません）。現物を確かめてください。",
        "Whether media were taken outside of the hospital cannot be told by machines alone (FAT, exFAT and NTFS keep no count of what others wrote). Check the media themselves.",
    ));
    for sighting in sightings {
        judge(evidence, sighting, &mut assessment);
    }
    Ok(assessment)
}

fn judge(evidence: &Evidence<'_>, sighting: &Sighting, assessment: &mut Assessment) {
    let subject = sighting.medium.subject();
    let same = |row: &&ApprovedMedium| identity(row, &sighting.medium) == Identity::Same;
    let rows: Vec<&ApprovedMedium> = evidence.ledger.media.iter().filter(same).collect();
    let Some(first) = rows.first() else { return };
    let around = evidence.surroundings.media.iter();
    let elsewhere: Vec<&Elsewhere> = around.filter(|seen| seen.medium == subject).collect();
    let seen_later =
        elsewhere.iter().any(|seen| !sighting.present && (seen.present || seen.last_at > sighting.last_at));
    let here = rows.iter().find(|row| row.device.covers(evidence.device));
    let before = assessment.findings.len();
    if !seen_later {
        let days = |at| if sighting.present { 0 } else { evidence.days_since(at) };
        let days_max = evidence.ledger.setting(&UNSEEN_DAYS_MAX);
        // It did not happen after the collector heard of it, whatever the machine's clock says.
        let heard_at = sighting.wrong_clock.map_or(sighting.last_at, |clock| clock.received_at);
        match here {
            None => {
                if let Some(reason) = clock::order(sighting, &elsewhere) {
                    return assessment.doubt(subject, reason);
                }
                assessment.findings.push(off_its_list(sighting, first));
            }
            // One that may be used on several devices may be on another one, where nobody asked.
            Some(row) if !evidence.surroundings.asked && !matches!(row.device, Scope::Device(_)) => {}
            Some(row) if days(sighting.last_at) > days_max || days(heard_at) > days_max => {
                let doubt = (days(heard_at) <= days_max).then(|| clock::distance(sighting)).flatten();
                if let Some(reason) = doubt.or_else(|| clock::order(sighting, &elsewhere)) {
                    return assessment.doubt(subject, reason);
                }
                assessment.findings.push(unseen(sighting, row, heard_at, days(heard_at)));
            }
            Some(_) => {}
        }
    }
    written::judge(evidence, sighting, &elsewhere, assessment);
    if before == assessment.findings.len() {
        // It was seen since, where it may be: what was feared of it is over.
        assessment.clear(subject);
    }
}

/// A medium that the ledger permits elsewhere was seen here, and nowhere since.
fn off_its_list(sighting: &Sighting, row: &ApprovedMedium) -> Finding {
    let (subject, id, scope) = (sighting.medium.subject(), &row.media_id, &row.device);
    Finding {
        summary: Text::new(
            format!(
                "台帳の{id}（使用できるのは{scope}）の媒体「{subject}」が、{}にこの機器で確認されました。決められた場所から持ち出されています。",
                words::moment_ja(sighting.last_at)
            ),
            format!(
                "Medium {subject} (row {id} of the ledger, for {scope} alone) was seen on this device at {}. It was taken away from where it may be used.",
                words::moment_en(sighting.last_at)
            ),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs: proofs(sighting, row),
        occurred_at: None,
        subject,
    }
}

fn proofs(sighting: &Sighting, row: &ApprovedMedium) -> Vec<Proof> {
    vec![
        Proof::observed("media", "last_seen", sighting.last_at.to_string(), sighting.last_at),
        Proof::ledger("media_id", &row.media_id, &row.row),
    ]
}

fn unseen(sighting: &Sighting, row: &ApprovedMedium, last_at: Timestamp, days: i64) -> Finding {
    let (subject, id) = (sighting.medium.subject(), &row.media_id);
    let last = words::day(last_at);
    Finding {
        summary: Text::new(
            format!(
                "台帳の{id}の媒体「{subject}」が、{}にこの機器で確認されたのを最後に、{days}日間どの機器でも確認されていません。院外に持ち出されたおそれがあります。",
                words::ja(last)
            ),
            format!(
                "Medium {subject} (row {id} of the ledger) was last seen on this device on {last}, and on no device for {days} days. It may have been taken outside."
            ),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs: proofs(sighting, row),
        occurred_at: None,
        subject,
    }
}
