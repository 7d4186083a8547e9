//! What Windows Update remembers of an update, and what it means.

use daicho_proto::facts::Update;
use jiff::Timestamp;

/// Categories of Windows Update by their fixed identities, and whether such an update mends a vulnerability. One that is
/// none of these (a service pack) says nothing.
const CATEGORIES: &[(&str, bool)] = &[
    ("0fa1201d-4330-4fa8-8ae9-b877473b6441", true), // security updates
    ("e6cf1350-c01b-414d-a61f-263d14d133b4", false), // critical updates: grave, and not about security
    ("28bc880e-0592-4cbf-8f95-c79b17911d5f", false), // update rollups
    ("e0789628-ce08-4437-be74-2495b842f43b", false), // definitions, which 09.stale_patterns judges by their age
    ("b54e7d24-7add-428f-8b75-90a396fa584f", false), // feature packs
    ("b4832bd8-e735-4761-8daf-37f882276dab", false), // tools
    ("cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83", false), // updates
    ("ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0", false), // drivers
    ("3689bdc8-b205-4af4-8d4a-a63924c5e9d5", false), // upgrades to the next release
];

/// A date of COM's: days since 1899-12-30, here in UTC. 0 and what lies beyond all calendars are no time.
#[cfg(any(windows, test))]
pub(in super::super) fn ole_date(days: f64) -> Option<Timestamp> {
    /// From that day to 1970-01-01.
    const EPOCH: f64 = 25_569.0;
    if !days.is_finite() || days <= EPOCH {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a cast of floating point stops at the bounds")]
    let seconds = ((days - EPOCH) * 86_400.0).round() as i64;
    Timestamp::from_second(seconds).ok()
}

/// What Windows Update answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Answer {
    /// When it last searched with success; the list is of that time.
    pub(in super::super) searched_at: Option<Timestamp>,
    pub(in super::super) updates: Vec<Remembered>,
    /// How many it named beyond those.
    pub(in super::super) more: usize,
}

/// One update that it found and that is not installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Remembered {
    pub(in super::super) title: String,
    /// Numbers without `KB`.
    pub(in super::super) articles: Vec<String>,
    /// `Critical`, `Important`, ...; empty where it mends no vulnerability or nobody said.
    pub(in super::super) severity: String,
    /// Identities of its categories.
    pub(in super::super) categories: Vec<String>,
    /// Whether somebody hid it, so that it is not installed.
    pub(in super::super) hidden: bool,
}

impl Remembered {
    /// One entry for each article; the title where there is none.
    pub(super) fn told(&self, origin: &str) -> Vec<Update> {
        let names = match self.articles.as_slice() {
            [] => vec![self.title.clone()],
            articles => articles.iter().map(|article| format!("KB{article}")).collect(),
        };
        let severity = if self.is_rated() { format!(" [{}]", self.severity) } else { String::new() };
        let update = |name| Update {
            manager: "windows".to_owned(),
            name,
            available_version: self.build(),
            security: self.security(),
            origin: Some(format!("{origin}: {}{severity}", self.title)),
            held: self.hidden,
            ..Update::default()
        };
        names.into_iter().map(update).collect()
    }

    /// Whether its maker rated the vulnerability that it mends.
    fn is_rated(&self) -> bool {
        !self.severity.is_empty() && !self.severity.eq_ignore_ascii_case("Unspecified")
    }

    pub(super) fn security(&self) -> Option<bool> {
        if self.is_rated() {
            return Some(true);
        }
        let known = |identity: &String| {
            let (_, security) = CATEGORIES.iter().find(|(known, _)| identity.eq_ignore_ascii_case(known))?;
            Some(*security)
        };
        self.categories.iter().filter_map(known).max()
    }

    /// The build that a title ends with: `... (KB5058411) (26100.4061)`.
    fn build(&self) -> Option<String> {
        let (_, last) = self.title.trim_end().strip_suffix(')')?.rsplit_once('(')?;
        let (build, revision) = last.split_once('.')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(build) && is_number(revision)).then(|| last.to_owned())
    }
}
