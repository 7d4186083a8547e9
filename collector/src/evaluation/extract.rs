//! The part of the ledger that can speak of one device, found without a walk over all rows: 10 000 devices with 20 rows
//! each are 200 000 rows, and a rule that walks over them for each account of each device never ends.
//!
//! An extract holds at least every row that a rule may match, in the ledger's order; what it leaves out is about other
//! devices or other names. The rules judge an extract as they judge the whole ledger.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use daicho_rules::ledger::{ApprovedAccount, ApprovedProgram, Device, Ledger, Scope};
use daicho_rules::normal;
use daicho_rules::record::EndpointRecord;

/// What parts a machine from an account of it: such a row may name either, so it is left to the rules.
const BACKSLASHES: [char; 4] = ['\\', '＼', '¥', '￥'];

/// One version of the ledger in force, sorted by whom its rows are about.
#[derive(Debug)]
pub(crate) struct Extracts {
    whole: Arc<Ledger>,
    accounts: Sorted,
    services: Sorted,
    software: Sorted,
    patches: Sorted,
    exceptions: Sorted,
    /// The first row of each staff ID.
    staff: HashMap<String, usize>,
    /// Ledgers in which extracts are made: the tables that are taken whole are copied once for each thread.
    drafts: Mutex<Vec<Ledger>>,
}

/// The rows of one table by the devices that they are about.
#[derive(Debug, Default)]
struct Sorted {
    everywhere: Named,
    groups: HashMap<String, Named>,
    devices: HashMap<String, Named>,
}

/// Rows by the key of the name that they are about.
#[derive(Debug, Default)]
struct Named {
    exact: HashMap<String, Vec<usize>>,
    /// Rows that may be about any name.
    any: Vec<usize>,
}

impl Extracts {
    pub(crate) fn of(whole: Arc<Ledger>) -> Self {
        let any = |_: &str| None;
        let program = |row: &ApprovedProgram| exact(&program_key(&row.name));
        let account = |row: &ApprovedAccount| {
            if row.account.contains(BACKSLASHES) { None } else { exact(&normal::key(&row.account)) }
        };
        let mut staff = HashMap::new();
        for (index, member) in whole.staff.iter().enumerate() {
            staff.entry(normal::key(&member.staff_id)).or_insert(index);
        }
        Extracts {
            accounts: Sorted::of(whole.accounts.iter().map(|row| (&row.device, account(row)))),
            services: Sorted::of(whole.services.iter().map(|row| (&row.device, program(row)))),
            software: Sorted::of(whole.software.iter().map(|row| (&row.device, program(row)))),
            patches: Sorted::of(whole.patches.iter().map(|row| (&row.device, any(&row.name)))),
            exceptions: Sorted::of(whole.exceptions.iter().map(|row| (&row.device, any(&row.subject)))),
            staff,
            whole,
            drafts: Mutex::default(),
        }
    }

    pub(super) fn are_of(&self, ledger: &Arc<Ledger>) -> bool {
        Arc::ptr_eq(&self.whole, ledger)
    }

    /// The row at `index`.
    pub(super) fn device(&self, index: usize) -> Option<&Device> {
        self.whole.devices.get(index)
    }

    /// Does something with the part of the ledger that can speak of `device` and of what these records tell of it.
    pub(crate) fn with<'a, T>(
        &self,
        device: Option<&Device>,
        records: impl Iterator<Item = &'a EndpointRecord> + Clone,
        work: impl FnOnce(&Ledger) -> T,
    ) -> T {
        let taken = self.drafts.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut draft = taken.unwrap_or_else(|| Ledger {
            devices: self.whole.devices.clone(),
            media: self.whole.media.clone(),
            settings: self.whole.settings.clone(),
            ..Ledger::default()
        });
        let whole = &self.whole;
        let names = account_names(records.clone());
        draft.accounts = self.accounts.rows(&whole.accounts, device, &names);
        let owners = draft.accounts.iter().filter_map(|row| row.staff_id.as_deref()).map(normal::key);
        let staff: BTreeSet<usize> =
            names.iter().cloned().chain(owners).filter_map(|id| self.staff.get(&id).copied()).collect();
        draft.staff = staff.into_iter().filter_map(|index| whole.staff.get(index).cloned()).collect();
        draft.services = self.services.rows(&whole.services, device, &service_names(records.clone()));
        draft.software = self.software.rows(&whole.software, device, &software_names(records));
        draft.patches = self.patches.rows(&whole.patches, device, &BTreeSet::new());
        draft.exceptions = self.exceptions.rows(&whole.exceptions, device, &BTreeSet::new());
        let done = work(&draft);
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner).push(draft);
        done
    }
}

impl Sorted {
    /// `rows`: for each row its devices, and the key of its name; `None`: it may be about any name.
    fn of<'a>(rows: impl Iterator<Item = (&'a Scope, Option<String>)>) -> Self {
        let mut sorted = Sorted::default();
        for (index, (scope, name)) in rows.enumerate() {
            let named = match scope {
                Scope::All => &mut sorted.everywhere,
                Scope::Group(group) => sorted.groups.entry(normal::key(group)).or_default(),
                Scope::Device(device) => sorted.devices.entry(normal::key(device)).or_default(),
            };
            match name {
                Some(name) => named.exact.entry(name).or_default().push(index),
                None => named.any.push(index),
            }
        }
        sorted
    }

    fn rows<Row: Clone>(&self, rows: &[Row], device: Option<&Device>, names: &BTreeSet<String>) -> Vec<Row> {
        let group = device.and_then(|device| device.group.as_ref());
        let group = group.and_then(|group| self.groups.get(&normal::key(group)));
        let own = device.and_then(|device| self.devices.get(&normal::key(&device.device_id)));
        let mut indices = Vec::new();
        for named in [Some(&self.everywhere), group, own].into_iter().flatten() {
            indices.extend_from_slice(&named.any);
            if !named.exact.is_empty() {
                indices.extend(names.iter().filter_map(|name| named.exact.get(name)).flatten());
            }
        }
        indices.sort_unstable();
        indices.into_iter().filter_map(|index| rows.get(index).cloned()).collect()
    }
}

/// The key, unless it is a pattern.
fn exact(key: &str) -> Option<String> {
    (!key.contains('*')).then(|| key.to_owned())
}

/// `sshd` and `sshd.service` are one to the rules.
fn program_key(name: &str) -> String {
    let mut key = normal::key(name);
    while let Some(bare) = key.strip_suffix(".service").map(|bare| bare.trim_end().len()) {
        key.truncate(bare);
    }
    key
}

fn account_names<'a>(records: impl Iterator<Item = &'a EndpointRecord>) -> BTreeSet<String> {
    let held = records.filter_map(|record| record.accounts.as_ref());
    let accounts = held.filter_map(|held| held.look.value()).flatten();
    accounts
        .flat_map(|account| [Some(account.name.as_str()), account.online_identity.as_deref()])
        .flatten()
        .map(normal::key)
        .collect()
}

fn service_names<'a>(records: impl Iterator<Item = &'a EndpointRecord>) -> BTreeSet<String> {
    let held = records.filter_map(|record| record.services.as_ref());
    let services = held.filter_map(|held| held.look.value()).flatten();
    services
        .flat_map(|service| std::iter::once(&service.name).chain(&service.aliases).chain(&service.triggers))
        .map(|name| program_key(name))
        .collect()
}

fn software_names<'a>(records: impl Iterator<Item = &'a EndpointRecord>) -> BTreeSet<String> {
    let held = records.filter_map(|record| record.software.as_ref());
    let software = held.filter_map(|held| held.look.value()).flatten();
    software.map(|program| program_key(&program.name)).collect()
}

#[cfg(test)]
mod tests;
