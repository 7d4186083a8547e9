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

/// The cells of the rectangles that hold everything written, and those that sheets claim to have, over all sheets; `None`
/// where two sheets are one.
pub fn cells(workbook: &[u8]) -> Option<u64> {
    let mut places = BTreeSet::new();
    let mut total = 0_u64;
    let mut corners: Option<[u64; 4]> = None;
    let area = |corners: Option<[u64; 4]>| {
        corners.map_or(0, |[top, left, bottom, right]| (bottom - top + 1) * (right - left + 1))
    };
    let mut rest = workbook;
    while let [kind0, kind1, length0, length1, after @ ..] = rest {
        let kind = u16::from_le_bytes([*kind0, *kind1]);
        let length = usize::from(u16::from_le_bytes([*length0, *length1])).min(after.len());
        let (data, next) = after.split_at(length);
        rest = next;
        let number =
            |at: usize| data.get(at..at + 2).map(|pair| u64::from(u16::from_le_bytes([pair[0], pair[1]])));
        if kind == BOF {
            total += area(corners.take());
        } else if kind == DIMENSIONS {
            total = total.saturating_add(claimed(data));
        } else if kind == BOUND_SHEET {
            let place = data.get(..4).map(<[u8]>::to_vec);
            if place.is_some_and(|place| !places.insert(place)) {
                return None;
            }
        } else if CELL.contains(&kind) || RUN.contains(&kind) {
            let (Some(row), Some(column)) = (number(0), number(2)) else { continue };
            let last =
                length.checked_sub(2).and_then(number).filter(|_| RUN.contains(&kind)).unwrap_or(column);
            let [top, left, bottom, right] = corners.unwrap_or([row, column, row, column]);
            corners = Some([top.min(row), left.min(column), bottom.max(row), right.max(column).max(last)]);
        }
    }
    Some(total.saturating_add(area(corners)))
}

/// The cells that a record of dimensions claims: of the form of Excel 97, and of the one before with rows in two bytes.
/// Columns that come in a wrong order are read from the first one on, as the parser does.
fn claimed(data: &[u8]) -> u64 {
    let number = |at: usize, length: usize| {
        let bytes = data.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (top, bottom, right) = match data.len() {
        10 => (number(0, 2), number(2, 2), number(6, 2)),
        _ => (number(0, 4), number(4, 4), number(10, 2)),
    };
    bottom.saturating_sub(top).saturating_mul(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u16]) -> Vec<u8> {
        let length = u16::try_from(data.len() * 2).unwrap();
        [kind, length].iter().chain(data).flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn rectangles_are_counted_and_sheets_of_one_place_are_told() {
        let corner = [record(BOF, &[]), record(0x0203, &[0, 0]), record(0x0203, &[65_535, 255])].concat();
        assert_eq!(cells(&corner), Some(65_536 * 256));
        assert_eq!(cells(&[corner.clone(), corner].concat()), Some(2 * 65_536 * 256));
        assert_eq!(cells(&record(0x00BD, &[3, 1, 0, 0, 0, 4])), Some(4), "columns 1 to 4");
        assert_eq!(cells(&[record(BOUND_SHEET, &[7, 0]), record(BOUND_SHEET, &[7, 0])].concat()), None);
        assert_eq!(cells(&[record(BOUND_SHEET, &[7, 0]), record(BOUND_SHEET, &[9, 0])].concat()), Some(0));
        assert_eq!(cells(b"\x03\x02\xFF\xFF\x01"), Some(0));
        let claims = record(DIMENSIONS, &[0, 0, 0, 0x10, 0, 256, 0]);
        assert_eq!(cells(&claims), Some(0x10_0000 * 256), "what nobody wrote is made room for, too");
    }
}
