//! What a settled swap makes of the ledger's rows. Pure.

use daicho_rules::ledger::{Device, DeviceStatus, Ledger, Scope};
use daicho_rules::normal;
use jiff::civil::Date;

use super::Proposed;

/// What becomes of the machine that stood there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// 予備機になる.
    #[default]
    Spare,
    /// 修理に出す: a spare until it is back, with a note.
    Repair,
    /// 廃棄する.
    Retired,
    /// Its status stays as it is.
    Keep,
}

impl Fate {
    /// The word of the command line, of the wire and of the log.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Spare => "spare",
            Fate::Repair => "repair",
            Fate::Retired => "retired",
            Fate::Keep => "keep",
        }
    }

    /// The fate of this name.
    pub fn of(word: &str) -> Option<Self> {
        [Fate::Spare, Fate::Repair, Fate::Retired, Fate::Keep].into_iter().find(|fate| fate.word() == word)
    }

    fn status(self) -> Option<DeviceStatus> {
        match self {
            Fate::Spare | Fate::Repair => Some(DeviceStatus::Spare),
            Fate::Retired => Some(DeviceStatus::Retired),
            Fate::Keep => None,
        }
    }

    fn japanese(self) -> &'static str {
        match self {
            Fate::Spare => "予備",
            Fate::Repair => "修理",
            Fate::Retired => "廃棄",
            Fate::Keep => "変更なし",
        }
    }
}

/// The ledger afterwards.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// All of it.
    pub ledger: Ledger,
    /// Rows about the two devices that were left as they are, because only the officer may move them.
    pub left: Vec<String>,
}

/// Exchanges what the two rows say of the place: hostname, place, people, status. What was approved for the work at that
/// place goes with it. A machine without a row takes over the row, and a note keeps what it was before.
pub fn settle(ledger: &Ledger, swap: &Proposed, fate: Fate, today: Date) -> Settlement {
    let mut ledger = ledger.clone();
    let mut left = Vec::new();
    let place =
        |device_id: &str| ledger.devices.iter().position(|device| normal::same(&device.device_id, device_id));
    let Some(broken) = place(&swap.broken.device_id) else { return Settlement { ledger, left } };
    match swap.spare.as_ref().and_then(|spare| place(&spare.device_id)) {
        Some(spare) if spare != broken => {
            exchange(&mut ledger.devices, broken, spare, swap, fate, today);
            left = move_approvals(&mut ledger, &swap.broken.device_id, swap.spare.as_ref());
        }
        _ => {
            if let Some(row) = ledger.devices.get_mut(broken) {
                take_over(row, swap, fate, today);
            }
        }
    }
    Settlement { ledger, left }
}

fn exchange(devices: &mut [Device], broken: usize, spare: usize, swap: &Proposed, fate: Fate, today: Date) {
    let (Some(old), Some(new)) = (devices.get(broken).cloned(), devices.get(spare).cloned()) else { return };
    if let Some(row) = devices.get_mut(spare) {
        take_place(row, &old);
        row.status = DeviceStatus::InUse;
        add_note(row, &format!("{today} 交換 {}: {} の代わりに設置", swap.id, old.device_id));
    }
    if let Some(row) = devices.get_mut(broken) {
        take_place(row, &new);
        row.status = fate.status().unwrap_or(row.status);
        let fate = fate.japanese();
        add_note(row, &format!("{today} 交換 {}: {} に交代（{fate}）", swap.id, new.device_id));
    }
}

/// What belongs to a place and not to a box.
fn take_place(row: &mut Device, from: &Device) {
    row.hostname.clone_from(&from.hostname);
    row.location.clone_from(&from.location);
    row.department.clone_from(&from.department);
    row.users.clone_from(&from.users);
    row.group.clone_from(&from.group);
    row.remote_maintenance.clone_from(&from.remote_maintenance);
}

fn take_over(row: &mut Device, swap: &Proposed, fate: Fate, today: Date) {
    let told = [("製造番号", &row.serial_number), ("UUID", &row.hardware_uuid), ("MAC", &row.mac_address)];
    let told: Vec<String> = told
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
        .collect();
    let note = format!("{today} 交換 {}: 旧 {}（{}）", swap.id, told.join("、"), fate.japanese());
    add_note(row, &note);
    let host = &swap.host;
    row.serial_number.clone_from(&host.serial_number);
    row.hardware_uuid.clone_from(&host.hardware_uuid);
    let addresses = host.mac_addresses.join(", ");
    row.mac_address = (!addresses.is_empty()).then_some(addresses);
}

fn add_note(row: &mut Device, words: &str) {
    row.note = Some(match row.note.take().filter(|note| !note.trim().is_empty()) {
        Some(note) => format!("{note} / {words}"),
        None => words.to_owned(),
    });
}

/// Accounts, programs and patches go with the place. Exceptions and media are the officer's: they stay, and are named.
fn move_approvals(ledger: &mut Ledger, broken: &str, spare: Option<&Device>) -> Vec<String> {
    let Some(spare) = spare.map(|spare| spare.device_id.as_str()) else { return Vec::new() };
    let other = |scope: &Scope| match scope {
        Scope::Device(id) if normal::same(id, broken) => Some(Scope::Device(spare.to_owned())),
        Scope::Device(id) if normal::same(id, spare) => Some(Scope::Device(broken.to_owned())),
        Scope::Device(_) | Scope::Group(_) | Scope::All => None,
    };
    let scopes = ledger.accounts.iter_mut().map(|row| &mut row.device);
    let scopes = scopes.chain(ledger.services.iter_mut().map(|row| &mut row.device));
    let scopes = scopes.chain(ledger.software.iter_mut().map(|row| &mut row.device));
    for scope in scopes.chain(ledger.patches.iter_mut().map(|row| &mut row.device)) {
        if let Some(moved) = other(scope) {
            *scope = moved;
        }
    }
    let exceptions = ledger.exceptions.iter().map(|row| (&row.device, row.row.to_string()));
    let media = ledger.media.iter().map(|row| (&row.device, row.row.to_string()));
    exceptions.chain(media).filter(|(scope, _)| other(scope).is_some()).map(|(_, place)| place).collect()
}
