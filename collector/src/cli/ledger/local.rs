//! What needs no collector: template, read, check.

use std::path::{Path, PathBuf};

use daicho_rules::text::Text;

use super::target::{self, Form};
use super::{Source, shown};
use crate::bookkeeping::remarks::Remark;
use crate::bookkeeping::remembered::{self, Remembered};
use crate::bookkeeping::sheets::Known;
use crate::bookkeeping::{Mapping, Reading, answer, files, limits, reading, template};
use crate::cli::output::{self, Format};
use crate::cli::{Context, Outcome, failure};

/// Writes an empty ledger.
pub(super) fn template(to: &Path, context: &Context) -> anyhow::Result<Outcome> {
    let known = Known::of_the_house();
    match Form::of(to) {
        Form::Xlsx => target::write_file(to, &template::workbook(&known, context.language)?)?,
        Form::Csv | Form::Json => target::write_folder(to, &template::files(&known, context.language))?,
    }
    let path = output::escape(&to.display().to_string());
    output::show(context.say(
        &format!("台帳のひな形を {path} に作りました。記入したら `daicho ledger check {path}` で確かめてください。\n"),
        &format!("An empty ledger is in {path}. Fill it in, then check it: daicho ledger check {path}\n"),
    ))?;
    Ok(Outcome::Done)
}

/// Shows a ledger as the importer would read it.
pub(super) fn read(
    source: &Source,
    write_mapping: Option<&Path>,
    format: Format,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let reading = look(source)?;
    if let Some(to) = write_mapping {
        let mapping = serde_json::to_value(remembered::proposed(&reading))?;
        target::write_file(to, output::json(&mapping)?.as_bytes())?;
    }
    match format {
        Format::Json => output::show(&output::json(&answer::reading(&reading, context.language))?)?,
        Format::Table => {
            output::show(&shown::mapping(&reading, context).render())?;
            shown::remarks(&reading, context)?;
            shown::faults(&reading.faults, Format::Table, context)?;
        }
        Format::Csv => shown::faults(&reading.faults, Format::Csv, context)?,
    }
    verdict(source, &reading)
}

/// Tells whether a ledger can be imported.
pub(super) fn check(source: &Source, format: Format, context: &Context) -> anyhow::Result<Outcome> {
    let reading = look(source)?;
    if format == Format::Table {
        shown::remarks(&reading, context)?;
    }
    shown::faults(&reading.faults, format, context)?;
    verdict(source, &reading)
}

/// Reads a ledger with its mapping.
fn look(source: &Source) -> anyhow::Result<Reading> {
    let (opened, mapping) = open(source, &[])?;
    Ok(reading::interpret(opened, &mapping, &Known::of_the_house()))
}

/// Opens a ledger without giving it its meaning: what is sent to the collector.
pub(super) fn open(source: &Source, known: &[Remembered]) -> anyhow::Result<(reading::Opened, Mapping)> {
    let beside = beside(&source.path).filter(|path| source.mapping.is_none() && path.is_file());
    let given = match source.mapping.as_ref().or(beside.as_ref()) {
        Some(path) => read_mapping(path)?,
        None => Mapping::new(),
    };
    let (mut opened, mapping) = match files::gather(&source.path) {
        Ok(files) => reading::open_remembering(&files, &given, known),
        Err(faults) => (reading::Opened { faults, ..reading::Opened::default() }, given),
    };
    if beside.is_some() {
        let text =
            Text::new("台帳の隣にあるこの対応付けを使いました。", "this mapping beside the ledger was used.");
        let remark = Remark {
            file: remembered::FILE_NAME.to_owned(),
            kind: "mapping_beside",
            text,
            ..Remark::default()
        };
        opened.remarks.insert(0, remark);
    }
    Ok((opened, mapping))
}

/// Where a mapping lies that nobody has to name.
fn beside(path: &Path) -> Option<PathBuf> {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    folder.map(|folder| folder.join(remembered::FILE_NAME))
}

pub(super) fn mapping(source: &Source) -> anyhow::Result<Mapping> {
    let beside = beside(&source.path).filter(|path| path.is_file());
    source.mapping.as_ref().or(beside.as_ref()).map_or_else(|| Ok(Mapping::new()), |path| read_mapping(path))
}

fn read_mapping(path: &Path) -> anyhow::Result<Mapping> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|error| {
        failure(
            format!("対応付けファイル {shown} を読み取れません（{error}）。場所と権限を確かめてください。"),
            format!("the mapping {shown} cannot be read ({error}); check where it is and who may read it"),
        )
    })?;
    if text.len() > limits::CELL_BYTES_MAX * 8 {
        return Err(failure(
            format!("対応付けファイル {shown} が大きすぎます。"),
            format!("the mapping {shown} is too big to be one"),
        ));
    }
    serde_json::from_slice(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text)).map_err(|error| {
        failure(
            format!("対応付けファイル {shown} は {{\"シート\": {{\"見出し\": \"項目\"}}}} の形の JSON ではありません（{error}）。"),
            format!("the mapping {shown} is no JSON of the form {{\"sheet\": {{\"heading\": \"field\"}}}} ({error})"),
        )
    })
}

/// Done, or the one sentence that says that it cannot be imported.
pub(super) fn verdict(source: &Source, reading: &Reading) -> anyhow::Result<Outcome> {
    let (path, count) = (source.path.display(), reading.faults.0.len());
    if count == 0 {
        return Ok(Outcome::Done);
    }
    Err(failure(
        format!(
            "台帳 {path} に誤りが {count} 件あり、取り込めません。上の箇所を直してください。何も変更していません。"
        ),
        format!(
            "the ledger {path} has {count} faults and cannot be imported; mend the places above. Nothing was changed"
        ),
    ))
}
