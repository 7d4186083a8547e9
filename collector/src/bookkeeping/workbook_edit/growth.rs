//! Rows that are added below the last one, and what grows with them: tables, filters, formats, validations.

use std::collections::BTreeMap;

use daicho_rules::text::Text;

use super::addresses::{Area, LAST, Spot};
use super::markup::{self, Splices, Step};
use super::package::{Package, unsound};
use super::sheet::{Sheet, Value};

/// How rows are added to a sheet.
#[derive(Debug, Default)]
pub struct Growth {
    /// The last row before.
    pub last: u32,
    /// How many are added.
    pub rows: u32,
    /// Styles of their cells.
    pub styles: BTreeMap<Spot, String>,
    /// Attributes of rows that are not there yet: height, format.
    pub attributes: BTreeMap<u32, String>,
    /// Cells of the last row that the new ones repeat as empty ones with its style.
    pub blank: BTreeMap<Spot, Value>,
}

/// Whether a row can take a new entry: nothing stands in the ledger's columns, and elsewhere only what the last row
/// has there too, such as running numbers and formulas that were filled in beforehand.
pub fn is_free(sheet: &Sheet, row: u32, last: u32, ours: &[u32]) -> bool {
    let merged = sheet
        .merges
        .iter()
        .any(|area| area.first.0 <= row && area.last.0 >= row && (area.first.0 != row || area.last.0 != row));
    let cells = sheet.cells.range((row, 0)..=(row, LAST.1));
    let mut filled = cells.filter(|(_, cell)| !cell.blank);
    !merged
        && row <= LAST.0
        && filled.all(|((_, column), cell)| {
            let above = sheet.cells.get(&(last, *column));
            let alike = above.is_some_and(|above| {
                (cell.formula && above.formula)
                    || (!cell.formula && cell.numeric && above.numeric && !above.blank)
            });
            alike && !ours.contains(column)
        })
}

/// The style of the row above, for `rows` rows below it.
pub fn like_the_last(sheet: &Sheet, text: &str, last: u32, rows: u32) -> Growth {
    let mut growth = Growth { last, rows, ..Growth::default() };
    let attributes = sheet.rows.get(&last).and_then(|row| text.get(row.tag.clone())).map(row_attributes);
    for row in last + 1..=last + rows {
        if let Some(attributes) = &attributes {
            growth.attributes.insert(row, attributes.clone());
        }
        for ((_, column), cell) in sheet.cells.range((last, 0)..=(last, LAST.1)) {
            let Some(style) = cell.style.clone().and_then(|style| text.get(style)) else { continue };
            growth.styles.insert((row, *column), style.to_owned());
            if !sheet.cells.contains_key(&(row, *column)) {
                growth.blank.insert((row, *column), Value::Blank);
            }
        }
    }
    growth
}

/// The attributes of a row that tell how it looks.
fn row_attributes(raw: &str) -> String {
    let mut kept = String::new();
    let _ = markup::walk(&format!("{}/>", raw.trim_end_matches('>').trim_end_matches('/')), |step| {
        if let Step::Open(tag) = step {
            for name in ["s", "customFormat", "ht", "customHeight"] {
                if let Some(value) = tag.attribute(name) {
                    kept.push_str(&format!(" {name}=\"{}\"", markup::escaped(&value)));
                }
            }
        }
    });
    kept
}

/// Areas of a sheet that end with the last row end with the new one.
pub fn widen(sheet: &Sheet, growth: &Growth, splices: &mut Splices) {
    let to = growth.last + growth.rows;
    for (span, areas) in &sheet.growing {
        let wider: Vec<String> = areas.split(' ').map(|area| wider(area, growth)).collect();
        let wider = wider.join(" ");
        if wider != *areas {
            splices.replace(span.clone(), wider);
        }
    }
    if let Some((span, area)) = &sheet.dimension
        && area.last.0 < to
    {
        let area = Area { first: area.first, last: (to, area.last.1) };
        splices.replace(span.clone(), area.written());
    }
    // Cells that are merged across in the last row are merged in the new ones too.
    let across: Vec<&Area> = sheet
        .merges
        .iter()
        .filter(|area| area.first.0 == growth.last && area.last.0 == growth.last)
        .collect();
    if let (Some(end), false) = (sheet.merge_end, across.is_empty()) {
        let mut added = Vec::new();
        for row in growth.last + 1..=to {
            for area in &across {
                let below = Area { first: (row, area.first.1), last: (row, area.last.1) };
                if sheet.merge(below.first).is_none() {
                    added.push(format!("<{}mergeCell ref=\"{}\"/>", sheet.prefix, below.written()));
                }
            }
        }
        splices.replace(end..end, added.concat());
        if let Some(count) = &sheet.merge_count {
            splices.replace(count.clone(), (sheet.merges.len() + added.len()).to_string());
        }
    }
}

fn wider(text: &str, growth: &Growth) -> String {
    match Area::parse(text) {
        Some(area) if area.last.0 == growth.last => {
            Area { first: area.first, last: (growth.last + growth.rows, area.last.1) }.written()
        }
        _ => text.to_owned(),
    }
}

/// Tables of a sheet that end with the last row take the new ones in (18.5.1.2); one with a row of totals cannot.
pub fn widen_tables(package: &mut Package, part: &str, growth: &Growth) -> Result<(), Text> {
    let tables = package.relationships(part)?;
    for table in tables.into_iter().filter(|known| known.kind.ends_with("/table")) {
        let text = package.needed(&table.target)?;
        let mut splices = Splices::default();
        let mut totals = false;
        let walked = markup::walk(&text, |step| {
            let Step::Open(tag) = step else { return };
            if tag.name == "table" {
                totals = tag.attribute("totalsRowCount").is_some_and(|count| count != "0");
            }
            if matches!(tag.name, "table" | "autoFilter")
                && !totals
                && let (Some(span), Some(area)) = (tag.attribute_span("ref"), tag.attribute("ref"))
            {
                let wider = wider(&area, growth);
                if wider != area {
                    splices.replace(span, wider);
                }
            }
        });
        walked.map_err(|error| unsound(&table.target, &error))?;
        package.splice(&table.target, &text, splices)?;
    }
    Ok(())
}
