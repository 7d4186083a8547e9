//! A program is on the machine that the ledger does not approve.

use daicho_proto::facts::Software;
use jiff::Timestamp;

use super::approval;
use crate::catalogue;
use crate::evidence::Evidence;
use crate::ledger::ApprovedProgram;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "13.unneeded_software",
    article: 13,
    summary: (
        "台帳で承認されていないソフトウェアがあります。",
        "A program is installed that the ledger does not approve.",
    ),
    remedy: (
        "所属長と医療情報システム安全管理責任者に相談し、不要なら削除し、必要なら台帳に登録してください。",
        "Ask the head of department and the officer. Remove the program, or approve it in the ledger.",
    ),
    severity: Severity::Low,
    kind: Kind::Standing,
    settings: &[],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let software = evidence.software()?;
    let mut assessment = Assessment::satisfied();
    for program in software.value {
        match approval::row(evidence, &evidence.ledger.software, &program.name) {
            Some((_, true)) => assessment.clear(&program.name),
            None if catalogue::risky_software(&program.name).is_none()
                && catalogue::is_stock_software(program) =>
            {
                assessment.clear(&program.name);
            }
            draft => {
                let draft = draft.map(|(row, _)| row);
                assessment.findings.push(finding(program, draft, software.observed_at));
            }
        }
    }
    Ok(software.finish(assessment))
}

fn finding(program: &Software, draft: Option<&ApprovedProgram>, observed_at: Timestamp) -> Finding {
    let name = &program.name;
    let risky = catalogue::risky_software(name);
    let version = program.version.as_deref().map_or_else(String::new, |version| format!(" {version}"));
    let (ja_why, en_why) = match (risky, draft) {
        (Some(risky), _) => (
            format!("これは{}で、危険とされています。", risky.why.0),
            format!("It is risky: {}.", risky.why.1),
        ),
        (None, Some(row)) => (
            format!("台帳の案（{}）にはまだ承認者がいません。", row.row),
            format!("The ledger's draft ({}) names nobody who approved it yet.", row.row),
        ),
        (None, None) => ("台帳に承認がありません。".to_owned(), "The ledger does not approve it.".to_owned()),
    };
    let told = [
        ("name", Some(name)),
        ("version", program.version.as_ref()),
        ("publisher", program.publisher.as_ref()),
        ("installed_on", program.installed_on.as_ref()),
        ("source", program.source.as_ref()),
        ("user", program.user.as_ref()),
    ];
    let mut proofs: Vec<Proof> = told
        .into_iter()
        .filter_map(|(field, value)| Some(Proof::observed("software", field, value?.as_str(), observed_at)))
        .collect();
    proofs.extend(draft.map(|row| Proof::ledger("approved_by", "", &row.row)));
    Finding {
        subject: name.clone(),
        summary: Text::new(
            format!("ソフトウェア「{name}{version}」が入っています。{ja_why}"),
            format!("The program {name}{version} is installed. {en_why}"),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: risky.map_or(RULE.severity, |risky| risky.severity),
        proofs,
        occurred_at: None,
    }
}
