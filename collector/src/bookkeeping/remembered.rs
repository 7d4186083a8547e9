//! Mappings that are remembered: what a person once said of a sheet holds for the next one that is laid out alike, and for
//! no other. Pure.
//!
//! A sheet's layout is its name and its headings in their order, as they are compared: full width, case and marks aside.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::text::Text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Faults;
use super::grid::Grid;
use super::headings::{self, Mapping, heading_key};
use super::layout;
use super::reading::Reading;
use super::remarks::Remark;
use super::words::fold;

/// The mapping that lies beside a ledger and is used without a word of the person, but with one of ours.
pub const FILE_NAME: &str = "daicho-mapping.json";

/// Where the collector keeps them.
pub const SHELF: &str = "mapping/";

/// What was said of one sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The sheet's name, as written.
    pub sheet: String,
    /// Its headings in their order, as they are compared; none of a sheet that is left alone.
    pub headings: Vec<String>,
    /// Heading and field, as in a [`Mapping`].
    pub columns: BTreeMap<String, String>,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Remembered {
    /// Where it is kept: what is called alike is one sheet.
    pub fn key(&self) -> String {
        key(&self.sheet)
    }

    /// Whether it says the same of the same layout.
    pub fn says(&self, other: &Remembered) -> bool {
        self.headings == other.headings && self.columns == other.columns
    }
}

/// See [`Remembered::key`].
pub fn key(sheet: &str) -> String {
    format!("{SHELF}{}", fold(sheet))
}

/// What a mapping says of these sheets, to be remembered.
pub fn of(grids: &[Grid], mapping: &Mapping, by: &str, at: Timestamp) -> Vec<Remembered> {
    let told = grids.iter().filter_map(|grid| {
        let columns = said_of(grid, mapping)?;
        Some(Remembered {
            sheet: grid.title().to_owned(),
            headings: fingerprint(grid, columns),
            columns: columns.clone(),
            by: by.to_owned(),
            at,
        })
    });
    told.collect()
}

fn said_of<'a>(grid: &Grid, mapping: &'a Mapping) -> Option<&'a BTreeMap<String, String>> {
    let plan = layout::of(grid, mapping).plan();
    mapping.get(grid.title()).or_else(|| mapping.get(plan?.name)).filter(|columns| !columns.is_empty())
}

/// The headings that a sheet has where these columns are meant.
fn fingerprint(grid: &Grid, columns: &BTreeMap<String, String>) -> Vec<String> {
    let mapping = Mapping::from([(grid.title().to_owned(), columns.clone())]);
    let Some(plan) = layout::of(grid, &mapping).plan() else { return Vec::new() };
    let found = headings::find(grid, plan, &mapping, &mut Faults::default());
    found.titles.values().map(|title| heading_key(title)).collect()
}

/// Adds to a mapping what is remembered for sheets that are laid out as they were, and tells each such decision. What
/// the mapping says itself is the last word.
pub fn recall(grids: &[Grid], given: &Mapping, known: &[Remembered]) -> (Mapping, Vec<Remark>) {
    let (mut mapping, mut remarks) = (given.clone(), Vec::new());
    for grid in grids {
        let Some(remembered) = known.iter().find(|known| known.key() == key(grid.title())) else { continue };
        if said_of(grid, given).is_some() {
            continue;
        }
        let now = fingerprint(grid, &remembered.columns);
        let day = remembered.at.to_zoned(daicho_proto::time::japan()).date();
        let by = &remembered.by;
        let (kind, text) = if now == remembered.headings {
            mapping.insert(grid.title().to_owned(), remembered.columns.clone());
            let text = Text::new(
                format!("{by} さんが {day} に決めた対応付けで読みました。"),
                format!("was read with the mapping that {by} settled on {day}."),
            );
            ("mapping_used", text)
        } else {
            let less = |many: &[String], few: &[String]| {
                let few: BTreeSet<&String> = few.iter().collect();
                let rest: Vec<&str> =
                    many.iter().filter(|one| !few.contains(one)).map(String::as_str).collect();
                if rest.is_empty() { "-".to_owned() } else { rest.join(", ") }
            };
            let (gone, new) = (less(&remembered.headings, &now), less(&now, &remembered.headings));
            let text = Text::new(
                format!(
                    "{by} さんが {day} に対応付けを決めたときと見出しが違うため、その対応付けは使っていません（なくなった見出し: {gone}、増えた見出し: {new}）。--mapping で決め直してください。"
                ),
                format!(
                    "has other headings than when {by} settled its mapping on {day}, which was not used (gone: {gone}; new: {new}); settle it anew with --mapping."
                ),
            );
            ("mapping_not_used", text)
        };
        let (file, sheet) = (grid.file.clone(), grid.sheet.clone());
        remarks.push(Remark { file, sheet, kind, rows: Vec::new(), text });
    }
    (mapping, remarks)
}

/// How a ledger was read, as a mapping that a person corrects: each sheet, each heading, and `extra` for what is kept as
/// the hospital's own.
pub fn proposed(reading: &Reading) -> Mapping {
    let mut mapping = Mapping::new();
    for ((plan, place), found) in &reading.places {
        let title = if found.file == *place {
            place.rsplit_once('.').map_or(place.as_str(), |(stem, _)| stem)
        } else {
            place
        };
        let columns = mapping.entry(title.to_owned()).or_default();
        columns.insert(layout::WHOLE_SHEET.to_owned(), (*plan).to_owned());
        for (column, heading) in &found.titles {
            let field = found.columns.iter().find(|(_, at)| *at == column).map(|(field, _)| *field);
            columns.insert(heading.clone(), field.unwrap_or(headings::EXTRA).to_owned());
        }
    }
    mapping
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookkeeping::reading::{self, RawFile};
    use crate::bookkeeping::sheets::Known;

    fn files(devices: &str) -> Vec<RawFile> {
        vec![RawFile { name: "病棟.csv".to_owned(), bytes: devices.as_bytes().to_vec() }]
    }

    fn mapping() -> Mapping {
        let columns = [("*", "devices"), ("札", "device_id"), ("呼び名", "hostname")];
        let columns = columns.map(|(heading, field)| (heading.to_owned(), field.to_owned()));
        Mapping::from([("病棟".to_owned(), BTreeMap::from(columns))])
    }

    fn remembered() -> Vec<Remembered> {
        let opened = reading::open(&files("札,呼び名,備考\nPC-01,ward1,\n"), &mapping());
        of(&opened.grids, &mapping(), "suzuki", Timestamp::UNIX_EPOCH)
    }

    fn read(devices: &str) -> (Reading, Vec<&'static str>) {
        let (opened, mapping) = reading::open_remembering(&files(devices), &Mapping::new(), &remembered());
        let reading = reading::interpret(opened, &mapping, &Known::of_the_house());
        let kinds =
            reading.remarks.iter().map(|remark| remark.kind).filter(|kind| kind.starts_with("mapping"));
        let kinds = kinds.collect();
        (reading, kinds)
    }

    #[test]
    fn a_sheet_that_is_laid_out_as_before_is_read_as_a_person_said_then() {
        let (reading, kinds) = read("札,呼び名,備考\nPC-02,ward2,\n");
        assert_eq!(kinds, ["mapping_used"]);
        assert_eq!(reading.ledger.devices[0].hostname.as_deref(), Some("ward2"));
        let (_, kinds) = read("【札】,呼び名,備考\nPC-02,ward2,\n".replace("【札】", "※札").as_str());
        assert_eq!(kinds, ["mapping_used"], "marks are no other heading");
    }

    #[test]
    fn another_layout_is_told_and_never_read_by_the_old_mapping() {
        for changed in
            ["札,呼び名,備考,階\nPC-02,ward2,,2\n", "札,備考\nPC-02,\n", "呼び名,札,備考\nward2,PC-02,\n"]
        {
            let (reading, kinds) = read(changed);
            assert_eq!(kinds, ["mapping_not_used"], "{changed}");
            assert!(reading.ledger.devices.is_empty(), "{changed}");
        }
    }

    #[test]
    fn what_is_given_now_is_the_last_word() {
        let mut given = mapping();
        given.get_mut("病棟").unwrap().insert("呼び名".to_owned(), "note".to_owned());
        let (opened, mapping) =
            reading::open_remembering(&files("札,呼び名,備考\nPC-02,w,\n"), &given, &remembered());
        assert_eq!(mapping, given);
        assert!(opened.remarks.is_empty());
    }

    #[test]
    fn a_sheet_that_is_left_alone_stays_so() {
        let left =
            Mapping::from([("病棟".to_owned(), BTreeMap::from([("*".to_owned(), "unread".to_owned())]))]);
        let known = [Remembered {
            sheet: "病棟".to_owned(),
            headings: Vec::new(),
            columns: left["病棟"].clone(),
            by: "suzuki".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }];
        let (opened, _) =
            reading::open_remembering(&files("機器ID,ホスト名\nPC-01,a\n"), &Mapping::new(), &known);
        assert!(opened.grids.is_empty());
        assert_eq!(opened.remarks[0].kind, "mapping_used");
    }

    #[test]
    fn a_proposed_mapping_reads_the_same_ledger_the_same_way() {
        let csv = files("機器ID,ホスト名,棚\nPC-02,ward2,B\n");
        let read = |mapping: &Mapping| {
            reading::interpret(reading::open(&csv, mapping), mapping, &Known::of_the_house())
        };
        let first = read(&Mapping::new());
        let proposal = proposed(&first);
        assert_eq!(proposal["病棟"]["棚"], "extra");
        let second = read(&proposal);
        assert!(second.faults.0.is_empty(), "{:?}", second.faults);
        assert_eq!(second.ledger, first.ledger);
    }
}
