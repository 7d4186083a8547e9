//! Whose settings lie on the machine, and when they were last loaded: who ever had a session on it.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;

use crate::platform::windows::filetime;
use crate::platform::windows::registry::{Hive, Registry};

/// One key for each SID.
const LIST: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";

/// Whose settings there are, by SID.
pub(super) struct Profiles {
    loaded_at: BTreeMap<String, Option<Timestamp>>,
}

impl Profiles {
    /// Reads the list; `None`: there is none to read, so nothing is said of who never had a session.
    pub(super) fn read(registry: &dyn Registry) -> io::Result<Option<Self>> {
        let Some(sids) = registry.keys(&Hive::Software, LIST)? else { return Ok(None) };
        let mut loaded_at = BTreeMap::new();
        for sid in sids {
            let path = format!("{LIST}\\{sid}");
            let half = |name| registry.number(&Hive::Software, &path, name);
            let time = half("LocalProfileLoadTimeHigh")?.zip(half("LocalProfileLoadTimeLow")?);
            let time = time.and_then(|(high, low)| filetime(high << 32 | low & 0xffff_ffff));
            // While the settings are damaged their key is put aside as `SID.bak`.
            let owner = sid.trim_end_matches(".bak").to_uppercase();
            let known: &mut Option<Timestamp> = loaded_at.entry(owner).or_default();
            *known = time.max(*known);
        }
        // The system's own accounts have settings on every Windows: an empty list is none.
        Ok((!loaded_at.is_empty()).then_some(Profiles { loaded_at }))
    }

    /// Whether there are settings of this SID.
    pub(super) fn has(&self, sid: &str) -> bool {
        self.loaded_at.contains_key(sid)
    }

    /// When they were last loaded.
    pub(super) fn loaded_at(&self, sid: &str) -> Option<Timestamp> {
        self.loaded_at.get(sid).copied().flatten()
    }
}
