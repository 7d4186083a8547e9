//! The programs of the demo: found beside this one, started, waited for, stopped. None outlives the demo.

use std::fs::File;
use std::os::unix::net::UnixDatagram as Socket;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use daicho_rules::text::Language;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};

use super::no_input;
use crate::cli::failure;

/// A polite end takes a collector less than a second; who needs longer is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The programs that go on running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Collector,
    Agent,
}

impl Part {
    fn program(self) -> &'static str {
        match self {
            Part::Collector => "daicho-collector",
            Part::Agent => "daicho-agent",
        }
    }

    fn log(self) -> &'static str {
        match self {
            Part::Collector => "collector.log",
            Part::Agent => "agent.log",
        }
    }
}

/// The programs and what runs of them.
pub(super) struct Parts {
    folder: PathBuf,
    /// Where the programs lie.
    pub(super) beside: PathBuf,
    language: Language,
    running: Vec<(Part, Child)>,
}

/// The operator's folder in the demo's.
pub(super) fn operator(folder: &Path) -> PathBuf {
    folder.join("collector/operators/demo")
}

impl Parts {
    /// Finds the programs beside this one.
    pub(super) fn find(folder: &Path, language: Language) -> anyhow::Result<Self> {
        let here = std::env::current_exe().context("this program cannot find itself")?;
        let beside = here.parent().unwrap_or(Path::new(".")).to_owned();
        for part in [Part::Collector, Part::Agent] {
            let program = beside.join(part.program());
            if !program.is_file() {
                let program = program.display();
                return Err(failure(
                    format!(
                        "{program} がありません。`cargo build --release` で全体を構築するか、三つのプログラムを同じフォルダーに置いてください。"
                    ),
                    format!(
                        "{program} is missing; build everything with `cargo build --release`, or put the three programs into one folder"
                    ),
                ));
            }
        }
        Ok(Parts { folder: folder.to_owned(), beside, language, running: Vec::new() })
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        // With setpriv(1) (util-linux) the kernel itself ends the part should this program be killed.
        let setpriv = Path::new("/usr/bin/setpriv");
        let program = self.beside.join(program);
        let mut command = if setpriv.is_file() {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let language = match self.language {
            Language::Japanese => "ja",
            Language::English => "en",
        };
        command.args(arguments).args(["--lang", language]).kill_on_drop(true).current_dir(&self.folder);
        // A Ctrl-C is for us: we then stop the parts in order.
        command.process_group(0);
        for name in ["DAICHO_OPERATOR", "DAICHO_COLLECTOR", "DAICHO_DATA", "RUST_LOG", "NOTIFY_SOCKET"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a program to its end and returns what it printed.
    pub(super) async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        input: Option<&str>,
    ) -> anyhow::Result<String> {
        let mut command = self.command(program, arguments);
        command.stdin(if input.is_some() { Stdio::piped() } else { no_input() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{program} cannot be started"))?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
            pipe.write_all(input.as_bytes()).await.with_context(|| format!("{program} does not listen"))?;
        }
        let done = child.wait_with_output().await.with_context(|| format!("{program} was lost"))?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        let verb = arguments.iter().find(|argument| !argument.starts_with('-')).copied().unwrap_or_default();
        Err(broken(&format!("{program} {verb}"), done.status, &said))
    }

    /// Starts a program that goes on, and waits until it says that it is ready (sd_notify(3)).
    pub(super) async fn start(
        &mut self,
        part: Part,
        arguments: &[&str],
        patience: Duration,
    ) -> anyhow::Result<()> {
        // A name of its own: the path of a socket has at most 107 bytes, and the demo's folder may be deep.
        let folder = tempfile::Builder::new().prefix("daicho-ready-").tempdir()?;
        let path = folder.path().join("ready");
        let socket = Socket::bind(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        socket.set_nonblocking(true)?;
        let socket = UnixDatagram::from_std(socket)?;
        let log = self.folder.join(part.log());
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let mut command = self.command(part.program(), arguments);
        command.env("NOTIFY_SOCKET", &path).stdin(no_input()).stdout(file.try_clone()?).stderr(file);
        let mut child = command.spawn().with_context(|| format!("{} cannot be started", part.program()))?;
        let ready = async {
            let mut message = [0; 512];
            loop {
                let length = socket.recv(&mut message).await?;
                let said = String::from_utf8_lossy(message.get(..length).unwrap_or_default()).into_owned();
                if said.lines().any(|line| line == "READY=1") {
                    return Ok::<(), std::io::Error>(());
                }
            }
        };
        tokio::select! {
            ready = tokio::time::timeout(patience, ready) => match ready {
                Ok(ready) => ready.context("the news that a program is ready was lost")?,
                Err(_) => {
                    let seconds = patience.as_secs();
                    return Err(failure(
                        format!("{} が{seconds}秒以内に準備を終えませんでした。{}", part.program(), last_lines(&log)),
                        format!("{} was not ready within {seconds} s. {}", part.program(), last_lines(&log)),
                    ));
                }
            },
            ended = child.wait() => return Err(broken(part.program(), ended?, &last_lines(&log))),
        }
        self.running.push((part, child));
        Ok(())
    }

    /// Waits until one of the programs ends by itself, which none should.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.clone();
        let waiting = self.running.iter_mut().map(|(part, child)| {
            let log = folder.join(part.log());
            Box::pin(async move {
                broken(part.program(), child.wait().await.unwrap_or_default(), &last_lines(&log))
            })
        });
        let waiting: Vec<_> = waiting.collect();
        if waiting.is_empty() {
            return std::future::pending().await;
        }
        Err(futures_util::future::select_all(waiting).await.0)
    }

    /// Stops the programs, the agent first, each by its own process id.
    pub(super) async fn stop(&mut self) {
        while let Some((_, mut child)) = self.running.pop() {
            let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            // One that is gone already needs no signal.
            if let Some(id) = id {
                let _ = kill_process(id, Signal::TERM);
            }
            if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
}

/// Lines of a log that an error shows.
const LOG_LINES_MAX: usize = 5;

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES_MAX);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn broken(what: &str, status: ExitStatus, said: &str) -> anyhow::Error {
    failure(
        format!("{what} が途中で終わりました（{status}）。次のように言っています:\n{said}"),
        format!("{what} ended early ({status}). It said:\n{said}"),
    )
}
