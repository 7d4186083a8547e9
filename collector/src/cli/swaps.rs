//! daicho swaps, daicho swap: machines that stand where another one stood, and the one answer that settles each.

use daicho_proto::wire as w;
use serde_json::Value;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome};

/// Lists machines that seem to have been swapped with a spare (予備機交換) and wait for an answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  daicho swaps\n  daicho swaps --declined --format csv > swaps.csv")]
pub struct Arguments {
    /// Those too to which somebody said no.
    #[arg(long)]
    declined: bool,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Settles a swap: yes (the ledger says so from then on) or no.
#[derive(Debug, clap::Args)]
pub struct OneArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Yes: the two rows change places, or the row takes the new machine. Makes a new version of the ledger.
    #[command(after_help = "Example:\n  daicho swap accept 1a2b3c4d --broken repair --note \"電源故障\"")]
    Accept {
        /// The swap, as `daicho swaps` lists it.
        id: String,
        /// What becomes of the machine that stood there.
        #[arg(long, value_enum, default_value_t)]
        broken: Broken,
        /// A word on why, kept with the version.
        #[arg(long)]
        note: Option<String>,
    },
    /// No: it is not asked again until the facts change.
    #[command(after_help = "Example:\n  daicho swap decline 1a2b3c4d --reason \"業者の持ち込みPC\"")]
    Decline {
        /// The swap, as `daicho swaps` lists it.
        id: String,
        /// Why not.
        #[arg(long)]
        reason: String,
    },
}

/// The fates of the machine that stood there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Broken {
    /// It becomes a spare (予備).
    #[default]
    Spare,
    /// It is repaired: a spare, with a note (修理).
    Repair,
    /// It is scrapped (廃棄).
    Retired,
    /// Its status stays.
    Keep,
}

/// Lists.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let answer = connection.swaps().list(w::SwapsRequest { declined: arguments.declined }).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    let swaps: Vec<Value> = serde_json::from_slice(&answer.swaps_json)?;
    let mut table = Table::new(&[
        context.say("番号", "id"),
        context.say("台帳の機器", "listed device"),
        context.say("設置場所", "place"),
        context.say("今の機器", "machine there now"),
        context.say("製造番号（台帳 → 今）", "serial (ledger → now)"),
        context.say("いつから", "since"),
        context.say("状態", "state"),
    ]);
    for swap in &swaps {
        let text = |path: &str| swap.pointer(path).and_then(Value::as_str).unwrap_or("-").to_owned();
        let now = match swap["spare"].is_null() {
            true => text("/newcomer"),
            false => text("/spare/device_id"),
        };
        let since = text("/since").get(..10).unwrap_or("-").to_owned();
        let since = text("/since")
            .parse::<jiff::Timestamp>()
            .map_or(since, |at| daicho_proto::time::japanese_date(at).to_string());
        let state = match swap["declined"].is_null() {
            true => context.say("答え待ち", "waits").to_owned(),
            false => {
                let (by, why) = (text("/declined/by"), text("/declined/reason"));
                context.say(&format!("断った（{by}: {why}）"), &format!("declined ({by}: {why})")).to_owned()
            }
        };
        table.row(vec![
            text("/id"),
            text("/broken/device_id"),
            text("/broken/location"),
            now,
            format!("{} → {}", text("/broken/serial_number"), text("/host/serial_number")),
            since,
            state,
        ]);
    }
    let empty = context.say("交換の候補はありません。", "No swap waits for an answer.");
    output::list(arguments.format, &table, &serde_json::json!({ "swaps": swaps }), empty)?;
    if arguments.format == Format::Table && swaps.iter().any(|swap| swap["declined"].is_null()) {
        output::show(context.say(
            "交換したなら `daicho swap accept 番号`、していないなら `daicho swap decline 番号 --reason 理由`。\n",
            "Swapped: `daicho swap accept ID`. Not swapped: `daicho swap decline ID --reason REASON`.\n",
        ))?;
    }
    Ok(Outcome::Done)
}

/// Answers one.
pub async fn run_one(arguments: OneArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    match arguments.command {
        Command::Accept { id, broken, note } => {
            let broken_becomes = match broken {
                Broken::Spare => "spare",
                Broken::Repair => "repair",
                Broken::Retired => "retired",
                Broken::Keep => "keep",
            };
            let request = w::SwapAcceptRequest { id, broken_becomes: broken_becomes.to_owned(), note };
            let answer = connection.swaps().accept(request).await;
            let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
            let number = answer.version;
            output::show(context.say(
                &format!("台帳を第 {number} 版にしました。すべての機器を判定し直しています。\n"),
                &format!("The ledger is version {number} now. Every device is being judged anew.\n"),
            ))?;
            let changes: Vec<Value> = serde_json::from_slice(&answer.changes_json)?;
            show_changes(&changes, context)?;
            if !answer.left.is_empty() {
                let left = output::escape(&answer.left.join(", "));
                output::show(context.say(
                    &format!("次の例外・外部記録媒体の行は安全管理責任者の承認が要るため、そのままです: {left}\n"),
                    &format!("These rows of exceptions and media need the officer's approval and were left as they are: {left}\n"),
                ))?;
            }
        }
        Command::Decline { id, reason } => {
            let shown = output::escape(&id);
            let answer = connection.swaps().decline(w::SwapDeclineRequest { id, reason }).await;
            answer.map_err(|status| connection.explain(&status))?;
            output::show(context.say(
                &format!("交換 {shown} を断りました。事実が変わるまで、もう尋ねません。\n"),
                &format!("Swap {shown} is declined. It is not asked again until the facts change.\n"),
            ))?;
        }
    }
    Ok(Outcome::Done)
}

fn show_changes(changes: &[Value], context: &Context) -> anyhow::Result<()> {
    let mut table =
        Table::new(&[context.say("シート", "sheet"), context.say("行", "row"), context.say("内容", "cells")]);
    for change in changes {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fields = change["fields"].as_array().cloned().unwrap_or_default();
        let cells: Vec<String> = fields
            .iter()
            .map(|cell| {
                format!("{}: {:?} → {:?}", text(&cell["field"]), text(&cell["before"]), text(&cell["after"]))
            })
            .collect();
        table.row(vec![text(&change["sheet"]), text(&change["key"]), cells.join(", ")]);
    }
    output::show(&table.render())
}
