//! The version of the ledger that a hospital's own workbook holds, as a custom property (ECMA-376 part 1, 22.3):
//! Excel and LibreOffice keep it when the file is saved.

use std::io::{Cursor, Read};

use daicho_rules::text::Text;

use super::comments::at_end;
use super::markup::{self, Splices, Step};
use super::package::{DECLARATION, Package, unsound};

/// The property's name.
pub const NAME: &str = "DaichoLedgerVersion";

const PART: &str = "docProps/custom.xml";
const CONTENT: &str = "application/vnd.openxmlformats-officedocument.custom-properties+xml";
const RELATIONSHIP: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties";
const SPACE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties";
const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes";

/// Bytes of the part that are looked at: hundreds of properties fit.
const PART_BYTES_MAX: u64 = 1024 * 1024;

/// The version that a file says it holds. What cannot be read says nothing.
pub fn version(bytes: &[u8]) -> Option<u64> {
    if !bytes.starts_with(b"PK") {
        return None;
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut text = String::new();
    archive.by_name(PART).ok()?.take(PART_BYTES_MAX).read_to_string(&mut text).ok()?;
    value(&text)?.1.trim().parse().ok()
}

/// Where the value stands, and what it is.
fn value(text: &str) -> Option<(std::ops::Range<usize>, String)> {
    let (mut ours, mut start, mut found) = (false, 0, None);
    let walked = markup::walk(text, |step| match step {
        Step::Open(tag) if tag.name == "property" => {
            ours = tag.attribute("name").as_deref() == Some(NAME);
        }
        Step::Open(tag) => start = tag.span.end,
        Step::Close("property", _) => ours = false,
        Step::Close(_, span) if ours && found.is_none() => {
            found = text.get(start..span.start).map(|value| (start..span.start, value.to_owned()));
        }
        _ => {}
    });
    walked.ok()?;
    found
}

/// Writes the version into a workbook.
pub fn set(package: &mut Package, version: u64) -> Result<(), Text> {
    let relationships = package.relationships("")?;
    let known = relationships.into_iter().find(|known| known.kind.ends_with("/custom-properties"));
    let part = known.map_or_else(|| PART.to_owned(), |known| known.target);
    let Some(text) = package.text(&part)? else {
        let property = property("", 2, version);
        package.set(
            &part,
            format!(
                "{DECLARATION}<Properties xmlns=\"{SPACE}\" xmlns:vt=\"{TYPES}\">{property}</Properties>"
            ),
        );
        package.declare(&part, CONTENT, false)?;
        package.relate("", RELATIONSHIP, &part)?;
        return Ok(());
    };
    if let Some((span, _)) = value(&text) {
        let mut splices = Splices::default();
        splices.replace(span, version.to_string());
        return package.splice(&part, &text, splices);
    }
    let mut last = 1_u32;
    let walked = markup::walk(&text, |step| {
        if let Step::Open(tag) = step {
            last = last.max(tag.attribute("pid").and_then(|number| number.parse().ok()).unwrap_or(1));
        }
    });
    walked.map_err(|error| unsound(&part, &error))?;
    at_end(package, &part, |prefix| property(prefix, last.saturating_add(1), version))
}

fn property(prefix: &str, number: u32, version: u64) -> String {
    format!(
        "<{prefix}property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" pid=\"{number}\" name=\"{NAME}\"><vt:lpwstr xmlns:vt=\"{TYPES}\">{version}</vt:lpwstr></{prefix}property>"
    )
}
