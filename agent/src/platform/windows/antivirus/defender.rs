//! Microsoft's own product: Defender of Windows 8 and later, and Endpoint Protection of System Center before it.

use std::collections::BTreeMap;

use daicho_proto::facts::Antivirus;
use jiff::Timestamp;

use super::super::reading::Reading;
use super::super::registry::{Hive, Value};
use super::center::Registered;
use crate::platform::windows::filetime;

/// What the product of Windows is called.
pub(super) const NAME: &str = "Microsoft Defender";

const DEFENDER: &str = "Microsoft\\Windows Defender";
const POLICIES: &str = "Policies\\Microsoft\\Windows Defender";

/// Each product with its key and its service.
const PRODUCTS: &[(&str, &str, &str)] = &[
    (NAME, DEFENDER, SERVICES[0]),
    ("Microsoft Endpoint Protection", "Microsoft\\Microsoft Antimalware", SERVICES[1]),
];

pub(super) const SERVICES: &[&str] = &["WinDefend", "MsMpSvc"];

/// `SERVICE_DISABLED` (winsvc.h).
const DISABLED: u64 = 4;

/// `services`: which run now; `None`: nothing runs, it is a disk.
pub(super) fn look(
    reading: &mut Reading<'_>,
    services: Option<&BTreeMap<String, bool>>,
    registered: Option<&Registered>,
) -> Vec<Antivirus> {
    let mut products = Vec::new();
    for &(name, key, service) in PRODUCTS {
        let path = format!("CurrentControlSet\\Services\\{service}");
        let Some(start) = reading.number(&Hive::System, &path, "Start") else { continue };
        let patterns = format!("{key}\\Signature Updates");
        let version = reading.text(&Hive::Software, &patterns, "AVSignatureVersion");
        let applied = reading.value(&Hive::Software, &patterns, "AVSignatureApplied");
        if version.is_none() && applied.is_none() {
            // Defender of Windows 7 looks for spyware alone.
            continue;
        }
        let off = start == DISABLED || is_off(reading, key);
        let runs = services.and_then(|services| services.get(service).copied());
        let registered = registered.filter(|_| name == NAME);
        let center = registered.and_then(|registered| registered.running);
        products.push(Antivirus {
            product: name.to_owned(),
            running: if off || runs == Some(false) || center == Some(false) { Some(false) } else { runs },
            patterns_at: applied.as_ref().and_then(time),
            patterns_version: version,
            patterns_current: registered.and_then(|registered| registered.current),
        });
    }
    products
}

/// Whether it is switched off, or only looks on while another product watches.
fn is_off(reading: &mut Reading<'_>, key: &str) -> bool {
    let mut is_set = |path: &str, name: &str| {
        reading.number(&Hive::Software, path, name).is_some_and(|number| number != 0)
    };
    let (watching, watching_policy) =
        (format!("{key}\\Real-Time Protection"), format!("{POLICIES}\\Real-Time Protection"));
    is_set(key, "DisableAntiVirus")
        || is_set(key, "DisableAntiSpyware")
        || is_set(key, "PassiveMode")
        || is_set(&watching, "DisableRealtimeMonitoring")
        || key == DEFENDER && is_set(&watching_policy, "DisableRealtimeMonitoring")
}

/// When the patterns were built: a `FILETIME` in bytes.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Bytes(bytes) => filetime(u64::from_le_bytes(bytes.as_slice().try_into().ok()?)),
        Value::Number(number) => filetime(*number),
        Value::Text(_) | Value::Texts(_) => None,
    }
}
