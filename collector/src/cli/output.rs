//! What every list of the command can be: a table for people, JSON or CSV for programs.
//!
//! Names and labels come from endpoints and files: nothing of them reaches a terminal, a spreadsheet or a program as a
//! command. Characters of ambiguous width (`→`, `①`) count as narrow, as today's terminals draw them.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use anyhow::Context as _;
use daicho_proto::text::is_obeyed;
use daicho_rules::text::Language;
use serde::Serialize;
use unicode_width::UnicodeWidthChar as _;

/// Columns of a terminal that a table may take.
pub const WIDTH_MAX: usize = 100;

/// Between two columns.
const GAP: &str = "  ";

/// The forms of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, at most 100 wide.
    #[default]
    Table,
    /// As the contract says, for programs.
    Json,
    /// For a spreadsheet: with a byte order mark, and no cell that is a formula.
    Csv,
}

/// The languages of `--lang`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

/// The language to speak: `--lang`, else the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`), else English.
pub fn language(asked: Option<Lang>, locale: Option<&str>) -> Language {
    match (asked, locale) {
        (Some(Lang::Ja), _) => Language::Japanese,
        (Some(Lang::En), _) => Language::English,
        (None, Some(locale)) if locale.starts_with("ja") => Language::Japanese,
        (None, _) => Language::English,
    }
}

/// Prints a list in the form that was asked for. `empty` says in words that a table has no rows.
pub fn list<T: Serialize + ?Sized>(
    format: Format,
    table: &Table,
    json: &T,
    empty: &str,
) -> anyhow::Result<()> {
    match format {
        Format::Table if table.rows.is_empty() => show(&format!("{empty}\n")),
        Format::Table => show(&table.render()),
        Format::Json => show(&self::json(json)?),
        Format::Csv => show(&table.csv()?),
    }
}

/// Writes to standard output. A reader that went away (`daicho devices | head`) is no error.
pub fn show(text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("the answer cannot be written to standard output"),
    }
}

/// Writes a sentence to standard error, escaped line by line.
pub fn complain(text: &str) {
    let lines: Vec<String> = text.lines().map(escape).collect();
    // There is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// `text` in bold where a terminal will draw it and nobody asked for none (https://no-color.org). It only helps the eye.
pub fn bold(text: &str) -> String {
    let unwanted =
        |name: &str, value: &str| std::env::var(name).is_ok_and(|found| value.is_empty() || found == value);
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if no_color || unwanted("TERM", "dumb") || !io::stdout().is_terminal() {
        return text.to_owned();
    }
    format!("\u{1b}[1m{text}\u{1b}[0m")
}

/// A value as JSON, ending in a newline. What a terminal would obey is written as `\uXXXX`: the same value for programs.
pub fn json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<String> {
    let plain = serde_json::to_string_pretty(value).context("the answer cannot be written as JSON")?;
    let mut text = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        // serde_json itself escapes what is below a space; the newlines that are left are between the values.
        if c != '\n' && is_obeyed(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    Ok(text)
}

/// `text` on one line, with everything that a terminal would obey, or that would hide from the reader, made visible.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_obeyed(c) => escaped.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Rows under headings.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(headings: &[&str]) -> Self {
        Table { headings: headings.iter().map(|heading| (*heading).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each heading. Cells come as they are; rendering escapes what a terminal would obey.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The aligned text, at most [`WIDTH_MAX`] wide; long cells are wrapped.
    pub fn render(&self) -> String {
        let headings: Vec<String> = self.headings.iter().map(|heading| escape(heading)).collect();
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
        let mut natural: Vec<usize> = headings.iter().map(|heading| width(heading)).collect();
        for row in &rows {
            for (widest, cell) in natural.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        let widths = fit(&natural, WIDTH_MAX);
        let mut text = String::new();
        push_row(&mut text, &headings, &widths);
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        push_row(&mut text, &rule, &widths);
        for row in &rows {
            push_row(&mut text, row, &widths);
        }
        text
    }

    /// As RFC 4180 describes it, with the byte order mark by which Excel knows UTF-8.
    pub fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(&self.headings)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| harmless(cell)))?;
        }
        let bytes = writer.into_inner().map_err(|error| anyhow::anyhow!("CSV cannot be written: {error}"))?;
        Ok(format!("\u{feff}{}", String::from_utf8(bytes)?))
    }
}

/// A cell that no spreadsheet takes for a formula: one that would begin like one gets a `'` in front.
fn harmless(cell: &str) -> String {
    let escaped = escape(cell);
    let first = escaped.chars().find(|c| !c.is_whitespace());
    if matches!(first, Some('=' | '+' | '-' | '@' | '|' | '＝' | '＋' | '－' | '＠')) {
        return format!("'{escaped}");
    }
    escaped
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Widths that together fit into `room`: narrow columns keep what they need, wide ones share what is left.
fn fit(natural: &[usize], room: usize) -> Vec<usize> {
    let gaps = GAP.len() * natural.len().saturating_sub(1);
    let mut left = room.saturating_sub(gaps);
    let mut order: Vec<usize> = (0..natural.len()).collect();
    order.sort_by_key(|column| natural[*column]);
    let mut widths = vec![0; natural.len()];
    for (done, column) in order.iter().enumerate() {
        // At least 2: a full-width character has to fit.
        let share = (left / (natural.len() - done)).max(2);
        widths[*column] = natural[*column].min(share);
        left = left.saturating_sub(widths[*column]);
    }
    widths
}

fn push_row(text: &mut String, cells: &[String], widths: &[usize]) {
    let wrapped: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        let mut drawn = String::new();
        for (column, (lines, room)) in wrapped.iter().zip(widths).enumerate() {
            if column > 0 {
                drawn.push_str(GAP);
            }
            let part = lines.get(line).map_or("", String::as_str);
            drawn.push_str(part);
            drawn.push_str(&" ".repeat(room.saturating_sub(width(part))));
        }
        text.push_str(drawn.trim_end());
        text.push('\n');
    }
}

/// Characters that do not begin a line in Japanese (JIS X 4051).
const NEVER_FIRST: &str = "、。，．・：；？！）」』】〕］｝ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;?!)]}";

/// Characters that do not end a line.
const NEVER_LAST: &str = "（「『【〔［｛([{";

/// `text` in lines of at most `room` columns: broken at spaces, between full-width characters, else anywhere.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room && !line.is_empty() {
            let rest = if c == ' ' {
                Vec::new()
            } else {
                break_point(&line, c).map_or_else(Vec::new, |at| line.split_off(at))
            };
            lines.push(line.iter().collect::<String>().trim_end().to_owned());
            line = rest.into_iter().skip_while(|c| *c == ' ').collect();
            used = line.iter().map(|c| c.width().unwrap_or(0)).sum();
            if c == ' ' {
                continue;
            }
        }
        line.push(c);
        used += wide;
    }
    lines.push(line.into_iter().collect());
    lines
}

/// Where to break `line` before `next`; `None`: at its end.
fn break_point(line: &[char], next: char) -> Option<usize> {
    let may_break = |before: char, after: char| {
        let between_wide = before.width() == Some(2) || after.width() == Some(2);
        before == ' ' || (between_wide && !NEVER_FIRST.contains(after) && !NEVER_LAST.contains(before))
    };
    if line.last().is_some_and(|last| may_break(*last, next)) {
        return None;
    }
    (1..line.len()).rev().find(|at| may_break(line[at - 1], line[*at])).filter(|at| *at > line.len() / 4)
}

#[cfg(test)]
mod tests;
