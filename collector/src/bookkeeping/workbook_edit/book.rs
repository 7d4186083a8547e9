//! What the workbook's own part says: its sheets and their parts, its epoch, its names for areas, when it calculates.

use std::collections::BTreeMap;

use daicho_rules::text::Text;

use super::addresses::Area;
use super::markup::{self, Splices, Step};
use super::package::{Package, unsound};

/// The workbook's part.
#[derive(Debug, Default)]
pub struct Book {
    /// Its name.
    pub part: String,
    /// Worksheets by their names: the part of each.
    pub sheets: BTreeMap<String, String>,
    /// All sheets, in the order in which areas count them.
    pub order: Vec<String>,
    /// Whether days are counted from 1904.
    pub since_1904: bool,
}

/// Finds the workbook and its sheets.
pub fn find(package: &mut Package) -> Result<Book, Text> {
    let roots = package.relationships("")?;
    let root = roots.into_iter().find(|known| known.kind.ends_with("/officeDocument"));
    let root =
        root.ok_or_else(|| unsound("_rels/.rels", &markup::Damaged("it names no workbook".to_owned())))?;
    if root.kind.starts_with("http://purl.oclc.org/") {
        return Err(Text::new(
            "このブックは「Strict Open XML」形式です。Excel で「Excel ブック (.xlsx)」として保存し直してください。",
            "the workbook is of the form Strict Open XML; save it in Excel as \"Excel Workbook (.xlsx)\"",
        ));
    }
    let text = package.needed(&root.target)?;
    let targets = package.relationships(&root.target)?;
    let mut book = Book { part: root.target.clone(), ..Book::default() };
    let walked = markup::walk(&text, |step| {
        let Step::Open(tag) = step else { return };
        match tag.name {
            "workbookPr" => {
                let flag = tag.attribute("date1904");
                book.since_1904 = flag.is_some_and(|flag| flag == "1" || flag == "true");
            }
            "sheet" => {
                let (Some(name), Some(id)) =
                    (tag.attribute("name"), tag.attribute("r:id").or_else(|| tag.attribute("id")))
                else {
                    return;
                };
                book.order.push(name.clone());
                let target =
                    targets.iter().find(|known| known.id == id && known.kind.ends_with("/worksheet"));
                if let Some(target) = target {
                    book.sheets.insert(name, target.target.clone());
                }
            }
            _ => {}
        }
    });
    walked.map_err(|error| unsound(&root.target, &error))?;
    Ok(book)
}

/// What the workbook is told after rows were added and cells changed.
pub fn update(package: &mut Package, book: &Book, grown: &BTreeMap<String, (u32, u32)>) -> Result<(), Text> {
    let text = package.needed(&book.part)?;
    let mut splices = Splices::default();
    let (mut area_of, mut prefix, mut before_calculation) = (None, String::new(), 0);
    let mut calculation = false;
    let walked = markup::walk(&text, |step| match step {
        Step::Open(tag) => {
            if tag.name == "workbook" {
                tag.prefix().clone_into(&mut prefix);
            }
            area_of = None;
            if tag.name == "definedName" {
                let builtin = tag.attribute("name");
                let builtin = builtin.is_some_and(|name| {
                    matches!(name.as_str(), "_xlnm._FilterDatabase" | "_xlnm.Print_Area")
                });
                let sheet = tag.attribute("localSheetId").and_then(|number| number.parse::<usize>().ok());
                area_of = sheet
                    .filter(|_| builtin)
                    .and_then(|number| book.order.get(number))
                    .map(|name| (name.clone(), tag.span.end));
            }
            if tag.name == "calcPr" {
                calculation = true;
                if let Some(span) = tag.attribute_span("fullCalcOnLoad") {
                    splices.replace(span, "1");
                } else {
                    let end = tag.span.end - if tag.empty { 2 } else { 1 };
                    splices.replace(end..end, " fullCalcOnLoad=\"1\"");
                }
            }
        }
        Step::Text(raw) => {
            if let Some((name, start)) = area_of.take()
                && let Some((last, rows)) = grown.get(&name)
                && let Some(wider) = wider(raw, *last, *rows)
            {
                splices.replace(start..start + raw.len(), wider);
            }
        }
        Step::Close(name, span) => {
            area_of = None;
            if matches!(name, "sheets" | "functionGroups" | "externalReferences" | "definedNames") {
                before_calculation = span.end;
            }
        }
    });
    walked.map_err(|error| unsound(&book.part, &error))?;
    if calculates(package, book)? {
        // Excel takes the stored results of formulas for true unless it is told that something changed.
        if !calculation && before_calculation > 0 {
            let element = format!("<{prefix}calcPr fullCalcOnLoad=\"1\"/>");
            splices.replace(before_calculation..before_calculation, element);
        }
    } else if grown.is_empty() {
        return Ok(());
    }
    package.splice(&book.part, &text, splices)
}

fn calculates(package: &mut Package, book: &Book) -> Result<bool, Text> {
    for part in book.sheets.values() {
        let text = package.needed(part)?;
        if text.contains("<f>") || text.contains("<f ") || text.contains(":f>") || text.contains(":f ") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `'機器'!$A$4:$N$20` with more rows, where it ends with the last row; several areas stay as they are.
fn wider(raw: &str, last: u32, rows: u32) -> Option<String> {
    let (sheet, area) = raw.rsplit_once('!')?;
    let area = area.contains(':').then(|| Area::parse(area)).flatten()?;
    if area.last.0 != last || raw.contains(',') {
        return None;
    }
    let (from, to) = raw[sheet.len() + 1..].split_once(':')?;
    let letters = to.trim_end_matches(|c: char| c.is_ascii_digit());
    Some(format!("{sheet}!{from}:{letters}{}", last + rows))
}
