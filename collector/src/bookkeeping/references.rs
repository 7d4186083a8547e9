//! What no row can tell alone: the same thing twice, and references to what is not there.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::ledger::{Ledger, RowReference, Scope};
use daicho_rules::normal;
use daicho_rules::text::Text;

use super::fault::{Fault, Faults, shown};

/// Where the rows of a ledger came from, to name file, sheet and heading again.
pub type Places = BTreeMap<(&'static str, String), Place>;

/// One grid's place, and its headings by field.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The sheet's.
    pub sheet: String,
    /// For each field its heading as written.
    pub headings: BTreeMap<&'static str, String>,
    /// For each field its column, counted from 0.
    pub columns: BTreeMap<&'static str, usize>,
    /// Every column with a heading that is not one of passwords, ours or the hospital's own.
    pub titles: BTreeMap<usize, String>,
    /// The row of the headings, as Excel counts; of two rows the lower.
    pub heading_row: u32,
}

/// Checks a ledger whose rows were read, each for itself.
pub fn check(ledger: &Ledger, places: &Places, faults: &mut Faults) {
    let mut checker = Checker { places, faults };
    checker.duplicates(ledger);
    checker.devices(ledger);
    checker.staff(ledger);
}

struct Checker<'a> {
    places: &'a Places,
    faults: &'a mut Faults,
}

impl Checker<'_> {
    fn duplicates(&mut self, ledger: &Ledger) {
        for sheet in super::table::tables(ledger) {
            let mut seen: BTreeMap<Vec<String>, &RowReference> = BTreeMap::new();
            for row in &sheet.rows {
                // A row without its key has its fault already.
                if row.key.iter().all(String::is_empty) {
                    continue;
                }
                match seen.get(&row.key) {
                    Some(first) => {
                        let field = sheet.plan.key_fields().last().copied().unwrap_or_default();
                        let expected = Text::new(
                            format!("重複のない行（{first} と同じです）"),
                            format!(
                                "each {} once; it stands in {first} already",
                                sheet.plan.key_fields().join(", ")
                            ),
                        );
                        self.fault(sheet.plan.name, row.reference, field, &row.shown_key(), expected);
                    }
                    None => {
                        seen.insert(row.key.clone(), row.reference);
                    }
                }
            }
        }
    }

    fn devices(&mut self, ledger: &Ledger) {
        let ids: BTreeSet<String> =
            ledger.devices.iter().map(|device| normal::key(&device.device_id)).collect();
        let groups: BTreeSet<String> =
            ledger.devices.iter().filter_map(|device| device.group.as_deref()).map(normal::key).collect();
        let mut scopes: Vec<(&'static str, &RowReference, &Scope)> = Vec::new();
        scopes.extend(ledger.accounts.iter().map(|row| ("accounts", &row.row, &row.device)));
        scopes.extend(ledger.services.iter().map(|row| ("services", &row.row, &row.device)));
        scopes.extend(ledger.software.iter().map(|row| ("software", &row.row, &row.device)));
        scopes.extend(ledger.media.iter().map(|row| ("media", &row.row, &row.device)));
        scopes.extend(ledger.patches.iter().map(|row| ("patches", &row.row, &row.device)));
        // An unlisted device is in no sheet, and yet its exception names it.
        let exceptions = ledger.exceptions.iter().filter(|row| row.rule != "04.unlisted_device");
        scopes.extend(exceptions.map(|row| ("exceptions", &row.row, &row.device)));
        for (sheet, reference, scope) in scopes {
            let known = match scope {
                Scope::All => true,
                Scope::Group(name) => groups.contains(&normal::key(name)),
                Scope::Device(id) => id.is_empty() || ids.contains(&normal::key(id)),
            };
            if !known {
                let expected = Text::new(
                    "機器台帳にある機器ID、group:グループ名、またはすべてを表す *",
                    "a device_id or group:NAME of the sheet devices, or * for all",
                );
                self.fault(sheet, reference, "device", &scope.to_string(), expected);
            }
        }
    }

    fn staff(&mut self, ledger: &Ledger) {
        let ids: BTreeSet<String> = ledger.staff.iter().map(|member| normal::key(&member.staff_id)).collect();
        for account in &ledger.accounts {
            let Some(staff_id) = account.staff_id.as_deref() else { continue };
            if !ids.contains(&normal::key(staff_id)) {
                let expected = Text::new("職員台帳にある職員番号", "a staff_id of the sheet staff");
                self.fault("accounts", &account.row, "staff_id", staff_id, expected);
            }
        }
    }

    fn fault(
        &mut self,
        sheet: &'static str,
        reference: &RowReference,
        field: &str,
        value: &str,
        expected: Text,
    ) {
        let place = self.places.get(&(sheet, reference.place.clone())).cloned().unwrap_or_default();
        self.faults.add(Fault {
            file: place.file,
            sheet: Some(place.sheet),
            row: Some(reference.row),
            column: Some(place.headings.get(field).cloned().unwrap_or_else(|| field.to_owned())),
            value: Some(shown(value)),
            expected,
        });
    }
}
