//! The differences of the rows, once every machine was looked at.

use daicho_proto::facts::Host;
use daicho_rules::ledger::Ledger;
use daicho_rules::normal;

use super::machines::{Itself, Sights, told_host};
use super::pairs::{ON_DEVICES, Pair, Pairs};
use super::{Difference, Seen, only};
use crate::bookkeeping::plan::SheetPlan;
use crate::bookkeeping::spoilt;
use crate::bookkeeping::table::{Table, TableRow, tables};
use crate::bookkeeping::words::{self, word};

/// Everything that differs, in the order of the rows.
pub(super) fn differences(ledger: &Ledger, file: &Ledger, pairs: &Pairs, sights: &Sights) -> Vec<Difference> {
    let (ours, theirs) = (tables(ledger), tables(file));
    let mut all = Vec::new();
    for (at, pair) in pairs.all.iter().enumerate() {
        let ours = pair.ledger.and_then(|index| of(&ours, pair.plan)?.rows.get(index));
        let theirs = pair.file.and_then(|index| of(&theirs, pair.plan)?.rows.get(index));
        Row { at, pair, ours, theirs, sights }.compare(&mut all);
    }
    all
}

fn of<'a, 'b>(tables: &'b [Table<'a>], plan: &SheetPlan) -> Option<&'b Table<'a>> {
    tables.iter().find(|table| table.plan.name == plan.name)
}

struct Row<'a> {
    at: usize,
    pair: &'a Pair,
    ours: Option<&'a TableRow<'a>>,
    theirs: Option<&'a TableRow<'a>>,
    sights: &'a Sights,
}

impl Row<'_> {
    fn compare(&self, all: &mut Vec<Difference>) {
        let seen = self.seen();
        let plan = self.pair.plan;
        if let (Some(ours), Some(theirs)) = (self.ours, self.theirs) {
            // A name without a pattern that no machine has any more: the account was deleted, the program removed.
            let gone = matches!(seen, Seen::None { .. }) && !self.pair.name.contains('*');
            if gone {
                let (ours, theirs) = (summary(plan, ours), summary(plan, theirs));
                let mut difference = self.difference(None, Some(ours), Some(theirs), seen);
                difference.only.clear();
                all.push(difference);
            }
            for (field, ledger, file) in fields(plan, ours, theirs) {
                self.field(field, ledger, file, all);
            }
            return;
        }
        let told = |row: Option<&TableRow<'_>>| row.map(|row| summary(plan, row));
        let mut difference = self.difference(None, told(self.ours), told(self.theirs), seen);
        // Whether machines have it, not whether they write it as a row does.
        if matches!(difference.machine, Seen::Seen { .. }) {
            difference.only.clear();
        }
        all.push(difference);
    }

    /// What machines show of the row.
    fn seen(&self) -> Seen {
        let sheet = self.pair.plan.name;
        match (sheet, &self.pair.scope) {
            ("devices", _) => match self.sights.hosts.get(&self.at).and_then(|all| all.first()) {
                Some(one) => {
                    Seen::Seen { value: told_host(&one.host), endpoint: one.endpoint.clone(), at: one.at }
                }
                None => Seen::NotMeasured { measured: 0, of: 1 },
            },
            ("media", _) => match self.sights.seen.get(&self.at) {
                Some(sight) => {
                    Seen::Seen { value: sight.value.clone(), endpoint: sight.endpoint.clone(), at: sight.at }
                }
                // A permit says that a medium may be used, not that it was.
                None => Seen::NotAsked,
            },
            (sheet, Some(scope)) if ON_DEVICES.contains(&sheet) => self.sights.of_row(self.at, sheet, scope),
            _ => Seen::NotAsked,
        }
    }

    fn field(&self, field: String, ledger: String, file: String, all: &mut Vec<Difference>) {
        let seen = self.field_seen(&field, [&ledger, &file]);
        let machine = match &seen {
            Seen::Seen { value, .. } => Some(value.clone()),
            _ => None,
        };
        // Where neither side says anything, a machine that does is no difference but a cell that can be filled in.
        if ledger.is_empty() && file.is_empty() {
            return;
        }
        if ledger == file && machine.as_ref().is_none_or(|machine| *machine == ledger) {
            return;
        }
        let agrees = machine.as_ref().is_none_or(|machine| normal::same(machine, &ledger));
        let alike = normal::same(&ledger, &file) && agrees;
        let mut difference = self.difference(Some(field), Some(ledger), Some(file), seen);
        difference.written_differently = alike;
        if alike {
            difference.only.clear();
        }
        all.push(difference);
    }

    /// What machines say of a field: the one that agrees with either side, where several report for one device.
    fn field_seen(&self, field: &str, said: [&String; 2]) -> Seen {
        if let ("accounts", "privileged", Some(sight)) =
            (self.pair.plan.name, field, self.sights.seen.get(&self.at))
        {
            let one_device =
                self.pair.scope.as_deref().is_some_and(|scope| scope != "*" && !scope.starts_with("group:"));
            return match sight.privileged.filter(|_| one_device) {
                Some(privileged) => Seen::Seen {
                    value: word(words::FLAGS, &privileged, false).to_owned(),
                    endpoint: sight.endpoint.clone(),
                    at: sight.at,
                },
                None => Seen::NotAsked,
            };
        }
        if self.pair.plan.name != "devices" {
            return Seen::NotAsked;
        }
        if !["hostname", "serial_number", "hardware_uuid", "mac_address"].contains(&field) {
            return Seen::NotAsked;
        }
        let hosts = self.sights.hosts.get(&self.at).map_or(&[][..], Vec::as_slice);
        let told: Vec<(String, &Itself)> =
            hosts.iter().filter_map(|one| Some((shown(&one.host, field, said)?, one))).collect();
        let agrees = |(value, _): &&(String, &Itself)| said.iter().any(|said| normal::same(said, value));
        match told.iter().find(agrees).or(told.first()) {
            Some((value, one)) => {
                Seen::Seen { value: value.clone(), endpoint: one.endpoint.clone(), at: one.at }
            }
            None => Seen::NotMeasured { measured: 0, of: hosts.len().max(1) },
        }
    }

    fn difference(
        &self,
        field: Option<String>,
        ledger: Option<String>,
        file: Option<String>,
        machine: Seen,
    ) -> Difference {
        let value = match &machine {
            Seen::Seen { value, .. } => Some(value.as_str()),
            _ => None,
        };
        Difference {
            sheet: self.pair.plan.name.to_owned(),
            key: self.pair.shown.clone(),
            only: only(ledger.as_deref(), file.as_deref(), value),
            field,
            ledger,
            file,
            machine,
            written_differently: false,
            device: self.pair.device.clone(),
            row: self.theirs.map(|row| row.reference.to_string()),
        }
    }
}

/// What a machine says of a field, written as a side writes it where they mean the same.
fn shown(host: &Host, field: &str, said: [&String; 2]) -> Option<String> {
    let of = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
    match field {
        "hostname" => {
            let name = of(&host.hostname)?;
            let short = name.split('.').next().unwrap_or_default();
            let meant = said.iter().any(|said| normal::same(said, short));
            Some(if meant { short.to_owned() } else { name })
        }
        "serial_number" => of(&host.serial_number),
        "hardware_uuid" => of(&host.hardware_uuid).map(|uuid| {
            // Case and dashes of a UUID are nobody's writing.
            said.iter().find(|said| normal::same(said, &uuid)).map_or(uuid, |said| (*said).clone())
        }),
        _ => {
            if host.mac_addresses.is_empty() {
                return None;
            }
            let seen: Vec<String> =
                host.mac_addresses.iter().filter_map(|mac| spoilt::macs(mac)).flatten().collect();
            let meant = said.iter().find(|said| {
                let wanted = spoilt::macs(said).unwrap_or_default();
                !wanted.is_empty() && wanted.iter().all(|mac| seen.contains(mac))
            });
            Some(meant.map_or_else(|| host.mac_addresses.join(" "), |said| (*said).clone()))
        }
    }
}

/// Every field of either row with what both say, ours and the hospital's own.
fn fields(plan: &SheetPlan, ours: &TableRow<'_>, theirs: &TableRow<'_>) -> Vec<(String, String, String)> {
    let columns = plan.columns.iter().zip(ours.cells.iter().zip(&theirs.cells));
    let mut all: Vec<(String, String, String)> = columns
        .map(|(column, (ours, theirs))| (column.field.to_owned(), ours.clone(), theirs.clone()))
        .collect();
    let value = |row: &TableRow<'_>, title: &str| {
        let mut values =
            row.extra.iter().filter(|(known, _)| known == title).map(|(_, value)| value.as_str());
        let first = values.next().unwrap_or_default().to_owned();
        values.fold(first, |all, value| format!("{all}\n{value}"))
    };
    for (title, _) in ours.extra.iter().chain(theirs.extra) {
        if !all[plan.columns.len()..].iter().any(|(known, ..)| known == title) {
            all.push((title.clone(), value(ours, title), value(theirs, title)));
        }
    }
    all
}

/// A row on one line: what holds something and is not its key.
fn summary(plan: &SheetPlan, row: &TableRow<'_>) -> String {
    let keys = plan.key_fields();
    let columns = plan.columns.iter().zip(&row.cells);
    let cells = columns.filter(|(column, cell)| !cell.is_empty() && !keys.contains(&column.field));
    let cells: Vec<String> = cells.map(|(column, cell)| format!("{}={cell}", column.field)).collect();
    if cells.is_empty() { row.shown_key() } else { cells.join(", ") }
}
