//! Who may log on at the machine, by its own security policy: the rights that lie in the SECURITY hive.

use std::collections::BTreeMap;
use std::io;

use super::local::Standing;
use crate::platform::windows::registry::{Hive, Registry, Value};

/// One key for each SID that was given a right.
const ACCOUNTS: &str = "Policy\\Accounts";

/// Log on at the machine itself (`SECURITY_ACCESS_INTERACTIVE_LOGON`, ntsecapi.h, as are the others).
const AT_CONSOLE: u32 = 0x0001;
/// Never at the machine itself.
const NOT_AT_CONSOLE: u32 = 0x0040;
/// Log on from another machine's screen.
const REMOTELY: u32 = 0x0400;
/// Never from another machine's screen.
const NOT_REMOTELY: u32 = 0x0800;

/// What each SID may and may not, by the bits above.
pub(super) struct Rights {
    by_sid: BTreeMap<String, u32>,
}

impl Rights {
    /// Reads the policy.
    pub(super) fn read(registry: &dyn Registry) -> io::Result<Self> {
        let Some(sids) = registry.keys(&Hive::Security, ACCOUNTS)? else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no key Policy\\Accounts"));
        };
        let mut by_sid = BTreeMap::new();
        for sid in sids {
            let rights = match registry.value(&Hive::Security, &format!("{ACCOUNTS}\\{sid}\\ActSysAc"), "")? {
                Some(Value::Bytes(bytes)) => bytes.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)),
                Some(Value::Number(number)) => u32::try_from(number).ok(),
                _ => None,
            };
            by_sid.insert(sid.to_uppercase(), rights.unwrap_or_default());
        }
        // A Windows at which nobody may log on cannot be set up, so this is not what it says.
        if by_sid.values().all(|rights| rights & AT_CONSOLE == 0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it gives nobody the right to log on at the machine",
            ));
        }
        Ok(Rights { by_sid })
    }

    /// Whether who is all this opens a session with a screen, here or from another machine. A right that is refused
    /// counts more than one that is given.
    pub(super) fn open_session(&self, standing: &Standing) -> bool {
        let held = self.by_sid.iter().filter(|(sid, _)| standing.is(sid));
        let rights = held.fold(0, |all, (_, rights)| all | rights);
        let may = |right, refused| rights & right != 0 && rights & refused == 0;
        may(AT_CONSOLE, NOT_AT_CONSOLE) || may(REMOTELY, NOT_REMOTELY)
    }
}
