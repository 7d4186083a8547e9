//! Columns of passwords: recognised, counted in memory, never kept, sent, logged or shown (regulation, Article 10(3)).

use std::collections::BTreeMap;

use daicho_rules::normal;
use serde::Serialize;

use super::grid::Grid;
use super::words::fold;

/// That a ledger holds passwords, and how many are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passwords {
    /// The headings, as written.
    pub column: String,
    /// How many cells are the same, for each value that stands in more than one; largest first.
    pub equal_groups: Vec<usize>,
}

/// Parts of a heading that make it one of passwords.
const PARTS: &[&str] = &[
    "パスワード",
    "パスワド",
    "暗証",
    "パスコード",
    "パスフレーズ",
    "合言葉",
    "password",
    "passwd",
    "passphrase",
    "passcode",
];

/// Short words that do so when they stand alone, or beside other letters than Latin ones: `初期PW`.
const WORDS: &[&str] = &["pw", "pwd", "pass", "p/w", "pin", "パス"];

/// What follows where a heading speaks about passwords and holds none.
const ABOUT: &[&str] = &[
    "変更日",
    "更新日",
    "設定日",
    "有効期限",
    "期限",
    "有無",
    "桁数",
    "方針",
    "ポリシー",
    "管理方法",
    "保管場所",
];

/// What stands beside a password under one heading, and is none.
const NAMES: &[&str] = &["ID", "アカウント", "ユーザ", "ログイン名", "備考", "氏名"];

/// Columns of passwords in a grid that is none of ours: the lowest row with such a heading, and its columns.
pub fn columns_anywhere(grid: &Grid) -> (usize, Vec<usize>) {
    let telling = |row: &&super::grid::GridRow| {
        row.cells.iter().any(|cell| {
            let text = cell.shown();
            text.chars().count() <= HEADING_CHARACTERS_MAX && is_heading(&text)
        })
    };
    let rows = grid.rows.iter().take(super::limits::HEADING_ROWS_MAX).enumerate();
    match rows.filter(|(_, row)| telling(row)).map(|(index, _)| index).next() {
        Some(row) => (row, columns(grid, row)),
        None => (0, Vec::new()),
    }
}

/// A heading is short; a sentence about passwords is none.
const HEADING_CHARACTERS_MAX: usize = 20;

/// The columns of a grid that hold passwords, by its headings: the row of them, those above, and the one below where
/// a heading spans several columns.
pub fn columns(grid: &Grid, heading_row: usize) -> Vec<usize> {
    let width = grid.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let text = |row: usize, column: usize| {
        grid.rows.get(row).map(|row| row.cell(column).shown()).unwrap_or_default()
    };
    // A heading over several columns stands in the first of them: パスワード over 管理者 and 利用者.
    let group_of = |column: usize| match heading_row.checked_sub(1) {
        Some(above) if !text(heading_row, column).is_empty() && text(above, column).is_empty() => {
            let spans = |left: &usize| !text(above, *left).is_empty() || text(heading_row, *left).is_empty();
            let left = (0..column).rev().find(spans);
            left.map(|left| text(above, left)).unwrap_or_default()
        }
        _ => String::new(),
    };
    let holds = |column: &usize| {
        (0..=heading_row).any(|row| is_heading(&text(row, *column)))
            || is_heading(&group_of(*column))
                && !NAMES.iter().any(|name| fold(&text(heading_row, *column)).contains(&fold(name)))
            || (text(heading_row, *column).is_empty() && is_bare(&text(heading_row + 1, *column)))
    };
    (0..width).filter(holds).collect()
}

/// Whether a heading is one of passwords.
pub fn is_heading(text: &str) -> bool {
    let folded = fold(text);
    if ABOUT.iter().any(|about| folded.ends_with(&fold(about))) {
        return false;
    }
    let key = normal::key(text);
    let words =
        key.split(|c: char| !(c.is_ascii_alphanumeric() || c == '/')).any(|word| WORDS.contains(&word));
    words || is_bare(text) || PARTS.iter().any(|part| folded.contains(&fold(part)))
}

fn is_bare(text: &str) -> bool {
    let folded = fold(text);
    WORDS.iter().chain(PARTS).any(|word| fold(word) == folded)
}

/// Counts equal values over all columns, empties the cells, and forgets them.
pub fn take(grids: &mut [(&mut Grid, usize, Vec<usize>)]) -> Option<Passwords> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut headings: Vec<String> = Vec::new();
    for (grid, heading_row, columns) in grids {
        for column in columns.iter() {
            let heading =
                grid.rows.get(*heading_row).map(|row| row.cell(*column).shown()).unwrap_or_default();
            // Under a heading of two rows the one above may name the column.
            headings.push(if is_heading(&heading) { heading } else { "パスワード".to_owned() });
            for row in grid.rows.iter_mut().skip(*heading_row + 1) {
                if let Some(cell) = row.cells.get_mut(*column) {
                    let value = std::mem::take(cell);
                    if !value.is_empty() && !is_bare(&value.shown()) {
                        *counts.entry(value.shown()).or_default() += 1;
                    }
                }
            }
        }
    }
    if headings.is_empty() {
        return None;
    }
    headings.dedup();
    let mut equal_groups: Vec<usize> = counts.into_values().filter(|count| *count > 1).collect();
    equal_groups.sort_unstable_by(|a, b| b.cmp(a));
    Some(Passwords { column: headings.join(", "), equal_groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_passwords_are_recognised_and_headings_about_them_are_not() {
        for heading in [
            "パスワード",
            "ﾊﾟｽﾜｰﾄﾞ",
            "ＰＷ",
            "初期PW",
            "暗証番号",
            "ID・パスワード",
            "Password",
            "Windows ログインPW",
            "PASS",
            "P/W",
        ] {
            assert!(is_heading(heading), "{heading}");
        }
        for heading in [
            "パスワード変更日",
            "パスワード有効期限",
            "PWR",
            "機器ID",
            "備考",
            "パスポート番号",
            "shipping",
            "compass",
        ] {
            assert!(!is_heading(heading), "{heading}");
        }
    }
}
