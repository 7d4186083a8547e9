//! One machine: what was last seen of it, from when and from where, and what is not known.

use std::collections::BTreeMap;

use daicho_proto::document::Document;
use daicho_proto::facts::{Fact, Gap, Look, Medium, Subject};
use daicho_proto::observation::Observation;
use daicho_proto::spool_trouble::SpoolTrouble;
use daicho_proto::time::from_wire;
use daicho_proto::wire as w;
use daicho_rules::answer::{Answer, Undetermined};
use daicho_rules::violation::Violation;
use jiff::Timestamp;
use serde::Serialize;

use super::{Endpoint, Row, kind, standing, subjects};
use crate::cli::connection::Connection;
use crate::cli::output::{self, Format, Table, bold, escape};
use crate::cli::violations::{undetermined_table, violations_table};
use crate::cli::{Context, Outcome, questions, words};
use crate::grpc::query::wire;

/// Shows what is known of one machine, from when and from where, and what is not known.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  daicho device SV-01
  daicho device SV-01 --show accounts      every account that was seen, with the source of its last login
  daicho device SV-01 --show services --format csv
  daicho device SV-01 --format json        everything, with the whole observation document")]
pub struct OneArguments {
    /// The device_id, the hostname, or the endpoint's id.
    device: String,
    /// List this subject in full.
    #[arg(long, value_enum, value_name = "SUBJECT")]
    show: Option<subjects::Shown>,
    /// The form of the answer; csv is the list of what was seen.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A machine for programs.
#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    summary: Row,
    seen: Vec<Seen>,
    violations: Vec<Violation>,
    undetermined: Vec<Undetermined>,
}

/// What one endpoint was seen to be, as the observation document has it, with the time of each subject.
#[derive(Serialize)]
struct Seen {
    endpoint: Endpoint,
    observed_at: BTreeMap<Subject, Timestamp>,
    observation: Document,
    lost_observations: u64,
    gaps: Vec<Gap>,
    spool_trouble: Option<SpoolTrouble>,
    /// Every medium ever used there.
    sightings: Vec<Sighting>,
}

/// One medium's uses.
#[derive(Serialize)]
struct Sighting {
    medium: Medium,
    first_at: Timestamp,
    attached_at: Timestamp,
    last_at: Timestamp,
    present: bool,
    found_afterwards: bool,
    uses: u64,
}

impl From<w::Sighting> for Sighting {
    fn from(sighting: w::Sighting) -> Self {
        Sighting {
            medium: sighting.medium.unwrap_or_default().into(),
            first_at: from_wire(sighting.first_at_us),
            attached_at: from_wire(sighting.attached_at_us),
            last_at: from_wire(sighting.last_at_us),
            present: sighting.present,
            found_afterwards: sighting.found_afterwards,
            uses: sighting.uses,
        }
    }
}

/// Answers.
pub async fn run_one(arguments: OneArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let request = w::DeviceRequest { device: arguments.device };
    let answer = questions::got(&connection, connection.query().device(request).await)?;
    let looks = looks(&answer)?;
    match (arguments.show, arguments.format) {
        (_, Format::Json) => output::show(&output::json(&detail(answer, looks, context)?)?)?,
        (Some(subject), format) => {
            let table = subjects::list(subject, looks.iter().flatten(), context);
            let empty = context.say("見えたものはありません。", "Nothing was seen.");
            output::list(format, &table, "", empty)?;
        }
        (None, Format::Csv) => output::show(&looks_table(&looks, context).csv()?)?,
        (None, Format::Table) => output::show(&as_text(answer, &looks, context)?)?,
    }
    Ok(Outcome::Done)
}

/// The last look at each subject, for each endpoint.
fn looks(answer: &w::DeviceAnswer) -> anyhow::Result<Vec<Vec<Observation>>> {
    let of_endpoint = |facts: &w::EndpointFacts| -> anyhow::Result<Vec<Observation>> {
        facts.looks.iter().cloned().map(|look| Ok(Observation::try_from(look)?)).collect()
    };
    answer.endpoints.iter().map(of_endpoint).collect()
}

fn undetermined(told: Vec<w::Undetermined>, context: &Context) -> Vec<Undetermined> {
    let plain = |told| {
        let told = wire::undetermined(told);
        let reason = words::text(context, &told.unknown.reason).to_owned();
        Undetermined { rule: told.rule, device: told.device, reason, subject: told.unknown.subject }
    };
    told.into_iter().map(plain).collect()
}

fn detail(
    answer: w::DeviceAnswer,
    looks: Vec<Vec<Observation>>,
    context: &Context,
) -> anyhow::Result<Detail> {
    let seen = answer.endpoints.into_iter().zip(looks).map(|(facts, looks)| {
        let spool_trouble = SpoolTrouble::from_wire(facts.spool_trouble());
        let newest = looks.iter().map(|look| look.observed_at).max().unwrap_or_default();
        let times = looks.iter().filter_map(|look| Some((look.fact.inventory()?, look.observed_at)));
        Seen {
            endpoint: Endpoint::from(facts.endpoint.unwrap_or_default()),
            observed_at: times.collect(),
            observation: Document::from_facts(newest, looks.into_iter().map(|look| look.fact)),
            lost_observations: facts.gaps.iter().map(|gap| gap.lost).sum(),
            spool_trouble,
            gaps: facts.gaps.into_iter().map(Gap::from).collect(),
            sightings: facts.sightings.into_iter().map(Sighting::from).collect(),
        }
    });
    Ok(Detail {
        seen: seen.collect(),
        summary: Row::from(answer.device.unwrap_or_default()),
        violations: answer.violations.into_iter().map(wire::violation).collect::<Result<_, _>>()?,
        undetermined: undetermined(answer.undetermined, context),
    })
}

fn as_text(answer: w::DeviceAnswer, looks: &[Vec<Observation>], context: &Context) -> anyhow::Result<String> {
    let device = answer.device.unwrap_or_default();
    let mut text = format!("{}\n", bold(&escape(&device.device)));
    let mut line = |label: &str, value: &str| text.push_str(&format!("{label}  {}\n", escape(value)));
    let row = device.ledger_row.as_deref().unwrap_or_default();
    line(
        context.say("台帳        ", "ledger"),
        &format!("{} {} {row}", standing(&device, context), kind(&device, context)),
    );
    let place = [&device.department, &device.location, &device.group];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    if !place.is_empty() {
        line(context.say("部署・場所  ", "place "), &place.join(" "));
    }
    let now = context.clock.now();
    for endpoint in &device.endpoints {
        let heard = endpoint.last_heard_us.map_or_else(
            || context.say("まだ報告がありません", "no report yet").to_owned(),
            |at| format!("{} ({})", words::time(from_wire(at)), words::age(context, from_wire(at), now)),
        );
        let version = endpoint.agent_version.as_deref().unwrap_or(context.say("不明", "unknown"));
        let (ja, en) = (
            format!("{} {} 版 {version} 最終報告 {heard}", endpoint.hostname, endpoint.id),
            format!("{} {} version {version}, last report {heard}", endpoint.hostname, endpoint.id),
        );
        line(context.say("エージェント", "agent "), context.say(&ja, &en));
    }
    if device.endpoints.is_empty() {
        line(
            context.say("エージェント", "agent "),
            context.say("なし: この機器の状態はわかりません", "none: the state of this device is not known"),
        );
    }
    for trouble in answer.endpoints.iter().filter_map(|facts| SpoolTrouble::from_wire(facts.spool_trouble()))
    {
        line(context.say("障害        ", "trouble"), words::text(context, &trouble.text()));
    }
    for gap in answer.endpoints.iter().flat_map(|facts| facts.gaps.clone()).map(Gap::from) {
        let (since, until) = (words::time(gap.since), words::time(gap.until));
        let (count, why) = (gap.count(), gap.why());
        let (ja, en) = (
            format!("{since} から {until} までの観測 {} が失われました: {}", count.ja, why.ja),
            format!("{} observations from {since} to {until} were lost: {}", count.en, why.en),
        );
        line(context.say("欠落        ", "gap   "), context.say(&ja, &en));
    }
    let mut section = |title: &str, table: &Table, empty: &str| {
        text.push_str(&format!("\n{}\n", bold(title)));
        text.push_str(&if table.is_empty() { format!("{empty}\n") } else { table.render() });
    };
    section(
        context.say("最後に見えたもの", "What was last seen"),
        &looks_table(looks, context),
        context.say("まだ何も報告されていません。", "Nothing was reported yet."),
    );
    let media =
        subjects::sightings(answer.endpoints.iter().flat_map(|facts| facts.sightings.clone()), context);
    if !media.is_empty() {
        section(context.say("これまでに使われた外部記録媒体", "External media ever used here"), &media, "");
    }
    let violations = answer.violations.into_iter().map(wire::violation).collect::<Result<Vec<_>, _>>()?;
    section(
        context.say("違反", "Violations"),
        &violations_table(&violations, context),
        context.say("解消していない違反はありません。", "There is no violation that is not resolved."),
    );
    let unsure = Answer { undetermined: undetermined(answer.undetermined, context), ..Answer::default() };
    section(
        context.say(
            "判定できなかったもの（適合でも違反でもありません）",
            "What could not be told (neither in order nor a violation)",
        ),
        &undetermined_table(&unsure, context),
        context.say("ありません。", "Nothing."),
    );
    Ok(text)
}

/// One row for each subject: what was seen, when, and what stood in the way.
fn looks_table(looks: &[Vec<Observation>], context: &Context) -> Table {
    let now = context.clock.now();
    let mut table = Table::new(&[
        context.say("事項", "subject"),
        context.say("見えたもの", "what was seen"),
        context.say("時刻（日本時間）", "when (Japan)"),
        context.say("経過", "age"),
    ]);
    for looks in looks {
        for subject in Subject::ALL {
            let name = subjects::name(subject, context).to_owned();
            match looks.iter().find(|look| look.fact.inventory() == Some(subject)) {
                Some(look) => table.row(vec![
                    name,
                    seen(&look.fact, context),
                    words::time(look.observed_at),
                    words::age(context, look.observed_at, now),
                ]),
                None => {
                    let never = context.say("不明: まだ報告がありません", "unknown: not reported yet");
                    table.row(vec![name, never.to_owned(), String::new(), String::new()]);
                }
            }
        }
    }
    table
}

fn seen(fact: &Fact, context: &Context) -> String {
    fn tell<T>(look: &Look<T>, context: &Context, of: impl Fn(&T) -> String) -> String {
        let told = match look {
            Look::Seen { value, .. } => of(value),
            Look::Unreadable { .. } => {
                context.say("不明: 読み取れませんでした", "unknown: it could not be read").to_owned()
            }
            Look::Unsupported => context
                .say("不明: この機器では調べられません", "unknown: there is no way to tell here")
                .to_owned(),
        };
        let problems = look.problems().join("; ");
        let (ja, en) =
            (format!("{told}（読めなかったもの: {problems}）"), format!("{told} (not read: {problems})"));
        if problems.is_empty() { told } else { context.say(&ja, &en).to_owned() }
    }
    match fact {
        Fact::Host(look) => tell(look, context, |host| subjects::host(host, context)),
        Fact::Accounts(look) => tell(look, context, |all| subjects::accounts(all, context)),
        Fact::Packages(look) => tell(look, context, |all| subjects::count(all.len(), context)),
        Fact::Updates(look) => tell(look, context, |updates| subjects::updates(updates, context)),
        Fact::Antivirus(look) => tell(look, context, |all| subjects::antivirus(all, context)),
        Fact::Services(look) => tell(look, context, |all| subjects::services(all, context)),
        Fact::Software(look) => tell(look, context, |all| subjects::count(all.len(), context)),
        Fact::Media(look) => tell(look, context, |all| subjects::count(all.len(), context)),
        Fact::MediumEvent(_) | Fact::Gap(_) => String::new(),
    }
}
