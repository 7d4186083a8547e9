//! The collector: makes its authority, serves, and carries out the administrator's orders.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use daicho_collector::admin::authority::{Report, Wanted};
use daicho_collector::admin::{self, Done, House, Order, control, operators};
use daicho_collector::authority::{self, init};
use daicho_collector::cli::output::{Lang, language};
use daicho_collector::clock::{Clock, SystemClock};
use daicho_collector::config::Config;
use daicho_collector::identity::{Role, roles};
use daicho_collector::{serve, telemetry};
use daicho_rules::text::Text;
use jiff::Timestamp;

/// Keeps the ledger and the observations, compares the two, alerts and answers.
#[derive(Debug, Parser)]
#[command(name = "daicho-collector", version, after_help = EXAMPLES)]
struct Arguments {
    /// The data folder: authority, store, operators' identities, configuration.
    #[arg(long, global = true, env = "DAICHO_DATA", default_value = "/var/lib/daicho-collector")]
    data: PathBuf,
    /// The configuration, if not DATA/collector.toml.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// The language of all texts; else the locale's.
    #[arg(long, global = true, value_enum)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  daicho-collector init --data /var/lib/daicho-collector --name daicho.hospital.example,192.0.2.10
  daicho-collector serve --data /var/lib/daicho-collector
  daicho-collector token --valid-for 2h --device SV-01
  daicho-collector operator suzuki --role officer
  daicho-collector operator sato --role section_head --section 放射線科
  daicho-collector revoke SV-01 --reason \"stolen\"
  daicho-collector authority
  daicho-collector backup /backup/daicho-2026-11-22";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new collector: its authority, its certificate, the first operator.
    Init {
        /// Host names and addresses by which agents and operators will call this collector.
        #[arg(long = "name", required = true, value_delimiter = ',', value_name = "HOST|IP")]
        names: Vec<String>,
        /// The first operator's name: officer and management department in one, until `operator` says otherwise.
        #[arg(long, default_value = "operator")]
        operator: String,
    },
    /// Work until stopped.
    Serve,
    /// Make a one-time token with which one endpoint can join.
    Token {
        /// How long it can be used: 30m, 24h, 7d.
        #[arg(long, default_value = "24h", value_parser = seconds)]
        valid_for: i64,
        /// The ledger's device that is to use it.
        #[arg(long)]
        device: Option<String>,
    },
    /// Make an identity with which a person can ask and decide (`daicho violations`, ...), as far as the roles go.
    Operator {
        /// Letters, digits, `-`, `_`, `.`.
        name: String,
        /// officer (安全管理責任者: approves), department (管理部門: keeps the ledger), section_head (所属長: is consulted),
        /// auditor (監査: reads only); several with commas. Without it: as before, and department for a new name.
        #[arg(long = "role", value_delimiter = ',', value_name = "ROLE")]
        roles: Vec<Role>,
        /// Of a section_head: the section, as in the ledger's column 部署.
        #[arg(long)]
        section: Option<String>,
    },
    /// Close the door to an endpoint or operator, at once.
    Revoke {
        /// An endpoint's id, a hostname, a device of the ledger, or operator:NAME.
        who: String,
        /// Why, for whoever asks later.
        #[arg(long)]
        reason: String,
    },
    /// How old the certificate authority is, and who signs next. Nothing of it stops an agent.
    Authority {
        #[command(subcommand)]
        wanted: Option<AuthorityCommand>,
    },
    /// Copy everything, also while the collector works. The copy holds keys: keep it safe.
    Backup {
        /// A folder that is not there yet and in which the collector may write.
        to: PathBuf,
    },
    /// Put a backup into the data folder, which is empty.
    Restore {
        /// The folder that `backup` wrote.
        from: PathBuf,
        /// Also a backup whose log was altered or cut.
        #[arg(long)]
        unproven: bool,
    },
    /// Print the manual page.
    #[command(hide = true)]
    Man,
    /// Print the completions for a shell.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum AuthorityCommand {
    /// When each certificate of the collector ends.
    Status,
    /// Let a new issuing authority sign from now on. It happens by itself where the root's key lies in the data folder.
    Rotate {
        /// The root's key, where it is kept elsewhere.
        #[arg(long)]
        root_key: Option<PathBuf>,
    },
    /// Make the root that follows. From now on it is given to every machine that renews its certificate.
    PrepareRoot,
    /// Let the next root sign, once every machine and person has it.
    FinishRoot {
        /// Its key, where it is kept elsewhere.
        #[arg(long)]
        root_key: Option<PathBuf>,
        /// Also where some do not have it yet: they have to enrol again.
        #[arg(long)]
        force: bool,
    },
}

impl AuthorityCommand {
    fn wanted(&self) -> Wanted {
        let absolute = |path: &Option<PathBuf>| path.as_deref().map(admin::backup::absolute);
        match self {
            AuthorityCommand::Status => Wanted::Status,
            AuthorityCommand::Rotate { root_key } => Wanted::Rotate { root_key: absolute(root_key) },
            AuthorityCommand::PrepareRoot => Wanted::PrepareRoot,
            AuthorityCommand::FinishRoot { root_key, force } => {
                Wanted::FinishRoot { root_key: absolute(root_key), force: *force }
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daicho-collector: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let spoken = language(arguments.lang, locale.as_deref());
    let say = |text: Text| println!("{}", text.in_language(spoken));
    let hint = |text: Text| eprintln!("{}", text.in_language(spoken));
    let data = arguments.data.as_path();
    if let Command::Init { names, operator } = &arguments.command {
        return make(data, names, operator, &say);
    }
    match &arguments.command {
        Command::Restore { from, unproven } => {
            let restored = admin::backup::restore(from, data, *unproven)?;
            let (entries, proof) = (restored.entries, restored.proof);
            say(Text::new(
                format!(
                    "バックアップから復元しました: {entries} 件。`daicho-collector serve` で動かしてください。"
                ),
                format!(
                    "Restored from the backup: {entries} entries. Start it with `daicho-collector serve`."
                ),
            ));
            if let Some(proof) = proof {
                let (lines, head) = (proof.entries, proof.head.map(|head| head.anchor()).unwrap_or_default());
                say(if proof.is_sound() {
                    Text::new(
                        format!("記録簿 {lines} 件を確かめました。改ざんや欠落はありません（末尾 {head}）。"),
                        format!(
                            "Its log of {lines} entries is proven: nothing was altered or removed (end {head})."
                        ),
                    )
                } else {
                    Text::new(
                        "記録簿に改ざんまたは欠落があります。`daicho verify` で場所がわかります。".to_owned(),
                        "Its log was altered or cut; `daicho verify` says where.".to_owned(),
                    )
                });
            }
            return Ok(());
        }
        Command::Man => {
            clap_mangen::Man::new(Arguments::command()).render(&mut std::io::stdout())?;
            return Ok(());
        }
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(*shell, &mut command, "daicho-collector", &mut std::io::stdout());
            return Ok(());
        }
        _ => {}
    }
    let file = arguments.config.clone().unwrap_or_else(|| data.join(daicho_collector::config::FILE_NAME));
    let config = Config::read(&file, data)?;
    let order = match &arguments.command {
        Command::Authority { wanted } => {
            Order::Authority(wanted.as_ref().map_or(Wanted::Status, AuthorityCommand::wanted))
        }
        Command::Backup { to } => Order::Backup { to: admin::backup::absolute(to) },
        Command::Token { valid_for, device } => {
            Order::Token { valid_for_seconds: *valid_for, device: device.clone() }
        }
        Command::Operator { name, roles, section } => Order::Operator {
            name: name.clone(),
            roles: roles.iter().copied().collect(),
            section: section.clone(),
        },
        Command::Revoke { who, reason } => Order::Revoke { who: who.clone(), reason: reason.clone() },
        Command::Init { .. }
        | Command::Serve
        | Command::Restore { .. }
        | Command::Man
        | Command::Completions { .. } => return work(data, config),
    };
    let done = match control::ask(data, &order)? {
        Some(done) => done,
        None => runtime()?.block_on(async {
            let house = House::open(data, config, clock())?;
            let done = admin::carry_out(&house, order).await;
            // No collector runs that would do it.
            daicho_collector::chronicle::waiting::take(&house.collector, true).await?;
            done
        })?,
    };
    tell(done, &say, &hint);
    Ok(())
}

fn make(data: &Path, names: &[String], operator: &str, say: &dyn Fn(Text)) -> Result<()> {
    if let Some(name) = names.iter().find(|name| !authority::is_host_name(name)) {
        return Err(authority::AuthorityError::Name(name.clone()).into());
    }
    let authority = init::make(data, clock().now())?;
    let file = init::write_config(data, names)?;
    let config = Config::read(&file, data)?;
    init::server_identity(data, &authority, &config.names, clock().now())?;
    let port = config.listen.port();
    let done = runtime()?.block_on(async {
        let house = House::open(data, config, clock())?;
        let (name, roles) = (operator.to_owned(), roles::of_one_person());
        operators::make(&house, operators::Wanted { name, roles, section: None }, port).await
    })?;
    let Done::Operator { folder, .. } = done else { return Ok(()) };
    let (print, data, folder) = (authority.root_fingerprint(), data.display(), folder.display());
    say(Text::new(
        format!(
            "認証局をつくりました。\nルート証明書の指紋 (SHA-256): {print}\n担当者の証明書: {folder}\n\n次にすること:\n  \
             daicho-collector serve --data {data}      コレクターを動かす\n  \
             daicho-collector token --data {data}      端末を登録するための一回限りのトークンをつくる\n\
             {data}/authority/root-key.pem は日常の運用には不要です。別の安全な場所に移してください。"
        ),
        format!(
            "The authority is made.\nFingerprint of the root certificate (SHA-256): {print}\nThe operator's identity: \
             {folder}\n\nWhat to do next:\n  \
             daicho-collector serve --data {data}      start the collector\n  \
             daicho-collector token --data {data}      make a one-time token with which an endpoint joins\n\
             {data}/authority/root-key.pem is not needed day by day: move it to a safe place elsewhere."
        ),
    ));
    Ok(())
}

fn work(data: &Path, config: Config) -> Result<()> {
    telemetry::start_log(&config.telemetry);
    runtime()?.block_on(async {
        // First: who asks a collector to stop that has just started is answered, too.
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .context("collector cannot listen for SIGTERM")?;
        let running = serve::start(data, config, clock()).await?;
        // Without systemd nobody listens, and nothing is lost.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        running
            .until(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                    () = say_that_we_live() => {}
                }
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
            })
            .await;
        Ok(())
    })
}

/// Tells systemd's watchdog twice in its time that requests are still answered: a runtime whose threads all hang tells
/// nothing, and is started again.
async fn say_that_we_live() {
    let Some(allowed) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut tick = tokio::time::interval(allowed / 2);
    loop {
        tick.tick().await;
        // Each on whichever thread is free, as a request would be: the main thread alone proves little.
        let alive = tokio::spawn(async { sd_notify::notify(&[sd_notify::NotifyState::Watchdog]) });
        if !matches!(alive.await, Ok(Ok(()))) {
            tracing::debug!("Watchdog did not listen.");
        }
    }
}

fn tell(done: Done, say: &dyn Fn(Text), hint: &dyn Fn(Text)) {
    match done {
        // The token alone on standard output: a script takes it from there.
        Done::Token { token, expires_at } => {
            println!("{token}");
            let local =
                expires_at.to_zoned(daicho_proto::time::japan()).strftime("%Y-%m-%d %H:%M").to_string();
            hint(Text::new(
                format!("一回限り、{local} (日本時間) まで有効です。"),
                format!("It works once, until {local} (JST)."),
            ));
        }
        Done::Operator { folder, roles } => {
            let names = |language: fn(Text) -> String, between: &str| {
                roles.iter().map(|role| language(role.text())).collect::<Vec<_>>().join(between)
            };
            say(Text::new(
                format!(
                    "担当者の証明書をつくりました: {}（役割: {}）",
                    folder.display(),
                    names(|text| text.ja, "、")
                ),
                format!(
                    "The operator's identity is made: {} (roles: {})",
                    folder.display(),
                    names(|text| text.en, ", ")
                ),
            ));
        }
        Done::Authority(report) => say(authority_text(&report)),
        Done::BackedUp { to, entries } => say(Text::new(
            format!(
                "バックアップしました: {} ({entries} 件)。鍵を含むので、安全に保管してください。",
                to.display()
            ),
            format!("Backed up: {} ({entries} entries). It holds keys: keep it safe.", to.display()),
        )),
        Done::Revoked { who } => say(Text::new(
            format!("失効させました: {who}。次の通信から拒否されます。"),
            format!("Revoked: {who}. It is refused from its next request on."),
        )),
    }
}

/// A line for each certificate, and what is to be done.
fn authority_text(report: &Report) -> Text {
    let day = |at: Timestamp| at.to_zoned(daicho_proto::time::japan()).strftime("%Y-%m-%d").to_string();
    let standing = &report.standing;
    let mut ja = format!(
        "発行用認証局: {} まで（第 {} 代）\nルート認証局: {} まで",
        day(standing.issuing.until),
        standing.generation,
        day(standing.root.until)
    );
    let mut en = format!(
        "issuing authority: until {} (generation {})\nroot authority: until {}",
        day(standing.issuing.until),
        standing.generation,
        day(standing.root.until)
    );
    if let Some(until) = report.server_until {
        ja += &format!("\nコレクターの証明書: {} まで（自動で更新されます）", day(until));
        en += &format!("\nthe collector's certificate: until {} (it renews itself)", day(until));
    }
    if standing.has_root_key {
        ja += "\nルートの鍵: データフォルダーにあります（安全な場所へ移すと、発行用認証局の更新時に --root-key が必要です）";
        en += "\nthe root's key: in the data folder (kept elsewhere, it is needed to rotate: --root-key)";
    } else {
        ja += "\nルートの鍵: データフォルダーにはありません（`authority rotate --root-key FILE` で使います）";
        en += "\nthe root's key: not in the data folder (`authority rotate --root-key FILE` uses it)";
    }
    if let Some(next) = standing.next_root {
        ja += &format!("\n次のルート認証局: {} まで。まだ届いていない相手: ", day(next.until));
        en += &format!("\nthe next root: until {}; not yet known to: ", day(next.until));
        let (none_ja, none_en) = (
            "なし（`authority finish-root` で切り替えられます）",
            "nobody (`authority finish-root` may follow)",
        );
        ja += if report.without_next_root.is_empty() { none_ja } else { "" };
        en += if report.without_next_root.is_empty() { none_en } else { "" };
        ja += &report.without_next_root.join("、");
        en += &report.without_next_root.join(", ");
    }
    Text::new(ja, en)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("collector cannot start its threads")
}

fn seconds(text: &str) -> Result<i64, String> {
    let expected = || format!("{text:?} is no duration, expected e.g. 30m, 24h or 7d");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(expected)
}
