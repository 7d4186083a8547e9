//! An antivirus product does not run, or its patterns are old.

use daicho_proto::facts::Antivirus;
use jiff::{Timestamp, ToSpan};

use crate::articles::words;
use crate::evidence::Evidence;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "09.stale_patterns",
    article: 9,
    summary: (
        "ウイルス対策ソフトが止まっているか、パターンファイルが古くなっています。",
        "An antivirus product does not run, or its patterns are old.",
    ),
    remedy: (
        "ウイルス対策ソフトを動かし、パターンファイルを更新してください。",
        "Start the antivirus product and update its patterns.",
    ),
    severity: Severity::High,
    kind: Kind::Standing,
    settings: &[PATTERN_AGE],
    assess,
};

const PATTERN_AGE: Setting = Setting {
    key: "09.pattern_age_days_max",
    default: 14,
    range: (0, 3650),
    meaning: (
        "パターンファイルが古くてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that antivirus patterns may be old",
    ),
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let products = evidence.antivirus()?;
    if products.value.is_empty() {
        return Err(Text::new(
            "エージェントが読み取れるウイルス対策ソフトが見つかりません。",
            "No antivirus product was found that the agent can read.",
        ));
    }
    let mut assessment = Assessment::satisfied();
    let watched = products.value.iter().any(|product| product.running == Some(true));
    for product in products.value {
        // Where one product watches, another that is switched off is no breach: Windows switches its own off itself.
        if product.running == Some(false) && watched {
            assessment.clear(&product.product);
            continue;
        }
        // Windows switches its own product off for another, which may be there unseen, or run unseen.
        let unseen = !products.is_complete() || products.value.iter().any(|other| other.running.is_none());
        if product.running == Some(false) && product.product == OF_WINDOWS && unseen {
            assessment.doubt(
                OF_WINDOWS,
                Text::new(
                    "Microsoft Defenderは動いていませんが、代わりの製品が動いているかどうか、わかりません。",
                    "Microsoft Defender does not run, and whether another product does in its place is not known.",
                ),
            );
            continue;
        }
        judge(evidence, product, products.observed_at, &mut assessment);
    }
    Ok(products.finish(assessment))
}

/// The product that comes with Windows.
const OF_WINDOWS: &str = "Microsoft Defender";

fn judge(evidence: &Evidence<'_>, product: &Antivirus, observed_at: Timestamp, assessment: &mut Assessment) {
    let name = &product.product;
    let (age_max, decided) = evidence.limit(&PATTERN_AGE);
    let old = product.patterns_at.filter(|built| evidence.days_since(*built) > age_max);
    let mut proofs = vec![Proof::observed("antivirus", "running", words::flag(product.running), observed_at)];
    let (mut ja, mut en) = (String::new(), String::new());
    if product.running == Some(false) {
        ja.push_str(&format!("ウイルス対策ソフト「{name}」が動いていません。"));
        en.push_str(&format!("The antivirus product {name} does not run."));
    }
    if let Some(built) = old {
        let (day, due) = (words::day(built), words::day(built).saturating_add(age_max.days()));
        let (ja_day, ja_due) = (words::ja(day), words::ja(due));
        ja.push_str(&format!(
            "「{name}」のパターンファイルは{ja_day}のもので、期限の{ja_due}を過ぎました（{age_max}日以内）。"
        ));
        let space = if en.is_empty() { "" } else { " " };
        en.push_str(&format!(
            "{space}The patterns of {name} are of {day}; they were good until {due} ({age_max} days)."
        ));
        proofs
            .push(Proof::observed("antivirus", "patterns_at", built.to_string(), observed_at).read_in(name));
        proofs.extend(decided);
    }
    if product.patterns_current == Some(false) && old.is_none() {
        let space = if en.is_empty() { "" } else { " " };
        ja.push_str(&format!("「{name}」は、自らのパターンファイルが古いと報告しています。"));
        en.push_str(&format!("{space}{name} itself reports that its patterns are out of date."));
        proofs.push(Proof::observed("antivirus", "patterns_current", "false", observed_at).read_in(name));
    }
    if !ja.is_empty() {
        assessment.findings.push(Finding {
            subject: name.clone(),
            summary: Text::new(ja, en),
            remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
            severity: RULE.severity,
            proofs,
            occurred_at: None,
        });
    } else if product.patterns_at.is_none() {
        assessment.doubt(
            name,
            Text::new(
                format!("「{name}」のパターンファイルの日付がわかりません。"),
                format!("The date of the patterns of {name} is not known."),
            ),
        );
    } else if product.running.is_none() {
        assessment.doubt(
            name,
            Text::new(
                format!("「{name}」が動いているかどうか、わかりません。"),
                format!("It is not known whether {name} runs."),
            ),
        );
    } else {
        assessment.clear(name);
    }
}
