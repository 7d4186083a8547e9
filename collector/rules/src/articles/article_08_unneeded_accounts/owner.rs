//! Whose account is it? The ledger's rows say; else an account that is named like a staff ID.

use crate::evidence::Evidence;
use crate::ledger::{AccountKind, ApprovedAccount, Scope, Staff};
use crate::normal;

/// An owner of an account.
pub(super) struct Owner<'a> {
    /// The row that says so; `None`: the account is named like the staff ID.
    pub(super) row: Option<&'a ApprovedAccount>,
    /// The staff ID.
    pub(super) staff_id: String,
    /// `None`: the ledger of staff does not know that ID.
    pub(super) staff: Option<&'a Staff>,
}

/// The owners of an account. A shared account may have several.
pub(super) fn owners<'a>(evidence: &Evidence<'a>, account: &str) -> Vec<Owner<'a>> {
    let ledger = evidence.ledger;
    let rows = rows(evidence, account);
    if rows.is_empty() {
        let staff = ledger.member_of_staff(account);
        return staff
            .into_iter()
            .map(|staff| Owner { row: None, staff_id: staff.staff_id.clone(), staff: Some(staff) })
            .collect();
    }
    rows.into_iter()
        .filter_map(|row| {
            let staff_id = row.staff_id.clone().filter(|id| !id.trim().is_empty())?;
            let staff = ledger.member_of_staff(&staff_id);
            Some(Owner { row: Some(row), staff_id, staff })
        })
        .collect()
}

/// The ledger's rows that speak most exactly of this account on this device: a device before its group before `*`, a
/// name before a pattern. Several may be equally exact.
pub(super) fn rows<'a>(evidence: &Evidence<'a>, account: &str) -> Vec<&'a ApprovedAccount> {
    let covering =
        evidence.ledger.accounts.iter().filter(|row| {
            row.device.covers(evidence.device) && normal::pattern_covers(&row.account, account)
        });
    let exactness = |row: &ApprovedAccount| {
        let scope = match row.device {
            Scope::Device(_) => 2,
            Scope::Group(_) => 1,
            Scope::All => 0,
        };
        (scope, !row.account.contains(['*', '＊']), row.account.chars().count())
    };
    let mut rows: Vec<&ApprovedAccount> = covering.collect();
    if let Some(best) = rows.iter().map(|row| exactness(row)).max() {
        rows.retain(|row| exactness(row) == best);
    }
    rows
}

/// Whether the ledger says that a program or the system itself owns the account.
pub(super) fn is_not_a_persons(row: &ApprovedAccount) -> bool {
    matches!(row.kind, AccountKind::Service | AccountKind::Builtin)
}

/// `root` of Unix and the Administrator of Windows: part of every system.
pub(super) fn is_the_systems_own(account: &daicho_proto::facts::Account) -> bool {
    let id = account.id.as_deref().unwrap_or_default();
    (account.name == "root" && (id == "0" || id.is_empty()))
        || (id.starts_with("S-1-5-21-") && id.ends_with("-500"))
}
