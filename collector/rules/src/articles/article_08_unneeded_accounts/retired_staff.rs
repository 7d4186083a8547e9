//! An account outlives the employment of its owner.

use daicho_proto::facts::Account;
use jiff::Timestamp;
use jiff::civil::Date;

use super::owner::{Owner, owners};
use crate::articles::words;
use crate::evidence::Evidence;
use crate::ledger::{Staff, StaffStatus};
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "08.retired_staff",
    article: 8,
    summary: ("退職者のアカウントが使える状態です。", "An account belongs to someone who has retired."),
    remedy: (
        "アカウントを無効にするか削除してください。退職していない場合は職員台帳を直してください。",
        "Disable or remove the account, or correct the staff ledger if the person has not retired.",
    ),
    severity: Severity::High,
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
        let name = &account.name;
        // Most accounts of a machine are the system's and locked: nobody's ledger is searched for them.
        let owners = if account.enabled == Some(false) { Vec::new() } else { owners(evidence, account) };
        if owners.is_empty() {
            assessment.clear(name);
            continue;
        }
        let gone = owners.iter().find_map(|owner| {
            let staff = owner.staff?;
            has_left(staff, evidence.today()).then_some((owner, staff))
        });
        match gone {
            Some((owner, staff)) if account.enabled == Some(true) => {
                assessment.findings.push(finding(account, owner, staff, accounts.observed_at));
            }
            Some(_) => assessment.doubt(
                name,
                Text::new(
                    format!("退職者のアカウント「{name}」が有効かどうか、わかりません。"),
                    format!("It is not known whether account {name}, which belongs to someone who has retired, is enabled."),
                ),
            ),
            None => match owners.iter().find(|owner| owner.staff.is_none()) {
                Some(owner) => assessment.doubt(
                    name,
                    Text::new(
                        format!(
                            "アカウント「{name}」の利用者（職員番号{}）が職員台帳にありません。",
                            owner.staff_id
                        ),
                        format!(
                            "The owner of account {name} (staff ID {}) is not in the staff ledger.",
                            owner.staff_id
                        ),
                    ),
                ),
                None => assessment.clear(name),
            },
        }
    }
    Ok(accounts.finish(assessment))
}

/// The last day of employment is still one of employment.
fn has_left(staff: &Staff, today: Date) -> bool {
    staff.retired_on.map_or(staff.status == StaffStatus::Retired, |last_day| last_day < today)
}

fn finding(account: &Account, owner: &Owner<'_>, staff: &Staff, observed_at: Timestamp) -> Finding {
    let name = &account.name;
    let person = staff.name.as_deref().unwrap_or(&staff.staff_id);
    let summary = match staff.retired_on {
        Some(last_day) => Text::new(
            format!("{}に退職した{person}さんのアカウント「{name}」が有効なままです。", words::ja(last_day)),
            format!("Account {name} of {person}, whose last day was {last_day}, is still enabled."),
        ),
        None => Text::new(
            format!("退職した{person}さんのアカウント「{name}」が有効なままです。"),
            format!("Account {name} of {person}, who has retired, is still enabled."),
        ),
    };
    let mut proofs = vec![Proof::observed("accounts", "enabled", "true", observed_at)];
    if account.privileged == Some(true) {
        proofs.push(Proof::observed("accounts", "privileged", "true", observed_at));
    }
    if let Some(row) = owner.row {
        proofs.push(Proof::ledger("staff_id", &owner.staff_id, &row.row));
    }
    proofs.push(match staff.retired_on {
        Some(last_day) => Proof::ledger("retired_on", last_day.to_string(), &staff.row),
        None => Proof::ledger("status", "retired", &staff.row),
    });
    Finding {
        subject: name.clone(),
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs,
        occurred_at: None,
    }
}
