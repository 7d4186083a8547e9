//! daicho devices, daicho device: what is known of the machines.

use daicho_proto::time::from_wire;
use daicho_proto::wire as w;
use jiff::Timestamp;
use serde::Serialize;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome, questions, words};

mod one;
mod subjects;

pub use one::{OneArguments, run_one};

/// Lists the machines: those of the ledger, and those that report without being in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  daicho devices
  daicho devices --group 外来 --format csv > devices.csv")]
pub struct Arguments {
    /// Only this group of the ledger.
    #[arg(long)]
    group: Option<String>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A machine for programs; the ledger's columns have the ledger's names.
#[derive(Serialize)]
pub(super) struct Row {
    device: String,
    listed: bool,
    hostname: Option<String>,
    kind: Option<String>,
    status: Option<String>,
    group: Option<String>,
    location: Option<String>,
    department: Option<String>,
    ledger_row: Option<String>,
    judged_at: Option<Timestamp>,
    violations: Counts,
    undetermined: u32,
    endpoints: Vec<Endpoint>,
}

#[derive(Serialize)]
struct Counts {
    high: u32,
    medium: u32,
    low: u32,
}

/// An enrolled agent for programs.
#[derive(Serialize)]
pub(super) struct Endpoint {
    id: String,
    hostname: String,
    os_name: Option<String>,
    agent_version: Option<String>,
    enrolled_at: Timestamp,
    certificate_until: Timestamp,
    revoked_at: Option<Timestamp>,
    last_heard: Option<Timestamp>,
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let devices = questions::devices(&connection, arguments.group.as_deref()).await?;
    let now = context.clock.now();
    let mut table = Table::new(&[
        context.say("機器", "device"),
        context.say("台帳", "ledger"),
        context.say("種別", "kind"),
        context.say("部署・場所", "place"),
        "OS",
        context.say("最終報告", "last report"),
        context.say("違反 高/中/低", "high/med/low"),
        context.say("判定不可", "not told"),
    ]);
    for device in &devices {
        let endpoint = device.endpoints.first();
        let heard = device.endpoints.iter().filter_map(|endpoint| endpoint.last_heard_us).max();
        let place = [device.department.as_deref(), device.location.as_deref()];
        table.row(vec![
            device.device.clone(),
            standing(device, context).to_owned(),
            kind(device, context).to_owned(),
            place.into_iter().flatten().collect::<Vec<_>>().join(" "),
            endpoint.and_then(|endpoint| endpoint.os_name.clone()).unwrap_or_default(),
            last_report(device, heard.map(from_wire), now, context),
            format!("{} / {} / {}", device.high, device.medium, device.low),
            device.undetermined.to_string(),
        ]);
    }
    let rows: Vec<Row> = devices.into_iter().map(Row::from).collect();
    let empty = context.say(
        "機器がありません。台帳を取り込むか、エージェントを登録してください。",
        "There is no device: import a ledger, or enrol an agent.",
    );
    output::list(arguments.format, &table, &rows, empty)?;
    Ok(Outcome::Done)
}

/// What the ledger says of it.
pub(super) fn standing(device: &w::DeviceSummary, context: &Context) -> &'static str {
    match device.status.as_deref() {
        _ if !device.listed => context.say("載っていない", "not listed"),
        Some("spare") => context.say("予備", "spare"),
        Some("retired") => context.say("廃棄", "retired"),
        _ => context.say("使用中", "in use"),
    }
}

/// What kind of machine the ledger says it is.
pub(super) fn kind(device: &w::DeviceSummary, context: &Context) -> &'static str {
    match device.kind.as_deref() {
        Some("server") => context.say("サーバ", "server"),
        Some("terminal") => context.say("端末", "terminal"),
        Some("network") => context.say("ネットワーク機器", "network"),
        _ => context.say("不明", "unknown"),
    }
}

fn last_report(
    device: &w::DeviceSummary,
    heard: Option<Timestamp>,
    now: Timestamp,
    context: &Context,
) -> String {
    match heard {
        Some(heard) => words::age(context, heard, now),
        None if device.endpoints.is_empty() => context.say("エージェントなし", "no agent").to_owned(),
        None => context.say("まだない", "none yet").to_owned(),
    }
}

impl From<w::DeviceSummary> for Row {
    fn from(wire: w::DeviceSummary) -> Self {
        Row {
            device: wire.device,
            listed: wire.listed,
            hostname: wire.hostname,
            kind: wire.kind,
            status: wire.status,
            group: wire.group,
            location: wire.location,
            department: wire.department,
            ledger_row: wire.ledger_row,
            judged_at: wire.judged_at_us.map(from_wire),
            violations: Counts { high: wire.high, medium: wire.medium, low: wire.low },
            undetermined: wire.undetermined,
            endpoints: wire.endpoints.into_iter().map(Endpoint::from).collect(),
        }
    }
}

impl From<w::Endpoint> for Endpoint {
    fn from(wire: w::Endpoint) -> Self {
        Endpoint {
            id: wire.id,
            hostname: wire.hostname,
            os_name: wire.os_name,
            agent_version: wire.agent_version,
            enrolled_at: from_wire(wire.enrolled_at_us),
            certificate_until: from_wire(wire.not_after_us),
            revoked_at: wire.revoked_at_us.map(from_wire),
            last_heard: wire.last_heard_us.map(from_wire),
        }
    }
}
