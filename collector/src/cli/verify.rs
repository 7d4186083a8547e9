//! daicho verify: proves that nothing of the log was altered or removed, or says where it was. Needs no collector.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::output::{self, Format, bold};
use super::{Context, Outcome, failure, words};
use crate::admin::backup;
use crate::chronicle::verifying::{self, Anchor, Compared, Verdict};
use crate::config::{Config, FILE_NAME};
use crate::shelves::Shelves;
use crate::store;

/// Proves that nothing of the log was altered or removed, or says where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 nothing was altered; 1 something was, and where; 2 could not be looked at.

A running collector holds its data folder: verify a file that `daicho log export FILE` wrote, or a backup. Who could
write everything anew from some entry on is found by `--head`: the end of the log as `daicho status`, a report or a
mail told it at some time.

Examples:
  daicho verify daicho-log.jsonl --head 1234:9f2c4a1b77e0
  daicho verify --backup /backup/daicho-2026-11-22
  daicho verify --data /var/lib/daicho-collector        while the collector is stopped, as its user")]
pub struct Arguments {
    /// A log that `daicho log export` wrote.
    #[arg(conflicts_with_all = ["data", "backup"], required_unless_present_any = ["data", "backup"])]
    file: Option<PathBuf>,
    /// The data folder of a collector that does not run: the log, and what is shown day by day.
    #[arg(long, value_name = "DIR", conflicts_with = "backup")]
    data: Option<PathBuf>,
    /// A backup: the log, and what is shown day by day.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// An end of the log that was noted at some time; can be given several times.
    #[arg(long, value_name = "NUMBER:HASH")]
    head: Vec<Anchor>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Answers.
pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let anchors = arguments.head.as_slice();
    let (verdict, place) = match (&arguments.file, &arguments.data, &arguments.backup) {
        (Some(file), _, _) => {
            let text = std::fs::read(file).map_err(|error| unreadable(file, &error.to_string()))?;
            (verifying::of_lines(lines(&text), anchors), file)
        }
        (None, Some(data), _) => (of_data(data, anchors)?, data),
        (None, None, Some(folder)) => {
            let store = backup::look_into(folder, &backup::PROVEN_SHELVES);
            let store = store.map_err(|error| unreadable(folder, &error.to_string()))?;
            (of_shelves(&Shelves::new(Arc::new(store)), anchors, folder)?, folder)
        }
        (None, None, None) => return Err(failure("何を確かめるか指定してください。", "say what to verify")),
    };
    show(&verdict, &place.display().to_string(), arguments.format, context)
}

fn of_data(data: &Path, anchors: &[Anchor]) -> anyhow::Result<Verdict> {
    let config =
        Config::read(&data.join(FILE_NAME), data).map_err(|error| unreadable(data, &error.to_string()))?;
    let opened = store::open_to_look(&config.store).map_err(|error| {
        let shown = data.display();
        failure(
            format!("{shown} を開けません（{error}）。動いているコレクターの記録は `daicho log export ファイル名` で書き出すか、バックアップで確かめてください。"),
            format!("{shown} cannot be opened ({error}); of a running collector verify a file of `daicho log export FILE`, or a backup"),
        )
    })?;
    let store = opened.ok_or_else(|| unreadable(data, "it holds no store"))?;
    of_shelves(&Shelves::new(store), anchors, data)
}

fn of_shelves(shelves: &Shelves, anchors: &[Anchor], place: &Path) -> anyhow::Result<Verdict> {
    verifying::of_store(shelves, anchors)?.ok_or_else(|| {
        let place = place.display();
        failure(
            format!(
                "{place} は記録簿ができる前のデータです。新しいコレクターを一度動かすと記録が始まります。"
            ),
            format!("{place} is of before there was a log; start the new collector once, and it begins"),
        )
    })
}

fn unreadable(place: &Path, reason: &str) -> anyhow::Error {
    let place = place.display();
    failure(format!("{place} を読み取れません（{reason}）。"), format!("{place} cannot be read: {reason}"))
}

/// The lines of an exported log.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n')
}

#[derive(Serialize)]
struct Told<'a> {
    sound: bool,
    entries: u64,
    first: Option<jiff::Timestamp>,
    last: Option<jiff::Timestamp>,
    head: Option<String>,
    head_hash: Option<String>,
    heads_found: Vec<String>,
    waiting: usize,
    compared: Option<Counts>,
    breaks: Vec<Broken<'a>>,
    more: usize,
}

#[derive(Serialize)]
struct Counts {
    violations: usize,
    steps: usize,
    ledgers: usize,
    devices: usize,
    people: usize,
    endpoints: usize,
    applications: usize,
    approvals: usize,
}

#[derive(Serialize)]
struct Broken<'a> {
    number: Option<u64>,
    at: Option<jiff::Timestamp>,
    what: &'a daicho_rules::text::Text,
}

/// Prints what was found.
pub(super) fn show(
    verdict: &Verdict,
    place: &str,
    format: Format,
    context: &Context,
) -> anyhow::Result<Outcome> {
    match format {
        Format::Json => output::show(&output::json(&told(verdict))?)?,
        Format::Csv => output::show(&breaks(verdict, context).csv()?)?,
        Format::Table => output::show(&as_text(verdict, place, context))?,
    }
    Ok(if verdict.is_sound() { Outcome::Done } else { Outcome::Found })
}

fn told(verdict: &Verdict) -> Told<'_> {
    let counts = |compared: Compared| {
        let Compared { violations, steps, ledgers, devices, people, endpoints, applications, approvals } =
            compared;
        Counts { violations, steps, ledgers, devices, people, endpoints, applications, approvals }
    };
    let broken = verdict.breaks.iter();
    Told {
        sound: verdict.is_sound(),
        entries: verdict.entries,
        first: verdict.span.map(|(first, _)| first),
        last: verdict.span.map(|(_, last)| last),
        head: verdict.head.map(|head| head.anchor()),
        head_hash: verdict.head.map(|head| head.hash.to_string()),
        heads_found: verdict
            .anchors
            .iter()
            .map(|anchor| format!("{}:{}", anchor.number, anchor.digits))
            .collect(),
        waiting: verdict.waiting,
        compared: verdict.compared.map(counts),
        breaks: broken.map(|one| Broken { number: one.number, at: one.at, what: &one.what }).collect(),
        more: verdict.more,
    }
}

fn breaks(verdict: &Verdict, context: &Context) -> output::Table {
    let mut table = output::Table::new(&[
        context.say("番号", "number"),
        context.say("時刻（日本時間）", "when (Japan)"),
        context.say("違い", "what differs"),
    ]);
    for one in &verdict.breaks {
        table.row(vec![
            one.number.map(|number| number.to_string()).unwrap_or_default(),
            one.at.map(words::time).unwrap_or_default(),
            words::text(context, &one.what).to_owned(),
        ]);
    }
    table
}

fn as_text(verdict: &Verdict, place: &str, context: &Context) -> String {
    let mut lines = Vec::new();
    let mut say = |ja: String, en: String| lines.push(context.say(&ja, &en).to_owned());
    let (entries, place) = (verdict.entries, output::escape(place));
    let span = verdict.span.map(|(first, last)| format!("{} - {}", words::time(first), words::time(last)));
    let span = span.unwrap_or_default();
    say(
        format!("{place}: 記録 {entries} 件（{span} 日本時間）"),
        format!("{place}: {entries} entries ({span} Japan time)"),
    );
    if let Some(head) = verdict.head {
        say(
            format!("末尾: {}（控えておけば、後で --head で切り取りを見つけられます）", head.anchor()),
            format!("end: {} (noted elsewhere, it finds a cut with --head)", head.anchor()),
        );
    }
    for anchor in &verdict.anchors {
        say(
            format!("控え {}:{} と一致しました。", anchor.number, anchor.digits),
            format!("{}:{} is as it was noted.", anchor.number, anchor.digits),
        );
    }
    if let Some(Compared {
        violations,
        steps,
        ledgers,
        devices,
        people,
        endpoints,
        applications,
        approvals,
    }) = verdict.compared
    {
        say(
            format!(
                "記録簿と突き合わせたもの: 違反 {violations} 件（経過 {steps} 件）、台帳 {ledgers} 版、機器 {devices} 台の判定、担当者 {people} 人、登録端末 {endpoints} 台、申請 {applications} 件、承認 {approvals} 件"
            ),
            format!(
                "compared with the log: {violations} violations ({steps} steps), {ledgers} ledger versions, verdicts on {devices} devices, {people} people, {endpoints} enrolled machines, {applications} applications, {approvals} approvals"
            ),
        );
    }
    if verdict.waiting > 0 {
        say(
            format!("まだ鎖に入っていない記録: {} 件（コレクターが動くと入ります）", verdict.waiting),
            format!(
                "{} entries are not in the chain yet (a running collector takes them in)",
                verdict.waiting
            ),
        );
    }
    if verdict.is_sound() {
        say("改ざんや欠落はありません。".to_owned(), "Nothing was altered or removed.".to_owned());
        return lines.join("\n") + "\n";
    }
    say(
        "改ざんまたは欠落があります。最初の行が最も手がかりになります。".to_owned(),
        "Something was altered or removed. The first line tells most.".to_owned(),
    );
    let last = lines.pop().unwrap_or_default();
    let more = if verdict.more > 0 { format!("(+{})\n", verdict.more) } else { String::new() };
    let table = breaks(verdict, context).render();
    format!("{}\n\n{}\n{table}{more}", lines.join("\n"), bold(&last))
}
