//! daicho ledger propose: drafts of rows as files that a person edits, with a page that says what they were made from.

use std::path::Path;

use anyhow::Context as _;
use daicho_proto::time::{from_wire, japan};
use daicho_proto::wire as w;
use daicho_rules::ledger::Ledger;

use super::target::{self, Form};
use crate::bookkeeping::export::Style;
use crate::cli::connection::Connection;
use crate::cli::output;
use crate::cli::{Context, Outcome};

/// Writes drafts of rows.
pub(super) async fn propose(
    request: w::LedgerProposeRequest,
    to: &Path,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let answer = connection.bookkeeping().propose(request.clone()).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    let unreadable = "the collector's answer cannot be read";
    let common: Ledger = serde_json::from_slice(&answer.common_json).context(unreadable)?;
    let rare: Ledger = serde_json::from_slice(&answer.rare_json).context(unreadable)?;
    let style = Style { language: context.language, version: None, settings: &[] };
    let form = Form::of(to);
    let made_from = made_from(&request, &answer, context);
    target::write_explained(to, form, &common, style, &made_from)?;
    let path = output::escape(&to.display().to_string());
    let devices = answer.devices.len();
    output::show(context.say(
        &format!("{devices} 台から下書きを {path} に作りました。確認して承認者を記入し、必要な行だけを台帳に写してください。\n"),
        &format!("Drafts from {devices} devices are in {path}. Look through them, fill in approved_by, and copy what is needed into the ledger.\n"),
    ))?;
    if !answer.unseen.is_empty() {
        let unseen = output::escape(&answer.unseen.join(", "));
        output::show(context.say(
            &format!("次の機器は報告がなく、下書きに入っていません: {unseen}\n"),
            &format!("These devices do not report and are not in the drafts: {unseen}\n"),
        ))?;
    }
    if rare != Ledger::default() {
        let apart = match form {
            Form::Csv => to.join("rare"),
            Form::Xlsx => to.with_extension("rare.xlsx"),
            Form::Json => to.with_extension("rare.json"),
        };
        target::write_explained(&apart, form, &rare, style, &made_from)?;
        let path = output::escape(&apart.display().to_string());
        output::show(context.say(
            &format!("少数の機器だけで見つかったものは {path} に分けました。\n"),
            &format!("What only few of them have is apart, in {path}.\n"),
        ))?;
    }
    Ok(Outcome::Done)
}

/// Who made the drafts, when, and from what.
fn made_from(
    request: &w::LedgerProposeRequest,
    answer: &w::LedgerProposeAnswer,
    context: &Context,
) -> Vec<String> {
    let at = from_wire(answer.made_at_us).to_zoned(japan()).strftime("%Y-%m-%d %H:%M").to_string();
    let by = &answer.made_by;
    let version = answer.version.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let count = answer.devices.len();
    let of = match (&request.group, request.at_least) {
        (Some(group), Some(n)) => context
            .say(
                &format!("グループ「{group}」の {count} 台のうち {n} 台以上で見つかったもの"),
                &format!("what at least {n} of the {count} devices of the group {group} have"),
            )
            .to_owned(),
        (Some(group), None) => context
            .say(
                &format!("グループ「{group}」の {count} 台の半数以上で見つかったもの"),
                &format!("what at least half of the {count} devices of the group {group} have"),
            )
            .to_owned(),
        (None, _) => request.device.clone(),
    };
    let none = context.say("なし", "none");
    let unseen = if answer.unseen.is_empty() { none.to_owned() } else { answer.unseen.join(", ") };
    let devices = answer.devices.join(", ");
    let lines = context.say(
        &format!(
            "下書き：まだ承認されていません。\n作成: {at}（日本時間） {by}\n元: {of}\n調べた機器: {devices}\n報告のない機器: {unseen}\n除いたもの: 台帳の第 {version} 版と標準のものの一覧にあるもの\n使い方: 承認する行の承認者を記入し、台帳の同じシートに写して `daicho ledger import` で取り込みます。"
        ),
        &format!(
            "Drafts: nothing of this is approved.\nMade: {at} (Japan) by {by}\nFrom: {of}\nDevices looked at: {devices}\nDevices that do not report: {unseen}\nLeft out: what version {version} of the ledger and the catalogue of stock systems cover\nUse: fill in approved_by, copy the rows that you approve into the same sheet of the ledger, and import it with `daicho ledger import`."
        ),
    )
    .to_owned();
    lines.lines().map(str::to_owned).collect()
}
