//! Mappings that the collector remembers.

use anyhow::Context as _;
use daicho_proto::wire as w;
use daicho_rules::text::Language;
use serde_json::json;

use crate::bookkeeping::remembered::Remembered;
use crate::cli::connection::Connection;
use crate::cli::output::{self, Format, Table};
use crate::cli::{Context, Outcome};

/// Asks for all of them.
pub(super) async fn all(connection: &Connection) -> anyhow::Result<Vec<Remembered>> {
    let answer = connection.bookkeeping().mappings(w::LedgerMappingsRequest {}).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    serde_json::from_slice(&answer.mappings_json).context("the collector's answer cannot be read")
}

/// Lists them.
pub(super) async fn list(format: Format, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let known = all(&connection).await?;
    let mut table = match context.language {
        Language::Japanese => Table::new(&["シート", "列（見出し → 項目）", "決めた人", "日"]),
        Language::English => Table::new(&["sheet", "columns (heading → field)", "by", "on"]),
    };
    for one in &known {
        let columns = one.columns.iter().map(|(heading, field)| format!("{heading} → {field}"));
        let columns: Vec<String> = columns.collect();
        let day = one.at.to_zoned(daicho_proto::time::japan()).date();
        table.row(vec![one.sheet.clone(), columns.join(", "), one.by.clone(), day.to_string()]);
    }
    let empty = context.say("覚えている対応付けはありません。", "No mapping is remembered.");
    output::list(format, &table, &json!({ "mappings": known }), empty)?;
    Ok(Outcome::Done)
}

/// Forgets one.
pub(super) async fn forget(sheet: String, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let shown = output::escape(&sheet);
    let answer = connection.bookkeeping().forget_mapping(w::LedgerForgetMappingRequest { sheet }).await;
    answer.map_err(|status| connection.explain(&status))?;
    output::show(context.say(
        &format!("シート「{shown}」の対応付けを忘れました。\n"),
        &format!("The mapping of the sheet {shown} is forgotten.\n"),
    ))?;
    Ok(Outcome::Done)
}
