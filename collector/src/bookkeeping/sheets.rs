//! From rows with names to the ledger's own types.

use daicho_proto::versions::{self, Manager};
use daicho_rules::articles::{self, RULES};
use daicho_rules::ledger::{
    ApprovedAccount, ApprovedMedium, ApprovedProgram, Device, Exception, Ledger, PatchBaseline, SettingRow,
    Staff,
};
use daicho_rules::normal;
use daicho_rules::rule::Setting;
use daicho_rules::text::Text;

use super::row_reader::RowReader;
use super::words;

/// What the rules of the house offer: ids for exceptions, settings with their ranges.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The rules' ids.
    pub rules: Vec<String>,
    /// Their settings, each once, in the order of the rules.
    pub settings: Vec<Setting>,
}

impl Known {
    /// Those of [`RULES`].
    pub fn of_the_house() -> Self {
        let rules = RULES.iter().map(|rule| rule.id.to_owned());
        Known { rules: rules.collect(), settings: articles::settings().into_iter().copied().collect() }
    }
}

/// Adds one row to the ledger.
pub fn add(ledger: &mut Ledger, reader: &mut RowReader<'_>, known: &Known) {
    match reader.plan.name {
        "devices" => ledger.devices.push(device(reader)),
        "staff" => ledger.staff.push(staff(reader)),
        "accounts" => ledger.accounts.push(account(reader)),
        "services" => ledger.services.push(program(reader)),
        "software" => ledger.software.push(program(reader)),
        "media" => ledger.media.push(medium(reader)),
        "patches" => ledger.patches.push(patch(reader)),
        "exceptions" => ledger.exceptions.push(exception(reader, known)),
        "settings" => ledger.settings.extend(setting(reader, known)),
        _ => {}
    }
}

fn device(row: &mut RowReader<'_>) -> Device {
    Device {
        device_id: row.required_identifier("device_id"),
        hostname: row.hint("hostname"),
        kind: row.word("kind", words::DEVICE_KINDS).unwrap_or_default(),
        serial_number: row.hint("serial_number"),
        hardware_uuid: row.hint("hardware_uuid"),
        mac_address: row.mac("mac_address"),
        location: row.text("location"),
        department: row.text("department"),
        users: row.text("users"),
        vendor: row.text("vendor"),
        group: row.identifier("group"),
        remote_maintenance: row.text("remote_maintenance"),
        status: row.word("status", words::DEVICE_STATUSES).unwrap_or_default(),
        note: row.text("note"),
        extra: row.extra(),
        row: row.reference(),
    }
}

fn staff(row: &mut RowReader<'_>) -> Staff {
    Staff {
        staff_id: row.required_identifier("staff_id"),
        name: row.text("name"),
        department: row.text("department"),
        status: row.word("status", words::STAFF_STATUSES).unwrap_or_default(),
        retired_on: row.date("retired_on"),
        extra: row.extra(),
        row: row.reference(),
    }
}

fn account(row: &mut RowReader<'_>) -> ApprovedAccount {
    ApprovedAccount {
        device: row.scope("device"),
        account: row.required_identifier("account"),
        staff_id: row.hint("staff_id"),
        kind: row.word("kind", words::ACCOUNT_KINDS).unwrap_or_default(),
        privileged: row.word("privileged", words::FLAGS),
        expires_on: row.date("expires_on"),
        note: row.text("note"),
        extra: row.extra(),
        row: row.reference(),
    }
}

fn program(row: &mut RowReader<'_>) -> ApprovedProgram {
    ApprovedProgram {
        device: row.scope("device"),
        name: row.required_identifier("name"),
        purpose: row.text("purpose"),
        approved_by: row.text("approved_by"),
        extra: row.extra(),
        row: row.reference(),
    }
}

fn medium(row: &mut RowReader<'_>) -> ApprovedMedium {
    let medium = ApprovedMedium {
        media_id: row.required_identifier("media_id"),
        vendor_id: row.usb_id("vendor_id"),
        product_id: row.usb_id("product_id"),
        serial: row.hint("serial"),
        purpose: row.word("purpose", words::MEDIUM_PURPOSES).unwrap_or_default(),
        approved_by: row.text("approved_by"),
        approved_from: row.date("approved_from"),
        approved_until: row.date("approved_until"),
        device: row.optional_scope("device"),
        scan_required: row.word("scan_required", words::FLAGS),
        extra: row.extra(),
        row: row.reference(),
    };
    if let (Some(from), Some(until)) = (medium.approved_from, medium.approved_until)
        && until < from
    {
        row.fault(
            "approved_until",
            Text::new(
                format!("承認開始日 {from} 以後の日付"),
                format!("a date not before approved_from, {from}"),
            ),
        );
    }
    medium
}

fn patch(row: &mut RowReader<'_>) -> PatchBaseline {
    let device = row.scope("device");
    let manager = match row.word("manager", words::MANAGERS) {
        Some(manager) => manager.to_owned(),
        None => row.required("manager"),
    };
    let minimum_version = row.required_identifier("minimum_version");
    if let Some(known) = Manager::parse(&manager)
        && !minimum_version.is_empty()
        && versions::compare(known, &minimum_version, &minimum_version).is_err()
    {
        row.fault(
            "minimum_version",
            Text::new(
                format!("{manager} の版（`daicho compare-versions {manager}` で確かめられます）"),
                format!("a version of {manager}; `daicho compare-versions {manager}` tells"),
            ),
        );
    }
    PatchBaseline {
        device,
        manager,
        name: row.required("name"),
        minimum_version,
        due_on: row.date("due_on"),
        reason: row.text("reason"),
        extra: row.extra(),
        row: row.reference(),
    }
}

fn exception(row: &mut RowReader<'_>, known: &Known) -> Exception {
    let written = row.required("rule");
    let rule = known.rules.iter().find(|rule| normal::key(rule) == normal::key(&written));
    if rule.is_none() && !written.is_empty() {
        let rules = known.rules.join(", ");
        row.fault(
            "rule",
            Text::new(format!("次の規則のいずれか: {rules}"), format!("one of the rules {rules}")),
        );
    }
    Exception {
        rule: rule.cloned().unwrap_or(written),
        device: row.scope("device"),
        subject: row.required_identifier("subject"),
        reason: row.required("reason"),
        measure: row.text("measure"),
        approved_by: row.required("approved_by"),
        expires_on: row.required_date("expires_on"),
        extra: row.extra(),
        row: row.reference(),
    }
}

fn setting(row: &mut RowReader<'_>, known: &Known) -> Option<SettingRow> {
    let written = row.required("key");
    let Some(setting) =
        known.settings.iter().find(|setting| normal::key(setting.key) == normal::key(&written))
    else {
        if !written.is_empty() {
            let keys = known.settings.iter().map(|setting| setting.key).collect::<Vec<_>>().join(", ");
            row.fault(
                "key",
                Text::new(format!("次の設定のいずれか: {keys}"), format!("one of the settings {keys}")),
            );
        }
        return None;
    };
    let value = row.number("value", setting.range);
    Some(SettingRow { key: setting.key.to_owned(), value, row: row.reference() })
}
