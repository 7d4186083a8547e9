//! Who else than this machine says who may enter it: a domain, or a tenant of Microsoft Entra ID.

use super::super::reading::Reading;
use super::super::registry::{Hive, Registry, Value};

const CLOUD: &str = "CurrentControlSet\\Control\\CloudDomainJoin";

/// `domain: hosp.local`, `domain controller: hosp.local`, `entra: TENANT`.
pub(super) fn look(registry: &dyn Registry, reading: &mut Reading<'_>) -> Vec<String> {
    let mut directories = Vec::new();
    let name = reading.text(&Hive::System, "CurrentControlSet\\Services\\Tcpip\\Parameters", "Domain");
    let product = reading.text(&Hive::System, "CurrentControlSet\\Control\\ProductOptions", "ProductType");
    if product.is_some_and(|product| product.eq_ignore_ascii_case("LanmanNT")) {
        directories.push(format!("domain controller: {}", name.as_deref().unwrap_or("?")));
    } else if let Some(short) = primary_domain(registry, reading) {
        directories.push(format!("domain: {}", name.unwrap_or(short)));
    }
    for join in reading.keys(&Hive::System, &format!("{CLOUD}\\JoinInfo")).unwrap_or_default() {
        let tenant = reading.text(&Hive::System, &format!("{CLOUD}\\JoinInfo\\{join}"), "TenantId");
        directories.push(format!("entra: {}", tenant.as_deref().unwrap_or("?")));
    }
    directories
}

/// The domain that this machine belongs to. The system's own record of it has the domain's SID; who may not read that
/// sees whether the service runs by itself that keeps in touch with a domain's controllers, which is so in a domain only.
fn primary_domain(registry: &dyn Registry, reading: &mut Reading<'_>) -> Option<String> {
    let policy = |key: &str| registry.value(&Hive::Security, &format!("Policy\\{key}"), "");
    if let Ok(Some(Value::Bytes(sid))) = policy("PolPrDmS") {
        let name = policy("PolPrDmN").ok().flatten().and_then(|value| match value {
            Value::Bytes(bytes) => counted_text(&bytes),
            _ => None,
        });
        return is_sid(&sid).then(|| name.unwrap_or_else(|| "?".to_owned()));
    }
    let start = reading.number(&Hive::System, "CurrentControlSet\\Services\\Netlogon", "Start");
    let automatic = start == Some(2);
    automatic.then(|| "?".to_owned())
}

/// A SID of one sub-authority or more; a workgroup has none.
fn is_sid(bytes: &[u8]) -> bool {
    matches!(bytes, [1, count, rest @ ..] if *count > 0 && rest.len() >= 6 + 4 * usize::from(*count))
}

/// A `UNICODE_STRING` whose text lies behind it: length in bytes, capacity, offset, text.
fn counted_text(bytes: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]));
    let text = bytes.get(8..)?.get(..length)?;
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text = String::from_utf16_lossy(&units.collect::<Vec<_>>());
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workgroup_has_no_sid() {
        assert!(!is_sid(&[]));
        assert!(!is_sid(&[0, 0, 0, 0]));
        assert!(!is_sid(&[1, 0, 0, 0, 0, 0, 0, 5]));
        assert!(!is_sid(&[1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]));
        assert!(is_sid(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]));
        assert_eq!(counted_text(&[4, 0, 6, 0, 8, 0, 0, 0, 0x48, 0, 0x50, 0]).as_deref(), Some("HP"));
        assert_eq!(counted_text(&[9, 0, 6, 0, 8, 0, 0, 0, 0x48, 0]), None);
    }
}
