//! An account that the ledger does not list, no longer allows, or allows fewer rights.

use daicho_proto::facts::Account;
use jiff::Timestamp;

use super::owner::{is_the_systems_own, rows};
use crate::articles::words;
use crate::evidence::Evidence;
use crate::ledger::ApprovedAccount;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "08.unlisted_account",
    article: 8,
    summary: (
        "台帳にないアカウントが使える状態です。",
        "An account is enabled that the ledger does not list.",
    ),
    remedy: (
        "必要なアカウントなら台帳に登録してください。不要なら無効にするか削除してください。",
        "List the account in the ledger if it is needed; disable or remove it if it is not.",
    ),
    severity: Severity::Medium,
    kind: Kind::Standing,
    settings: &[],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let accounts = evidence.accounts()?;
    let mut assessment = Assessment::satisfied();
    for account in accounts.value {
        match is_judged(account) {
            Some(true) => judge(evidence, account, accounts.observed_at, &mut assessment),
            Some(false) => assessment.clear(&account.name),
            None => {
                let name = &account.name;
                let today = evidence.today();
                let holds = |row: &ApprovedAccount| row.expires_on.is_none_or(|last_day| today <= last_day);
                if !rows(evidence, account).into_iter().any(holds) && !is_the_systems_own(account) {
                    assessment.doubt(
                        name,
                        Text::new(
                            format!("台帳にない、または期限の切れたアカウント「{name}」が使える状態かどうか、わかりません。"),
                            format!("It is not known whether account {name}, which the ledger does not allow now, can be used."),
                        ),
                    );
                }
            }
        }
    }
    Ok(accounts.finish(assessment))
}

/// Enabled, and a person can open a session with it or it administers the machine.
fn is_judged(account: &Account) -> Option<bool> {
    match (account.enabled, account.interactive, account.privileged) {
        (Some(false), _, _) | (_, Some(false), Some(false)) => Some(false),
        (Some(true), Some(true), _) | (Some(true), _, Some(true)) => Some(true),
        _ => None,
    }
}

fn judge(evidence: &Evidence<'_>, account: &Account, observed_at: Timestamp, assessment: &mut Assessment) {
    let name = &account.name;
    let rows = rows(evidence, account);
    let today = evidence.today();
    let holds = |row: &&&ApprovedAccount| row.expires_on.is_none_or(|last_day| today <= last_day);
    let (row, expired) = match (rows.iter().find(holds), rows.first()) {
        (Some(row), _) => (*row, false),
        (None, Some(row)) => (*row, true),
        (None, None) if is_the_systems_own(account) => return assessment.clear(name),
        (None, None) => return assessment.findings.push(unlisted(account, observed_at)),
    };
    if let (true, Some(last_day)) = (expired, row.expires_on) {
        let summary = Text::new(
            format!("アカウント「{name}」の台帳での期限は{}でしたが、有効なままです。", words::ja(last_day)),
            format!("Account {name} was allowed until {last_day} and is still enabled."),
        );
        let mut proofs = seen(account, observed_at);
        proofs.push(Proof::ledger("expires_on", last_day.to_string(), &row.row));
        return assessment.findings.push(finding(account, summary, RULE.severity, proofs));
    }
    match (account.privileged, row.privileged) {
        (Some(true), Some(false)) => {
            let why = account.privilege_sources.join(", ");
            let summary = Text::new(
                format!(
                    "アカウント「{name}」は台帳では管理者権限なしですが、管理者権限を持っています（{why}）。"
                ),
                format!("Account {name} is listed without administrator rights and has them ({why})."),
            );
            let mut proofs = seen(account, observed_at);
            proofs.push(Proof::ledger("privileged", "false", &row.row));
            assessment.findings.push(Finding {
                remedy: Text::new(
                    "管理者権限を外すか、必要であれば台帳の権限を直してください。",
                    "Take the administrator rights away, or correct the ledger if they are needed.",
                ),
                ..finding(account, summary, Severity::High, proofs)
            });
        }
        (None, Some(false)) => assessment.doubt(
            name,
            Text::new(
                format!("アカウント「{name}」が管理者権限を持つかどうか、わかりません。"),
                format!("It is not known whether account {name} has administrator rights."),
            ),
        ),
        (_, _) => assessment.clear(name),
    }
}

fn unlisted(account: &Account, observed_at: Timestamp) -> Finding {
    let name = &account.name;
    let (ja, en, severity) = if account.privileged == Some(true) {
        ("管理者権限を持つ", " with administrator rights", Severity::High)
    } else {
        ("", "", RULE.severity)
    };
    let summary = Text::new(
        format!("{ja}アカウント「{name}」が有効ですが、台帳にありません。"),
        format!("Account {name}{en} is enabled, and the ledger does not list it."),
    );
    finding(account, summary, severity, seen(account, observed_at))
}

fn finding(account: &Account, summary: Text, severity: Severity, proofs: Vec<Proof>) -> Finding {
    Finding {
        subject: account.name.clone(),
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity,
        proofs,
        occurred_at: None,
    }
}

fn seen(account: &Account, observed_at: Timestamp) -> Vec<Proof> {
    let mut proofs = vec![
        Proof::observed("accounts", "enabled", words::flag(account.enabled), observed_at),
        Proof::observed("accounts", "interactive", words::flag(account.interactive), observed_at),
        Proof::observed("accounts", "privileged", words::flag(account.privileged), observed_at),
    ];
    if !account.privilege_sources.is_empty() {
        let sources = account.privilege_sources.join(", ");
        proofs.push(Proof::observed("accounts", "privilege_sources", sources, observed_at));
    }
    proofs
}
