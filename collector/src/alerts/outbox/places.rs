//! Where the device of a notice belongs, and whether it was under maintenance.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use daicho_rules::ledger::Ledger;
use daicho_rules::normal;
use jiff::Timestamp;

use crate::Collector;
use crate::alerts::maintenance::{self, Window};
use crate::alerts::routing::Place;
use crate::store::StoreError;

/// The channel that is told during maintenance, too.
pub(in crate::alerts) const RECORDS: &str = "syslog";

/// Where devices belong, and what is under maintenance.
pub(in crate::alerts) struct Places {
    ledger: Arc<Ledger>,
    /// Device (by its key) to its row; made when first asked for.
    rows: OnceCell<BTreeMap<String, usize>>,
    windows: Vec<Window>,
}

impl Places {
    pub(in crate::alerts) fn of(collector: &Collector) -> Result<Self, StoreError> {
        let windows = maintenance::windows(&collector.shelves)?;
        Ok(Places { ledger: collector.ledger(), rows: OnceCell::new(), windows })
    }

    /// Whether there is any maintenance window.
    pub(in crate::alerts) fn has_windows(&self) -> bool {
        !self.windows.is_empty()
    }

    /// What the ledger says of a device, and whether it was under maintenance at `at`.
    pub(in crate::alerts) fn place(&self, device: &str, at: Timestamp) -> Place<'_> {
        let rows = self.rows.get_or_init(|| {
            let devices = self.ledger.devices.iter().enumerate();
            devices.map(|(index, device)| (normal::key(&device.device_id), index)).collect()
        });
        let row = rows.get(&normal::key(device)).and_then(|index| self.ledger.devices.get(*index));
        let group = row.and_then(|row| row.group.as_deref());
        let section = row.and_then(|row| row.department.as_deref());
        let maintained = self.windows.iter().any(|window| window.covers(device, group, at));
        Place { group, section, maintained }
    }
}
