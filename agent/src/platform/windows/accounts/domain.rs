//! What the machine is among others: alone, one of a domain's, or the domain's own server.

use std::io;

use crate::platform::windows::registry::{Hive, Registry, Value};

const CONTROL: &str = "CurrentControlSet\\Control";

/// Whether this machine is a domain's own server (`ProductType`: `WinNT`, `ServerNT`, or `LanmanNT` on such); `None`:
/// that is not said.
pub(super) fn is_controller(registry: &dyn Registry) -> io::Result<Option<bool>> {
    let kind = registry.text(&Hive::System, &format!("{CONTROL}\\ProductOptions"), "ProductType")?;
    Ok(kind.map(|kind| kind.eq_ignore_ascii_case("LanmanNT")))
}

/// What the machine is called.
pub(super) fn computer_name(registry: &dyn Registry) -> io::Result<Option<String>> {
    registry.text(&Hive::System, &format!("{CONTROL}\\ComputerName\\ComputerName"), "ComputerName")
}

/// Whether the machine is one of a domain's: the domain has a SID, a workgroup has none. Who may not read that sees
/// whether the service runs by itself that keeps in touch with a domain's servers.
pub(super) fn is_joined(registry: &dyn Registry) -> io::Result<bool> {
    /// Revision, count and authority: a SID without a part names nobody.
    const HEAD: usize = 8;
    match registry.value(&Hive::Security, "Policy\\PolPrDmS", "") {
        Ok(Some(Value::Bytes(sid))) => Ok(sid.len() > HEAD),
        Ok(Some(_)) => Ok(false),
        Ok(None) | Err(_) => {
            let start = registry.number(&Hive::System, "CurrentControlSet\\Services\\Netlogon", "Start")?;
            Ok(start == Some(2))
        }
    }
}
