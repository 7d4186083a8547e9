//! Tells people: an outbox that survives restarts, retries, and never tells the same thing twice.
//!
//! Evaluation puts a [`Notice`](crate::shelves::Notice) into the store together with the violation. Each recipient (a mail address, a webhook,
//! a syslog server) has a cursor of its own over the notices, so that a dead mail server holds up no syslog line.
//! `routing.rs` decides what goes to whom and when, `wording.rs` says it, `channels/` carries it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use daicho_rules::text::Language;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::Collector;
use crate::identity::Role;
use crate::store::StoreError;

pub mod calendar;
pub mod channels;
mod config;
pub mod daily_word;
pub mod ending;
pub mod letters;
pub mod maintenance;
mod outbox;
mod pile;
pub mod preview;
mod routing;
mod secret;
pub mod templates;
mod tls;
pub mod watch;
pub mod wording;

use calendar::Holidays;
use channels::{CHANNELS, Message, Occasion, Recipient};
pub use config::{
    Config, ConfigError, EmailConfig, Escalation, Filter, Outside, Reminders, SmtpConfig, SmtpSecurity,
    SyslogConfig, SyslogTransport, Times, WebhookConfig,
};
pub use outbox::{Delivery, Outcome, Sending, Told};
pub use preview::preview;

/// How often notices that everybody has are dropped.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// The pause after a mistake of ours, so that it does not become a busy loop.
const STUMBLE_PAUSE: Duration = Duration::from_secs(1);

/// Everyone who is told, ready to be told.
pub struct Outbox {
    recipients: Vec<Arc<Recipient>>,
    /// In 0..1, for the jitter of retries.
    chance: fn() -> f64,
    /// The number of the last entry of the log of deliveries; `None` until it was read.
    last_told: tokio::sync::Mutex<Option<u64>>,
    holidays: Holidays,
    templates: templates::Templates,
    languages: Vec<Language>,
    rules: watch::Rules,
    /// Held during a pass of the watch.
    watching: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.recipients.iter().map(|recipient| &recipient.name)).finish()
    }
}

impl Outbox {
    /// Checks the configuration as a whole, with the files that it names, and opens nothing yet.
    pub fn open(config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        let mut recipients: Vec<Arc<Recipient>> = Vec::new();
        for channel in CHANNELS {
            for recipient in (channel.recipients)(config)? {
                if recipients.iter().any(|known| known.name == recipient.name) {
                    let reason = format!("the name {} is used twice, give each one its own", recipient.name);
                    return Err(ConfigError::new(channel.name, reason));
                }
                recipients.push(Arc::new(recipient));
            }
        }
        let rules = watch::Rules {
            reminders: config.reminders.clone(),
            escalation: config.escalation.clone(),
            channel_failed_after: SignedDuration::from_mins(config.channel_failed_minutes.into()),
            maintenance_days_max: config.maintenance_days_max,
            certificates: watch::Certificates::default(),
        };
        let outbox = Outbox::of(recipients, config.all_holidays()?, rules);
        let templates = templates::Templates::load(config.templates.as_deref())?;
        Ok(Outbox { templates, languages: config.languages.clone(), ..outbox })
    }

    fn of(recipients: Vec<Arc<Recipient>>, holidays: Holidays, rules: watch::Rules) -> Self {
        Outbox {
            recipients,
            chance: fastrand::f64,
            last_told: tokio::sync::Mutex::new(None),
            holidays,
            templates: templates::Templates::default(),
            languages: vec![Language::Japanese],
            rules,
            watching: tokio::sync::Mutex::new(()),
        }
    }

    /// Tells how long certificates live, so that people are told before they end.
    #[must_use]
    pub fn with_certificates(mut self, certificates: watch::Certificates) -> Self {
        self.rules.certificates = certificates;
        self
    }

    /// How long certificates live.
    pub fn certificates(&self) -> &watch::Certificates {
        &self.rules.certificates
    }

    /// The longest maintenance window, in days.
    pub fn maintenance_days_max(&self) -> u32 {
        self.rules.maintenance_days_max
    }

    /// How many recipients there are.
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }
}

/// Tells, until `stop` says so. A message that is being handed over then is finished first (at most the channel's
/// timeout). Dropping this future instead is as safe as a crash: see `outbox.rs` on what may then happen twice.
pub async fn run(collector: Arc<Collector>, outbox: Arc<Outbox>, stop: impl Future<Output = ()> + Send) {
    if let Err(error) = outbox::forget_strangers(&collector, &outbox) {
        error!(%error, "Alerts cannot read their state.");
    }
    if outbox.recipients.is_empty() {
        warn!("Alerts have no recipient: nobody is told of a violation until [alerts] names one.");
    }
    let (news, _) = tokio::sync::watch::channel(());
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    let mut tasks = JoinSet::new();
    let begin = |tasks: &mut JoinSet<()>, recipient: &Arc<Recipient>| {
        let teller = outbox::Teller::new(collector.clone(), outbox.clone(), recipient.clone());
        tasks.spawn(teller.run(news.subscribe(), stopped.clone())).id()
    };
    let mut running: HashMap<tokio::task::Id, Arc<Recipient>> =
        outbox.recipients.iter().map(|recipient| (begin(&mut tasks, recipient), recipient.clone())).collect();
    info!(recipients = outbox.recipients.len(), "Alerts started.");
    let mut stop = std::pin::pin!(stop);
    let mut tidying = tokio::time::interval(TIDY_EVERY);
    let mut watching = tokio::time::interval(watch::PASS_EVERY);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = collector.outbox_filled.notified() => news.send_replace(()),
            Some(ended) = tasks.join_next_with_id() => {
                // Nobody stops being told because of a mistake of ours: the recipient is taken up again.
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                if let Some(recipient) = running.remove(&id) {
                    error!(recipient = %recipient.name, "Alerts stumbled over a recipient and take it up again.");
                    tokio::time::sleep(STUMBLE_PAUSE).await;
                    running.insert(begin(&mut tasks, &recipient), recipient);
                }
            }
            _ = watching.tick() => match watch::pass(&collector, &outbox).await {
                Ok(0) => {}
                Ok(_) => news.send_replace(()),
                Err(error) => error!(%error, "Alerts cannot see what is still open; they look again in a minute."),
            },
            _ = tidying.tick() => {
                if let Err(error) = outbox::prune(&collector, &outbox) {
                    error!(%error, "Alerts cannot drop old notices.");
                }
            }
        }
    }
    stopping.send_replace(true);
    while tasks.join_next().await.is_some() {}
}

/// One recipient, for people and for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Our name for it: `officer/soumu@hospital.example`, `siem`.
    pub recipient: String,
    /// `email`, `webhook` or `syslog`.
    pub channel: &'static str,
    /// Where messages go to, without any secret.
    pub address: String,
    /// How many notices it is still to be told, at most 10 000.
    pub waiting: usize,
    /// When the first of them came to be.
    pub waiting_since: Option<Timestamp>,
    /// Letters beside the news that it is still to be told.
    pub letters: usize,
    /// Who it is.
    pub role: Option<Role>,
    /// Its hours, as configured.
    pub hours: Option<String>,
    /// What happens outside of them is for somebody else.
    pub skips_outside: bool,
    /// When its digest comes, as configured.
    pub digest: Option<String>,
    /// When the next one comes.
    pub next_digest: Option<Timestamp>,
    /// When its daily word comes, as configured.
    pub daily_word: Option<String>,
    /// When the next one comes.
    pub next_daily_word: Option<Timestamp>,
    /// Its hours begin then; `None`: it may be told now.
    pub quiet_until: Option<Timestamp>,
    /// Failed attempts to hand over the message that is under way.
    pub attempts: u32,
    /// When that message was first tried, where it failed.
    pub failing_since: Option<Timestamp>,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
    /// Why the last attempt failed.
    pub failure: Option<String>,
    /// The server refused it for good: a person must mend something.
    pub permanent: bool,
}

/// How each recipient stands.
pub fn status(collector: &Collector, outbox: &Outbox) -> Result<Vec<Status>, StoreError> {
    outbox.recipients.iter().map(|recipient| outbox::status(collector, outbox, recipient)).collect()
}

/// What was told to whom, newest first, at most `limit`.
pub fn told(collector: &Collector, limit: usize) -> Result<Vec<Told>, StoreError> {
    outbox::told(collector, limit)
}

/// What a recipient's server said to a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAnswer {
    /// As in [`Status`].
    pub recipient: String,
    /// As in [`Status`].
    pub channel: &'static str,
    /// As in [`Status`].
    pub address: String,
    /// Whether the server accepted it.
    pub accepted: bool,
    /// What the server answered, or why it could not be reached.
    pub answer: String,
}

/// Sends a marked test message to every recipient now, all at once.
pub async fn test(collector: &Collector, outbox: &Outbox, asked_by: &str) -> Vec<TestAnswer> {
    let at = collector.clock.now();
    let mut tasks = JoinSet::new();
    for (position, recipient) in outbox.recipients.iter().cloned().enumerate() {
        let id = format!("test-{}-{}", at.as_millisecond(), recipient.name);
        let message = Message::empty(id, Occasion::Test { asked_by: asked_by.to_owned() }, at);
        tasks.spawn(async move {
            let result = recipient.channel.deliver(&message).await;
            let (accepted, answer) = match result {
                Ok(answer) => (true, answer),
                Err(failure) => (false, failure.reason),
            };
            let answer = TestAnswer {
                recipient: recipient.name.clone(),
                channel: recipient.kind,
                address: recipient.channel.address(),
                accepted,
                answer,
            };
            (position, answer)
        });
    }
    let mut answers: Vec<(usize, TestAnswer)> =
        tasks.join_all().await.into_iter().inspect(|(_, answer)| log_test(answer)).collect();
    answers.sort_by_key(|(position, _)| *position);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn log_test(answer: &TestAnswer) {
    let TestAnswer { recipient, accepted, answer, .. } = answer;
    info!(%recipient, accepted, answer, "Alert test sent.");
}
