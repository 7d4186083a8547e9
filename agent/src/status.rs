//! How the agent is, for whoever sits before the machine. The running agent keeps `status.json`; `status` reads it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Fact, Subject};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::files::{Readers, replace};
use crate::identity::{Identity, IdentityError, Life};
use crate::spool::Waiting;
use crate::text::{Language, Text, cell, escape};

/// The value of `schema`.
const SCHEMA: &str = "daicho.agent_status/1";

/// What `status --format json` prints. It holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Always `daicho.agent_status/1`.
    pub schema: String,
    /// Whether this machine has an identity.
    pub joined: bool,
    /// Whether an agent works now.
    pub running: bool,
    /// Who it is.
    pub endpoint_id: Option<EndpointId>,
    /// Where it reports to.
    pub collector: Option<String>,
    /// When its certificate ends.
    pub certificate_until: Option<Timestamp>,
    /// What the running agent last wrote.
    #[serde(flatten)]
    pub report: Report,
}

/// What the running agent knows of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// When this was written.
    pub written_at: Option<Timestamp>,
    /// When the agent started.
    pub started_at: Option<Timestamp>,
    /// Its version.
    pub version: Option<String>,
    /// When the collector last answered.
    pub last_contact: Option<Timestamp>,
    /// What went wrong since then.
    pub last_failure: Option<Failure>,
    /// Why the certificate could not be renewed.
    pub renewal_failure: Option<Text>,
    /// Why nothing can be written to disk.
    pub spool_failure: Option<Text>,
    /// Events that are only in memory.
    pub held_in_memory: u64,
    /// What waits for the collector.
    pub waiting: Waiting,
    /// The newest look at each subject.
    pub looks: Vec<Looked>,
}

/// A failure and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it was met first.
    pub since: Timestamp,
    /// What it was, and what to do.
    pub what: Text,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// At what.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// How it went: `seen`, `seen_with_problems`, `unreadable`, `unsupported`.
    pub outcome: String,
    /// One sentence for each source that could not be read.
    pub problems: Vec<String>,
}

/// The running agent's own view, shared by its rooms.
pub struct Health {
    path: PathBuf,
    inner: Mutex<(Status, bool)>,
    changed: Notify,
}

impl Health {
    /// The health of an agent that starts now.
    pub fn new(data: &Path, identity: &Identity, collector: String, now: Timestamp) -> Self {
        let report = Report {
            started_at: Some(now),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..Report::default()
        };
        let status = Status {
            schema: SCHEMA.to_owned(),
            joined: true,
            running: true,
            endpoint_id: Some(identity.endpoint),
            collector: Some(collector),
            certificate_until: Some(identity.life.until),
            report,
        };
        Health { path: file(data), inner: Mutex::new((status, true)), changed: Notify::new() }
    }

    /// How it is now.
    pub fn status(&self) -> Status {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The collector answered.
    pub fn reached(&self, now: Timestamp) {
        self.change(|status| {
            status.report.last_contact = Some(now);
            status.report.last_failure = None;
        });
    }

    /// The collector could not be talked to. Answers whether this failure is another one than before.
    pub fn failed(&self, what: Text, now: Timestamp) -> bool {
        let mut other = false;
        self.change(|status| {
            let before = status.report.last_failure.take();
            other = before.as_ref().is_none_or(|before| before.what != what);
            let since = before.filter(|_| !other).map_or(now, |before| before.since);
            status.report.last_failure = Some(Failure { since, what });
        });
        other
    }

    /// There is a certificate with this life now.
    pub fn certificate(&self, life: Life) {
        self.change(|status| {
            status.certificate_until = Some(life.until);
            status.report.renewal_failure = None;
        });
    }

    /// The certificate could not be renewed.
    pub fn renewal_failed(&self, what: Text) {
        self.change(|status| status.report.renewal_failure = Some(what));
    }

    /// A look was taken.
    pub fn looked(&self, fact: &Fact, at: Timestamp) {
        let Some(looked) = Looked::of(fact, at) else { return };
        self.change(|status| {
            let looks = &mut status.report.looks;
            match looks.iter_mut().find(|known| known.subject == looked.subject) {
                Some(known) => *known = looked,
                None => looks.push(looked),
            }
            looks.sort_by_key(|look| look.subject);
        });
    }

    /// How the spool is.
    pub fn spooled(&self, waiting: Waiting, held: u64, failure: Option<Text>) {
        self.change(|status| {
            status.report.waiting = waiting;
            status.report.held_in_memory = held;
            status.report.spool_failure = failure;
        });
    }

    /// Writes what changed since the last time; `now` stands in it.
    pub fn write(&self, now: Timestamp) -> std::io::Result<()> {
        let text = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if !inner.1 {
                return Ok(());
            }
            inner.0.report.written_at = Some(now);
            inner.1 = false;
            serde_json::to_vec_pretty(&inner.0)?
        };
        replace(&self.path, &text, Readers::Everybody)
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.0.clone();
        change(&mut inner.0);
        if inner.0 != before {
            inner.1 = true;
            self.changed.notify_one();
        }
    }

    /// Waits until something changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Looked {
    fn of(fact: &Fact, at: Timestamp) -> Option<Self> {
        use daicho_proto::facts::Look;
        fn told<T>(look: &Look<T>) -> (&'static str, &[String]) {
            let outcome = match look {
                Look::Seen { problems, .. } if problems.is_empty() => "seen",
                Look::Seen { .. } => "seen_with_problems",
                Look::Unreadable { .. } => "unreadable",
                Look::Unsupported => "unsupported",
            };
            (outcome, look.problems())
        }
        let (outcome, problems) = match fact {
            Fact::Host(look) => told(look),
            Fact::Accounts(look) => told(look),
            Fact::Packages(look) => told(look),
            Fact::Updates(look) => told(look),
            Fact::Antivirus(look) => told(look),
            Fact::Services(look) => told(look),
            Fact::Software(look) => told(look),
            Fact::Media(look) => told(look),
            Fact::MediumEvent(_) | Fact::Gap(_) => return None,
        };
        let (outcome, problems) = (outcome.to_owned(), problems.to_vec());
        Some(Looked { subject: fact.inventory()?, at, outcome, problems })
    }
}

fn file(data: &Path) -> PathBuf {
    data.join("status.json")
}

/// Reads how the agent of a data folder is.
pub fn read(data: &Path, running: bool) -> Result<Status, Text> {
    let path = file(data);
    let mut status = match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            Text::new(
                format!(
                    "{} が読めません（{error}）。エージェントを再起動すると作り直されます",
                    path.display()
                ),
                format!("cannot understand {} ({error}); restarting the agent makes it anew", path.display()),
            )
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Status {
            schema: SCHEMA.to_owned(),
            joined: false,
            running: false,
            endpoint_id: None,
            collector: None,
            certificate_until: None,
            report: Report::default(),
        },
        Err(error) => {
            return Err(Text::new(
                format!("{} を読めません（{error}）。管理者権限で実行してください", path.display()),
                format!(
                    "cannot read {} ({error}); run this as {}",
                    path.display(),
                    if cfg!(windows) { "an administrator" } else { "root" }
                ),
            ));
        }
    };
    status.running = running;
    match Identity::read(data) {
        Ok(identity) => {
            status.joined = true;
            status.endpoint_id = Some(identity.endpoint);
            status.certificate_until = Some(identity.life.until);
            status.collector = status.collector.or_else(|| Some(identity.collector.to_string()));
        }
        Err(IdentityError::NotJoined(_)) => status.joined = false,
        Err(error) => return Err(error.text()),
    }
    Ok(status)
}

/// The status as lines of at most 100 columns, but for sentences, which a terminal wraps.
pub fn table(status: &Status, language: Language) -> String {
    let pick = |ja: &str, en: &str| language.pick(ja, en).to_owned();
    let unknown = || pick("なし", "none");
    let second = |at: Timestamp| at.round(jiff::Unit::Second).unwrap_or(at).to_string();
    let time = |at: Option<Timestamp>| at.map_or_else(unknown, second);
    let report = &status.report;
    let yes = |is: bool| if is { pick("はい", "yes") } else { pick("いいえ", "no") };
    let waiting = report.waiting;
    let mut lines = vec![
        (pick("登録済み", "joined"), yes(status.joined)),
        (pick("稼働中", "running"), yes(status.running)),
        (pick("端末ID", "endpoint"), status.endpoint_id.map_or_else(unknown, |id| id.to_string())),
        (pick("集約サーバー", "collector"), status.collector.as_deref().map_or_else(unknown, escape)),
        (pick("証明書の期限", "certificate until"), time(status.certificate_until)),
        (pick("最後の通信", "last contact"), time(report.last_contact)),
        (
            pick("送信待ち", "waiting"),
            language
                .pick("出来事 {e}、一覧 {i}、送信中 {o}", "{e} events, {i} inventories, {o} on their way")
                .replace("{e}", &(waiting.events + report.held_in_memory).to_string())
                .replace("{i}", &waiting.inventories.to_string())
                .replace("{o}", &waiting.outgoing.to_string()),
        ),
    ];
    for looked in &report.looks {
        let outcome = match looked.outcome.as_str() {
            "seen" => pick("確認済み", "seen"),
            "seen_with_problems" => pick("一部確認できず", "seen, with problems"),
            "unreadable" => pick("確認できず", "could not be read"),
            _ => pick("対象外", "not supported here"),
        };
        lines.push((looked.subject.to_string(), format!("{}  {outcome}", second(looked.at))));
        lines.extend(looked.problems.iter().map(|problem| (String::new(), format!("! {}", escape(problem)))));
    }
    let mut troubles: Vec<&Text> = Vec::new();
    troubles.extend(report.last_failure.as_ref().map(|failure| &failure.what));
    troubles.extend(report.renewal_failure.as_ref());
    troubles.extend(report.spool_failure.as_ref());
    for trouble in troubles {
        lines.push((pick("問題", "problem"), escape(trouble.in_language(language))));
    }
    lines.into_iter().map(|(name, value)| format!("{} {value}\n", cell(&name, 18))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_never_joined_says_so() {
        let data = tempfile::TempDir::new().unwrap();
        let status = read(data.path(), false).unwrap();
        assert!(!status.joined && !status.running);
        let table = table(&status, Language::English);
        assert!(table.contains("joined             no"), "{table}");
    }

    #[test]
    fn a_status_survives_the_disk_and_escapes_what_is_hostile() {
        let mut status = read(Path::new("/nonexistent"), false).unwrap();
        status.report.looks = vec![Looked {
            subject: Subject::Media,
            at: Timestamp::UNIX_EPOCH,
            outcome: "unreadable".to_owned(),
            problems: vec!["label \u{1b}[2J".to_owned()],
        }];
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
        assert!(table(&status, Language::Japanese).contains("label \\u{1b}[2J"));
    }
}
