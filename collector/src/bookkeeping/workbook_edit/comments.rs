//! Comments on cells: the part that holds their text (ECMA-376 part 1, 18.7), and the drawing that shows them
//! (VML, ECMA-376 part 4, 19). Comments that are there stay; what is new is put behind them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use daicho_rules::text::Text;

use super::addresses::{Spot, address, spot};
use super::markup::{self, Splices, Step, escaped};
use super::package::{DECLARATION, Package, appended, unsound};
use super::sheet::Sheet;

/// Who a comment of ours is by.
pub const AUTHOR: &str = "Daicho";

const CONTENT: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml";
const DRAWING: &str = "application/vnd.openxmlformats-officedocument.vmlDrawing";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

/// The comments of a sheet as text.
pub fn existing(package: &mut Package, sheet: &str) -> Result<BTreeMap<Spot, String>, Text> {
    let Some(part) = comments_part(package, sheet)? else { return Ok(BTreeMap::new()) };
    let text = package.needed(&part)?;
    let mut found: BTreeMap<Spot, String> = BTreeMap::new();
    let (mut at, mut inside) = (None, false);
    let walked = markup::walk(&text, |step| match step {
        Step::Open(tag) if tag.name == "comment" => at = tag.attribute("ref").as_deref().and_then(spot),
        Step::Open(tag) if tag.name == "t" && !tag.empty => inside = true,
        Step::Close("t", _) => inside = false,
        Step::Text(raw) if inside => {
            if let Some(at) = at {
                let plain = quick_xml::escape::unescape(raw).map_or_else(|_| raw.to_owned(), Into::into);
                found.entry(at).or_default().push_str(&plain);
            }
        }
        _ => {}
    });
    walked.map_err(|error| unsound(&part, &error))?;
    Ok(found)
}

fn comments_part(package: &mut Package, sheet: &str) -> Result<Option<String>, Text> {
    let known = package.relationships(sheet)?;
    Ok(known.into_iter().find(|known| known.kind.ends_with("/comments")).map(|known| known.target))
}

/// Puts notes on cells of a sheet, and answers the worksheet's part as it must be to show them.
pub fn add(
    package: &mut Package,
    sheet: &str,
    text: String,
    notes: &BTreeMap<Spot, String>,
) -> Result<String, Text> {
    if notes.is_empty() {
        return Ok(text);
    }
    let known = existing(package, sheet)?;
    match comments_part(package, sheet)? {
        Some(part) => {
            let old = package.needed(&part)?;
            let new = extended(&part, &old, notes)?;
            package.set(&part, new);
        }
        None => {
            let part = package.free("xl/comments", ".xml");
            let items: String = notes.iter().map(|(spot, note)| comment("", *spot, note, 0)).collect();
            package.set(&part, format!(
                "{DECLARATION}<comments xmlns=\"{MAIN}\"><authors><author>{AUTHOR}</author></authors><commentList>{items}</commentList></comments>"
            ));
            package.declare(&part, CONTENT, false)?;
            package.relate(sheet, "comments", &part)?;
        }
    }
    let shown: Vec<Spot> = notes.keys().filter(|spot| !known.contains_key(spot)).copied().collect();
    draw(package, sheet, text, &shown)
}

fn comment(prefix: &str, spot: Spot, note: &str, author: usize) -> String {
    format!(
        "<{prefix}comment ref=\"{}\" authorId=\"{author}\" shapeId=\"0\"><{prefix}text>{}</{prefix}text></{prefix}comment>",
        address(spot),
        run(prefix, note)
    )
}

fn run(prefix: &str, note: &str) -> String {
    format!(
        "<{prefix}r><{prefix}rPr><{prefix}sz val=\"9\"/><{prefix}color indexed=\"81\"/><{prefix}rFont val=\"Tahoma\"/><{prefix}family val=\"2\"/></{prefix}rPr><{prefix}t xml:space=\"preserve\">{}</{prefix}t></{prefix}r>",
        escaped(note)
    )
}

/// A part of comments with ours: on a cell that has one, ours is its last paragraph.
fn extended(part: &str, text: &str, notes: &BTreeMap<Spot, String>) -> Result<String, Text> {
    let (mut authors, mut author, mut authors_end, mut list_end) = (0_usize, None, None, None);
    let (mut authors_empty, mut list_empty) = (None, None);
    let (mut at, mut in_author, mut prefix) = (None, false, None);
    let mut splices = Splices::default();
    let mut taken: Vec<Spot> = Vec::new();
    let mut phonetic: Option<usize> = None;
    let walked = markup::walk(text, |step| match step {
        Step::Open(tag) => {
            prefix.get_or_insert_with(|| tag.prefix().to_owned());
            match tag.name {
                "author" => {
                    authors += 1;
                    in_author = !tag.empty;
                }
                "authors" if tag.empty => authors_empty = Some((tag.full.to_owned(), tag.span)),
                "commentList" if tag.empty => list_empty = Some((tag.full.to_owned(), tag.span)),
                "comment" => {
                    at = tag.attribute("ref").as_deref().and_then(spot);
                    phonetic = None;
                }
                "rPh" | "phoneticPr" => {
                    phonetic.get_or_insert(tag.span.start);
                }
                _ => {}
            }
        }
        Step::Text(raw) if in_author && raw == AUTHOR => author = authors.checked_sub(1),
        Step::Text(_) => {}
        Step::Close(name, span) => match name {
            "author" => in_author = false,
            "authors" => authors_end = Some(span.start),
            "commentList" => list_end = Some(span.start),
            "text" => {
                if let Some(spot) = at
                    && let Some(note) = notes.get(&spot)
                    && !taken.contains(&spot)
                {
                    let place = phonetic.unwrap_or(span.start);
                    let prefix = prefix.as_deref().unwrap_or_default();
                    splices.replace(place..place, run(prefix, &format!("\n{note}")));
                    taken.push(spot);
                }
            }
            _ => {}
        },
    });
    walked.map_err(|error| unsound(part, &error))?;
    let prefix = prefix.unwrap_or_default();
    let new: Vec<(&Spot, &String)> = notes.iter().filter(|(spot, _)| !taken.contains(spot)).collect();
    if !new.is_empty() {
        let number = author.unwrap_or(authors);
        if author.is_none() {
            let element = format!("<{prefix}author>{AUTHOR}</{prefix}author>");
            put(&mut splices, authors_end, authors_empty, element);
        }
        let items: String = new.iter().map(|(spot, note)| comment(&prefix, **spot, note, number)).collect();
        put(&mut splices, list_end, list_empty, items);
    }
    splices.apply(text).map_err(|error| unsound(part, &error))
}

fn put(
    splices: &mut Splices,
    end: Option<usize>,
    empty: Option<(String, std::ops::Range<usize>)>,
    element: String,
) {
    match (end, empty) {
        (Some(end), _) => splices.replace(end..end, element),
        (None, Some((full, span))) => splices.replace(span, format!("<{full}>{element}</{full}>")),
        // A list that is not there at all: the reading back finds the notes missing.
        (None, None) => {}
    }
}

/// Lets the drawing of the sheet show comments on these cells.
fn draw(package: &mut Package, sheet: &str, text: String, shown: &[Spot]) -> Result<String, Text> {
    if shown.is_empty() {
        return Ok(text);
    }
    let places = Sheet::find(&text).map_err(|error| unsound(sheet, &error))?;
    let relationships = package.relationships(sheet)?;
    let drawing = places
        .comment_drawing
        .as_ref()
        .and_then(|id| relationships.into_iter().find(|known| known.id == *id))
        .map(|known| known.target);
    if let Some(part) = drawing {
        let old = package.needed(&part)?;
        let first = 1 + last_shape(&old).max(1024);
        let mut shapes = if old.contains("_x0000_t202\"") { String::new() } else { SHAPE_TYPE.to_owned() };
        (first..).zip(shown).for_each(|(id, spot)| shapes.push_str(&shape(id, *spot)));
        // VML of Excel is not always sound XML: its end is found as text.
        let end = old.rfind("</xml>").ok_or_else(|| {
            unsound(&part, &markup::Damaged("the drawing of its comments has no end".to_owned()))
        })?;
        package.set(&part, format!("{}{shapes}{}", &old[..end], &old[end..]));
        return Ok(text);
    }
    let part = package.free("xl/drawings/vmlDrawing", ".vml");
    let mut vml = format!(
        "<xml xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\" xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><o:shapelayout v:ext=\"edit\"><o:idmap v:ext=\"edit\" data=\"1\"/></o:shapelayout>{SHAPE_TYPE}"
    );
    (1025..).zip(shown).for_each(|(id, spot)| vml.push_str(&shape(id, *spot)));
    vml.push_str("</xml>");
    package.set(&part, vml);
    package.declare(&part, DRAWING, true)?;
    let id = package.relate(sheet, "vmlDrawing", &part)?;
    let prefix = &places.prefix;
    let at = places.comment_drawing_at;
    let mut splices = Splices::default();
    splices.replace(at..at, format!("<{prefix}legacyDrawing xmlns:r=\"{RELATIONSHIPS}\" r:id=\"{id}\"/>"));
    splices.apply(&text).map_err(|error| unsound(sheet, &error))
}

const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

const SHAPE_TYPE: &str = "<v:shapetype id=\"_x0000_t202\" coordsize=\"21600,21600\" o:spt=\"202\" path=\"m,l,21600r21600,l21600,xe\"><v:stroke joinstyle=\"miter\"/><v:path gradientshapeok=\"t\" o:connecttype=\"rect\"/></v:shapetype>";

/// Columns and rows that a comment's box covers when it is shown: room for three short lines in two languages.
const BOX: (u32, u32) = (4, 8);

fn shape(id: u64, (row, column): Spot) -> String {
    let mut shape = String::new();
    let (top, left) = (row.saturating_sub(2), column + 1);
    let _ = write!(
        shape,
        "<v:shape id=\"_x0000_s{id}\" type=\"#_x0000_t202\" style=\"position:absolute;margin-left:60pt;margin-top:2pt;width:220pt;height:110pt;z-index:1;visibility:hidden\" fillcolor=\"#ffffe1\" o:insetmode=\"auto\"><v:fill color2=\"#ffffe1\"/><v:shadow on=\"t\" color=\"black\" obscured=\"t\"/><v:path o:connecttype=\"none\"/><v:textbox style=\"mso-direction-alt:auto\"><div style=\"text-align:left\"></div></v:textbox><x:ClientData ObjectType=\"Note\"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{left}, 15, {top}, 2, {}, 15, {}, 4</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>{}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>",
        left + BOX.0,
        top + BOX.1,
        row - 1,
    );
    shape
}

/// The highest number of a shape: the next ones are free.
fn last_shape(vml: &str) -> u64 {
    let numbers = vml.split("_x0000_s").skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    });
    // A file that claims a number near the end of all numbers gets ours from the beginning.
    numbers.filter(|number| *number < 1 << 40).max().unwrap_or_default()
}

/// Adds an element to the end of a part; see [`appended`].
pub fn at_end(package: &mut Package, part: &str, element: impl FnOnce(&str) -> String) -> Result<(), Text> {
    let text = package.needed(part)?;
    let edited = appended(part, &text, element)?;
    package.set(part, edited);
    Ok(())
}
