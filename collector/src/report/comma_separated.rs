//! A report as one list for a spreadsheet: a line for each rule of each device, with what was open under it.

use daicho_rules::text::Language;

use super::{Report, words};
use crate::cli::output::Table;

/// The list. A rule under which several things were open has a line for each.
pub fn table(report: &Report, language: Language) -> Table {
    let say = |ja, en| words::say(language, ja, en);
    let headings = [
        say("条", "article"),
        say("機器", "device"),
        say("状態（台帳）", "status in the ledger"),
        say("部署", "department"),
        say("設置場所", "location"),
        say("規則", "rule"),
        say("判定", "verdict"),
        say("対象", "subject"),
        say("対応", "state"),
        say("内容", "what"),
        say("発生（日本時間）", "since (Japan time)"),
        say("理由", "reason"),
        say("根拠", "evidence"),
    ];
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    for device in &report.devices {
        for rule in &device.rules {
            let article = article_of(&rule.rule);
            let common = [
                article.to_string(),
                device.device.clone(),
                words::status(language, device.status.as_deref()),
                device.department.clone().unwrap_or_default(),
                device.location.clone().unwrap_or_default(),
                rule.rule.clone(),
                words::standard(language, rule.state),
            ];
            let reasons: Vec<&str> = rule.reasons.iter().map(|text| text.in_language(language)).collect();
            let mut found = false;
            for open in report.standing.iter().filter(|o| o.device == device.device && o.rule == rule.rule) {
                found = true;
                let word = open.word.as_ref().map(|(by, why)| format!("{by}: {why}")).unwrap_or_default();
                let mut row = common.to_vec();
                row.extend([
                    open.subject.clone(),
                    words::state(language, open.state),
                    open.summary.in_language(language).to_owned(),
                    words::time(open.opened_at),
                    word,
                    evidence(&open.evidence),
                ]);
                table.row(row);
            }
            if !found || !reasons.is_empty() {
                let mut row = common.to_vec();
                row.extend([
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                    reasons.join(" / "),
                    String::new(),
                ]);
                table.row(row);
            }
        }
    }
    table
}

/// Evidence in one cell: what was seen where and when.
pub fn evidence(proofs: &[daicho_rules::rule::Proof]) -> String {
    let lines: Vec<String> = proofs
        .iter()
        .map(|proof| {
            let mut line = format!("{}.{} = {}", proof.fact, proof.field, proof.value);
            let source = proof.ledger_row.as_ref().or(proof.source.as_ref());
            if let Some(source) = source {
                line.push_str(&format!(" [{source}]"));
            }
            if let Some(at) = proof.observed_at {
                line.push_str(&format!(" ({})", words::time(at)));
            }
            line
        })
        .collect();
    lines.join("; ")
}

/// The article in a rule's id: `08.retired_staff` is of Article 8.
pub fn article_of(rule: &str) -> u8 {
    rule.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
