//! The session that Windows opens by itself when it starts. Whether its password is stored is told, never the password:
//! only how long it is reaches this program.

use std::io;

use super::domain;
use crate::platform::windows::registry::{Hive, Registry};

const WINLOGON: &str = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";

/// Where Windows keeps the same password more carefully (Autologon of Sysinternals): administrators can read it still.
const SECRET: &str = "Policy\\Secrets\\DefaultPassword\\CurrVal";

/// Who is logged on without being asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Automatic {
    /// `DefaultUserName`, without its domain.
    pub(super) user: String,
    /// The domain or machine that the user is one of; `None`: this machine.
    pub(super) domain: Option<String>,
    /// Whether it is done.
    pub(super) enabled: bool,
    /// Whether a password for it is stored.
    pub(super) stored_password: bool,
}

/// Reads it; `None`: nobody is named, so it is not done.
pub(super) fn read(registry: &dyn Registry, problems: &mut Vec<String>) -> io::Result<Option<Automatic>> {
    let Some(user) = registry.text(&Hive::Software, WINLOGON, "DefaultUserName")? else { return Ok(None) };
    let text = registry.text(&Hive::Software, WINLOGON, "AutoAdminLogon")?;
    let number = registry.number(&Hive::Software, WINLOGON, "AutoAdminLogon")?;
    let enabled = number.is_some_and(|number| number != 0)
        || text.and_then(|text| text.parse::<u64>().ok()).is_some_and(|number| number != 0);
    let plain = registry.is_filled(&Hive::Software, WINLOGON, "DefaultPassword")?;
    let secret = match registry.is_filled(&Hive::Security, SECRET, "") {
        Ok(secret) => secret,
        // Where the whole hive is refused that is told with the rights to log on.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => false,
        Err(error) => {
            problems.push(format!(
                "whether a password for automatic logon is stored could not be read (SECURITY\\{SECRET}): {error}"
            ));
            false
        }
    };
    let (domain, user) = match user.split_once('\\') {
        Some((domain, user)) => (Some(domain.to_owned()), user.to_owned()),
        None => (registry.text(&Hive::Software, WINLOGON, "DefaultDomainName")?, user),
    };
    let own = domain::computer_name(registry)?;
    let is_here = |domain: &str| domain == "." || own.as_deref().is_some_and(|own| same(own, domain));
    let domain = domain.filter(|domain| !is_here(domain));
    Ok(Some(Automatic { user, domain, enabled, stored_password: plain || secret }))
}

/// Names of Windows are the same whatever their case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
