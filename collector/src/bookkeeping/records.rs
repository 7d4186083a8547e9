//! The records of an old .xls (MS-XLS 2.1.4), counted before anybody parses them: its parser holds the whole rectangle
//! between the first cell and the last, makes room for as many as a sheet claims to have, and reads a sheet as often as it
//! is named.

use std::collections::BTreeSet;

/// A sheet's begin.
const BOF: u16 = 0x0809;
/// A sheet's place and name.
const BOUND_SHEET: u16 = 0x0085;
/// What a sheet claims to reach over (MS-XLS 2.4.90): rows in four bytes, columns in two.
const DIMENSIONS: u16 = 0x0200;
/// A run of cells in one row: its last column stands at its end.
const RUN: [u16; 2] = [0x00BD, 0x00BE];
/// One cell: formula, blank, number, label, truth or error, its text in the table of strings or beside it, a number in
/// four bytes.
const CELL: [u16; 9] = [0x0006, 0x0201, 0x0203, 0x0204, 0x0205, 0x00FD, 0x00D6, 0x027E, 0x0002];

/// The end of a part: of what stands before the sheets, or of a sheet.
const EOF: u16 = 0x000A;

/// The cells of the rectangles that hold everything written, and those that sheets claim to have, over all sheets; `None`
/// where two sheets are one. Each sheet is read from the place that its name tells: from there the parser reads, wherever
/// the records before it would have led.
pub fn cells(workbook: &[u8]) -> Option<u64> {
    let mut places = BTreeSet::new();
    let mut named = Vec::new();
    for (kind, data) in records(workbook) {
        match kind {
            BOUND_SHEET => {
                let place = data.first_chunk::<4>().map(|place| u32::from_le_bytes(*place));
                if place.is_some_and(|place| !places.insert(place)) {
                    return None;
                }
                named.extend(place);
            }
            EOF => break,
            _ => {}
        }
    }
    let sheets = named.into_iter().map(|place| {
        let begin = usize::try_from(place).unwrap_or(usize::MAX);
        cells_of_sheet(workbook.get(begin..).unwrap_or_default())
    });
    Some(sheets.fold(0, u64::saturating_add))
}

fn cells_of_sheet(sheet: &[u8]) -> u64 {
    let (mut total, mut depth) = (0_u64, 0_u32);
    let mut corners: Option<[u64; 4]> = None;
    for (kind, data) in records(sheet) {
        let number =
            |at: usize| data.get(at..at + 2).map(|pair| u64::from(u16::from_le_bytes([pair[0], pair[1]])));
        if kind == BOF {
            depth += 1;
        } else if kind == EOF {
            // A chart that lies in the sheet has an end of its own.
            depth = depth.saturating_sub(1);
            if depth == 0 {
                break;
            }
        } else if kind == DIMENSIONS {
            total = total.saturating_add(claimed(data));
        } else if CELL.contains(&kind) || RUN.contains(&kind) {
            let (Some(row), Some(column)) = (number(0), number(2)) else { continue };
            let last =
                data.len().checked_sub(2).and_then(number).filter(|_| RUN.contains(&kind)).unwrap_or(column);
            let [top, left, bottom, right] = corners.unwrap_or([row, column, row, column]);
            corners = Some([top.min(row), left.min(column), bottom.max(row), right.max(column).max(last)]);
        }
    }
    let area = corners.map_or(0, |[top, left, bottom, right]| (bottom - top + 1) * (right - left + 1));
    total.saturating_add(area)
}

/// Kind and data of each record; the last one may be shorter than it says.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let [kind0, kind1, length0, length1, after @ ..] = rest else { return None };
        let length = usize::from(u16::from_le_bytes([*length0, *length1])).min(after.len());
        let (data, next) = after.split_at(length);
        rest = next;
        Some((u16::from_le_bytes([*kind0, *kind1]), data))
    })
}

/// The cells that a record of dimensions claims: of the form of Excel 97, and of the one before with rows in two bytes.
/// Columns that come in a wrong order are read from the first one on, as the parser does; rows in a wrong order make it
/// count around, so that no workbook of a person has as many.
fn claimed(data: &[u8]) -> u64 {
    let number = |at: usize, length: usize| {
        let bytes = data.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (top, bottom, right) = match data.len() {
        10 => (number(0, 2), number(2, 2), number(6, 2)),
        _ => (number(0, 4), number(4, 4), number(10, 2)),
    };
    match bottom.checked_sub(top) {
        Some(rows) => rows.saturating_mul(right),
        None if bottom == 0 => 0,
        None => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u16]) -> Vec<u8> {
        let length = u16::try_from(data.len() * 2).unwrap();
        [kind, length].iter().chain(data).flat_map(|number| number.to_le_bytes()).collect()
    }

    /// A workbook whose names tell these places, counted from where the sheets begin.
    fn workbook(places: &[u16], sheets: &[u8]) -> Vec<u8> {
        let begin = u16::try_from(places.len() * 8 + 4).unwrap();
        let names = places.iter().flat_map(|place| record(BOUND_SHEET, &[begin + place, 0]));
        names.chain(record(EOF, &[])).chain(sheets.iter().copied()).collect()
    }

    fn sheet(records: &[Vec<u8>]) -> Vec<u8> {
        [record(BOF, &[]), records.concat(), record(EOF, &[])].concat()
    }

    #[test]
    fn rectangles_are_counted_and_sheets_of_one_place_are_told() {
        let corner = sheet(&[record(0x0203, &[0, 0]), record(0x0203, &[65_535, 255])]);
        assert_eq!(cells(&workbook(&[0], &corner)), Some(65_536 * 256));
        let second = u16::try_from(corner.len()).unwrap();
        assert_eq!(cells(&workbook(&[0, second], &corner.repeat(2))), Some(2 * 65_536 * 256));
        assert_eq!(
            cells(&workbook(&[0], &sheet(&[record(0x00BD, &[3, 1, 0, 0, 0, 4])]))),
            Some(4),
            "columns 1 to 4"
        );
        assert_eq!(cells(&workbook(&[7, 7], &[])), None);
        assert_eq!(cells(&workbook(&[7, 9], &[])), Some(0));
        assert_eq!(cells(b"\x03\x02\xFF\xFF\x01"), Some(0));
    }

    #[test]
    fn what_a_sheet_claims_counts_though_nobody_wrote_it() {
        let claims = |bottom: [u16; 2], top: u16| {
            sheet(&[record(DIMENSIONS, &[top, 0, bottom[0], bottom[1], 0, 256, 0])])
        };
        assert_eq!(cells(&workbook(&[0], &claims([0, 0x10], 0))), Some(0x10_0000 * 256));
        assert_eq!(cells(&workbook(&[0], &claims([0, 0], 0))), Some(0), "an empty sheet");
        assert_eq!(cells(&workbook(&[0], &claims([5, 0], 6))), Some(u64::MAX), "a parser would count around");
    }

    #[test]
    fn a_sheet_counts_from_the_place_its_name_tells_even_within_another_record() {
        let hidden = sheet(&[record(0x0203, &[0, 0]), record(0x0203, &[65_535, 255])]);
        let words: Vec<u16> = hidden.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(cells(&workbook(&[4], &record(0x1234, &words))), Some(65_536 * 256));
    }
}
