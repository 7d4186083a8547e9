//! A reading, its faults and differences as tables for people.

use daicho_rules::text::Language;
use serde_json::Value;

use crate::bookkeeping::layout;
use crate::bookkeeping::plan::SHEETS;
use crate::bookkeeping::table::tables;
use crate::bookkeeping::{Faults, Reading};
use crate::cli::Context;
use crate::cli::output::{self, Format, Table};

/// Which sheets and columns were recognised.
pub(super) fn mapping(reading: &Reading, context: &Context) -> Table {
    let mut table = match context.language {
        Language::Japanese => Table::new(&["シート", "行数", "列（見出し → 項目）"]),
        Language::English => Table::new(&["sheet", "rows", "columns (heading → field)"]),
    };
    for (sheet, plan) in tables(&reading.ledger).iter().zip(&SHEETS) {
        let Some(columns) = reading.mapping.get(plan.name) else { continue };
        let columns: Vec<String> = columns
            .iter()
            .map(
                |(heading, field)| {
                    if heading == field { field.clone() } else { format!("{heading} → {field}") }
                },
            )
            .collect();
        table.row(vec![plan.name.to_owned(), sheet.rows.len().to_string(), columns.join(", ")]);
    }
    table
}

/// What a person should know although it is no fault: sheets that are not there, that were not read, passwords.
pub(super) fn remarks(reading: &Reading, context: &Context) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    if !reading.missing.is_empty() {
        let missing = reading.missing.join(", ");
        lines.push(
            context
                .say(
                    &format!("次のシートはないため、空として扱います: {missing}"),
                    &format!("These sheets are not there and count as empty: {missing}"),
                )
                .to_owned(),
        );
    }
    if !reading.unread.is_empty() {
        let unread = output::escape(&reading.unread.join(", "));
        lines.push(
            context
                .say(
                    &format!("次のものは台帳の名前ではないため、読み取っていません: {unread}"),
                    &format!("Not read, because it has no name of a sheet of the ledger: {unread}"),
                )
                .to_owned(),
        );
    }
    for proposal in &reading.proposals {
        let layout::Proposal { sheet, plan, score, reasons, .. } = proposal;
        let (sheet, reasons) = (output::escape(sheet), output::escape(&reasons.join(", ")));
        lines.push(context.say(
            &format!("シート「{sheet}」は見出しから {plan} として読みました（一致 {score} %: {reasons}）。違うときは --mapping で {{\"{sheet}\": {{\"*\": \"unread\"}}}} のように指定してください。"),
            &format!("The sheet {sheet} was read as {plan}, by its headings ({score} %: {reasons}). If it is none, say so with --mapping: {{\"{sheet}\": {{\"*\": \"unread\"}}}}"),
        ).to_owned());
    }
    lines.extend(reading.remarks.iter().map(|remark| output::escape(&remark.line(context.language))));
    if let Some(passwords) = &reading.passwords {
        let column = output::escape(&passwords.column);
        let groups: Vec<String> = passwords.equal_groups.iter().map(usize::to_string).collect();
        let (groups_ja, groups_en) = if groups.is_empty() {
            ("同じ値はありません".to_owned(), "no two are the same".to_owned())
        } else {
            let groups = groups.join(", ");
            (
                format!("同じ値が使われている件数: {groups}（規程第10条3項は使い回しを禁じています）"),
                format!("the same value stands in {groups} cells (Article 10(3) forbids reuse)"),
            )
        };
        lines.push(context.say(
            &format!("列「{column}」はパスワードのため取り込みません。{groups_ja}。ファイルからパスワードを消し、封緘して保管してください。"),
            &format!("The column {column} holds passwords and is not taken in; {groups_en}. Remove them from the file and keep them under seal."),
        ).to_owned());
    }
    lines.iter().try_for_each(|line| output::show(&format!("{line}\n")))
}

/// Every fault.
pub(in crate::cli) fn faults(faults: &Faults, format: Format, context: &Context) -> anyhow::Result<()> {
    let mut table = match context.language {
        Language::Japanese => Table::new(&["場所", "列", "値", "正しくは"]),
        Language::English => Table::new(&["place", "column", "value", "expected"]),
    };
    for fault in &faults.0 {
        table.row(vec![
            fault.place(),
            fault.column.clone().unwrap_or_default(),
            fault.value.clone().unwrap_or_default(),
            fault.expected.in_language(context.language).to_owned(),
        ]);
    }
    let json: Vec<Value> = faults.0.iter().map(|fault| fault.to_json(context.language)).collect();
    let json = serde_json::json!({ "faults": json });
    output::list(format, &table, &json, context.say("誤りはありません。", "No faults."))
}
