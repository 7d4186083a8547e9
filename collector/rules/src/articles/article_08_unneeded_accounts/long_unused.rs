//! A person's account has not been used for a long time.

use daicho_proto::facts::{Account, LoginState};
use jiff::{Timestamp, ToSpan};

use super::owner::{is_not_a_persons, is_the_systems_own, rows};
use crate::articles::words;
use crate::evidence::Evidence;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "08.long_unused",
    article: 8,
    summary: (
        "長期間使われていないアカウントが有効です。",
        "An account that was not used for a long time is enabled.",
    ),
    remedy: (
        "利用者に確かめ、不要ならアカウントを無効にするか削除してください。",
        "Ask its owner, and disable or remove the account if nobody needs it.",
    ),
    severity: Severity::Medium,
    kind: Kind::Standing,
    settings: &[UNUSED],
    assess,
};

const UNUSED: Setting = Setting {
    key: "08.unused_days_max",
    default: 90,
    range: (1, 3650),
    meaning: (
        "アカウントを使わずにいてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that an account may stay unused",
    ),
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let accounts = evidence.accounts()?;
    let mut assessment = Assessment::satisfied();
    for account in accounts.value {
        match is_judged(evidence, account) {
            Some(true) => judge(evidence, account, accounts.observed_at, &mut assessment),
            Some(false) => assessment.clear(&account.name),
            None => assessment.doubt(
                &account.name,
                Text::new(
                    format!(
                        "アカウント「{}」が有効かどうか、人が使うものかどうか、わかりません。",
                        account.name
                    ),
                    format!("It is not known whether account {} is enabled and a person's.", account.name),
                ),
            ),
        }
    }
    Ok(accounts.finish(assessment))
}

/// Enabled, and a person's: it opens a session or administers the machine, and the ledger names no program as owner.
fn is_judged(evidence: &Evidence<'_>, account: &Account) -> Option<bool> {
    let rows = rows(evidence, account);
    if rows.iter().any(|row| is_not_a_persons(row)) || (rows.is_empty() && is_the_systems_own(account)) {
        return Some(false);
    }
    match (account.enabled, account.interactive, account.privileged) {
        (Some(false), _, _) | (_, Some(false), Some(false)) => Some(false),
        // A program's account that administers: nobody logs in with it.
        (_, Some(false), _) => Some(false),
        (Some(true), Some(true), _) | (Some(true), None, Some(true)) => Some(true),
        (None, _, _) | (Some(true), None, _) => None,
    }
}

fn judge(evidence: &Evidence<'_>, account: &Account, observed_at: Timestamp, assessment: &mut Assessment) {
    let (limit, decided) = evidence.limit(&UNUSED);
    let name = &account.name;
    let unused_since = |at: Timestamp| evidence.days_since(at) > limit;
    let login = &account.last_login;
    match (login.state, login.at) {
        (LoginState::At, Some(at)) if unused_since(at) => {
            let (ja, en) = (words::ja(words::day(at)), words::day(at));
            let due = words::day(at).saturating_add(limit.days());
            let summary = Text::new(
                format!(
                    "アカウント「{name}」は{ja}を最後に使われておらず、期限の{limit}日を{}に過ぎました。",
                    words::ja(due)
                ),
                format!("Account {name} was last used on {en}; its {limit} days ended on {due}."),
            );
            let proof = Proof::observed("accounts", "last_login", at.to_string(), observed_at);
            let proofs = [from(proof, account)].into_iter().chain(decided).collect();
            push(assessment, account, summary, proofs, observed_at);
        }
        (LoginState::At, Some(_)) => assessment.clear(name),
        (LoginState::Never, _) => match account.password.changed_at {
            Some(changed) if unused_since(changed) => {
                let (ja, en) = (words::ja(words::day(changed)), words::day(changed));
                let summary = Text::new(
                    format!(
                        "アカウント「{name}」は{ja}にパスワードが設定されてから一度も使われていません（期限は{limit}日）。"
                    ),
                    format!(
                        "Account {name} was never used since its password was set on {en} ({limit} days are allowed)."
                    ),
                );
                let mut proofs = vec![
                    from(Proof::observed("accounts", "last_login", "never", observed_at), account),
                    Proof::observed("accounts", "password.changed_at", changed.to_string(), observed_at),
                ];
                proofs.extend(decided);
                push(assessment, account, summary, proofs, observed_at);
            }
            Some(_) => assessment.clear(name),
            None => assessment.doubt(
                name,
                Text::new(
                    format!("アカウント「{name}」は一度も使われていませんが、いつ作られたかわかりません。"),
                    format!("Account {name} was never used, and it is not known when it was made."),
                ),
            ),
        },
        (LoginState::Unknown | LoginState::At, _) => assessment.doubt(
            name,
            Text::new(
                format!("アカウント「{name}」の最後の利用日がわかりません。"),
                format!("It is not known when account {name} was last used."),
            ),
        ),
    }
}

fn from(proof: Proof, account: &Account) -> Proof {
    Proof { source: account.last_login.source.clone(), ..proof }
}

fn push(
    assessment: &mut Assessment,
    account: &Account,
    summary: Text,
    mut proofs: Vec<Proof>,
    observed_at: Timestamp,
) {
    proofs.push(Proof::observed("accounts", "enabled", "true", observed_at));
    if account.privileged == Some(true) {
        proofs.push(Proof::observed("accounts", "privileged", "true", observed_at));
    }
    assessment.findings.push(Finding {
        subject: account.name.clone(),
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs,
        occurred_at: None,
    });
}
