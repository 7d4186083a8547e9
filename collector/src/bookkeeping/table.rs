//! A ledger as text again: for each sheet its rows, cell by cell. What export, diff and duplicates share.

use std::collections::BTreeMap;

use daicho_rules::ledger::{ApprovedProgram, Ledger, RowReference};
use daicho_rules::normal;
use jiff::civil::Date;

use super::plan::{self, SheetPlan};
use super::words::{self, word};

/// One sheet.
pub struct Table<'a> {
    /// Its columns.
    pub plan: &'static SheetPlan,
    /// Its rows, in their order.
    pub rows: Vec<TableRow<'a>>,
}

/// One row.
pub struct TableRow<'a> {
    /// What makes it this row and no other, folded for comparing.
    pub key: Vec<String>,
    /// Where it stood.
    pub reference: &'a RowReference,
    /// One cell for each column of the plan; dates in ISO 8601, our words for ours.
    pub cells: Vec<String>,
    /// The hospital's own columns.
    pub extra: &'a [(String, String)],
}

impl SheetPlan {
    /// The columns that tell one row from another.
    pub fn key_fields(&self) -> &'static [&'static str] {
        match self.name {
            "devices" => &["device_id"],
            "staff" => &["staff_id"],
            "accounts" => &["device", "account"],
            "services" | "software" => &["device", "name"],
            "media" => &["media_id"],
            // A second baseline of the same package, due later, is common.
            "patches" => &["device", "manager", "name", "minimum_version"],
            "exceptions" => &["rule", "device", "subject"],
            _ => &["key"],
        }
    }
}

impl TableRow<'_> {
    /// The key for people.
    pub fn shown_key(&self) -> String {
        self.key.join(" / ")
    }
}

/// All nine sheets.
pub fn tables(ledger: &Ledger) -> Vec<Table<'_>> {
    plan::SHEETS.iter().map(|plan| Table { plan, rows: rows(ledger, plan) }).collect()
}

fn rows<'a>(ledger: &'a Ledger, plan: &'static SheetPlan) -> Vec<TableRow<'a>> {
    match plan.name {
        "devices" => make(plan, &ledger.devices, |device| {
            let cells = [
                ("device_id", device.device_id.clone()),
                ("hostname", opt(&device.hostname)),
                ("kind", word(words::DEVICE_KINDS, &device.kind, false).to_owned()),
                ("serial_number", opt(&device.serial_number)),
                ("hardware_uuid", opt(&device.hardware_uuid)),
                ("mac_address", opt(&device.mac_address)),
                ("location", opt(&device.location)),
                ("department", opt(&device.department)),
                ("users", opt(&device.users)),
                ("vendor", opt(&device.vendor)),
                ("group", opt(&device.group)),
                ("remote_maintenance", opt(&device.remote_maintenance)),
                ("status", word(words::DEVICE_STATUSES, &device.status, false).to_owned()),
                ("note", opt(&device.note)),
            ];
            (&device.row, device.extra.as_slice(), BTreeMap::from(cells))
        }),
        "staff" => make(plan, &ledger.staff, |member| {
            let cells = [
                ("staff_id", member.staff_id.clone()),
                ("name", opt(&member.name)),
                ("department", opt(&member.department)),
                ("status", word(words::STAFF_STATUSES, &member.status, false).to_owned()),
                ("retired_on", day(member.retired_on)),
            ];
            (&member.row, member.extra.as_slice(), BTreeMap::from(cells))
        }),
        "accounts" => make(plan, &ledger.accounts, |account| {
            let cells = [
                ("device", account.device.to_string()),
                ("account", account.account.clone()),
                ("staff_id", opt(&account.staff_id)),
                ("kind", word(words::ACCOUNT_KINDS, &account.kind, false).to_owned()),
                ("privileged", flag(account.privileged)),
                ("expires_on", day(account.expires_on)),
                ("note", opt(&account.note)),
            ];
            (&account.row, account.extra.as_slice(), BTreeMap::from(cells))
        }),
        "services" => programs(plan, &ledger.services),
        "software" => programs(plan, &ledger.software),
        "media" => make(plan, &ledger.media, |medium| {
            let cells = [
                ("media_id", medium.media_id.clone()),
                ("vendor_id", opt(&medium.vendor_id)),
                ("product_id", opt(&medium.product_id)),
                ("serial", opt(&medium.serial)),
                ("purpose", word(words::MEDIUM_PURPOSES, &medium.purpose, false).to_owned()),
                ("approved_by", opt(&medium.approved_by)),
                ("approved_from", day(medium.approved_from)),
                ("approved_until", day(medium.approved_until)),
                ("device", medium.device.to_string()),
                ("scan_required", flag(medium.scan_required)),
            ];
            (&medium.row, medium.extra.as_slice(), BTreeMap::from(cells))
        }),
        "patches" => make(plan, &ledger.patches, |patch| {
            let cells = [
                ("device", patch.device.to_string()),
                ("manager", patch.manager.clone()),
                ("name", patch.name.clone()),
                ("minimum_version", patch.minimum_version.clone()),
                ("due_on", day(patch.due_on)),
                ("reason", opt(&patch.reason)),
            ];
            (&patch.row, patch.extra.as_slice(), BTreeMap::from(cells))
        }),
        "exceptions" => make(plan, &ledger.exceptions, |exception| {
            let cells = [
                ("rule", exception.rule.clone()),
                ("device", exception.device.to_string()),
                ("subject", exception.subject.clone()),
                ("reason", exception.reason.clone()),
                ("measure", opt(&exception.measure)),
                ("approved_by", exception.approved_by.clone()),
                ("expires_on", exception.expires_on.to_string()),
            ];
            (&exception.row, exception.extra.as_slice(), BTreeMap::from(cells))
        }),
        _ => make(plan, &ledger.settings, |setting| {
            let cells = [("key", setting.key.clone()), ("value", setting.value.to_string())];
            (&setting.row, &[][..], BTreeMap::from(cells))
        }),
    }
}

fn programs<'a>(plan: &'static SheetPlan, programs: &'a [ApprovedProgram]) -> Vec<TableRow<'a>> {
    make(plan, programs, |program| {
        let cells = [
            ("device", program.device.to_string()),
            ("name", program.name.clone()),
            ("purpose", opt(&program.purpose)),
            ("approved_by", opt(&program.approved_by)),
        ];
        (&program.row, program.extra.as_slice(), BTreeMap::from(cells))
    })
}

type Parts<'a> = (&'a RowReference, &'a [(String, String)], BTreeMap<&'static str, String>);

fn make<'a, T>(plan: &'static SheetPlan, rows: &'a [T], parts: fn(&'a T) -> Parts<'a>) -> Vec<TableRow<'a>> {
    rows.iter()
        .map(|row| {
            let (reference, extra, cells) = parts(row);
            let cell = |field: &str| cells.get(field).cloned().unwrap_or_default();
            TableRow {
                key: plan.key_fields().iter().map(|field| normal::key(&cell(field))).collect(),
                reference,
                cells: plan.columns.iter().map(|column| cell(column.field)).collect(),
                extra,
            }
        })
        .collect()
}

fn opt(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

fn day(date: Option<Date>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

fn flag(value: Option<bool>) -> String {
    value.map(|value| word(words::FLAGS, &value, false).to_owned()).unwrap_or_default()
}
