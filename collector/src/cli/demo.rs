//! daicho demo: a collector and an agent of its own on this machine, real parts all of them, and what they find.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use daicho_proto::document::Document;
use daicho_proto::wire as w;
use daicho_rules::answer::Answer;

use super::connection::Connection;
use super::output;
use super::{Context, Outcome, failure, questions};
use crate::queries::Filters;

mod ledger;
mod parts;
mod shown;

use parts::{Part, Parts};

/// Shows the violations of this very machine, with a collector and an agent of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Makes an authority, starts the real daicho-collector and the real daicho-agent beside this program on loopback, imports
the example ledger of a small hospital with a row for this machine, and shows what differs. It only reads this machine.
What root alone may read (such as /etc/shadow) is shown as not told, unless you are root.

Examples:
  daicho demo --once               show it, stop everything, remove the folder
  daicho demo                      keep everything running and say how to ask more
  daicho demo --data ./demo        keep the folder")]
pub struct Arguments {
    /// Stop everything after showing it, and remove the temporary folder.
    #[arg(long)]
    once: bool,
    /// A new or empty folder to work in; it is kept. Without it a temporary one that is removed.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The longest that any single step may take: a first look at a slow machine with everything it has takes some seconds.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// Between two questions whether the first look was judged.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What this machine is called in the demo's ledger.
const DEVICE: &str = "SV-DEMO";

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let folder = Folder::open(arguments.data.as_deref())?;
    let mut parts = Parts::find(folder.path(), context.language)?;
    let mut stop = Stop::listen()?;
    let shown = tokio::select! {
        shown = show(&mut parts, folder.path(), context) => shown,
        () = stop.asked() => Err(failure("中断しました。", "interrupted")),
    };
    if shown.is_err() {
        parts.stop().await;
        shown?;
    }
    if !arguments.once {
        output::show(&shown::how_to_ask(&parts, folder.path(), context))?;
        tokio::select! {
            () = stop.asked() => {}
            ended = parts.ended() => ended?,
        }
    }
    say(context, "終了しています…", "Stopping...");
    parts.stop().await;
    folder.close(context)?;
    Ok(Outcome::Done)
}

/// From nothing to the violations on the screen.
async fn show(parts: &mut Parts, folder: &Path, context: &Context) -> anyhow::Result<()> {
    say(context, "この機器を調べています…", "Looking at this machine...");
    let seen = parts.run("daicho-agent", &["collect"], None).await?;
    let seen: Document =
        serde_json::from_str(&seen).context("what daicho-agent collect printed cannot be read")?;

    say(
        context,
        "認証局をつくり、コレクターを起動しています…",
        "Making an authority and starting the collector...",
    );
    let (collector, address) = (folder.join("collector"), free_address()?);
    write_config(&collector, address, free_address()?)?;
    let data = path(&collector)?;
    let names = "127.0.0.1,localhost";
    parts
        .run("daicho-collector", &["init", "--data", data, "--name", names, "--operator", "demo"], None)
        .await?;
    parts.start(Part::Collector, &["serve", "--data", data], STEP_TIMEOUT).await?;

    say(
        context,
        "台帳の見本に、この機器の行を加えて取り込んでいます…",
        "Importing the example ledger, with a row for this machine...",
    );
    let book = folder.join("ledger");
    ledger::write(&book, seen.host.as_ref(), DEVICE)?;
    let operator = parts::operator(folder);
    parts.run("daicho", &["--operator", path(&operator)?, "ledger", "import", path(&book)?], None).await?;

    say(
        context,
        "エージェントを登録し、最初の報告を待っています…",
        "Enrolling the agent and waiting for its first report...",
    );
    let token = parts.run("daicho-collector", &["token", "--data", data, "--valid-for", "10m"], None).await?;
    let agent = folder.join("agent");
    let config = folder.join("agent.toml");
    fs::write(&config, "").with_context(|| format!("{} cannot be written", config.display()))?;
    let place = ["--data", path(&agent)?, "--config", path(&config)?];
    let mut enrol = vec!["enrol", "--collector", "", "--token-file", "-"];
    let address = address.to_string();
    enrol[2] = &address;
    enrol.extend(place);
    parts.run("daicho-agent", &enrol, Some(token.trim())).await?;
    let mut run = vec!["run"];
    run.extend(place);
    parts.start(Part::Agent, &run, STEP_TIMEOUT).await?;

    let asking = Context {
        language: context.language,
        operator: Some(operator),
        collector: None,
        clock: context.clock.clone(),
    };
    let connection = Connection::open(&asking).await?;
    let device = tokio::select! {
        judged = tokio::time::timeout(STEP_TIMEOUT, judged(&connection)) => judged.map_err(|_| too_slow(folder))??,
        ended = parts.ended() => return ended,
    };
    let filters = Filters { device: Some(device.device.clone()), ..Filters::default() };
    let answer = questions::answer(&connection, &filters, context.language).await?;
    let everything = questions::answer(&connection, &Filters::default(), context.language).await?;
    output::show(&shown::page(&device, &answer, &elsewhere(&everything, &device.device), context))
}

/// Violations of the example's other machines, which of course do not report here.
fn elsewhere(everything: &Answer, here: &str) -> Answer {
    let mut others = everything.clone();
    others.violations.retain(|violation| violation.device != here);
    others
}

/// Waits until everything that the agent looks at was reported and judged.
async fn judged(connection: &Connection) -> anyhow::Result<w::DeviceSummary> {
    loop {
        if let Some(reporting) = reporting(connection).await? {
            return Ok(reporting);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// The device of the agent, once its whole first look was judged.
async fn reporting(connection: &Connection) -> anyhow::Result<Option<w::DeviceSummary>> {
    let devices = questions::devices(connection, None).await?;
    let Some(device) = devices.into_iter().find(|device| !device.endpoints.is_empty()) else {
        return Ok(None);
    };
    let request = w::DeviceRequest { device: device.device };
    let answer = questions::got(connection, connection.query().device(request).await)?;
    let (Some(summary), [facts]) = (answer.device, answer.endpoints.as_slice()) else { return Ok(None) };
    let heard = facts.endpoint.as_ref().and_then(|endpoint| endpoint.last_heard_us);
    let all_reported = facts.looks.len() == daicho_proto::facts::Subject::ALL.len();
    // Judged by the collector's clock, heard by the same one.
    let is_judged = summary.judged_at_us.zip(heard).is_some_and(|(judged, heard)| judged >= heard);
    Ok((all_reported && is_judged).then_some(summary))
}

fn too_slow(folder: &Path) -> anyhow::Error {
    let (folder, seconds) = (folder.display(), STEP_TIMEOUT.as_secs());
    failure(
        format!(
            "エージェントの最初の報告が{seconds}秒以内に判定されませんでした。{folder} の agent.log と collector.log を見てください（--data で残せます）。"
        ),
        format!(
            "the agent's first report was not judged within {seconds} s; see agent.log and collector.log in {folder} (keep it with --data)"
        ),
    )
}

fn write_config(folder: &Path, listen: SocketAddr, telemetry: SocketAddr) -> anyhow::Result<()> {
    let text = format!(
        "listen = \"{listen}\"\nnames = [\"127.0.0.1\", \"localhost\"]\n\n[telemetry]\nlisten = \"{telemetry}\"\n"
    );
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(folder.join(crate::config::FILE_NAME), text))
        .with_context(|| format!("{} cannot be written", folder.display()))
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is no text; name another folder with --data", path.display()))
}

fn say(context: &Context, ja: &str, en: &str) {
    output::complain(context.say(ja, en));
}

/// Where the demo works.
enum Folder {
    /// Removed at the end.
    Temporary(tempfile::TempDir),
    /// The person's own.
    Kept(PathBuf),
}

impl Folder {
    fn open(named: Option<&Path>) -> anyhow::Result<Self> {
        let Some(named) = named else {
            let folder = tempfile::Builder::new().prefix("daicho-demo-").tempdir();
            return Ok(Folder::Temporary(folder.context("no temporary folder can be made")?));
        };
        fs::create_dir_all(named).with_context(|| format!("folder {} cannot be made", named.display()))?;
        let mut entries =
            fs::read_dir(named).with_context(|| format!("folder {} cannot be read", named.display()))?;
        if entries.next().is_some() {
            let named = named.display();
            return Err(failure(
                format!(
                    "{named} は空ではありません。何も変更していません。新しいフォルダーを指定してください。"
                ),
                format!("{named} is not empty; nothing was changed. Name a new folder"),
            ));
        }
        let whole =
            fs::canonicalize(named).with_context(|| format!("{} cannot be found", named.display()))?;
        Ok(Folder::Kept(whole))
    }

    fn path(&self) -> &Path {
        match self {
            Folder::Temporary(folder) => folder.path(),
            Folder::Kept(folder) => folder,
        }
    }

    fn close(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Folder::Temporary(folder) => {
                folder.close().context("the temporary folder cannot be removed")?;
                say(
                    context,
                    "すべて止め、一時フォルダーを消しました。",
                    "Everything is stopped and the temporary folder removed.",
                );
            }
            Folder::Kept(folder) => {
                let (ja, en) = (
                    format!("すべて止めました。記録は {} にあります。", folder.display()),
                    format!("Everything is stopped; what it kept is in {}.", folder.display()),
                );
                say(context, &ja, &en);
            }
        }
        Ok(())
    }
}

/// Ctrl-C, or a polite kill.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("signals cannot be listened to");
        Ok(Stop { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// No input: a demo asks nobody.
fn no_input() -> Stdio {
    Stdio::null()
}
