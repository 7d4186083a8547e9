//! Two edits of one version of the ledger, put together row by row and field by field. Pure.
//!
//! The base is the version from which the file was made, theirs the current one, mine the file. What only one of the two
//! changed counts; what both changed to something else is a conflict, and with a single one nothing is merged.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::ledger::Ledger;
use daicho_rules::normal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::plan::{SHEETS, SheetPlan};
use super::reading::Reading;
use super::table::tables;

mod rows;

use rows::{Cells, Row};

/// What names a whole row among its fields, where one side removed it and the other changed it.
pub const WHOLE_ROW: &str = "*";

/// A field that both sides changed, each to something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Our name of the sheet.
    pub sheet: String,
    /// What a person writes to settle it: `KEY.FIELD`.
    pub name: String,
    /// What stood in the version from which the file was made.
    pub base: String,
    /// What stands in the ledger now.
    pub theirs: String,
    /// What stands in the file.
    pub mine: String,
}

/// What a person decided on conflicts, by their names.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The file's value counts.
    pub mine: Vec<String>,
    /// The ledger's value counts.
    pub theirs: Vec<String>,
}

/// A merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The ledger; not to be used while there are conflicts.
    pub ledger: Ledger,
    /// What nobody settled.
    pub conflicts: Vec<Conflict>,
    /// What was settled as the file has it, and as the ledger has it.
    pub taken: (Vec<String>, Vec<String>),
    /// Names that a person settled and that are no conflict, or that were settled both ways.
    pub unknown: Vec<String>,
}

/// What the file speaks of at all: a sheet or a column that it does not have was not emptied by anybody.
#[derive(Clone, Debug, Default)]
pub struct Told {
    fields: BTreeMap<String, BTreeSet<String>>,
    missing: BTreeSet<&'static str>,
}

impl Told {
    /// What a reading found.
    pub fn by(reading: &Reading) -> Self {
        let fields = reading.mapping.iter();
        let fields = fields.map(|(sheet, columns)| (sheet.clone(), columns.values().cloned().collect()));
        Told { fields: fields.collect(), missing: reading.missing.iter().copied().collect() }
    }

    fn tells(&self, sheet: &str, field: &str) -> bool {
        self.fields.get(sheet).is_some_and(|fields| fields.contains(field))
    }
}

/// Puts both edits together.
pub fn merge(base: &Ledger, theirs: &Ledger, mine: &Ledger, told: &Told, settled: &Settled) -> Merged {
    let mut judge = Judge::new(settled);
    let sides = [base, theirs, mine].map(|ledger| (tables(ledger), json!(ledger)));
    let blanks = blanks();
    let mut whole = Map::new();
    for (index, plan) in SHEETS.iter().enumerate() {
        let side = |side: usize| rows::of(&sides[side].0[index], &sides[side].1);
        let sheet = Sheet { plan, base: side(0), theirs: side(1), mine: side(2), blank: &blanks[plan.name] };
        whole.insert(plan.name.to_owned(), Value::Array(sheet.merged(told, &mut judge)));
    }
    let unknown = judge.unknown();
    // The rows are those of ledgers that were read: they are a ledger again.
    let ledger = serde_json::from_value(Value::Object(whole)).unwrap_or_default();
    Merged { ledger, conflicts: judge.conflicts, taken: judge.taken, unknown }
}

/// A row of each sheet in which nobody wrote anything.
fn blanks() -> Value {
    let rows = SHEETS.iter().map(|plan| (plan.name.to_owned(), json!([{}])));
    let ledger: Ledger = serde_json::from_value(rows.collect::<Map<_, _>>().into()).unwrap_or_default();
    let value = json!(ledger);
    let first = |plan: &SheetPlan| (plan.name.to_owned(), value[plan.name][0].clone());
    Value::Object(SHEETS.iter().map(first).collect())
}

/// Who is right where both changed something.
struct Judge {
    mine: BTreeSet<String>,
    theirs: BTreeSet<String>,
    met: BTreeSet<String>,
    /// The sheet of each name: the same in another sheet gets that sheet's name in front.
    names: BTreeMap<String, String>,
    conflicts: Vec<Conflict>,
    taken: (Vec<String>, Vec<String>),
}

/// Which side counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Mine,
    Theirs,
}

impl Judge {
    fn new(settled: &Settled) -> Self {
        let keys = |names: &[String]| names.iter().map(|name| normal::key(name)).collect::<BTreeSet<_>>();
        Judge {
            mine: keys(&settled.mine),
            theirs: keys(&settled.theirs),
            met: BTreeSet::new(),
            names: BTreeMap::new(),
            conflicts: Vec::new(),
            taken: Default::default(),
        }
    }

    /// The side that a person chose; a conflict where nobody did, or both ways.
    fn side(&mut self, mut conflict: Conflict) -> Side {
        let first = self.names.entry(normal::key(&conflict.name)).or_insert_with(|| conflict.sheet.clone());
        if *first != conflict.sheet {
            conflict.name = format!("{}:{}", conflict.sheet, conflict.name);
        }
        let name = normal::key(&conflict.name);
        match (self.mine.contains(&name), self.theirs.contains(&name)) {
            (true, false) => {
                self.met.insert(name);
                self.taken.0.push(conflict.name);
                Side::Mine
            }
            (false, true) => {
                self.met.insert(name);
                self.taken.1.push(conflict.name);
                Side::Theirs
            }
            _ => {
                self.conflicts.push(conflict);
                Side::Theirs
            }
        }
    }

    fn unknown(&self) -> Vec<String> {
        self.mine.union(&self.theirs).filter(|name| !self.met.contains(*name)).cloned().collect()
    }
}

/// The three sides of one sheet.
struct Sheet<'a> {
    plan: &'static SheetPlan,
    base: Cells,
    theirs: Cells,
    mine: Cells,
    blank: &'a Value,
}

impl Sheet<'_> {
    /// The file's rows in its order, then those that only the ledger has.
    fn merged(&self, told: &Told, judge: &mut Judge) -> Vec<Value> {
        if told.missing.contains(self.plan.name) {
            return self.theirs.order.iter().map(|row| row.value.clone()).collect();
        }
        let titles: BTreeSet<&str> = self
            .mine
            .order
            .iter()
            .flat_map(|row| row.extra.keys())
            .map(|(title, _)| title.as_str())
            .collect();
        let new = self.theirs.order.iter().filter(|row| self.mine.get(&row.key).is_none());
        let mut all = Vec::new();
        for row in self.mine.order.iter().chain(new) {
            let (base, theirs, mine) =
                (self.base.get(&row.key), self.theirs.get(&row.key), self.mine.get(&row.key));
            let mine = mine.map(|mine| self.as_told(mine, base, told, &titles));
            all.extend(self.row(base, theirs, mine.as_ref(), judge));
        }
        all
    }

    /// The file's row; what the file has no column for is as it was.
    fn as_told(&self, mine: &Row, base: Option<&Row>, told: &Told, titles: &BTreeSet<&str>) -> Row {
        let mut mine = mine.clone();
        let Some(base) = base else { return mine };
        for (field, value) in &base.fields {
            if !told.tells(self.plan.name, field) && mine.fields.get(field) == self.blank.get(field) {
                mine.fields.insert(field.clone(), value.clone());
            }
        }
        for (name, value) in base.extra.iter().filter(|((title, _), _)| !titles.contains(title.as_str())) {
            mine.extra.insert(name.clone(), value.clone());
        }
        mine
    }

    fn row(
        &self,
        base: Option<&Row>,
        theirs: Option<&Row>,
        mine: Option<&Row>,
        judge: &mut Judge,
    ) -> Option<Value> {
        match (base, theirs, mine) {
            (_, Some(theirs), Some(mine)) => Some(self.fields(base, theirs, mine, judge)),
            // Who added a row is alone with it.
            (None, one, other) => one.or(other).map(Row::whole),
            (Some(base), one, other) => {
                let left = one.or(other)?;
                // Removed here, and there as it was: it is gone.
                if left.alike(base) {
                    return None;
                }
                let removed = |row: Option<&Row>| row.map_or_else(String::new, |row| row.changed(base));
                let conflict = Conflict {
                    sheet: self.plan.name.to_owned(),
                    name: format!("{}.{WHOLE_ROW}", base.shown),
                    base: base.shown.clone(),
                    theirs: removed(theirs),
                    mine: removed(mine),
                };
                let stays = match judge.side(conflict) {
                    Side::Mine => mine,
                    Side::Theirs => theirs,
                };
                stays.map(Row::whole)
            }
        }
    }

    /// A row that both have, field by field.
    fn fields(&self, base: Option<&Row>, theirs: &Row, mine: &Row, judge: &mut Judge) -> Value {
        let mut merged = mine.clone();
        let nothing = Value::Null;
        for (field, value) in &mut merged.fields {
            let of = |row: &Row| row.fields.get(field).cloned().unwrap_or_default();
            let (old, now) = (base.map(of), of(theirs));
            let old = old.as_ref().unwrap_or(&nothing);
            let conflict = || self.conflict(field, base, theirs, mine);
            if decide(old, &now, value, conflict, judge) == Side::Theirs {
                *value = now;
            }
        }
        let names: BTreeSet<&(String, usize)> = theirs.extra.keys().chain(mine.extra.keys()).collect();
        for name in names {
            let of = |row: &Row| row.extra.get(name).map_or(Value::Null, |text| json!(text));
            let (old, now, new) = (base.map_or(Value::Null, of), of(theirs), of(mine));
            let conflict = || Conflict {
                sheet: self.plan.name.to_owned(),
                name: format!("{}.{}", mine.shown, name.0),
                base: old.as_str().unwrap_or_default().to_owned(),
                theirs: now.as_str().unwrap_or_default().to_owned(),
                mine: new.as_str().unwrap_or_default().to_owned(),
            };
            if decide(&old, &now, &new, conflict, judge) == Side::Theirs {
                match theirs.extra.get(name) {
                    Some(text) => merged.extra.insert(name.clone(), text.clone()),
                    None => merged.extra.remove(name),
                };
            }
        }
        merged.whole()
    }

    fn conflict(&self, field: &str, base: Option<&Row>, theirs: &Row, mine: &Row) -> Conflict {
        Conflict {
            sheet: self.plan.name.to_owned(),
            name: format!("{}.{field}", mine.shown),
            base: base.map_or_else(String::new, |row| row.cell(field)),
            theirs: theirs.cell(field),
            mine: mine.cell(field),
        }
    }
}

/// Whose value counts. What differs by writing alone is no conflict: the ledger's stands.
fn decide(
    base: &Value,
    theirs: &Value,
    mine: &Value,
    conflict: impl FnOnce() -> Conflict,
    judge: &mut Judge,
) -> Side {
    if mine == base {
        return Side::Theirs;
    }
    if theirs == base {
        return Side::Mine;
    }
    if rows::alike(mine, theirs) || rows::alike(mine, base) {
        return Side::Theirs;
    }
    if rows::alike(theirs, base) {
        return Side::Mine;
    }
    judge.side(conflict())
}

#[cfg(test)]
mod tests;
