//! Cells and areas as workbooks write them: `B5`, `A1:C9` (ECMA-376 part 1, 18.18.7 and 18.18.62).

/// A cell: row from 1, column from 0.
pub type Spot = (u32, u32);

/// Excel's last row and, counted from 0, its last column.
pub const LAST: Spot = (1_048_576, 16_383);

/// An area, both corners included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Upper left.
    pub first: Spot,
    /// Lower right.
    pub last: Spot,
}

impl Area {
    /// Whether it holds a cell.
    pub fn holds(&self, (row, column): Spot) -> bool {
        (self.first.0..=self.last.0).contains(&row) && (self.first.1..=self.last.1).contains(&column)
    }

    /// `A1:B2` or `A1`, with or without `$`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.replace('$', "");
        let (first, last) = plain.split_once(':').unwrap_or((&plain, &plain));
        Some(Area { first: spot(first)?, last: spot(last)? })
    }

    /// `A1:B2`, and a single cell as `A1`.
    pub fn written(&self) -> String {
        if self.first == self.last {
            return address(self.first);
        }
        format!("{}:{}", address(self.first), address(self.last))
    }
}

/// `B5` as a cell.
pub fn spot(text: &str) -> Option<Spot> {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, row) = text.split_at(letters);
    let row: u32 = row.bytes().all(|byte| byte.is_ascii_digit()).then(|| row.parse().ok()).flatten()?;
    let column = column(name)?;
    (row >= 1 && row <= LAST.0).then_some((row, column))
}

/// `B` as 1.
pub fn column(name: &str) -> Option<u32> {
    if name.is_empty() || name.len() > 3 || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let number = name.bytes().fold(0, |sum, byte| sum * 26 + u32::from(byte.to_ascii_uppercase() - b'A') + 1);
    (number - 1 <= LAST.1).then_some(number - 1)
}

/// 1 as `B`.
pub fn letters(column: u32) -> String {
    let mut name = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        name.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    name.iter().rev().collect()
}

/// A cell as `B5`.
pub fn address((row, column): Spot) -> String {
    format!("{}{row}", letters(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        for text in ["A1", "Z9", "AA10", "XFD1048576", "AMJ77"] {
            assert_eq!(address(spot(text).unwrap()), text);
        }
        for text in ["", "A", "1", "A0", "XFE1", "A1048577", "A-1", "あ1", "AAAA1"] {
            assert_eq!(spot(text), None, "{text}");
        }
        let area = Area::parse("$B$2:D4").unwrap();
        assert!(area.holds((3, 2)) && !area.holds((5, 2)));
        assert_eq!(area.written(), "B2:D4");
    }
}
