//! One syslog line (RFC 5424): `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD] BOM MSG`.

use daicho_rules::rule::Severity;
use daicho_rules::text::Language;
use daicho_rules::violation::StepKind;
use jiff::Timestamp;

use super::super::super::config::SyslogTransport;
use super::super::super::letters::Topic;
use super::super::super::templates::Templates;
use super::super::super::wording;
use super::super::{Message, Occasion};
use crate::shelves::Notice;

/// What every receiver should take in a datagram (RFC 5426, 3.2).
const UDP_BYTES_MAX: usize = 2_048;
/// What common receivers take in a frame (RFC 5425, 4.3.1: should be 8192).
const FRAME_BYTES_MAX: usize = 8_192;
/// Characters of one value: with its escapes all of them leave room for the sentence in a datagram.
const VALUE_CHARACTERS_MAX: usize = 128;
/// Bytes of one value, escaped.
const VALUE_BYTES_MAX: usize = 300;

/// How this server's lines look.
pub(super) struct Format {
    facility: u8,
    enterprise_number: u32,
    hostname: String,
    process: u32,
    bytes_max: usize,
}

impl Format {
    pub(super) fn new(facility: u8, enterprise_number: u32, transport: SyslogTransport) -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let bytes_max = match transport {
            SyslogTransport::Udp => UDP_BYTES_MAX,
            SyslogTransport::Tcp | SyslogTransport::Tls => FRAME_BYTES_MAX,
        };
        Format {
            facility,
            enterprise_number,
            hostname: header_field(&name, 255),
            process: std::process::id(),
            bytes_max,
        }
    }

    /// One line for each notice; one for a test; one that says how many are not told.
    pub(super) fn lines(&self, message: &Message, languages: &[Language]) -> Vec<Vec<u8>> {
        let mut lines: Vec<Vec<u8>> =
            message.notices.iter().map(|notice| self.notice(message, notice, languages)).collect();
        if let Occasion::Test { asked_by } = &message.occasion {
            let data = self.data(&[("id", &message.id), ("asked_by", asked_by)]);
            let text = both(
                languages,
                "台帳（Daicho）の試験送信です。対応は不要です",
                "Test of Daicho, nothing to do",
            );
            lines.push(self.line(INFORMATIONAL, message.at, "test", &data, &text));
        }
        if let Occasion::Letter(topic) = &message.occasion {
            let data = self.data(&[("id", &message.id)]);
            let ours = Templates::default();
            let say = |language| wording::subject(message, &[language], &ours);
            let text = both(languages, &say(Language::Japanese), &say(Language::English));
            let level = if matches!(topic, Topic::DailyWord(_)) { INFORMATIONAL } else { WARNING };
            lines.insert(0, self.line(level, message.at, topic.name(), &data, &text));
        }
        if message.occasion == Occasion::Start && message.more > 0 {
            let more = message.more.to_string();
            let data = self.data(&[("id", &message.id), ("more", &more)]);
            let ja = format!("このほかに未解決の違反が {more} 件あります（daicho violations）");
            let en = format!("{more} more violations are open (daicho violations)");
            lines.push(self.line(WARNING, message.at, "more", &data, &both(languages, &ja, &en)));
        }
        lines
    }

    fn notice(&self, message: &Message, notice: &Notice, languages: &[Language]) -> Vec<u8> {
        let violation = &notice.violation;
        let (number, article) = (notice.number.to_string(), violation.article.to_string());
        let identity =
            if notice.number > 0 { ("notice", number.as_str()) } else { ("id", message.id.as_str()) };
        let data = self.data(&[
            identity,
            ("rule", &violation.rule),
            ("article", &article),
            ("device", &violation.device),
            ("subject", &violation.subject),
            ("severity", name(violation.severity)),
            ("key", &violation.key),
        ]);
        let level = match (notice.what, violation.severity) {
            (StepKind::Resolved | StepKind::Closed | StepKind::Excepted | StepKind::Acknowledged, _) => {
                NOTICE
            }
            (_, Severity::High) => CRITICAL,
            (_, Severity::Medium) => WARNING,
            (_, Severity::Low) => NOTICE,
        };
        let sentence = |japanese: bool| {
            let summary = if japanese { &violation.summary.ja } else { &violation.summary.en };
            let what = wording::what(notice.what, japanese);
            if japanese {
                format!("第{article}条 [{what}] {}: {summary}", violation.device)
            } else {
                format!("Article {article} [{what}] {}: {summary}", violation.device)
            }
        };
        let text = both(languages, &sentence(true), &sentence(false));
        self.line(level, notice.at, identifier(notice.what), &data, &text)
    }

    /// `[daicho@32473 name="value" ...]`
    fn data(&self, parameters: &[(&str, &str)]) -> String {
        let mut data = format!("[daicho@{}", self.enterprise_number);
        for (name, value) in parameters {
            data.push_str(&format!(" {name}=\"{}\"", escaped(value)));
        }
        data.push(']');
        data
    }

    fn line(&self, level: u8, at: Timestamp, identifier: &str, data: &str, text: &str) -> Vec<u8> {
        let priority = u16::from(self.facility) * 8 + u16::from(level);
        // Six digits of a second at most (RFC 5424, 6.2.3).
        let at = at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
        let mut line = format!(
            "<{priority}>1 {at} {} daicho-collector {} {identifier} {data} \u{FEFF}",
            self.hostname, self.process,
        );
        line.push_str(&wording::plain(text, usize::MAX));
        truncate(&mut line, self.bytes_max);
        line.into_bytes()
    }
}

// Severities of RFC 5424, table 2.
const CRITICAL: u8 = 2;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// The message's type, for filters (MSGID).
fn identifier(what: StepKind) -> &'static str {
    match what {
        StepKind::Opened => "opened",
        StepKind::Changed => "changed",
        StepKind::Resolved => "resolved",
        StepKind::Reopened => "reopened",
        StepKind::Acknowledged => "acknowledged",
        StepKind::Excepted => "excepted",
        StepKind::ExceptionEnded => "exception_ended",
        StepKind::Closed => "closed",
        StepKind::Consulted => "consulted",
        StepKind::ToBeCorrected => "to_be_corrected",
        StepKind::Overdue => "overdue",
    }
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

/// The languages after each other.
fn both(languages: &[Language], ja: &str, en: &str) -> String {
    let one = |language: &Language| match language {
        Language::Japanese => ja,
        Language::English => en,
    };
    languages.iter().map(one).collect::<Vec<_>>().join(" / ")
}

/// A header field: printable ASCII without space; `-` where there is nothing (NILVALUE).
fn header_field(text: &str, most: usize) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

/// A parameter's value: `"`, `\` and `]` escaped (RFC 5424, 6.3.3), no character that is obeyed, bounded.
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for c in wording::plain(value, VALUE_CHARACTERS_MAX).chars() {
        if escaped.len() + 1 + c.len_utf8() > VALUE_BYTES_MAX {
            break;
        }
        if matches!(c, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Shortens to whole characters, with a mark.
fn truncate(line: &mut String, most: usize) {
    const MARK: char = '…';
    if line.len() <= most {
        return;
    }
    let mut end = most - MARK.len_utf8();
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push(MARK);
}

#[cfg(test)]
mod tests;
