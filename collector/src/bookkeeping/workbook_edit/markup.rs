//! Places in a part's XML, so that it can be changed there and nowhere else. Every byte between stays as it was.

use std::fmt::Write as _;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;

/// Why a part cannot be edited; for the sentence that tells so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged(pub String);

/// An opening tag.
#[derive(Clone, Debug)]
pub struct Tag<'a> {
    /// Its name as written, with its prefix.
    pub full: &'a str,
    /// Its name without a prefix.
    pub name: &'a str,
    /// Where it stands in the part, from `<` to behind `>`.
    pub span: Range<usize>,
    /// Whether it closes itself.
    pub empty: bool,
    /// The tag as written.
    pub raw: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute, by its name as written, else by its name without a prefix.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let raw = &self.raw[self.attribute_range(name)?];
        Some(quick_xml::escape::unescape(raw).map_or_else(|_| raw.to_owned(), std::borrow::Cow::into_owned))
    }

    /// Where in the part the value of an attribute stands, between its quotes.
    pub fn attribute_span(&self, name: &str) -> Option<Range<usize>> {
        let range = self.attribute_range(name)?;
        Some(self.span.start + range.start..self.span.start + range.end)
    }

    /// The prefix of the name with its colon, or nothing.
    pub fn prefix(&self) -> &str {
        &self.full[..self.full.len() - self.name.len()]
    }

    fn attribute_range(&self, name: &str) -> Option<Range<usize>> {
        let all = attributes(self.raw, 1 + self.full.len());
        let exact = all.iter().find(|(known, _)| *known == name);
        let local = || all.iter().find(|(known, _)| known.rsplit(':').next() == Some(name));
        exact.or_else(local).map(|(_, range)| range.clone())
    }
}

/// The attributes of a tag: name, and where the value stands in the tag.
fn attributes(raw: &str, from: usize) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = from;
    while let Some(equals) = raw.get(at..).and_then(|rest| rest.find('=')) {
        let name = raw[at..at + equals].trim();
        let after = &raw[at + equals + 1..];
        let value = after.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let start = at + equals + 1 + (after.len() - value.len()) + 1;
        let Some(length) = raw[start..].find(quote) else { break };
        found.push((name, start..start + length));
        at = start + length + 1;
    }
    found
}

/// One step through a part.
#[derive(Clone, Debug)]
pub enum Step<'a> {
    /// An element begins; one that closes itself has no `Close`.
    Open(Tag<'a>),
    /// An element ends: its name without prefix, and where its closing tag stands.
    Close(&'a str, Range<usize>),
    /// What stands between tags, as written.
    Text(&'a str),
}

/// Walks through a part. A document type is refused: no spreadsheet writes one, and entities hide behind it.
pub fn walk<'a>(text: &'a str, mut visit: impl FnMut(Step<'a>)) -> Result<(), Damaged> {
    let (mark, body) = match text.strip_prefix('\u{FEFF}') {
        Some(body) => ('\u{FEFF}'.len_utf8(), body),
        None => (0, text),
    };
    let mut reader = Reader::from_str(body);
    loop {
        let start = position(&reader, mark)?;
        let event = reader.read_event().map_err(|error| Damaged(error.to_string()))?;
        let span = start..position(&reader, mark)?;
        let raw = text.get(span.clone()).ok_or_else(|| Damaged("a tag is cut off".to_owned()))?;
        match event {
            Event::Eof => return Ok(()),
            Event::DocType(_) => return Err(Damaged("it declares a document type".to_owned())),
            Event::Start(_) | Event::Empty(_) => {
                let empty = matches!(event, Event::Empty(_));
                let name = raw.get(1..).unwrap_or_default();
                let full = name.split([' ', '\t', '\r', '\n', '/', '>']).next().unwrap_or_default();
                if !raw.starts_with('<') || !raw.ends_with('>') || full.is_empty() {
                    return Err(Damaged("a tag is cut off".to_owned()));
                }
                visit(Step::Open(Tag { full, name: local(full), span, empty, raw }));
            }
            Event::End(_) => {
                let name = raw.trim_start_matches("</").trim_end_matches('>').trim_end();
                visit(Step::Close(local(name), span));
            }
            _ => visit(Step::Text(raw)),
        }
    }
}

fn position(reader: &Reader<&[u8]>, mark: usize) -> Result<usize, Damaged> {
    let position = usize::try_from(reader.buffer_position());
    position.map(|position| position + mark).map_err(|_| Damaged("it is too big".to_owned()))
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Replacements in a part: what stands in a range gives way to a text.
#[derive(Clone, Debug, Default)]
pub struct Splices(Vec<(Range<usize>, String)>);

impl Splices {
    /// Replaces a range, or with an empty range puts something in between.
    pub fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.0.push((range, text.into()));
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The part as it shall be. Two replacements of the same place are a mistake of ours, and told as damage.
    pub fn apply(mut self, text: &str) -> Result<String, Damaged> {
        // What is put in between at one place keeps its order.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out =
            String::with_capacity(text.len() + self.0.iter().map(|(_, new)| new.len()).sum::<usize>());
        let mut at = 0;
        for (range, new) in self.0 {
            let between = text.get(at..range.start);
            let between = between.ok_or_else(|| Damaged("two edits meet in one place".to_owned()))?;
            out.push_str(between);
            out.push_str(&new);
            at = range.end;
        }
        out.push_str(text.get(at..).ok_or_else(|| Damaged("an edit is outside".to_owned()))?);
        Ok(out)
    }
}

/// Text for XML, also inside of quotes. What XML 1.0 cannot hold is written as `_x0007_` (ECMA-376, `ST_Xstring`).
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let characters: Vec<char> = text.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("_x000D_"),
            // A text that only looks like such an escape stays what it is.
            '_' if looks_escaped(&characters[index..]) => out.push_str("_x005F_"),
            '\t' | '\n' => out.push(*character),
            c if c.is_control() && u32::from(*c) < 0x20 || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                let _ = write!(out, "_x{:04X}_", u32::from(*c));
            }
            c => out.push(*c),
        }
    }
    out
}

fn looks_escaped(text: &[char]) -> bool {
    let digits = |text: &[char]| text.iter().all(char::is_ascii_hexdigit);
    matches!(text, ['_', 'x', a, b, c, d, '_', ..] if digits(&[*a, *b, *c, *d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bytes_of_the_part_itself() {
        let text = "\u{FEFF}<?xml version=\"1.0\"?><x:a b = 'é&amp;' r:c=\"2\"><!-- > --><d/>え</x:a>";
        let mut seen = Vec::new();
        walk(text, |step| match step {
            Step::Open(tag) => {
                assert_eq!(&text[tag.span.clone()], tag.raw);
                if let Some(span) = tag.attribute_span("c") {
                    assert_eq!(&text[span], "2");
                }
                seen.push((tag.full.to_owned(), tag.attribute("b"), tag.empty));
            }
            Step::Close(name, span) => {
                assert_eq!((name, &text[span]), ("a", "</x:a>"));
            }
            Step::Text(_) => {}
        })
        .unwrap();
        assert_eq!(seen, [("x:a".to_owned(), Some("é&".to_owned()), false), ("d".to_owned(), None, true)]);
        assert!(walk("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", |_| {}).is_err());
        assert!(walk("<a><b></a>", |_| {}).is_err());
    }

    #[test]
    fn splices_leave_the_rest_alone_and_never_overlap() {
        let mut splices = Splices::default();
        splices.replace(4..5, "E");
        splices.replace(1..1, "+");
        splices.replace(1..1, "-");
        assert_eq!(splices.apply("abcdef").unwrap(), "a+-bcdEf");
        let mut splices = Splices::default();
        splices.replace(1..4, "x");
        splices.replace(2..3, "y");
        assert!(splices.apply("abcdef").is_err());
    }

    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        assert_eq!(
            escaped("a<b>&\"\u{7}\r\n_x0041_ _x00"),
            "a&lt;b&gt;&amp;&quot;_x0007__x000D_\n_x005F_x0041_ _x00"
        );
    }
}
