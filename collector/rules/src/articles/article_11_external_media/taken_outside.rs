//! A medium left the hospital. No machine sees that: as long as there are media, only people can tell.

use crate::evidence::Evidence;
use crate::rule::{Assessment, Kind, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "11.taken_outside",
    article: 11,
    summary: (
        "外部記録媒体が院外に持ち出されました。",
        "An external medium was taken outside of the hospital.",
    ),
    remedy: (
        "媒体の所在を確かめ、持ち出しをやめさせてください。",
        "Find out where the medium is, and stop its being taken outside.",
    ),
    severity: Severity::High,
    kind: Kind::Incident,
    settings: &[],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let media = evidence.media()?;
    let used = evidence.record.is_some_and(|record| !record.sightings.is_empty());
    let approved = evidence.ledger.media.iter().any(|row| row.device.covers(evidence.device));
    if used || approved {
        return Err(Text::new(
            "媒体が院外に持ち出されたかどうかは、機器からはわかりません。現物を確かめてください。",
            "Whether media were taken outside of the hospital cannot be seen on a machine. Check the media themselves.",
        ));
    }
    Ok(media.finish(Assessment::satisfied()))
}
