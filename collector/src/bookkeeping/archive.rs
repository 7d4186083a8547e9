//! A workbook's zip, measured before anybody parses it: what it declares of itself may be a lie.
//!
//! Parsers of workbooks hold strings, styles and sheets in memory and read a sheet as often as it is named. So the parts
//! are unpacked to nowhere first, and counted: bytes, tags, the longest stretch without a tag, and who is named twice.

use std::io::{Cursor, Read};

use daicho_rules::text::Text;

use super::fault::{Fault, Faults};
use super::limits::{
    CONTENT_BYTES_MAX, CONTENT_CELLS_MAX, SHEETS_MAX, STRETCH_BYTES_MAX, STYLE_TAGS_MAX, TAGS_MAX,
    UNPACKED_BYTES_MAX,
};

/// Folders of pictures and of foreign documents: nobody parses them, and a white picture is one long stretch.
const UNPARSED: [&str; 3] = ["media/", "embeddings/", "pictures/"];

/// Parts that name others, and how: a name given twice is a part that is read twice.
const INDEXES: [(&str, &str); 2] = [("xl/workbook.xml", ":id"), ("xl/_rels/workbook.xml.rels", "Target")];

/// Whether a zip is a workbook of LibreOffice, by the part that holds all of it.
pub fn is_open_document(bytes: &[u8]) -> bool {
    zip::ZipArchive::new(Cursor::new(bytes))
        .is_ok_and(|archive| archive.index_for_name("content.xml").is_some())
}

/// What a workbook may unpack to.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    bytes: u64,
    tags: usize,
    style_tags: usize,
    stretch: usize,
    sheets: usize,
}

/// Refuses what would take too much memory or time to read.
pub fn check(file: &str, bytes: &[u8]) -> Result<(), Faults> {
    let bounds = Bounds {
        bytes: UNPACKED_BYTES_MAX,
        tags: TAGS_MAX,
        style_tags: STYLE_TAGS_MAX,
        stretch: STRETCH_BYTES_MAX,
        sheets: SHEETS_MAX,
    };
    check_within(file, bytes, bounds)
}

fn check_within(file: &str, bytes: &[u8], bounds: Bounds) -> Result<(), Faults> {
    let unreadable = |error: &dyn std::fmt::Display| super::workbook::unreadable(file, &error.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let (mut bytes_left, mut tags_left) = (bounds.bytes, bounds.tags);
    let mut buffer = vec![0_u8; 64 * 1024];
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|error| unreadable(&error))?;
        let name = part.name().map_err(|error| unreadable(&error))?;
        let name = name.trim_start_matches('/').to_ascii_lowercase();
        let unparsed = UNPARSED.iter().any(|folder| name.contains(folder));
        let named = INDEXES.iter().find(|(path, _)| path.eq_ignore_ascii_case(&name));
        // All of a workbook of LibreOffice.
        let content = name == "content.xml";
        let mut kept = Vec::new();
        let (mut tags, mut stretch) = (0_usize, 0_usize);
        loop {
            let count = part.read(&mut buffer).map_err(|error| unreadable(&error))?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
            bytes_left = bytes_left
                .checked_sub(count as u64)
                .ok_or_else(|| too_big(file, Measure::Bytes, bounds.bytes / 1024 / 1024))?;
            if unparsed {
                continue;
            }
            if named.is_some() || content {
                if content && kept.len() > CONTENT_BYTES_MAX {
                    return Err(too_big(file, Measure::Bytes, CONTENT_BYTES_MAX as u64 / 1024 / 1024));
                }
                kept.extend_from_slice(chunk);
            }
            for (place, piece) in chunk.split(|byte| *byte == b'<').enumerate() {
                if place > 0 {
                    (tags, stretch) = (tags + 1, 0);
                }
                stretch += piece.len();
                if stretch > bounds.stretch {
                    return Err(too_big(file, Measure::Stretch, bounds.stretch as u64 / 1024 / 1024));
                }
            }
            let most = if name.ends_with("styles.xml") { bounds.style_tags } else { tags_left };
            if tags > most {
                let most = if name.ends_with("styles.xml") { bounds.style_tags } else { bounds.tags };
                return Err(too_big(file, Measure::Tags, most as u64));
            }
        }
        tags_left = tags_left.saturating_sub(tags);
        if content && super::repeated::cells(&String::from_utf8_lossy(&kept)) > CONTENT_CELLS_MAX {
            return Err(too_big(file, Measure::Cells, CONTENT_CELLS_MAX));
        }
        if let Some((_, attribute)) = named {
            check_names(file, &values(&kept, attribute), bounds.sheets)?;
        }
    }
    Ok(())
}

/// Each part is named once, plainly, and is none that was not counted.
fn check_names(file: &str, names: &[String], sheets_max: usize) -> Result<(), Faults> {
    // Besides its sheets a workbook names a few parts more: strings, styles, themes, caches of pivots.
    if names.len() > sheets_max * 2 {
        return Err(too_big(file, Measure::Sheets, sheets_max as u64));
    }
    let mut bare: Vec<String> = names
        .iter()
        .map(|name| {
            let lower = name.to_ascii_lowercase().replace('\\', "/");
            lower
                .split('/')
                .filter(|step| !matches!(*step, "" | "." | ".." | "xl"))
                .collect::<Vec<_>>()
                .join("/")
        })
        .collect();
    bare.sort_unstable();
    let twice = bare.windows(2).any(|pair| pair.first() == pair.last());
    let odd =
        bare.iter().any(|name| name.contains('&') || UNPARSED.iter().any(|folder| name.contains(folder)));
    if twice || odd {
        return Err(super::workbook::unreadable(file, "its sheets are not each a part of their own"));
    }
    Ok(())
}

/// The values of all attributes whose name ends so, as written.
fn values(xml: &[u8], attribute: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(xml);
    let mut found = Vec::new();
    for rest in text.split(attribute).skip(1) {
        let Some(rest) = rest.trim_start().strip_prefix('=').map(str::trim_start) else { continue };
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let value = rest.get(1..).and_then(|rest| rest.split_once(quote)).map(|(value, _)| value);
        found.extend(value.map(str::to_owned));
    }
    found
}

/// What there is too much of.
#[derive(Clone, Copy, Debug)]
enum Measure {
    Bytes,
    Tags,
    Stretch,
    Sheets,
    Cells,
}

fn too_big(file: &str, measure: Measure, most: u64) -> Faults {
    let expected = match measure {
        Measure::Bytes => Text::new(
            format!("展開して {most} MB 以内のブック"),
            format!("a workbook of at most {most} MB once unpacked"),
        ),
        Measure::Tags => Text::new(
            format!("要素が {most} 個以内のブック。使っていないシート、行、書式を削除してください"),
            format!("a workbook of at most {most} elements; delete sheets, rows and styles that nobody uses"),
        ),
        Measure::Stretch => Text::new(
            format!("一つの値が {most} MB 以内のブック"),
            format!("a workbook in which no value is longer than {most} MB"),
        ),
        Measure::Cells => Text::new(
            format!("空欄も含めて {most} セル以内の表。使っていない行や列の書式と値を削除してください"),
            format!(
                "at most {most} cells, empty ones before filled ones too; delete rows and columns that nobody uses"
            ),
        ),
        Measure::Sheets => Text::new(
            format!("シートが {most} 枚以内のブック"),
            format!("a workbook of at most {most} sheets"),
        ),
    };
    Fault::of_file(file, expected).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const BOUNDS: Bounds = Bounds { bytes: 1 << 20, tags: 1000, style_tags: 10, stretch: 1 << 19, sheets: 3 };

    fn verdict(parts: &[(&str, &str)]) -> String {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        match check_within("a.xlsx", &bytes, BOUNDS) {
            Ok(()) => String::new(),
            Err(faults) => faults.0[0].expected.en.clone(),
        }
    }

    #[test]
    fn a_bomb_is_measured_before_it_is_opened() {
        let half = format!("<a>{}</a>", " ".repeat(500_000));
        assert_eq!(verdict(&[("xl/workbook.xml", &half), ("xl/a.xml", &half)]), "");
        let three = [("xl/a.xml", half.as_str()), ("xl/b.xml", &half), ("xl/media/c.png", &half)];
        assert!(verdict(&three).contains("1 MB once unpacked"));
    }

    #[test]
    fn tags_and_stretches_without_one_are_counted_over_all_parts_but_pictures() {
        let tags = "<a/>".repeat(600);
        assert_eq!(verdict(&[("xl/a.xml", &tags), ("xl/media/b.png", &tags)]), "");
        assert!(verdict(&[("xl/a.xml", &tags), ("xl/b.bin", &tags)]).contains("elements"));
        assert!(verdict(&[("xl/styles.xml", &"<xf/>".repeat(11))]).contains("at most 10 elements"));
        let long = "x".repeat(600_000);
        assert!(verdict(&[("xl/a.xml", &long)]).contains("no value is longer"));
        assert_eq!(verdict(&[("xl/media/a.bmp", &long)]), "");
    }

    #[test]
    fn a_part_that_is_named_twice_or_hidden_among_pictures_is_told() {
        let related = |targets: &[&str]| {
            let all: String =
                targets.iter().map(|target| format!("<Relationship Target = '{target}'/>")).collect();
            verdict(&[("xl/_rels/workbook.xml.rels", &all)])
        };
        assert_eq!(related(&["worksheets/sheet1.xml", "worksheets/sheet2.xml", "styles.xml"]), "");
        assert!(
            related(&["worksheets/sheet1.xml", "/xl/./worksheets/Sheet1.xml"])
                .contains("a part of their own")
        );
        assert!(related(&["media/image1.png"]).contains("a part of their own"));
        assert!(related(&["a&#46;xml"]).contains("a part of their own"));
        let sheets = |ids: &[&str]| {
            let all: String = ids.iter().map(|id| format!("<sheet name=\"s\" r:id=\"{id}\"/>")).collect();
            verdict(&[("xl/workbook.xml", &all)])
        };
        assert_eq!(sheets(&["rId1", "rId2"]), "");
        assert!(sheets(&["rId1", "rId1"]).contains("a part of their own"));
        assert!(sheets(&["1", "2", "3", "4", "5", "6", "7"]).contains("at most 3 sheets"));
    }
}
