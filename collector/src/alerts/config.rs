//! The `[alerts]` part of the collector's configuration: how officers and machines are told, and of what.

use std::path::PathBuf;

use daicho_rules::rule::Severity;
use daicho_rules::text::Language;
use daicho_rules::violation::StepKind;
use jiff::civil::Date;
use serde::Deserialize;

use super::calendar::Holidays;
use crate::identity::Role;

mod times;

pub use times::{Escalation, Outside, Reminders, Times};

/// `[alerts]`. Empty: nobody is told anything, and the log says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The languages of each message, in this order.
    pub languages: Vec<Language>,
    /// How long news that is not urgent waits for more of its kind, in seconds.
    pub digest_seconds: u32,
    /// How many messages with urgent news may go out at once within `digest_seconds`; what comes after gathers.
    pub urgent_messages_max: u32,
    /// Days on which nobody works, beside the weekend.
    pub holidays: Vec<Date>,
    /// More of them: a CSV file as the Cabinet Office publishes it. A relative path starts in the data folder.
    pub holidays_file: Option<PathBuf>,
    /// A folder with the hospital's own texts. A relative path starts in the data folder.
    pub templates: Option<PathBuf>,
    /// The longest maintenance window, in days.
    pub maintenance_days_max: u32,
    /// How many minutes a channel fails before it is told over the others.
    pub channel_failed_minutes: u32,
    /// What is still open is told again.
    pub reminders: Option<Reminders>,
    /// Who is told next when nobody acknowledged.
    pub escalation: Vec<Escalation>,
    /// The mail server that all of `email` go through.
    pub smtp: Option<SmtpConfig>,
    /// Who is told by mail.
    pub email: Vec<EmailConfig>,
    /// Which programs are told over HTTP.
    pub webhook: Vec<WebhookConfig>,
    /// Which syslog servers are told.
    pub syslog: Vec<SyslogConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            languages: vec![Language::Japanese],
            digest_seconds: 60,
            urgent_messages_max: 20,
            holidays: Vec::new(),
            holidays_file: None,
            templates: None,
            maintenance_days_max: 14,
            channel_failed_minutes: 10,
            reminders: None,
            escalation: Vec::new(),
            smtp: None,
            email: Vec::new(),
            webhook: Vec::new(),
            syslog: Vec::new(),
        }
    }
}

/// Recipients of one channel's kind: each has a task and a cursor.
const RECIPIENTS_MAX: usize = 100;

impl Config {
    /// What can be said without looking at a channel.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, reason: &str| Err(ConfigError::new(key, reason));
        if self.languages.is_empty() || self.languages.len() > 2 {
            return wrong("languages", "name ja, en or both");
        }
        if self.digest_seconds == 0 || self.digest_seconds > 86_400 {
            return wrong("digest_seconds", "must lie between 1 and 86400 (a day)");
        }
        if self.urgent_messages_max == 0 || self.urgent_messages_max > 1_000 {
            return wrong("urgent_messages_max", "must lie between 1 and 1000");
        }
        let addresses: usize = self.email.iter().map(|email| email.to.len()).sum();
        if addresses + self.webhook.len() + self.syslog.len() > RECIPIENTS_MAX {
            return wrong("email", "there are more than 100 recipients: use a mailing list");
        }
        if !(1..=366).contains(&self.maintenance_days_max) {
            return wrong("maintenance_days_max", "must lie between 1 and 366");
        }
        if !(1..=1_440).contains(&self.channel_failed_minutes) {
            return wrong("channel_failed_minutes", "must lie between 1 and 1440 (a day)");
        }
        let holidays = self.all_holidays()?;
        let smtp_timeout = self.smtp.as_ref().map(|smtp| smtp.timeout_seconds);
        let everybody: Vec<Common<'_>> = self.everybody().collect();
        for Common { kind, name, timeout, tell, times, role, section } in everybody.iter().copied() {
            if name.is_empty()
                || name.len() > 32
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            {
                let key = format!("{kind}.name");
                let reason = format!("{name:?} must be 1 to 32 letters, digits, - or _");
                return Err(ConfigError::new(key, reason));
            }
            let place = format!("{kind}.{name}");
            if tell.what.is_empty() {
                return wrong(&format!("{place}.tell.what"), "an empty list tells nothing");
            }
            if timeout.or(smtp_timeout).is_some_and(|seconds| !(1..=600).contains(&seconds)) {
                return wrong("timeout_seconds", "must lie between 1 and 600");
            }
            times.check(&place, kind == "email", &holidays)?;
            times::check_role(&place, role, section)?;
        }
        if let Some(reminders) = &self.reminders {
            reminders.check()?;
        }
        let known: Vec<_> = everybody.iter().map(|common| (common.name, common.role)).collect();
        for step in &self.escalation {
            step.check(&known)?;
        }
        let mut labels: Vec<String> = self.escalation.iter().map(Escalation::label).collect();
        labels.sort();
        labels.dedup();
        if labels.len() < self.escalation.len() {
            return wrong("escalation.after_hours", "each step needs its own number of hours");
        }
        Ok(())
    }

    /// Whoever is told, of each channel.
    fn everybody(&self) -> impl Iterator<Item = Common<'_>> {
        let emails = self.email.iter().map(|email| email.common());
        let webhooks = self.webhook.iter().map(|hook| hook.common());
        emails.chain(webhooks).chain(self.syslog.iter().map(|log| log.common()))
    }

    /// The dates of the configuration and of the file that it names.
    pub(super) fn all_holidays(&self) -> Result<Holidays, ConfigError> {
        let own = Holidays::new(self.holidays.iter().copied());
        let Some(file) = &self.holidays_file else { return Ok(own) };
        let wrong = |reason: String| {
            let reason = format!("the list of holidays {} cannot be used: {reason}", file.display());
            ConfigError::new("holidays_file", reason)
        };
        let length = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
        if length > HOLIDAYS_BYTES_MAX {
            return Err(wrong(format!("it has more than {HOLIDAYS_BYTES_MAX} bytes")));
        }
        let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        Ok(own.and(Holidays::read(&bytes).map_err(wrong)?))
    }
}

/// Bytes of a list of holidays: the Cabinet Office's has 21 KB.
const HOLIDAYS_BYTES_MAX: u64 = 1024 * 1024;

/// What recipients of every channel have in common.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) timeout: Option<u32>,
    pub(super) tell: &'a Filter,
    pub(super) times: &'a Times,
    pub(super) role: Option<Role>,
    pub(super) section: Option<&'a str>,
}

/// `[alerts.smtp]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The mail server's name, as in its certificate.
    pub server: String,
    /// Else 587 for `starttls`, 465 for `tls`, 25 for `none`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: SmtpSecurity,
    /// Allows `none` to a server that is not on this machine.
    #[serde(default)]
    pub plain: bool,
    /// The authority that signed the server's certificate (PEM); else the public ones.
    pub ca_file: Option<PathBuf>,
    /// The login's name; no login without it.
    pub user: Option<String>,
    /// The login's password: a file's absolute path, or the name of a systemd credential.
    pub password_file: Option<PathBuf>,
    /// The sender: `daicho@hospital.example` or `Daicho <daicho@hospital.example>`.
    pub from: String,
    /// How long one message may take, in seconds.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u32,
}

/// How a mail connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpSecurity {
    /// STARTTLS (RFC 3207), required: a server without it is refused.
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// Nothing.
    None,
}

/// `[[alerts.email]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// A short name of ours: `officer`.
    pub name: String,
    /// Mail addresses. Each gets a message of its own, so that one wrong address holds up nobody else.
    pub to: Vec<String>,
    /// What they are told.
    #[serde(default)]
    pub tell: Filter,
    /// When.
    #[serde(default)]
    pub times: Times,
    /// Who it is: what an escalation may name; a head of section is told of the section's devices alone.
    pub role: Option<Role>,
    /// Of a head of section: the section, as in the ledger's column 部署.
    pub section: Option<String>,
}

impl EmailConfig {
    pub(super) fn common(&self) -> Common<'_> {
        Common {
            kind: "email",
            name: &self.name,
            timeout: None,
            tell: &self.tell,
            times: &self.times,
            role: self.role,
            section: self.section.as_deref(),
        }
    }
}

/// `[[alerts.webhook]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// A short name of ours: `helpdesk`.
    pub name: String,
    /// Where the JSON is posted to.
    pub url: String,
    /// The key of the signature: a file's absolute path, or the name of a systemd credential.
    pub secret_file: PathBuf,
    /// Allows `http` to a server that is not on this machine.
    #[serde(default)]
    pub plain: bool,
    /// The authority that signed the server's certificate (PEM); else the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take, in seconds.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u32,
    /// What it is told.
    #[serde(default)]
    pub tell: Filter,
    /// When.
    #[serde(default)]
    pub times: Times,
    /// Who it is: what an escalation may name; a head of section is told of the section's devices alone.
    pub role: Option<Role>,
    /// Of a head of section: the section, as in the ledger's column 部署.
    pub section: Option<String>,
}

impl WebhookConfig {
    pub(super) fn common(&self) -> Common<'_> {
        Common {
            kind: "webhook",
            name: &self.name,
            timeout: Some(self.timeout_seconds),
            tell: &self.tell,
            times: &self.times,
            role: self.role,
            section: self.section.as_deref(),
        }
    }
}

/// `[[alerts.syslog]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// A short name of ours: `siem`.
    pub name: String,
    /// The syslog server's name.
    pub server: String,
    /// Else 514 for `udp` and `tcp`, 6514 for `tls`.
    pub port: Option<u16>,
    /// How lines travel.
    #[serde(default)]
    pub transport: SyslogTransport,
    /// The authority that signed the server's certificate (PEM): needed for `tls`.
    pub ca_file: Option<PathBuf>,
    /// The facility's number (RFC 5424, table 1): 13 is log audit, 16 to 23 are local0 to local7.
    #[serde(default = "facility")]
    pub facility: u8,
    /// The private enterprise number in the structured data's name. 32473 is the one that RFC 5612 reserves for
    /// documentation; a hospital that has its own puts it here.
    #[serde(default = "enterprise_number")]
    pub enterprise_number: u32,
    /// How long one delivery may take, in seconds.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u32,
    /// What it is told.
    #[serde(default)]
    pub tell: Filter,
    /// When.
    #[serde(default)]
    pub times: Times,
    /// Who it is: what an escalation may name; a head of section is told of the section's devices alone.
    pub role: Option<Role>,
    /// Of a head of section: the section, as in the ledger's column 部署.
    pub section: Option<String>,
}

impl SyslogConfig {
    pub(super) fn common(&self) -> Common<'_> {
        Common {
            kind: "syslog",
            name: &self.name,
            timeout: Some(self.timeout_seconds),
            tell: &self.tell,
            times: &self.times,
            role: self.role,
            section: self.section.as_deref(),
        }
    }
}

/// How syslog lines travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogTransport {
    /// One datagram a line (RFC 5426). Nobody answers: what is lost is lost.
    Udp,
    /// Octet counting (RFC 6587, section 3.4.1).
    #[default]
    Tcp,
    /// Octet counting over TLS (RFC 5425).
    Tls,
}

/// Which news a recipient is told. An empty list means all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Articles of the regulation.
    pub articles: Vec<u8>,
    /// The least severity.
    pub severity_min: Severity,
    /// The ledger's groups; a device that is in no group is in none of them.
    pub groups: Vec<String>,
    /// Device IDs. With `groups` or `sections` too, a device in any of them is meant.
    pub devices: Vec<String>,
    /// The ledger's departments (部署).
    pub sections: Vec<String>,
    /// What happened.
    pub what: Vec<StepKind>,
    /// Of a head of section: devices of no other section are meant, whatever the lists above say.
    #[serde(skip)]
    pub(super) own_section: Option<String>,
}

impl Default for Filter {
    fn default() -> Self {
        Filter {
            articles: Vec::new(),
            severity_min: Severity::Low,
            groups: Vec::new(),
            devices: Vec::new(),
            sections: Vec::new(),
            own_section: None,
            // An exception that ended leaves an open violation behind: as new to the officer as one that was opened.
            // So is a promised date that passed.
            what: vec![StepKind::Opened, StepKind::Reopened, StepKind::ExceptionEnded, StepKind::Overdue],
        }
    }
}

/// A mail server under load greets late and scans for viruses; RFC 5321 allows minutes, an alert cannot wait so long.
fn timeout_seconds() -> u32 {
    30
}

/// `local0`.
fn facility() -> u8 {
    16
}

fn enterprise_number() -> u32 {
    32_473
}

/// What is wrong with `[alerts]`: the key, and what it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("alerts.{key}: {reason}")]
pub struct ConfigError {
    /// The key, from `[alerts]` on.
    pub key: String,
    /// What is wrong and what to write instead.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        ConfigError { key: key.into(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
