//! Lists of people as another system exports them: who left, and the accounts of an electronic record. Only the columns
//! that are needed are read; a column of passwords is none of them.

use daicho_rules::ledger::StaffStatus;
use daicho_rules::normal;
use daicho_rules::text::Text;
use jiff::civil::Date;
use serde::Serialize;

use crate::bookkeeping::fault::{Fault, Faults};
use crate::bookkeeping::grid::{Cell, Grid, GridRow};
use crate::bookkeeping::reading::is_workbook;
use crate::bookkeeping::{RawFile, comma_separated, dates, encoding, limits, passwords, words, workbook};

/// One row of such a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// 職員番号.
    pub staff_id: Option<String>,
    /// The name with which the person logs in, in a list of accounts.
    pub login: Option<String>,
    /// 氏名, as written.
    pub name: Option<String>,
    /// フリガナ, as written.
    pub kana: Option<String>,
    /// The last day of employment.
    pub retired_on: Option<Date>,
    /// 在職, 休職, 退職, where the list says so.
    #[serde(skip)]
    pub status: Option<StaffStatus>,
    /// Whether the account can be used, where the list says so.
    pub enabled: Option<bool>,
    /// Where it stands: `leavers.csv:12`.
    pub place: String,
}

/// A list of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Those who could be read.
    pub people: Vec<Person>,
    /// Which columns the list has.
    pub has_status: bool,
    /// Which columns the list has.
    pub has_dates: bool,
    /// Rows and sheets that could not be read, with what was expected.
    pub faults: Faults,
}

/// Columns that are read, and what people call them.
const COLUMNS: [(Column, &[&str]); 7] = [
    (
        Column::StaffId,
        &[
            "職員番号",
            "職員ID",
            "職員コード",
            "社員番号",
            "社員ID",
            "社員コード",
            "職員No",
            "staff_id",
            "employee_id",
        ],
    ),
    (
        Column::Login,
        &[
            "アカウント",
            "アカウント名",
            "ユーザーID",
            "ユーザID",
            "ユーザー名",
            "ユーザ名",
            "利用者ID",
            "利用者番号",
            "利用者コード",
            "ログインID",
            "ログイン名",
            "ID",
            "login",
            "user",
            "account",
        ],
    ),
    (
        Column::Name,
        &["氏名", "名前", "職員名", "職員氏名", "利用者名", "利用者氏名", "漢字氏名", "name", "full_name"],
    ),
    (
        Column::Kana,
        &[
            "フリガナ",
            "ふりがな",
            "カナ",
            "かな",
            "氏名カナ",
            "カナ氏名",
            "氏名フリガナ",
            "ヨミ",
            "よみ",
            "読み",
            "kana",
        ],
    ),
    (Column::RetiredOn, &["退職日", "退職年月日", "退職予定日", "離職日", "異動日", "retired_on"]),
    (Column::Status, &["在職状況", "在籍状況", "在職区分", "就業状況", "状態", "status"]),
    (Column::Enabled, &["有効", "有効無効", "使用可否", "利用可否", "利用状態", "enabled"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    StaffId,
    Login,
    Name,
    Kana,
    RetiredOn,
    Status,
    Enabled,
}

/// Rows at the top of a sheet among which its headings are looked for: titles and dates of printing stand above them.
const HEADING_ROWS: usize = 20;

/// Reads a list: CSV or a workbook with one sheet or several.
pub fn read(file: &RawFile) -> People {
    let mut people = People::default();
    let grids = match grids(file) {
        Ok(grids) => grids,
        Err(faults) => return People { faults, ..people },
    };
    let mut found = false;
    for grid in &grids {
        found |= take(grid, &mut people);
    }
    if !found && people.faults.0.is_empty() {
        let expected = Text::new(
            "「職員番号」か「氏名」か「利用者ID」の見出しがある一覧",
            "a list with a heading 職員番号, 氏名 or 利用者ID (staff_id, name or login)",
        );
        people.faults.add(Fault::of_file(&file.name, expected));
    }
    people
}

fn grids(file: &RawFile) -> Result<Vec<Grid>, Faults> {
    if file.bytes.len() > limits::FILE_BYTES_MAX {
        let megabytes = limits::FILE_BYTES_MAX / 1024 / 1024;
        let expected =
            Text::new(format!("{megabytes} MB 以内のファイル"), format!("a file of at most {megabytes} MB"));
        return Err(Fault::of_file(&file.name, expected).into());
    }
    if is_workbook(&file.name) {
        return workbook::open(&file.name, &file.bytes);
    }
    let text = encoding::decode(&file.bytes)
        .map_err(|damage| Fault { row: damage.row, ..Fault::of_file(&file.name, damage.expected) })?;
    Ok(vec![comma_separated::split(&file.name, &text)?])
}

/// Takes the rows of one sheet in; false where it has no headings of ours.
fn take(grid: &Grid, people: &mut People) -> bool {
    let headed = grid.rows.iter().take(HEADING_ROWS).enumerate().find_map(|(index, row)| {
        let columns = columns(row);
        let names = [Column::StaffId, Column::Login, Column::Name];
        let named = columns.iter().any(|(column, _)| names.contains(column));
        (named && (columns.len() > 1 || row.cells.len() == 1)).then_some((index, columns))
    });
    let Some((heading, columns)) = headed else { return false };
    let secret = passwords::columns(grid, heading);
    let at = |wanted: Column| {
        let found = columns.iter().find(|(column, at)| *column == wanted && !secret.contains(at));
        found.map(|(_, at)| *at)
    };
    people.has_status |= at(Column::Status).is_some();
    people.has_dates |= at(Column::RetiredOn).is_some();
    for row in grid.rows.iter().skip(heading + 1) {
        let cell = |wanted: Column| at(wanted).map_or(&Cell::Empty, |at| row.cell(at));
        let text = |wanted: Column| Some(cell(wanted).shown()).filter(|text| !text.trim().is_empty());
        let place = format!("{}:{}", grid.place(), row.number);
        let mut person = Person {
            staff_id: text(Column::StaffId),
            login: text(Column::Login),
            name: text(Column::Name),
            kana: text(Column::Kana),
            place,
            ..Person::default()
        };
        if person.staff_id.is_none() && person.login.is_none() && person.name.is_none() {
            continue;
        }
        let mut fault = |column: Column, value: &str, ja: &str, en: &str| {
            let heading = at(column).and_then(|at| Some(grid.rows.get(heading)?.cell(at).shown()));
            people.faults.add(Fault {
                sheet: grid.sheet.clone(),
                row: Some(row.number),
                column: heading,
                value: Some(value.to_owned()),
                ..Fault::of_file(&grid.file, Text::new(ja, en))
            });
        };
        match cell(Column::RetiredOn) {
            Cell::Empty => {}
            Cell::Date(date) => person.retired_on = Some(*date),
            other => {
                let written = other.shown();
                person.retired_on = dates::parse(&written);
                if person.retired_on.is_none() && !dates::is_blank(&written) {
                    fault(
                        Column::RetiredOn,
                        &written,
                        "日付（例: 2026-03-31、令和8年3月31日）",
                        "a date, as 2026-03-31",
                    );
                }
            }
        }
        if let Some(written) = text(Column::Status) {
            person.status = words::meaning(words::STAFF_STATUSES, &written);
            if person.status.is_none() {
                fault(Column::Status, &written, "在職、休職、退職のどれか", "active, leave or retired");
            }
        }
        if let Some(written) = text(Column::Enabled) {
            person.enabled = words::meaning(words::FLAGS, &written).or_else(|| usable(&written));
        }
        people.people.push(person);
    }
    true
}

fn columns(row: &GridRow) -> Vec<(Column, usize)> {
    let mut columns: Vec<(Column, usize)> = Vec::new();
    for (at, cell) in row.cells.iter().enumerate() {
        let key = heading_key(&cell.shown());
        let known = COLUMNS.iter().find(|(_, names)| names.iter().any(|name| heading_key(name) == key));
        // Of two columns of one meaning the first counts.
        if let Some((column, _)) =
            known.filter(|(column, _)| !columns.iter().any(|(taken, _)| taken == column))
        {
            columns.push((*column, at));
        }
    }
    columns
}

fn heading_key(text: &str) -> String {
    let key = normal::key(text);
    key.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '(' | ')' | '/' | '・' | '※' | '*'))
        .collect()
}

fn usable(text: &str) -> Option<bool> {
    match normal::key(text).as_str() {
        "有効" | "使用可" | "利用可" | "可" | "利用中" | "active" | "enabled" => Some(true),
        "無効" | "停止" | "使用不可" | "利用不可" | "不可" | "利用停止" | "削除" | "disabled" => {
            Some(false)
        }
        _ => None,
    }
}
