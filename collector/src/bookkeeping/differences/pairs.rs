//! The rows of both ledgers, each pair once, and found by what machines show.

use std::collections::{BTreeMap, HashMap};

use daicho_rules::ledger::{ApprovedMedium, Ledger, Scope};
use daicho_rules::normal;

use crate::bookkeeping::plan::SheetPlan;
use crate::bookkeeping::table::tables;

/// Sheets whose rows name something on a device: scope and name are their key.
pub(super) const ON_DEVICES: [&str; 3] = ["accounts", "services", "software"];

/// One row of either ledger or of both.
pub(super) struct Pair {
    pub(super) plan: &'static SheetPlan,
    /// The key for people, as the ledger writes it, else as the file does.
    pub(super) shown: String,
    /// The place among the ledger's rows.
    pub(super) ledger: Option<usize>,
    /// The place among the file's rows.
    pub(super) file: Option<usize>,
    /// The key of the devices that it is about, where the sheet says.
    pub(super) scope: Option<String>,
    /// The same as written.
    pub(super) device: Option<String>,
    /// The key of the name that machines show.
    pub(super) name: String,
    /// Vendor, product and serial number of a medium, of each side.
    media: Vec<[Option<String>; 3]>,
}

/// All of them, in the order of the sheets; the ledger's rows, then those of the file alone.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) all: Vec<Pair>,
    scoped: HashMap<(&'static str, String), Vec<usize>>,
    devices: HashMap<String, usize>,
    media: Vec<usize>,
}

impl Pairs {
    pub(super) fn of(ledger: &Ledger, file: &Ledger) -> Self {
        let mut pairs = Pairs::default();
        for (ours, theirs) in tables(ledger).into_iter().zip(tables(file)) {
            let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
            for (of_file, table) in [(false, &ours), (true, &theirs)] {
                for (index, row) in table.rows.iter().enumerate() {
                    let at = *known.entry(row.key.clone()).or_insert_with(|| {
                        pairs.all.push(Pair::new(table.plan, &row.cells));
                        pairs.all.len() - 1
                    });
                    let pair = &mut pairs.all[at];
                    if of_file {
                        pair.file = Some(index);
                    } else {
                        pair.ledger = Some(index);
                    }
                    if table.plan.name == "media" {
                        let side = if of_file { file } else { ledger };
                        pair.media.extend(side.media.get(index).map(of_medium));
                    }
                }
            }
        }
        for (at, pair) in pairs.all.iter().enumerate() {
            match (pair.plan.name, &pair.scope) {
                ("devices", _) => drop(pairs.devices.insert(pair.name.clone(), at)),
                ("media", _) => pairs.media.push(at),
                (sheet, Some(scope)) if ON_DEVICES.contains(&sheet) => {
                    pairs.scoped.entry((sheet, scope.clone())).or_default().push(at);
                }
                _ => {}
            }
        }
        pairs
    }

    /// The row of a device.
    pub(super) fn device(&self, device_id: &str) -> Option<usize> {
        self.devices.get(&normal::key(device_id)).copied()
    }

    /// The rows of a sheet about exactly these devices.
    pub(super) fn scoped(&self, sheet: &'static str, scope: &str) -> &[usize] {
        self.scoped.get(&(sheet, scope.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The rows about a medium.
    pub(super) fn media(&self, names: [Option<&str>; 3]) -> impl Iterator<Item = usize> {
        let names = names.map(|name| name.map(number));
        let fits = move |row: &[Option<String>; 3]| {
            row.iter().any(Option::is_some)
                && row.iter().zip(&names).all(|(wanted, seen)| match wanted {
                    None => true,
                    Some(any) if any == "*" => true,
                    wanted => wanted == seen,
                })
        };
        self.media.iter().copied().filter(move |at| self.all[*at].media.iter().any(&fits))
    }
}

impl Pair {
    fn new(plan: &'static SheetPlan, cells: &[String]) -> Self {
        let cell = |field: &str| {
            let place = plan.columns.iter().position(|column| column.field == field);
            place.and_then(|place| cells.get(place)).cloned()
        };
        let shown: Vec<String> = plan.key_fields().iter().filter_map(|field| cell(field)).collect();
        let name = plan.key_fields().last().and_then(|field| cell(field)).unwrap_or_default();
        let device = if plan.name == "devices" { cell("device_id") } else { cell("device") };
        Pair {
            plan,
            shown: shown.join(" / "),
            ledger: None,
            file: None,
            scope: cell("device").map(|scope| scope_key(&Scope::from(scope.as_str()))),
            device,
            name: bare(&name),
            media: Vec::new(),
        }
    }
}

/// The devices that a row is about, as a key.
pub(super) fn scope_key(scope: &Scope) -> String {
    normal::key(&scope.to_string())
}

/// `sshd` and `sshd.service` are one.
pub(super) fn bare(name: &str) -> String {
    let key = normal::key(name);
    key.strip_suffix(".service").map_or_else(|| key.clone(), str::to_owned)
}

fn of_medium(row: &ApprovedMedium) -> [Option<String>; 3] {
    let name = |cell: &Option<String>| cell.as_deref().map(number).filter(|name| !name.is_empty());
    [name(&row.vendor_id), name(&row.product_id), name(&row.serial)]
}

/// `0x0781` and `781` are one number to whoever types them.
fn number(text: &str) -> String {
    let key = normal::key(text);
    let digits = key.strip_prefix("0x").unwrap_or(&key).trim_start_matches('0');
    if digits.is_empty() { key.clone() } else { digits.to_owned() }
}
