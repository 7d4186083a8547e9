//! An application as the officer reads it, and the one question.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use super::*;
use crate::applications::Standing;

/// Of an answer at the terminal, at most this is read.
const ANSWER_BYTES_MAX: u64 = 64;

/// The application in the collector's answer.
pub(super) fn read(json: &[u8]) -> anyhow::Result<Application> {
    serde_json::from_slice(json).map_err(|error| {
        failure(
            format!("コレクターの答えが読めません: {error}。コレクターと daicho の版をそろえてください。"),
            format!("the collector's answer cannot be read: {error}; use a daicho of its version"),
        )
    })
}

/// Writes a page into a new file.
pub(super) fn write(path: &Path, page: &str, context: &Context) -> anyhow::Result<()> {
    let shown = escape(&path.display().to_string());
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|error| {
        failure(
            format!(
                "申請書を {shown} に書けません: {error}。新しいファイルの名前を --print に書いてください。"
            ),
            format!("the form cannot be written to {shown}: {error}; name a new file with --print"),
        )
    })?;
    output::show(context.say(
        &format!("申請書を {shown} に作りました。ブラウザーで開いて印刷してください。\n"),
        &format!("The form is in {shown}. Open it in a browser and print it.\n"),
    ))
}

/// 例外 or 外部記録媒体.
pub(super) fn kind<'a>(row: &Row, context: &Context) -> &'a str {
    match (row, context.language) {
        (Row::Exceptions(_), daicho_rules::text::Language::Japanese) => "例外",
        (Row::Exceptions(_), daicho_rules::text::Language::English) => "exception",
        (Row::Media(_), daicho_rules::text::Language::Japanese) => "外部記録媒体",
        (Row::Media(_), daicho_rules::text::Language::English) => "external medium",
    }
}

/// Its fields, one a row.
pub(super) fn facts(one: &Application, context: &Context) -> Table {
    let mut table = Table::new(&[context.say("項目", "field"), context.say("内容", "value")]);
    let mut add = |ja, en, value: String| table.row(vec![context.say(ja, en).to_owned(), value]);
    add("申請", "application", one.number.to_string());
    add("種類", "kind", kind(&one.row, context).to_owned());
    add("申請者", "by", format!("{} ({})", one.by, words::time(one.at)));
    match &one.row {
        Row::Exceptions(row) => {
            let rule = daicho_rules::articles::rule(&row.rule);
            let summary = rule.map_or("", |rule| context.say(rule.summary.0, rule.summary.1));
            add("認める違反", "violation", format!("{} {summary}", row.rule));
            add("機器", "device", scope(&row.device, context));
            add("対象", "subject", row.subject.clone());
            add("理由", "reason", one.reason.clone());
            add("代わりの対策", "measure", row.measure.clone().unwrap_or_default());
        }
        Row::Media(row) => {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let numbers = [&row.vendor_id, &row.product_id, &row.serial].map(part).join(":");
            add("媒体", "medium", format!("{} {numbers}", row.media_id));
            let purpose = match row.purpose {
                MediumPurpose::Backup => context.say("バックアップ", "backup"),
                MediumPurpose::Business => context.say("業務", "business"),
            };
            add("目的", "purpose", purpose.to_owned());
            add("機器", "device", scope(&row.device, context));
            add("最初の日", "from", row.approved_from.map(|day| day.to_string()).unwrap_or_default());
            add("理由", "reason", one.reason.clone());
        }
    }
    let unlimited = context.say("期限なし", "without end").to_owned();
    add("最後の日", "until", one.row.last_day().map_or(unlimited, |day| day.to_string()));
    if let Some(version) = one.imported_with {
        add(
            "台帳",
            "ledger",
            context.say(&format!("第{version}版の行"), &format!("a row of version {version}")).to_owned(),
        );
    }
    if let Some(old) = one.prolongs {
        add("延長する申請", "prolongs", old.to_string());
    }
    add("状態", "state", standing::state(one.state).in_language(context.language).to_owned());
    for decision in &one.decisions {
        let state = standing::state(decision.to);
        let own = if decision.own { context.say("（申請者本人）", " (the applicant)") } else { "" };
        let (by, at) = (&decision.by, words::time(decision.at));
        let told = format!("{at} {by}{own} {}: {}", state.in_language(context.language), decision.reason);
        add("経過", "history", told);
    }
    table
}

fn scope(scope: &Scope, context: &Context) -> String {
    match scope {
        Scope::All => context.say("すべての機器", "every device").to_owned(),
        other => other.to_string(),
    }
}

/// What the officer reads.
pub(super) fn screen(one: &Application, context: &Context) -> String {
    let mut text = facts(one, context).render();
    if one.state == Standing::Submitted {
        let number = one.number;
        text.push_str(context.say(
            &format!(
                "\n承認する: daicho approve {number}　　承認しない: daicho reject {number} --reason 理由\n"
            ),
            &format!("\nYes: daicho approve {number}    No: daicho reject {number} --reason WHY\n"),
        ));
    }
    text
}

/// At a terminal, asks an officer for a yes or no. Anything but a clear yes or no leaves it as it is.
pub(super) async fn ask(connection: &Connection, one: &Application, context: &Context) -> anyhow::Result<()> {
    let waits = one.state == Standing::Submitted;
    if !waits || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let status = questions::got(connection, connection.query().status(w::StatusRequest {}).await)?;
    if !status.roles.iter().any(|role| role == crate::identity::Role::Officer.name()) {
        return Ok(());
    }
    output::show(context.say("承認しますか？ はい(y) / いいえ(n): ", "Do you approve? yes (y) / no (n): "))?;
    let mut line = String::new();
    std::io::Read::take(std::io::stdin().lock(), ANSWER_BYTES_MAX).read_line(&mut line)?;
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" | "はい" | "ｙ" => decide(connection, one.number, true, "", context).await,
        "n" | "no" | "いいえ" | "ｎ" => {
            let why = context.say("承認しない理由: ", "Why not: ");
            output::show(why)?;
            let mut reason = String::new();
            std::io::stdin().lock().read_line(&mut reason)?;
            decide(connection, one.number, false, reason.trim(), context).await
        }
        _ => output::show(context.say("何も変更していません。\n", "Nothing was changed.\n")),
    }
}
