//! How an .xls sheet looks (MS-XLS 2.4): what is merged, hidden and struck through, and the zeros in front of a number.
//! Its parser tells none of it.

use std::collections::BTreeMap;

use super::{Look, Merge, Seen};

const BOF: u16 = 0x0809;
const EOF: u16 = 0x000A;
const CONTINUE: u16 = 0x003C;
const FONT: u16 = 0x0031;
const XF: u16 = 0x00E0;
const FORMAT: u16 = 0x041E;
const BOUND_SHEET: u16 = 0x0085;
const SHARED_STRINGS: u16 = 0x00FC;
const ROW: u16 = 0x0208;
const COLUMNS: u16 = 0x007D;
const MERGED_CELLS: u16 = 0x00E5;
/// A text beside its cell, with fonts of its own: nobody writes it in this form of the file.
const RICH_STRING: u16 = 0x00D6;
const LABEL_SHARED: u16 = 0x00FD;
const NUMBERS: u16 = 0x00BD;
/// Formula, number, label, truth or error, a number in four bytes.
const CELLS: [u16; 5] = [0x0006, 0x0203, 0x0204, 0x0205, 0x027E];

/// The form that Excel 97 and all later ones write (MS-XLS 2.4.21).
const VERSION: u16 = 0x0600;

/// A font's line through its letters (MS-XLS 2.4.122).
const STRIKE_OUT: u16 = 0x0008;
/// A row of no height (MS-XLS 2.4.220).
const ROW_HIDDEN: u32 = 0x0020;

/// The looks of each sheet, by its name; `None` where they cannot be known.
pub fn sheets(workbook: &[u8]) -> Option<BTreeMap<String, Seen>> {
    let globals = Globals::read(workbook)?;
    let mut found = BTreeMap::new();
    for (name, place) in &globals.sheets {
        found.insert(name.clone(), globals.sheet(workbook.get(*place..)?)?);
    }
    Some(found)
}

#[derive(Default)]
struct Globals {
    struck_fonts: Vec<bool>,
    /// Font and number format of each cell format.
    formats: Vec<(u16, u16)>,
    zeros: BTreeMap<u16, usize>,
    sheets: Vec<(String, usize)>,
    /// Of shared texts that are struck through in part: what is left.
    left: BTreeMap<u32, String>,
}

impl Globals {
    fn read(workbook: &[u8]) -> Option<Self> {
        let mut globals = Globals::default();
        let mut strings: Vec<&[u8]> = Vec::new();
        let mut in_strings = false;
        for (index, (kind, data)) in records(workbook).enumerate() {
            if index == 0 {
                ((kind, word(data, 0)?) == (BOF, VERSION)).then_some(())?;
            }
            in_strings = kind == SHARED_STRINGS || (in_strings && kind == CONTINUE);
            match kind {
                EOF => break,
                FONT => globals.struck_fonts.push(word(data, 2)? & STRIKE_OUT != 0),
                XF => globals.formats.push((word(data, 0)?, word(data, 2)?)),
                FORMAT => {
                    let code = text(data.get(2..)?)?;
                    if code.len() > 1 && code.bytes().all(|byte| byte == b'0') {
                        globals.zeros.insert(word(data, 0)?, code.len());
                    }
                }
                BOUND_SHEET => {
                    let place = usize::try_from(double(data, 0)?).ok()?;
                    let (length, rest) = data.get(6..)?.split_first()?;
                    let (flags, letters) = rest.split_first()?;
                    globals.sheets.push((letters_of(letters, usize::from(*length), flags & 1 == 1)?, place));
                }
                _ if in_strings => strings.push(data),
                _ => {}
            }
        }
        globals.left = left_of_shared(&strings, |font| globals.is_struck(font))?;
        Some(globals)
    }

    /// Fonts are counted without a fourth one (MS-XLS 2.5.129).
    fn is_struck(&self, font: u16) -> bool {
        let index = if font < 4 { font } else { font - 1 };
        self.struck_fonts.get(usize::from(index)).copied().unwrap_or_default()
    }

    fn look(&self, format: u16) -> Look {
        let Some((font, number)) = self.formats.get(usize::from(format)) else { return Look::default() };
        let zeros = self.zeros.get(number).copied().unwrap_or_default();
        Look { struck: self.is_struck(*font), zeros, ..Look::default() }
    }

    fn sheet(&self, from: &[u8]) -> Option<Seen> {
        let mut seen = Seen::default();
        // A chart on the sheet is a sheet within it.
        let mut depth = 0_u32;
        for (kind, data) in records(from) {
            match kind {
                BOF => depth += 1,
                EOF => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(seen);
                    }
                }
                _ if depth != 1 => {}
                ROW if double(data, 12)? & ROW_HIDDEN != 0 => {
                    seen.structure.hidden_rows.insert(u32::from(word(data, 0)?) + 1);
                }
                COLUMNS if word(data, 8)? & 1 == 1 => {
                    let ends = (usize::from(word(data, 0)?), usize::from(word(data, 2)?));
                    seen.structure.hidden.push(ends);
                }
                MERGED_CELLS => {
                    for range in data.get(2..)?.chunks_exact(8) {
                        let at = |index| word(range, index).map(u32::from);
                        seen.structure.merges.push(Merge { first: (at(0)?, at(4)?), last: (at(2)?, at(6)?) });
                    }
                }
                RICH_STRING if self.struck_fonts.contains(&true) => return None,
                LABEL_SHARED => {
                    let at = self.cell(&mut seen, data, 4)?;
                    if let Some(left) = self.left.get(&double(data, 6)?) {
                        seen.structure.left.insert(at, left.clone());
                    }
                }
                NUMBERS => {
                    let (row, first) = (u32::from(word(data, 0)?), u32::from(word(data, 2)?));
                    for (column, number) in (first..).zip(data.get(4..)?.chunks_exact(6)) {
                        self.note(&mut seen, (row, column), word(number, 0)?);
                    }
                }
                _ if CELLS.contains(&kind) => _ = self.cell(&mut seen, data, 4)?,
                _ => {}
            }
        }
        None
    }

    fn cell(&self, seen: &mut Seen, data: &[u8], format: usize) -> Option<(u32, u32)> {
        let at = (u32::from(word(data, 0)?), u32::from(word(data, 2)?));
        self.note(seen, at, word(data, format)?);
        Some(at)
    }

    fn note(&self, seen: &mut Seen, at: (u32, u32), format: u16) {
        let look = self.look(format);
        if look.struck || look.zeros > 0 {
            seen.looks.insert(at, look);
        }
    }
}

/// Kinds and contents of records, one after the other (MS-XLS 2.1.4); ends where the file does.
fn records(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let kind = word(rest, 0)?;
        let length = usize::from(word(rest, 2)?);
        let data = rest.get(4..4 + length)?;
        rest = &rest[4 + length..];
        Some((kind, data))
    })
}

/// Of the table of shared texts (MS-XLS 2.4.265), those with a run in a struck font: what is left of them.
fn left_of_shared(parts: &[&[u8]], is_struck: impl Fn(u16) -> bool) -> Option<BTreeMap<u32, String>> {
    let mut found = BTreeMap::new();
    if parts.is_empty() {
        return Some(found);
    }
    let mut table = Table { parts, at: 0 };
    let head = table.bytes(8)?;
    for number in 0..double(&head, 4)? {
        let head = table.bytes(3)?;
        let flags = head[2];
        let runs = if flags & 8 != 0 { usize::from(word(&table.bytes(2)?, 0)?) } else { 0 };
        let more = if flags & 4 != 0 { usize::try_from(double(&table.bytes(4)?, 0)?).ok()? } else { 0 };
        let letters = table.letters(usize::from(word(&head, 0)?), flags & 1 == 1)?;
        let runs = table.bytes(runs * 4)?;
        table.bytes(more)?;
        let runs =
            runs.chunks_exact(4).map(|run| Some((usize::from(word(run, 0)?), is_struck(word(run, 2)?))));
        let runs: Vec<(usize, bool)> = runs.collect::<Option<_>>()?;
        if !runs.iter().any(|(_, struck)| *struck) {
            continue;
        }
        let kept = |(at, _): &(usize, &u16)| {
            runs.iter().rev().find(|(begin, _)| begin <= at).is_none_or(|(_, struck)| !struck)
        };
        let kept: Vec<u16> = letters.iter().enumerate().filter(kept).map(|(_, letter)| *letter).collect();
        found.insert(number, String::from_utf16_lossy(&kept));
    }
    Some(found)
}

/// A table that goes on in further records.
struct Table<'a> {
    parts: &'a [&'a [u8]],
    at: usize,
}

impl Table<'_> {
    /// Goes to the next record when one is read to its end; says whether it did.
    fn turn(&mut self) -> bool {
        let mut turned = false;
        while self.parts.first().is_some_and(|part| self.at >= part.len()) {
            self.parts = &self.parts[1..];
            (self.at, turned) = (0, true);
        }
        turned
    }

    fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        while found.len() < count {
            self.turn();
            let rest = &self.parts.first()?[self.at..];
            let taken = rest.len().min(count - found.len());
            found.extend_from_slice(&rest[..taken]);
            self.at += taken;
        }
        Some(found)
    }

    /// Letters of one or two bytes; where a text goes on in the next record, that says anew of how many.
    fn letters(&mut self, count: usize, mut wide: bool) -> Option<Vec<u16>> {
        let mut letters = Vec::new();
        while letters.len() < count {
            if self.turn() {
                wide = self.bytes(1)?[0] & 1 == 1;
            }
            letters.push(if wide { word(&self.bytes(2)?, 0)? } else { u16::from(self.bytes(1)?[0]) });
        }
        Some(letters)
    }
}

/// A text with its length and its width in front (MS-XLS 2.5.294).
fn text(data: &[u8]) -> Option<String> {
    letters_of(data.get(3..)?, usize::from(word(data, 0)?), data.get(2)? & 1 == 1)
}

fn letters_of(data: &[u8], count: usize, wide: bool) -> Option<String> {
    let letters: Vec<u16> = if wide {
        data.get(..count * 2)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    } else {
        data.get(..count)?.iter().map(|byte| u16::from(*byte)).collect()
    };
    Some(String::from_utf16_lossy(&letters).replace('\0', ""))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn double(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
