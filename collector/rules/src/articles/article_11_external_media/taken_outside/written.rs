//! Was a permitted medium written by a machine that is not ours? Its filesystem counts what was written in its life: more
//! before a use than there was after the use before it, somebody else wrote.

use jiff::Timestamp;

use super::{RULE, UNSEEN_DAYS_MAX};
use crate::articles::words;
use crate::evidence::Evidence;
use crate::linking::Elsewhere;
use crate::record::{Sighting, UseWrites};
use crate::rule::{Assessment, Finding, Proof, Severity, Unknown};
use crate::text::Text;

/// A use that ended, on one of our devices.
struct Before<'a> {
    /// `None`: this one.
    device: Option<&'a str>,
    connected_at: Timestamp,
    writes: Option<&'a UseWrites>,
}

pub(super) fn judge(
    evidence: &Evidence<'_>,
    sighting: &Sighting,
    elsewhere: &[&Elsewhere],
    assessment: &mut Assessment,
) {
    if !sighting.medium.is_distinguishable() {
        return;
    }
    let recent = sighting.writes.iter().rev().filter(|writes| {
        evidence.days_since(writes.attached_at) <= evidence.ledger.setting(&UNSEEN_DAYS_MAX)
    });
    for (place, writes) in recent.enumerate() {
        match compare(evidence, sighting, elsewhere, writes) {
            Ok(None) => {}
            // The newest speaks: an older one stays unknown for good.
            // It names the medium and yet has no subject: what is known of its place is not in doubt with it.
            Err(reason) if place == 0 => assessment.unknowns.push(Unknown { subject: None, reason }),
            Err(_) => {}
            Ok(Some(finding)) => {
                assessment.findings.push(finding);
                return;
            }
        }
    }
}

fn compare(
    evidence: &Evidence<'_>,
    sighting: &Sighting,
    elsewhere: &[&Elsewhere],
    now: &UseWrites,
) -> Result<Option<Finding>, Text> {
    let subject = sighting.medium.subject();
    let doubt = |ja: String, en: String| {
        Err(Text::new(
            format!("媒体「{subject}」に院外の機器で書き込まれたかどうか、わかりません。{ja}"),
            format!("Whether another machine wrote to medium {subject} cannot be told: {en}"),
        ))
    };
    if sighting.wrong_clock.is_some() || elsewhere.iter().any(|seen| seen.wrong_clock.is_some()) {
        return doubt(
            "使用された機器の時計が正しくなかったため、使用の順序を確かめられません。".to_owned(),
            "the clock of a device on which it was used was wrong, so the order of its uses is not known."
                .to_owned(),
        );
    }
    let Some(before) = before(sighting, elsewhere, now.attached_at) else {
        return doubt(
            "以前の使用の記録がありません。".to_owned(),
            "no earlier use of it is known.".to_owned(),
        );
    };
    let (ja_device, en_device) = match before.device {
        None => ("この機器".to_owned(), "this device".to_owned()),
        Some(device) => (format!("「{device}」"), device.to_owned()),
    };
    let settled = before.writes.filter(|writes| writes.observed_at < now.attached_at);
    let settled = settled.and_then(|writes| Some((writes, writes.settled_kib?)));
    let Some((then, settled_kib)) = settled else {
        return doubt(
            format!(
                "その前の{ja_device}での使用（{}から）で、取り外すまでの書き込み量が確認できていません。",
                words::moment_ja(before.connected_at)
            ),
            format!(
                "on {en_device}, where it was used before (from {}), what was written until it was removed is not known.",
                words::moment_en(before.connected_at)
            ),
        );
    };
    if then.filesystem_uuid.is_none() || then.filesystem_uuid != now.filesystem_uuid {
        return doubt(
            "初期化され、書き込み量の記録が変わっています。".to_owned(),
            "it was formatted anew.".to_owned(),
        );
    }
    if now.before_kib <= settled_kib {
        return Ok(None);
    }
    let mut quiet = evidence.surroundings.quiet.iter().filter(|quiet| quiet.medium == subject);
    if let Some(quiet) = quiet.find(|quiet| quiet.last_heard.is_none_or(|heard| heard < now.attached_at)) {
        return doubt(
            format!("この媒体を使える「{}」からの報告が届いていません。", quiet.device),
            format!("nothing was heard since from {}, on which it may be used.", quiet.device),
        );
    }
    let more = now.before_kib.saturating_sub(settled_kib);
    let (then_ja, now_ja) = (words::moment_ja(then.observed_at), words::moment_ja(now.attached_at));
    let (then_en, now_en) = (words::moment_en(then.observed_at), words::moment_en(now.attached_at));
    Ok(Some(Finding {
        summary: Text::new(
            format!(
                "媒体「{subject}」は、{then_ja}に{ja_device}で取り外してから{now_ja}にこの機器に接続するまでの間に、当院の機器以外で{more} KiB以上書き込まれています。院外に持ち出されたおそれがあります。"
            ),
            format!(
                "Between its removal from {en_device} at {then_en} and its connection here at {now_en}, at least {more} KiB were written to medium {subject} by a machine that is not ours. It may have been taken outside."
            ),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: Severity::High,
        proofs: vec![
            Proof::observed("media", "settled_kib", format!("{settled_kib} ({en_device})"), then.observed_at),
            Proof::observed("media", "written_kib", now.before_kib.to_string(), now.observed_at),
        ],
        occurred_at: None,
        subject,
    }))
}

/// The newest use that any of our devices saw before this one.
fn before<'a>(sighting: &'a Sighting, elsewhere: &[&'a Elsewhere], at: Timestamp) -> Option<Before<'a>> {
    let own = (None, &sighting.connections, &sighting.writes);
    let others = elsewhere.iter().map(|seen| (Some(seen.device.as_str()), &seen.connections, &seen.writes));
    let uses = std::iter::once(own).chain(others).flat_map(|(device, connections, writes)| {
        let earlier = connections.iter().filter(move |connected_at| **connected_at < at);
        earlier.map(move |connected_at| Before {
            device,
            connected_at: *connected_at,
            writes: writes.iter().find(|writes| writes.attached_at == *connected_at),
        })
    });
    uses.max_by_key(|before| before.connected_at)
}
