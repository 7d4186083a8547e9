//! One row with names instead of columns. Each question answers a value, or adds a fault and answers a default.

use daicho_rules::ledger::{RowReference, Scope};
use daicho_rules::text::Text;
use jiff::civil::Date;

use super::dates;
use super::fault::{Fault, Faults, shown};
use super::grid::{Cell, Grid, GridRow};
use super::headings::Headings;
use super::plan::SheetPlan;
use super::spoilt;
use super::words::{self, Words, fold};

/// Above this a number of Excel has lost digits (IEEE 754 doubles keep 15).
const EXACT_NUMBER_MAX: f64 = 1e15;

/// One row of a recognised sheet.
pub struct RowReader<'a> {
    /// The sheet that it is in.
    pub plan: &'static SheetPlan,
    /// The grid.
    pub grid: &'a Grid,
    /// Its headings.
    pub headings: &'a Headings,
    /// The row.
    pub row: &'a GridRow,
    /// Where faults go.
    pub faults: &'a mut Faults,
}

impl RowReader<'_> {
    /// Where the row stands.
    pub fn reference(&self) -> RowReference {
        RowReference { place: self.grid.place().to_owned(), row: self.row.number }
    }

    /// The columns that are none of ours, with what stands there; never one of passwords.
    pub fn extra(&self) -> Vec<(String, String)> {
        let ours: Vec<usize> = self.headings.fields.values().copied().collect();
        let others = self.headings.titles.iter().filter(|(column, _)| !ours.contains(column));
        others
            .filter(|(column, _)| !self.headings.passwords.contains(column))
            .map(|(column, title)| (title.clone(), self.row.cell(*column).shown()))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// Free text.
    pub fn text(&mut self, field: &str) -> Option<String> {
        match self.cell(field) {
            Cell::Empty => None,
            Cell::Error(_) => {
                self.fault(field, Text::new("数式の誤りでない値", "a value, where a formula has failed"));
                None
            }
            cell => Some(cell.shown()),
        }
    }

    /// Text that must be there.
    pub fn required(&mut self, field: &str) -> String {
        let heading = self.plan.column(field).map_or(field, |column| column.headings[0]);
        if self.cell(field).is_empty() {
            // A column that is missing altogether was told once, for the sheet.
            if self.headings.fields.contains_key(field) {
                self.fault(
                    field,
                    Text::new(
                        format!("{heading}（空欄にできません）"),
                        format!("a value for {field}; it cannot be empty"),
                    ),
                );
            }
            return String::new();
        }
        self.reject_ditto(field);
        self.text(field).unwrap_or_default()
    }

    /// A number or name that identifies something and that Excel must not have changed.
    pub fn identifier(&mut self, field: &str) -> Option<String> {
        let cell = self.cell(field);
        let spoilt = match &cell {
            Cell::Number(number) => number.fract() != 0.0 || number.abs() >= EXACT_NUMBER_MAX,
            Cell::Date(_) => true,
            Cell::Text(text) => spoilt::is_spoilt(text),
            Cell::Empty | Cell::Error(_) => false,
        };
        if spoilt {
            self.fault(
                field,
                Text::new(
                    "文字列の番号。Excel が数値や日付に変えてしまっています。セルの書式を文字列にして、元の番号を入れ直してください",
                    "the number as text; Excel has turned it into a number or a date: format the cell as text and type it again",
                ),
            );
            return None;
        }
        self.reject_ditto(field);
        self.text(field)
    }

    /// An identifier that must be there.
    pub fn required_identifier(&mut self, field: &str) -> String {
        if self.cell(field).is_empty() {
            self.required(field)
        } else {
            self.identifier(field).unwrap_or_default()
        }
    }

    /// An identifier of a machine that people also fill with words for nothing: 不明, なし, `-`.
    pub fn hint(&mut self, field: &str) -> Option<String> {
        self.identifier(field)
            .filter(|text| !words::NOTHING.iter().any(|nothing| fold(nothing) == fold(text)))
    }

    /// Hardware addresses, or a word for nothing.
    pub fn mac(&mut self, field: &str) -> Option<String> {
        let text = self.hint(field)?;
        if spoilt::macs(&text).is_none() {
            self.fault(
                field,
                Text::new(
                    "MAC アドレス（16 進数 12 桁。例 00:11:22:AA:BB:CC）。Excel が時刻や数値に変えていないか確かめてください",
                    "a MAC address of twelve hexadecimal digits, such as 00:11:22:AA:BB:CC; Excel may have made a time or a number of it",
                ),
            );
            return None;
        }
        Some(text)
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, field: &str, words: Words<T>) -> Option<T> {
        let text = match self.cell(field) {
            Cell::Empty => return None,
            cell => cell.shown(),
        };
        let meaning = words::meaning(words, &text);
        if meaning.is_none() {
            self.fault(
                field,
                Text::new(
                    format!("次のいずれか: {}", words::choices(words, true)),
                    format!("one of {}", words::choices(words, false)),
                ),
            );
        }
        meaning
    }

    /// A day.
    pub fn date(&mut self, field: &str) -> Option<Date> {
        let date = match self.cell(field) {
            Cell::Empty => return None,
            Cell::Text(text) if dates::is_blank(&text) => return None,
            Cell::Date(date) => Some(date),
            // A number that is not shown as a day is none: 070516 without its zero would be one in 2093.
            cell => dates::parse(&cell.shown()),
        };
        if date.is_none() {
            let bare = matches!(self.cell(field), Cell::Number(_));
            self.fault(field, if bare { bare_number() } else { one_day() });
        }
        date
    }

    /// A day that must be there.
    pub fn required_date(&mut self, field: &str) -> Date {
        match self.cell(field) {
            Cell::Empty => drop(self.required(field)),
            Cell::Text(text) if dates::is_blank(&text) => self.fault(field, one_day()),
            _ => {}
        }
        self.date(field).unwrap_or_default()
    }

    /// The devices that the row is about. An empty cell is a fault: an approval for every machine is written down.
    pub fn scope(&mut self, field: &str) -> Scope {
        let text = self.required_identifier(field);
        scope_of(&text)
    }

    /// The same, where an empty cell says every device.
    pub fn optional_scope(&mut self, field: &str) -> Scope {
        self.identifier(field).map_or(Scope::All, |text| scope_of(&text))
    }

    /// Four hexadecimal digits of USB; Excel drops zeros at the front.
    pub fn usb_id(&mut self, field: &str) -> Option<String> {
        let text = self.hint(field)?;
        let folded = fold(&text);
        let digits = folded.strip_prefix("0x").unwrap_or(&folded);
        if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.fault(field, Text::new("16 進数 4 桁（例 0781）", "four hexadecimal digits, such as 0781"));
            return None;
        }
        Some(format!("{digits:0>4}"))
    }

    /// A whole number within a range, with or without its unit: 90, ９０日.
    pub fn number(&mut self, field: &str, (least, most): (i64, i64)) -> i64 {
        let text = fold(&self.required(field)).replace(',', "");
        let bare = text.trim_end_matches(['日', '時', '間', '分', '件', '回']);
        match bare.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ if text.is_empty() => least,
            _ => {
                self.fault(
                    field,
                    Text::new(
                        format!("{least} から {most} までの整数"),
                        format!("a whole number from {least} to {most}"),
                    ),
                );
                least
            }
        }
    }

    /// Adds a fault about a field of this row.
    pub fn fault(&mut self, field: &str, expected: Text) {
        let column = self.headings.fields.get(field);
        let heading = column.and_then(|column| self.headings.titles.get(column));
        let value = self.cell(field).shown();
        self.faults.add(Fault {
            file: self.grid.file.clone(),
            sheet: Some(self.grid.sheet.clone().unwrap_or_else(|| self.plan.name.to_owned())),
            row: Some(self.row.number),
            column: Some(heading.cloned().unwrap_or_else(|| field.to_owned())),
            value: Some(shown(&value)),
            expected,
        });
    }

    fn cell(&self, field: &str) -> Cell {
        self.headings.fields.get(field).map(|column| self.row.cell(*column).clone()).unwrap_or_default()
    }

    fn reject_ditto(&mut self, field: &str) {
        if let Cell::Text(text) = self.cell(field)
            && words::DITTO.contains(&text.as_str())
        {
            self.fault(
                field,
                Text::new(
                    "省略しない値（「〃」「同上」は読み取れません）",
                    "the value written out; ditto marks are not read",
                ),
            );
        }
    }
}

fn one_day() -> Text {
    Text::new(
        "年まで一つに決まる日付（例 2026-05-16、2026/5/16、2026年5月16日、令和8年5月16日、R8.5.16）",
        "a date with one meaning, such as 2026-05-16, 2026/5/16, 令和8年5月16日 or R8.5.16",
    )
}

fn bare_number() -> Text {
    Text::new(
        "日付。日付の表示形式でないただの数値です。Excel でセルの書式を日付にするか、2026/5/16 のように入力し直してください",
        "a date; this is a bare number: give the cell a date's format in Excel, or type the day again, such as 2026/5/16",
    )
}

fn scope_of(text: &str) -> Scope {
    let folded = fold(text);
    if words::ALL_DEVICES.iter().any(|all| fold(all) == folded) {
        return Scope::All;
    }
    let group = text
        .split_once([':', '：'])
        .filter(|(word, _)| ["group", "グループ", "群"].map(fold).contains(&fold(word)));
    match group {
        Some((_, name)) => Scope::Group(name.trim().to_owned()),
        None => Scope::Device(text.to_owned()),
    }
}
