//! Where a ledger is written to: never over something that is there already.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use daicho_rules::ledger::Ledger;
use daicho_rules::text::Language;

use crate::bookkeeping::RawFile;
use crate::bookkeeping::answer;
use crate::bookkeeping::export::{self, Style};
use crate::cli::output::{self, Table};
use crate::cli::{Context, failure};

/// The forms of a ledger in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Form {
    /// A folder of CSV files for Excel.
    Csv,
    /// One workbook.
    Xlsx,
    /// One file for programs.
    Json,
}

impl Form {
    /// What a name asks for.
    pub(in crate::cli) fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("xlsx") => Form::Xlsx,
            Some("json") => Form::Json,
            _ => Form::Csv,
        }
    }
}

/// Writes a ledger.
pub(super) fn write(path: &Path, form: Form, ledger: &Ledger, style: Style<'_>) -> anyhow::Result<()> {
    match form {
        Form::Csv => write_folder(path, &export::csv(ledger, style)),
        Form::Xlsx => write_file(path, &export::xlsx(ledger, style, None)?),
        Form::Json => {
            let mut answer = answer::rows(ledger);
            answer.insert("version".to_owned(), style.version.into());
            write_file(path, output::json(&answer)?.as_bytes())
        }
    }
}

/// Writes CSV files in CP932, or says which cells it cannot hold.
pub(super) fn write_cp932(
    path: &Path,
    ledger: &Ledger,
    style: Style<'_>,
    context: &Context,
) -> anyhow::Result<()> {
    let lost = match export::cp932(ledger, style) {
        Ok(files) => return write_folder(path, &files),
        Err(lost) => lost,
    };
    let mut table = match context.language {
        Language::Japanese => Table::new(&["ファイル", "行", "列", "書けない文字"]),
        Language::English => Table::new(&["file", "row", "column", "characters"]),
    };
    for export::Unwritable { file, row, column, characters } in &lost {
        table.row(vec![file.clone(), row.to_string(), column.clone(), characters.clone()]);
    }
    output::show(&table.render())?;
    let count = lost.len();
    Err(failure(
        format!(
            "CP932 にない文字が {count} 個のセルにあるため、書き込みませんでした。--cp932 なし（UTF-8）で書き出すか、台帳の文字を改めてください。"
        ),
        format!(
            "{count} cells hold characters that CP932 lacks, and nothing was written; export without --cp932 (UTF-8), or change them in the ledger"
        ),
    ))
}

/// Writes a ledger with a page that explains it: a sheet, a text file beside, a key.
pub(in crate::cli) fn write_explained(
    path: &Path,
    form: Form,
    ledger: &Ledger,
    style: Style<'_>,
    lines: &[String],
) -> anyhow::Result<()> {
    match form {
        Form::Csv => {
            let mut files = export::csv(ledger, style);
            let text = format!("\u{feff}{}\r\n", lines.join("\r\n"));
            files.push(RawFile { name: format!("{}.txt", export::README_TITLE), bytes: text.into_bytes() });
            write_folder(path, &files)
        }
        Form::Xlsx => {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            write_file(path, &export::xlsx(ledger, style, Some(&lines))?)
        }
        Form::Json => {
            let mut answer = answer::rows(ledger);
            answer.insert("version".to_owned(), style.version.into());
            answer.insert("made_from".to_owned(), lines.into());
            write_file(path, output::json(&answer)?.as_bytes())
        }
    }
}

/// Writes files into a folder that is new or empty.
pub(super) fn write_folder(path: &Path, files: &[RawFile]) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
    let mut entries = std::fs::read_dir(path).map_err(|error| unwritable(path, &error))?;
    if entries.next().is_some() {
        let shown = path.display();
        return Err(failure(
            format!(
                "フォルダー {shown} には既にファイルがあるため、書き込みませんでした。別の名前を指定してください。"
            ),
            format!("the folder {shown} holds files already and was left as it is; name another one"),
        ));
    }
    files.iter().try_for_each(|file| write_file(&path.join(&file.name), &file.bytes))
}

/// Writes a file that is not there yet.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let shown = path.display();
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        return failure(
            format!("{shown} は既にあるため、書き込みませんでした。別の名前を指定してください。"),
            format!("{shown} is there already and was left as it is; name another file"),
        );
    }
    failure(
        format!("{shown} に書き込めません（{error}）。場所と権限を確かめてください。"),
        format!("{shown} cannot be written ({error}); check where it is and who may write there"),
    )
}
