//! Whose account is it? The ledger's rows say; else an account that is named like a staff ID.

use daicho_proto::facts::Account;

use crate::evidence::Evidence;
use crate::ledger::{AccountKind, ApprovedAccount, Device, Scope, Staff};
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
pub(super) fn owners<'a>(evidence: &Evidence<'a>, account: &Account) -> Vec<Owner<'a>> {
    let ledger = evidence.ledger;
    let rows = rows(evidence, account);
    if rows.is_empty() {
        let staff = ledger.member_of_staff(&account.name);
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
pub(super) fn rows<'a>(evidence: &Evidence<'a>, account: &Account) -> Vec<&'a ApprovedAccount> {
    let device = evidence.device;
    let covering = evidence
        .ledger
        .accounts
        .iter()
        .filter(|row| row.device.covers(device) && names(row, account, device));
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

/// How people write the backslash of `PC-07\tanaka`: on a Japanese keyboard it is a yen sign.
const BACKSLASHES: [char; 4] = ['\\', '＼', '¥', '￥'];

/// Whether the row names the account: by its name, as Windows writes an account of the machine itself (`.\tanaka`,
/// `PC-07\tanaka`), or by the account with Microsoft that opens it. `DOMAIN\tanaka` is somebody else.
fn names(row: &ApprovedAccount, account: &Account, device: Option<&Device>) -> bool {
    let is_here = |machine: &str| {
        let called = device.map(|device| (Some(&device.device_id), device.hostname.as_ref()));
        let names = called.into_iter().flat_map(|(id, hostname)| id.into_iter().chain(hostname));
        machine.trim() == "." || names.into_iter().any(|name| normal::same(name, machine))
    };
    let name = match row.account.split_once(BACKSLASHES) {
        Some((machine, name)) if is_here(machine) => name,
        _ => &row.account,
    };
    let online = account.online_identity.as_deref();
    normal::pattern_covers(name, &account.name) || online.is_some_and(|online| normal::same(name, online))
}

/// Whether the ledger says that a program or the system itself owns the account.
pub(super) fn is_not_a_persons(row: &ApprovedAccount) -> bool {
    matches!(row.kind, AccountKind::Service | AccountKind::Builtin)
}

/// `root` of Unix and the Administrator of Windows: part of every system.
pub(super) fn is_the_systems_own(account: &Account) -> bool {
    let id = account.id.as_deref().unwrap_or_default();
    (account.name == "root" && (id == "0" || id.is_empty()))
        || (id.starts_with("S-1-5-21-") && id.ends_with("-500"))
}
