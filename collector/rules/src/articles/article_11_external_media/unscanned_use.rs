//! An approved medium was used and nothing shows that it was scanned before.

use daicho_proto::facts::MediumKind;

use super::approval::{Identity, identity};
use crate::evidence::Evidence;
use crate::rule::{Assessment, Kind, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "11.unscanned_use",
    article: 11,
    summary: (
        "外部記録媒体がウイルススキャンなしで使われました。",
        "An external medium was used without being scanned.",
    ),
    remedy: (
        "使用前のウイルススキャンの記録を確かめ、なければスキャンしてください。",
        "Look for the record of the scan before its use, and scan it if there is none.",
    ),
    severity: Severity::Medium,
    kind: Kind::Incident,
    settings: &[],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let media = evidence.media()?;
    let mut assessment = Assessment::satisfied();
    let products: Vec<&str> = evidence
        .antivirus()
        .map(|products| products.value.iter().map(|product| product.product.as_str()).collect())
        .unwrap_or_default();
    let (ja_products, en_products) = if products.is_empty() {
        ("ウイルス対策ソフト".to_owned(), "antivirus products".to_owned())
    } else {
        (products.join("、"), products.join(", "))
    };
    for sighting in evidence.record.map_or(&[][..], |record| &record.sightings) {
        // A network card holds no files.
        if sighting.medium.kind == MediumKind::Network || !scan_is_required(evidence, &sighting.medium) {
            continue;
        }
        let subject = sighting.medium.subject();
        assessment.doubt(
            subject.clone(),
            Text::new(
                format!("媒体「{subject}」が使用前にスキャンされたかどうか、{ja_products}の記録からはわかりません。"),
                format!("Whether medium {subject} was scanned before its use cannot be told from the records of {en_products}."),
            ),
        );
    }
    Ok(media.finish(assessment))
}

/// Unless the ledger says of this very medium that it needs no scan.
fn scan_is_required(evidence: &Evidence<'_>, medium: &daicho_proto::facts::Medium) -> bool {
    let rows = evidence
        .ledger
        .media
        .iter()
        .filter(|row| identity(row, medium) == Identity::Same && row.device.covers(evidence.device));
    let mut rows = rows.peekable();
    rows.peek().is_none() || rows.any(|row| row.scan_required != Some(false))
}
