//! Does the ledger approve this medium, on this device, on this day?

use daicho_proto::facts::{Medium, SerialDoubt};
use jiff::civil::Date;

use crate::evidence::Evidence;
use crate::ledger::{ApprovedMedium, MediumPurpose};
use crate::normal;

/// How a row of the ledger fits a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Everything that the row names is the medium's.
    Same,
    /// What the row names fits, and the medium's serial number does not tell it from another one of its model: it has
    /// none, it was not read, it is a placeholder, or two were seen to have it.
    Indistinguishable,
    /// The model fits; the medium has a serial and the row names none.
    SerialMissing,
    /// Something that the row names is not the medium's.
    Other,
}

/// Whether a row is about this medium. `*` in a column is the hospital's word that any will do.
pub(super) fn identity(row: &ApprovedMedium, medium: &Medium) -> Identity {
    let named = |cell: &Option<String>| {
        cell.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (vendor, product, serial) = (named(&row.vendor_id), named(&row.product_id), named(&row.serial));
    let fits =
        |wanted: &Option<String>, seen: &Option<String>, same: fn(&str, &str) -> bool| match (wanted, seen) {
            (None, _) => true,
            (Some(wanted), _) if wanted == "*" => true,
            (Some(wanted), Some(seen)) => same(wanted, seen),
            (Some(_), None) => false,
        };
    let nothing_named = vendor.is_none() && product.is_none() && serial.is_none();
    let unread = medium.serial_doubt == Some(SerialDoubt::Unread);
    if nothing_named
        || !fits(&vendor, &medium.vendor_id, same_number)
        || !fits(&product, &medium.product_id, same_number)
        || !(unread || fits(&serial, &medium.serial, normal::same))
    {
        return Identity::Other;
    }
    match serial {
        Some(any) if any == "*" => Identity::Same,
        _ if !medium.is_distinguishable() => Identity::Indistinguishable,
        Some(_) => Identity::Same,
        None => Identity::SerialMissing,
    }
}

/// Why a medium cannot be told from another one of its model, to stand before "cannot be told"; `None`: it can.
pub(super) fn blur(medium: &Medium) -> Option<(String, String)> {
    let (ja, en) = match (&medium.serial, medium.serial_doubt) {
        _ if medium.is_distinguishable() => return None,
        (_, Some(SerialDoubt::Unread)) => (
            "シリアル番号を読み取る前に抜かれ".to_owned(),
            "it was gone before its serial number was read".to_owned(),
        ),
        (None, _) => ("シリアル番号がなく".to_owned(), "it has no serial number".to_owned()),
        (Some(_), Some(SerialDoubt::Shared)) => (
            "同じシリアル番号のものが同時に二つ接続され".to_owned(),
            "two with its serial number were plugged in at once".to_owned(),
        ),
        (Some(_), None) => (
            "シリアル番号が多くの製品に共通の値で".to_owned(),
            "its serial number is one that many devices have".to_owned(),
        ),
    };
    Some((ja, en))
}

/// USB numbers: `0781`, `781`, `0x0781`, `０７８１`.
fn same_number(a: &str, b: &str) -> bool {
    let digits = |text: &str| {
        let key = normal::key(text);
        let digits = key.strip_prefix("0x").unwrap_or(&key);
        digits.trim_end_matches('h').trim_start_matches('0').to_owned()
    };
    digits(a) == digits(b)
}

/// Why a row that is about this medium does not allow a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The row is about other devices.
    OtherDevice,
    /// Nobody is named who approved it (Article 11(1): the officer, unless it is for backup).
    NotApproved,
    /// The use was before the first or after the last day.
    OutsideOfPeriod,
}

/// Whether a row allows a use on `day`; both its days are inclusive.
pub(super) fn refusal(evidence: &Evidence<'_>, row: &ApprovedMedium, day: Date) -> Option<Refusal> {
    let by_somebody = row.approved_by.as_deref().is_some_and(|by| !by.trim().is_empty());
    let begun = row.approved_from.is_none_or(|first_day| first_day <= day);
    let ended = row.approved_until.is_some_and(|last_day| last_day < day);
    if !row.device.covers(evidence.device) {
        Some(Refusal::OtherDevice)
    } else if !by_somebody && row.purpose != MediumPurpose::Backup {
        Some(Refusal::NotApproved)
    } else if !begun || ended {
        Some(Refusal::OutsideOfPeriod)
    } else {
        None
    }
}
