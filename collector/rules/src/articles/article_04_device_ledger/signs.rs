//! What names a machine, as proofs and as words.

use daicho_proto::facts::Host;

use crate::evidence::Seen;
use crate::rule::Proof;

/// What the machine says that it is.
pub(super) fn proofs(host: &Seen<'_, Host>) -> Vec<Proof> {
    let macs = host.value.mac_addresses.join(" ");
    let told = [
        ("hostname", host.value.hostname.clone()),
        ("serial_number", host.value.serial_number.clone()),
        ("hardware_uuid", host.value.hardware_uuid.clone()),
        ("mac_addresses", (!macs.is_empty()).then_some(macs)),
    ];
    let told = told.into_iter().filter_map(|(field, value)| Some((field, value?)));
    told.map(|(field, value)| Proof::observed("host", field, value, host.observed_at)).collect()
}

/// The column's Japanese name.
pub(super) fn japanese(column: &str) -> &'static str {
    match column {
        "serial_number" => "シリアル番号",
        "hardware_uuid" => "ハードウェアUUID",
        "mac_address" => "MACアドレス",
        _ => "ホスト名",
    }
}
