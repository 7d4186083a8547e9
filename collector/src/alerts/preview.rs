//! Every text that alerts send, filled in as it would be now: so that nobody has to wait for a violation to read it.

use daicho_rules::articles::RULES;
use daicho_rules::rule::{Proof, Severity};
use daicho_rules::text::{Language, Text};
use daicho_rules::violation::{State, StepKind, Violation, key};
use jiff::{SignedDuration, Timestamp};

use super::channels::{Message, Occasion};
use super::ending::{Ending, EndingKind};
use super::letters::{Failing, Letter, Topic};
use super::{Outbox, daily_word, wording};
use crate::Collector;
use crate::shelves::Notice;
use crate::store::StoreError;

/// One text in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Of what: `news`, `daily_word`, ...
    pub occasion: &'static str,
    /// In which language.
    pub language: Language,
    /// The mail's subject.
    pub subject: String,
    /// The mail's text.
    pub body: String,
}

/// All of them. The daily word is today's; the violation of the others is an open one, or an invented one.
pub fn preview(collector: &Collector, outbox: &Outbox) -> Result<Vec<Preview>, StoreError> {
    let now = collector.clock.now();
    let open = |violation: &Violation| violation.state == State::Open;
    let violation = collector.shelves.violations()?.into_iter().find(open).unwrap_or_else(|| invented(now));
    let word = daily_word::look(collector, Vec::new(), Vec::new(), now)?;
    let mut previews = Vec::new();
    for message in messages(&violation, word, now) {
        for language in &outbox.languages {
            let languages = [*language];
            previews.push(Preview {
                occasion: message.occasion.name(),
                language: *language,
                subject: wording::subject(&message, &languages, &outbox.templates),
                body: wording::body(&message, &languages, &outbox.templates),
            });
        }
    }
    Ok(previews)
}

/// One message for each occasion.
pub(super) fn messages(violation: &Violation, word: daily_word::DailyWord, now: Timestamp) -> Vec<Message> {
    let notice = Notice { number: 0, at: now, what: StepKind::Opened, violation: violation.clone() };
    let letter = |topic: Topic, notices: Vec<Notice>| Letter::new("preview", topic, notices, now).message();
    let about = |topic: Topic| letter(topic, vec![notice.clone()]);
    let plain = |occasion: Occasion| Message { occasion, ..about(Topic::Reminder) };
    let failing = Failing {
        recipient: "officer/officer@hospital.example".to_owned(),
        since: now,
        reason: "mail.hospital.example:587: connection refused".to_owned(),
    };
    let ending = Ending {
        ends_at: now.checked_add(SignedDuration::from_hours(24 * 7)).unwrap_or(now),
        kind: EndingKind::Exception,
        name: "09.unsupported_os *".to_owned(),
        place: Some(violation.device.clone()),
    };
    vec![
        plain(Occasion::News),
        plain(Occasion::Start),
        Message::empty("preview".to_owned(), Occasion::Test { asked_by: "daicho".to_owned() }, now),
        about(Topic::Reminder),
        about(Topic::Escalation { after_hours: 4 }),
        about(Topic::MaintenanceOver),
        letter(Topic::Channels { failing: vec![failing], mended: Vec::new() }, Vec::new()),
        letter(Topic::Ending { endings: vec![ending], more: 0 }, Vec::new()),
        letter(Topic::DailyWord(Box::new(word)), Vec::new()),
    ]
}

/// Where nothing is open.
pub(super) fn invented(now: Timestamp) -> Violation {
    let rule = RULES.iter().find(|rule| rule.id == "08.retired_staff");
    let (rule, article) = rule.map_or(("08.retired_staff", 8), |rule| (rule.id, rule.article));
    Violation {
        key: key(rule, "SV-01", "tanaka"),
        rule: rule.to_owned(),
        article,
        device: "SV-01".to_owned(),
        subject: "tanaka".to_owned(),
        severity: Severity::High,
        state: State::Open,
        summary: Text::new(
            "（例）退職した職員のアカウント tanaka が有効なままです",
            "(example) the account tanaka of someone who retired is enabled",
        ),
        remedy: Text::new(
            "アカウントを無効にするか、職員の台帳を直してください",
            "disable the account, or correct the staff ledger",
        ),
        evidence: vec![Proof {
            fact: "accounts".to_owned(),
            field: "enabled".to_owned(),
            value: "true".to_owned(),
            source: Some("/etc/shadow".to_owned()),
            observed_at: Some(now),
            ledger_row: Some("職員:12".to_owned()),
        }],
        first_seen: now,
        last_seen: now,
        kind: daicho_rules::rule::Kind::Standing,
        occurred_at: None,
        exception: None,
        closed: None,
        treatment: Default::default(),
    }
}
