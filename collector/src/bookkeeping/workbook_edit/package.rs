//! The parts of a workbook: read one by one, replaced one by one; all others are copied as they lie in the file.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use daicho_rules::text::Text;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::markup::{self, Damaged, Splices, Step};
use crate::bookkeeping::limits::UNPACKED_BYTES_MAX;

/// A workbook as a package of parts (ECMA-376 part 2).
pub struct Package {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    names: Vec<String>,
    changed: BTreeMap<String, String>,
    added: Vec<String>,
}

/// One relationship of a part.
#[derive(Clone, Debug)]
pub struct Relationship {
    /// Its name within the part.
    pub id: String,
    /// Its type, an address that ends in what it is: `.../comments`.
    pub kind: String,
    /// The part that it leads to, from the package's root.
    pub target: String,
}

const RELATIONSHIP: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Where the package says what its parts are.
const CONTENT_TYPES: &str = "[Content_Types].xml";

/// How the types of a signature's parts begin.
const SIGNATURE_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-";

impl Package {
    /// Opens a workbook that was read before: its size is known to be harmless.
    pub fn open(bytes: &[u8]) -> Result<Self, Text> {
        let archive = ZipArchive::new(Cursor::new(bytes.to_owned())).map_err(|error| damaged("", &error))?;
        let names: Result<Vec<String>, _> =
            archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned)).collect();
        let names = names.map_err(|error| damaged("", &error))?;
        let mut package = Package { archive, names, changed: BTreeMap::new(), added: Vec::new() };
        // The parts of a signature may have any name; what they are says their type (ECMA-376 part 2, 13.2.4).
        let signed =
            package.names.iter().any(|name| name.to_ascii_lowercase().starts_with("_xmlsignatures/"))
                || package.text(CONTENT_TYPES)?.is_some_and(|types| types.contains(SIGNATURE_TYPE));
        if signed {
            return Err(Text::new(
                "このブックには電子署名があり、書き込むと署名が無効になります。署名のない写しを使ってください。",
                "the workbook is signed, and any change would break the signature; use a copy without one",
            ));
        }
        Ok(package)
    }

    /// Whether there is such a part.
    pub fn has(&self, part: &str) -> bool {
        self.changed.contains_key(part) || self.archive.index_for_name(part).is_some()
    }

    /// A part as text, with what was changed so far.
    pub fn text(&mut self, part: &str) -> Result<Option<String>, Text> {
        if let Some(text) = self.changed.get(part) {
            return Ok(Some(text.clone()));
        }
        let Some(index) = self.archive.index_for_name(part) else { return Ok(None) };
        let file = self.archive.by_index(index).map_err(|error| damaged(part, &error))?;
        let mut bytes = Vec::new();
        file.take(UNPACKED_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| damaged(part, &error))?;
        String::from_utf8(bytes).map(Some).map_err(|_| {
            Text::new(
                format!("ブックの {part} が UTF-8 ではないため、安全に書き換えられません。Excel で開き、.xlsx で保存し直してください。"),
                format!("{part} of the workbook is not UTF-8 and cannot be edited safely; open it in Excel and save it again as .xlsx"),
            )
        })
    }

    /// A part that must be there.
    pub fn needed(&mut self, part: &str) -> Result<String, Text> {
        self.text(part)?.ok_or_else(|| damaged(part, &"it is missing"))
    }

    /// Replaces a part, or adds it.
    pub fn set(&mut self, part: &str, text: String) {
        if !self.has(part) {
            self.added.push(part.to_owned());
        }
        self.changed.insert(part.to_owned(), text);
    }

    /// Edits a part in places.
    pub fn splice(&mut self, part: &str, text: &str, splices: Splices) -> Result<(), Text> {
        if !splices.is_empty() {
            let edited = splices.apply(text).map_err(|error| unsound(part, &error))?;
            self.set(part, edited);
        }
        Ok(())
    }

    /// A name of a part that is still free: `xl/comments7.xml`.
    pub fn free(&self, before: &str, after: &str) -> String {
        let names = (1_u32..).map(|number| format!("{before}{number}{after}"));
        let taken = |name: &String| {
            let mut known = self.names.iter().chain(&self.added);
            known.any(|known| known.eq_ignore_ascii_case(name))
        };
        names.into_iter().find(|name| !taken(name)).unwrap_or_default()
    }

    /// What a part refers to; the package itself is the part with no name.
    pub fn relationships(&mut self, part: &str) -> Result<Vec<Relationship>, Text> {
        let rels = rels_of(part);
        let Some(text) = self.text(&rels)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let walked = markup::walk(&text, |step| {
            if let Step::Open(tag) = step
                && tag.name == "Relationship"
                && tag.attribute("TargetMode").is_none_or(|mode| mode == "Internal")
                && let (Some(id), Some(kind), Some(target)) =
                    (tag.attribute("Id"), tag.attribute("Type"), tag.attribute("Target"))
            {
                found.push(Relationship { id, kind, target: resolved(part, &target) });
            }
        });
        walked.map_err(|error| unsound(&rels, &error))?;
        Ok(found)
    }

    /// Lets a part refer to another, and answers the name of the relationship.
    pub fn relate(&mut self, part: &str, kind: &str, target: &str) -> Result<String, Text> {
        let rels = rels_of(part);
        let known = self.relationships(part)?;
        let id = (1_u32..)
            .map(|number| format!("rIdDaicho{number}"))
            .find(|id| known.iter().all(|relationship| relationship.id != *id))
            .unwrap_or_default();
        // A type that is a whole address stays one; the short ones are those of office documents.
        let kind = if kind.contains(':') { kind.to_owned() } else { format!("{RELATIONSHIP}/{kind}") };
        let element = |prefix: &str| {
            format!("<{prefix}Relationship Id=\"{id}\" Type=\"{kind}\" Target=\"/{target}\"/>")
        };
        match self.text(&rels)? {
            Some(text) => {
                let edited = appended(&rels, &text, element)?;
                self.set(&rels, edited);
            }
            None => self.set(&rels, format!(
                "{DECLARATION}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}</Relationships>",
                element("")
            )),
        }
        Ok(id)
    }

    /// Says what a new part holds; `default` for every part of its ending.
    pub fn declare(&mut self, part: &str, content: &str, default: bool) -> Result<(), Text> {
        let text = self.needed(CONTENT_TYPES)?;
        let ending = part.rsplit('.').next().unwrap_or_default().to_owned();
        let mut known = false;
        let walked = markup::walk(&text, |step| {
            if let Step::Open(tag) = step {
                let default = tag.name == "Default"
                    && tag.attribute("Extension").is_some_and(|known| known.eq_ignore_ascii_case(&ending))
                    && tag.attribute("ContentType").as_deref() == Some(content);
                let exact =
                    tag.attribute("PartName").is_some_and(|name| name.trim_start_matches('/') == part);
                known |= default || exact;
            }
        });
        walked.map_err(|error| unsound(CONTENT_TYPES, &error))?;
        if !known {
            let edited = appended(CONTENT_TYPES, &text, |prefix| {
                if default {
                    format!("<{prefix}Default Extension=\"{ending}\" ContentType=\"{content}\"/>")
                } else {
                    format!("<{prefix}Override PartName=\"/{part}\" ContentType=\"{content}\"/>")
                }
            })?;
            self.set(CONTENT_TYPES, edited);
        }
        Ok(())
    }

    /// The file: untouched parts byte for byte, in their order, then what is new.
    pub fn finish(mut self) -> Result<Vec<u8>, Text> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.set_raw_comment(self.archive.comment().into()).map_err(|error| damaged("", &error))?;
        for index in 0..self.archive.len() {
            let file = self.archive.by_index_raw(index).map_err(|error| damaged("", &error))?;
            let name = file.name().map_err(|error| damaged("", &error))?.into_owned();
            let Some(text) = self.changed.get(&name) else {
                writer.raw_copy_file(file).map_err(|error| damaged(&name, &error))?;
                continue;
            };
            // A part keeps its time: nothing in the file tells when it was written back but the file itself.
            let options =
                SimpleFileOptions::default().last_modified_time(file.last_modified().unwrap_or_default());
            drop(file);
            write(&mut writer, &name, text, options)?;
        }
        for name in &self.added {
            let text = self.changed.get(name).map(String::as_str).unwrap_or_default();
            let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
            write(&mut writer, name, text, options)?;
        }
        let written = writer.finish().map_err(|error| damaged("", &error))?;
        Ok(written.into_inner())
    }
}

/// How every new part begins.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

fn write(
    writer: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    text: &str,
    options: SimpleFileOptions,
) -> Result<(), Text> {
    writer.start_file(name, options).map_err(|error| damaged(name, &error))?;
    writer.write_all(text.as_bytes()).map_err(|error| damaged(name, &error))
}

/// A part with something put in before its outermost element ends; it is told the prefix of that element.
pub fn appended(part: &str, text: &str, element: impl FnOnce(&str) -> String) -> Result<String, Text> {
    let (mut prefix, mut end, mut root) = (None, None, None);
    let walked = markup::walk(text, |step| match step {
        Step::Open(tag) if prefix.is_none() => {
            prefix = Some(tag.prefix().to_owned());
            root = Some((tag.full.to_owned(), tag.span.clone(), tag.empty));
        }
        Step::Close(_, span) => end = Some(span.start),
        _ => {}
    });
    walked.map_err(|error| unsound(part, &error))?;
    let new = element(prefix.as_deref().unwrap_or_default());
    let mut splices = Splices::default();
    match (root, end) {
        (Some((full, span, true)), _) => {
            splices.replace(span.end - 2..span.end, format!(">{new}</{full}>"));
        }
        (_, Some(end)) => splices.replace(end..end, new),
        _ => return Err(damaged(part, &"it is empty")),
    }
    splices.apply(text).map_err(|error| unsound(part, &error))
}

fn rels_of(part: &str) -> String {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    if folder.is_empty() { format!("_rels/{name}.rels") } else { format!("{folder}/_rels/{name}.rels") }
}

/// A target as a name from the package's root.
fn resolved(part: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = part.split('/').collect();
    path.pop();
    for step in target.split('/') {
        match step {
            ".." => drop(path.pop()),
            "." | "" => {}
            step => path.push(step),
        }
    }
    path.join("/")
}

/// What to say of a part that is not sound XML.
pub fn unsound(part: &str, error: &Damaged) -> Text {
    damaged(part, &error.0)
}

fn damaged(part: &str, reason: &dyn std::fmt::Display) -> Text {
    Text::new(
        format!(
            "ブックの {part} を安全に書き換えられません（{reason}）。Excel で開き、.xlsx で保存し直してください。"
        ),
        format!(
            "{part} of the workbook cannot be edited safely ({reason}); open it in Excel and save it again as .xlsx"
        ),
    )
}
