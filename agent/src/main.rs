//! The agent on an endpoint.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use daicho_agent::config::{Config, LogFormat};
use daicho_agent::enrolment::{self, Invitation};
use daicho_agent::run::drill::Drill;
use daicho_agent::service::Only;
use daicho_agent::service::stop::Halt;
use daicho_agent::text::{Language, Text};
use daicho_agent::{clock, collect, platform, run, status};

/// Sees what is really on this machine and reports it to the hospital's collector. It judges nothing and changes
/// nothing.
#[derive(Parser)]
#[command(
    name = "daicho-agent",
    version,
    max_term_width = 100,
    after_help = "\
Exit status: 0 done; 2 could not, with one sentence that says why and what to do.

Examples:
  daicho-agent collect --format table
  daicho-agent enrol --collector daicho.example.jp:7443 --token-file -
  daicho-agent run
  daicho-agent status"
)]
struct Line {
    /// The language of what is printed; without it the locale decides.
    #[arg(long, global = true, value_name = "ja|en")]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look once and print what was seen; change nothing.
    #[command(
        after_help = "Examples:\n  daicho-agent collect > machine.json\n  daicho-agent collect --root /mnt/image --format table"
    )]
    Collect {
        /// Look at the machine whose files lie below this folder: a mounted image, an unpacked backup.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// How to print it.
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
    },
    /// Join: make a key here and get a certificate for it.
    #[command(
        visible_alias = "enroll",
        after_help = "Examples:\n  daicho-agent enrol --collector daicho.example.jp:7443 --token-file /run/token\n  ssh collector daicho-collector token | daicho-agent enrol --collector daicho.example.jp:7443 --token-file -"
    )]
    Enrol {
        /// Where the collector is.
        #[arg(long, value_name = "HOST:PORT")]
        collector: String,
        #[command(flatten)]
        token: Token,
        /// The root certificate's SHA-256, if you have it from somewhere else than the token: both have to agree.
        #[arg(long, value_name = "SHA256")]
        ca_fingerprint: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Work: look, spool, send, until told to stop.
    #[command(
        after_help = "Examples:\n  daicho-agent run\n  daicho-agent run --config ./agent.toml --data ./data"
    )]
    Run {
        #[command(flatten)]
        place: Place,
        /// Watch the machine whose files lie below this folder, such as the host of a container.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// For exercises: take the medium events in this file (one JSON object a line) as if they happened now, each
        /// line once, however often the agent is restarted.
        #[arg(long, value_name = "FILE", hide = true)]
        replay_media: Option<PathBuf>,
        /// For exercises: pause after each of these events.
        #[arg(long, value_name = "MS", hide = true, default_value_t = 0, requires = "replay_media")]
        replay_interval_ms: u64,
    },
    /// Say how the agent of this machine is.
    #[command(after_help = "Examples:\n  daicho-agent status\n  daicho-agent status --format json")]
    Status {
        #[command(flatten)]
        place: Place,
        /// How to print it.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Print the manual page.
    #[command(hide = true)]
    Man,
    /// Print the completions of a shell.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Token {
    /// The token that `daicho-collector token` printed. Others can see it in the list of processes meanwhile.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Read the token from this file, or from standard input with `-`.
    #[arg(long, value_name = "FILE|-")]
    token_file: Option<PathBuf>,
}

#[derive(Args)]
struct Place {
    /// The configuration; without it /etc/daicho/agent.toml, if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where identity, spool and status lie; without it the configuration decides.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Table,
}

/// A token is a hundred bytes; whoever gives us a file without end gets an answer.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;

fn main() -> ExitCode {
    let line = Line::parse();
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let language = line.lang.unwrap_or_else(|| Language::of_locale(locale.as_deref()));
    match obey(line.command, language) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("daicho-agent: {}", text.in_language(language));
            ExitCode::from(2)
        }
    }
}

fn obey(command: Command, language: Language) -> Result<(), Text> {
    match command {
        Command::Collect { root, format } => {
            let platform = machine(root.as_deref())?;
            let document = collect::collect(platform.as_ref(), clock::now());
            print(&match format {
                Format::Json => json(&document)?,
                Format::Table => collect::table(&document, language),
            })
        }
        Command::Enrol { collector, token, ca_fingerprint, place } => {
            let data = place.config()?.data_folder;
            enrolment::refuse_second_joining(&data)?;
            let token = token.read()?;
            let invitation = Invitation::read(&collector, &token, ca_fingerprint.as_deref())?;
            let host = platform::here().host();
            let identity = runtime()?.block_on(enrolment::enrol(&invitation, host.value()))?;
            enrolment::settle(&identity, &data)?;
            let endpoint = identity.endpoint;
            print(&match language {
                Language::Japanese => format!("端末 {endpoint} として {collector} に登録しました\n"),
                Language::English => format!("joined {collector} as endpoint {endpoint}\n"),
            })
        }
        Command::Run { place, root, replay_media, replay_interval_ms } => {
            let config = place.config()?;
            let interval = Duration::from_millis(replay_interval_ms);
            let drill = replay_media.map(|path| Drill::new(&path, interval)).transpose()?;
            log_to_standard_error(&config);
            run::run(&config, Arc::from(machine(root.as_deref())?), drill, &Halt::default())
        }
        Command::Status { place, format } => {
            let data = place.config()?.data_folder;
            let status = status::read(&data, Only::is_taken(&data))?;
            print(&match format {
                Format::Json => json(&status)?,
                Format::Table => status::table(&status, language),
            })
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Line::command()).render(&mut page).map_err(|error| cannot_print(&error))?;
            print(&String::from_utf8_lossy(&page))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Line::command(), "daicho-agent", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

impl Place {
    fn config(self) -> Result<Config, Text> {
        let mut config = Config::read(self.config.as_deref())?;
        if let Some(data) = self.data {
            config.data_folder = std::path::absolute(&data).unwrap_or(data);
        }
        Ok(config)
    }
}

impl Token {
    fn read(self) -> Result<String, Text> {
        let Some(path) = self.token_file else { return Ok(self.token.unwrap_or_default()) };
        let mut text = String::new();
        let read = if path.as_os_str() == "-" {
            std::io::stdin().take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text)
        } else {
            std::fs::File::open(&path)
                .and_then(|file| file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text))
        };
        read.map_err(|error| {
            Text::new(
                format!("トークンのファイル {} を読めません（{error}）", path.display()),
                format!(
                    "cannot read the token file {} ({error}); check its path and permissions",
                    path.display()
                ),
            )
        })?;
        Ok(text)
    }
}

/// This machine, or the one whose files lie below `root`.
fn machine(root: Option<&Path>) -> Result<Box<dyn platform::Platform>, Text> {
    match root {
        None => Ok(platform::here()),
        Some(root) => platform::at_root(root).map_err(|error| {
            Text::new(
                format!("--root {} を開けません（{error}）", root.display()),
                format!("cannot open --root {} ({error}); give a folder that can be read", root.display()),
            )
        }),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Text> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| cannot_print(&error.into()))
}

/// A reader who has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<(), Text> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(cannot_print(&error)),
        _ => Ok(()),
    }
}

fn cannot_print(error: &std::io::Error) -> Text {
    Text::new(
        format!("結果を出力できません（{error}）"),
        format!("cannot print the result ({error}); check where standard output goes"),
    )
}

fn runtime() -> Result<tokio::runtime::Runtime, Text> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Text::new(
            format!("通信を開始できません（{error}）"),
            format!("cannot start to communicate ({error}); check the limit of open files"),
        )
    })
}

fn log_to_standard_error(config: &Config) {
    let log = tracing_subscriber::fmt()
        .with_max_level(config.log_level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
