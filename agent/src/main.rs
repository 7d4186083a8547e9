//! The agent on an endpoint.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use daicho_agent::config::Config;
use daicho_agent::enrolment::{self, Invitation};
use daicho_agent::run::drill::Drill;
use daicho_agent::service::Only;
use daicho_agent::service::stop::Halt;
#[cfg(windows)]
use daicho_agent::service::{plan, windows as service};
use daicho_agent::text::{Language, Text};
use daicho_agent::{clock, collect, locale, log, platform, run, status, trial};

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
        /// Where this machine has joined already, ask for nothing and succeed: for scripts and installers.
        #[arg(long)]
        unless_joined: bool,
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
    /// Windows: make, remove or ask for the service that starts the agent with the system.
    #[command(
        hide = !cfg!(windows),
        subcommand,
        after_help = "Examples:\n  daicho-agent service install --start\n  daicho-agent service status --format json"
    )]
    Service(ServiceCommand),
    /// After an upgrade: whether the new version stays. For deploy/agent/trial.
    #[command(hide = true)]
    UpgradeVerdict {
        /// What was kept of the former version.
        #[arg(long, value_name = "DIR")]
        former: PathBuf,
        #[command(flatten)]
        place: Place,
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

#[derive(Subcommand)]
enum ServiceCommand {
    /// Make the service, or bring the one that is there up to date. What runs goes on as it was until it is restarted.
    Install {
        #[command(flatten)]
        place: Place,
        /// Start it at once; it waits for `enrol` by itself.
        #[arg(long)]
        start: bool,
    },
    /// Stop the service and remove it. Identity, spool and log stay in the data folder.
    Remove,
    /// Say how the service is.
    Status {
        /// How to print it.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
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

const CONFIG_HELP: &str = if cfg!(windows) {
    r"The configuration; without it %ProgramData%\Daicho\agent.toml, if it is there"
} else {
    "The configuration; without it /etc/daicho/agent.toml, if it is there"
};

#[derive(Args, Clone)]
struct Place {
    #[arg(long, value_name = "FILE", help = CONFIG_HELP)]
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
    let language = line.lang.unwrap_or_else(locale::language);
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
        Command::Enrol { collector, token, ca_fingerprint, unless_joined, place } => {
            let data = place.config()?.data_folder;
            if let Err(text) = enrolment::refuse_second_joining(&data) {
                return if unless_joined { Ok(()) } else { Err(text) };
            }
            let token = token.read()?;
            let invitation = Invitation::read(&collector, &token, ca_fingerprint.as_deref())?;
            let host = platform::here().host();
            let identity = runtime()?.block_on(enrolment::enrol(&invitation, host.value(), fastrand::f64))?;
            enrolment::settle(&identity, &data)?;
            let endpoint = identity.endpoint;
            print(&match language {
                Language::Japanese => format!("端末 {endpoint} として {collector} に登録しました\n"),
                Language::English => format!("joined {collector} as endpoint {endpoint}\n"),
            })
        }
        Command::Run { place, root, replay_media, replay_interval_ms } => {
            let work =
                Work { place, root, replay_media, interval: Duration::from_millis(replay_interval_ms) };
            #[cfg(windows)]
            if service::is_started_by_manager() {
                let work = work.clone();
                if service::serve(move |halt| work.as_service(halt))? {
                    return Ok(());
                }
            }
            let config = work.place.config()?;
            log::to_standard_error(&config);
            work.run(&config, &Halt::default())
        }
        Command::Status { place, format } => {
            let data = place.config()?.data_folder;
            let status = status::read(&data, Only::is_taken(&data))?;
            print(&match format {
                Format::Json => json(&status)?,
                Format::Table => status::table(&status, language),
            })
        }
        Command::Service(command) => serve(command, language),
        Command::UpgradeVerdict { former, place } => {
            let file = former.join("since");
            let since = std::fs::read_to_string(&file).map_err(|error| error.to_string());
            let since: jiff::Timestamp = since
                .and_then(|text| text.trim().parse().map_err(|error: jiff::Error| error.to_string()))
                .map_err(|error| {
                    let file = file.display();
                    Text::new(
                        format!("{file} を読めません（{error}）。エージェントを入れ直してください"),
                        format!("cannot read {file} ({error}); install the agent again"),
                    )
                })?;
            let former = status::read(&former, false)?.report;
            let present = status::read(&place.config()?.data_folder, false)?.report;
            let verdict = trial::judge(&former, Some(&present), since, clock::now());
            print(&format!("{}\n", verdict.word()))
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

#[cfg(windows)]
fn serve(command: ServiceCommand, language: Language) -> Result<(), Text> {
    use plan::NAME;
    use service::{Wish, install, remove, standing};
    match command {
        ServiceCommand::Install { place, start } => {
            let config = place.config()?;
            let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let done = install(&Wish {
                config: place.config.as_ref().map(absolute).as_deref(),
                data: place.data_folder().as_deref(),
                data_folder: &config.data_folder,
                start,
            })?;
            let mut text = match language {
                Language::Japanese => format!("サービス {NAME} を登録しました\n"),
                Language::English => format!("installed the service {NAME}\n"),
            };
            if !done.is_safe_place {
                text.push_str(language.pick(
                    "注意: プログラムが Program Files の外にあります。書き換えられる人は SYSTEM の権限を得られます\n",
                    "note: the program lies outside of Program Files; whoever may change it there gets the rights of SYSTEM\n",
                ));
            }
            if !done.unknown.is_empty() {
                let list = done.unknown.join(", ");
                text.push_str(&match language {
                    Language::Japanese => format!("このシステムで設定できなかった項目: {list}\n"),
                    Language::English => format!("this system does not know: {list}\n"),
                });
            }
            print(&text)
        }
        ServiceCommand::Remove => {
            let was_there = remove()?;
            print(&match (was_there, language) {
                (true, Language::Japanese) => format!("サービス {NAME} を停止し、削除しました\n"),
                (true, Language::English) => format!("stopped and removed the service {NAME}\n"),
                (false, Language::Japanese) => format!("サービス {NAME} は登録されていません\n"),
                (false, Language::English) => format!("there is no service {NAME}\n"),
            })
        }
        ServiceCommand::Status { format } => {
            let standing = standing()?;
            print(&match format {
                Format::Json => json(&standing)?,
                Format::Table => standing.table(language),
            })
        }
    }
}

#[cfg(not(windows))]
fn serve(_: ServiceCommand, _: Language) -> Result<(), Text> {
    Err(Text::new(
        "service は Windows 用です。ここでは systemd が行います（systemctl status daicho-agent）",
        "cannot do this here: `service` is for Windows; on Linux systemd does it (systemctl status daicho-agent)",
    ))
}

impl Place {
    fn config(&self) -> Result<Config, Text> {
        let mut config = Config::read(self.config.as_deref())?;
        if let Some(data) = self.data_folder() {
            config.data_folder = data;
        }
        Ok(config)
    }

    fn data_folder(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|data| std::path::absolute(data).unwrap_or_else(|_| data.clone()))
    }
}

/// What `run` is told.
#[derive(Clone)]
struct Work {
    place: Place,
    root: Option<PathBuf>,
    replay_media: Option<PathBuf>,
    interval: Duration,
}

impl Work {
    fn run(&self, config: &Config, halt: &Halt) -> Result<(), Text> {
        let drill = self.replay_media.as_deref().map(|path| Drill::new(path, self.interval)).transpose()?;
        run::run(config, Arc::from(machine(self.root.as_deref())?), drill, halt)
    }

    /// One attempt of a service, which nobody sees: its log is a file. Where the configuration cannot be read, the log is
    /// where it would be without one.
    #[cfg(windows)]
    fn as_service(&self, halt: &Halt) -> Result<(), Text> {
        let config = self.place.config();
        let for_log = match &config {
            Ok(config) => config.clone(),
            Err(_) => {
                let default = Config::default();
                let data_folder = self.place.data_folder().unwrap_or_else(|| default.data_folder.clone());
                Config { data_folder, ..default }
            }
        };
        log::to_file(&for_log, |line| {
            service::report(&plan::Event::Trouble(line.to_owned()));
        })
        .map_err(|error| {
            let folder = for_log.data_folder.display();
            Text::new(
                format!("{folder} に記録を書けません（{error}）。権限と空き容量を確認してください"),
                format!("cannot write a log to {folder} ({error}); check its permissions and free space"),
            )
        })?;
        self.run(&config?, halt)
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
