//! daicho status: who you are to the collector, and how it is.

use daicho_proto::time::from_wire;
use daicho_proto::wire as w;
use serde::Serialize;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome, questions, words};

/// Tells who you are to the collector, and how it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  daicho status\n  daicho status --collector sv01.example:7443")]
pub struct Arguments {
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Status {
    collector: String,
    operator: String,
    roles: Vec<String>,
    section: Option<String>,
    version: String,
    now: jiff::Timestamp,
    endpoints: u32,
    devices: u32,
    open: u32,
    undetermined: u32,
    ledger: Option<Ledger>,
    store_bytes: u64,
    failing_channels: Vec<FailingChannel>,
    log_head: String,
    authority_endings: Vec<AuthorityEnding>,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct AuthorityEnding {
    what: String,
    ends_at: jiff::Timestamp,
}

#[derive(Serialize)]
struct FailingChannel {
    recipient: String,
    since: jiff::Timestamp,
    reason: String,
}

#[derive(Serialize)]
struct Ledger {
    version: u64,
    imported_at: Option<jiff::Timestamp>,
    imported_by: Option<String>,
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let answer = questions::got(&connection, connection.query().status(w::StatusRequest {}).await)?;
    let ledger = answer.ledger_version.map(|version| Ledger {
        version,
        imported_at: answer.ledger_imported_at_us.map(from_wire),
        imported_by: answer.ledger_imported_by,
    });
    let failing = answer.failing_channels.into_iter().map(|failing| FailingChannel {
        recipient: failing.recipient,
        since: from_wire(failing.since_us),
        reason: failing.reason,
    });
    let endings = answer
        .authority_endings
        .into_iter()
        .map(|ending| AuthorityEnding { what: ending.what, ends_at: from_wire(ending.ends_us) });
    let status = Status {
        collector: connection.address.clone(),
        operator: answer.operator,
        roles: answer.roles,
        section: answer.section,
        version: answer.version,
        now: from_wire(answer.now_us),
        endpoints: answer.endpoints,
        devices: answer.devices,
        open: answer.open,
        undetermined: answer.undetermined,
        ledger,
        store_bytes: answer.store_bytes,
        failing_channels: failing.collect(),
        log_head: answer.log_head,
        authority_endings: endings.collect(),
        faults: answer.faults,
    };
    output::list(arguments.format, &as_table(&status, context), &status, "")?;
    Ok(Outcome::Done)
}

fn as_table(status: &Status, context: &Context) -> Table {
    let mut table = Table::new(&[context.say("項目", "item"), context.say("値", "value")]);
    let mut line = |ja, en, value: String| table.row(vec![context.say(ja, en).to_owned(), value]);
    line("コレクター", "collector", format!("{} (daicho {})", status.collector, status.version));
    let roles = words::roles(&status.roles, status.section.as_deref(), context);
    line("操作者", "operator", format!("{} ({roles})", status.operator));
    line("記録簿の末尾（控えてください）", "the log's end (note it)", status.log_head.clone());
    line("コレクターの時計（日本時間）", "the collector's clock (Japan time)", words::time(status.now));
    line("登録済みの端末", "enrolled endpoints", status.endpoints.to_string());
    line("機器", "devices", status.devices.to_string());
    line("未対応・対応中の違反", "open or acknowledged violations", status.open.to_string());
    line(
        "判定できない規則がある機器",
        "devices of which a rule cannot tell",
        status.undetermined.to_string(),
    );
    let ledger = match &status.ledger {
        None => context.say("まだ取り込まれていません", "not imported yet").to_owned(),
        Some(ledger) => {
            let at = ledger.imported_at.map(words::time).unwrap_or_default();
            let by = ledger.imported_by.as_deref().unwrap_or_default();
            let (ja, en) = (
                format!("第{}版 {at} {by}", ledger.version),
                format!("version {} of {at} by {by}", ledger.version),
            );
            context.say(&ja, &en).to_owned()
        }
    };
    line("台帳", "ledger", ledger);
    line("保存領域", "store", format!("{} KiB", status.store_bytes / 1024));
    for fault in &status.faults {
        line("コレクターの不具合", "the collector cannot work", fault.clone());
    }
    for FailingChannel { recipient, since, reason } in &status.failing_channels {
        let since = words::time(*since);
        let (ja, en) = (
            format!("{recipient}（{since} から）: {reason}"),
            format!("{recipient} (since {since}): {reason}"),
        );
        line("届いていないお知らせの宛先", "alerts do not arrive at", context.say(&ja, &en).to_owned());
    }
    for AuthorityEnding { what, ends_at } in &status.authority_endings {
        let (ja, en, next) = match what.as_str() {
            "issuing" => ("発行用認証局の証明書の期限", "the issuing authority ends", " rotate"),
            "root" => ("ルート認証局の証明書の期限", "the root ends", " prepare-root"),
            other => (other, other, ""),
        };
        line(ja, en, format!("{} (daicho-collector authority{next})", words::time(*ends_at)));
    }
    table
}
