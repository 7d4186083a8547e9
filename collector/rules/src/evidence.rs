//! All that a rule may look at: one device's record, its ledger row, the whole ledger, and the time.

use daicho_proto::facts::{
    Account, Antivirus, Host, Look, Medium, Package, Service, Software, Subject, Updates,
};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ledger::{Device, Ledger};
use crate::linking::Surroundings;
use crate::record::{EndpointRecord, Held};
use crate::rule::{Assessment, Proof, Setting, Unknown};
use crate::text::Text;

/// The evidence on one device. A listed device without endpoint has no record; an unlisted endpoint has no row.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What its endpoint was seen to be; `None`: no endpoint is linked to it.
    pub record: Option<&'a EndpointRecord>,
    /// Its row in the ledger; `None`: it is not listed.
    pub device: Option<&'a Device>,
    /// What the hospital decided.
    pub ledger: &'a Ledger,
    /// Now, by the collector's clock.
    pub now: Timestamp,
    /// What the other machines tell of this one; [`Surroundings::ALONE`] where nothing is known of them.
    pub surroundings: &'a Surroundings,
}

/// What was seen of one subject. `finish` adds what the look could not read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a, T> {
    pub(crate) value: &'a T,
    pub(crate) observed_at: Timestamp,
    subject: Subject,
    problems: &'a [String],
}

impl<'a> Evidence<'a> {
    /// Today in Japan: the day on which the ledger's dates are meant.
    pub fn today(&self) -> Date {
        daicho_proto::time::japanese_date(self.now)
    }

    /// Days in Japan's calendar from `at` to today.
    pub fn days_since(&self, at: Timestamp) -> i64 {
        days_between(daicho_proto::time::japanese_date(at), self.today())
    }

    /// A limit as the hospital decided it, and the row that says so, where there is one.
    pub(crate) fn limit(&self, setting: &Setting) -> (i64, Option<Proof>) {
        let row = self.ledger.settings.iter().find(|row| row.key == setting.key);
        let proof = row.map(|row| Proof::ledger(setting.key, row.value.to_string(), &row.row));
        (self.ledger.setting(setting), proof)
    }

    pub(crate) fn host(&self) -> Result<Seen<'a, Host>, Text> {
        self.seen(Subject::Host, |record| &record.host)
    }

    pub(crate) fn accounts(&self) -> Result<Seen<'a, Vec<Account>>, Text> {
        self.seen(Subject::Accounts, |record| &record.accounts)
    }

    pub(crate) fn packages(&self) -> Result<Seen<'a, Vec<Package>>, Text> {
        self.seen(Subject::Packages, |record| &record.packages)
    }

    pub(crate) fn updates(&self) -> Result<Seen<'a, Updates>, Text> {
        self.seen(Subject::Updates, |record| &record.updates)
    }

    pub(crate) fn antivirus(&self) -> Result<Seen<'a, Vec<Antivirus>>, Text> {
        self.seen(Subject::Antivirus, |record| &record.antivirus)
    }

    pub(crate) fn services(&self) -> Result<Seen<'a, Vec<Service>>, Text> {
        self.seen(Subject::Services, |record| &record.services)
    }

    pub(crate) fn software(&self) -> Result<Seen<'a, Vec<Software>>, Text> {
        self.seen(Subject::Software, |record| &record.software)
    }

    pub(crate) fn media(&self) -> Result<Seen<'a, Vec<Medium>>, Text> {
        self.seen(Subject::Media, |record| &record.media)
    }

    fn seen<T>(
        &self,
        subject: Subject,
        held: impl Fn(&'a EndpointRecord) -> &'a Option<Held<T>>,
    ) -> Result<Seen<'a, T>, Text> {
        let (ja, en) = names(subject);
        let Some(record) = self.record else {
            return Err(no_agent());
        };
        let Some(held) = held(record) else {
            return Err(Text::new(
                format!("{ja}がまだ報告されていません。"),
                format!("The {en} have not been reported yet."),
            ));
        };
        match &held.look {
            Look::Seen { value, problems } => {
                Ok(Seen { value, observed_at: held.observed_at, subject, problems })
            }
            Look::Unreadable { problems } => Err(Text::new(
                format!("{ja}を読み取れませんでした。{}", listed(problems)),
                format!("The {en} could not be read. {}", listed(problems)),
            )),
            Look::Unsupported => Err(Text::new(
                format!("この機器では{ja}を調べる方法がありません。"),
                format!("There is no way to tell the {en} of this device."),
            )),
        }
    }
}

impl<T> Seen<'_, T> {
    /// Whether every source was read: only then is what is absent known to be absent.
    pub(crate) fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }

    /// The same assessment, with a doubt about the whole device where some source could not be read.
    pub(crate) fn finish(&self, mut assessment: Assessment) -> Assessment {
        if !self.problems.is_empty() {
            let (ja, en) = names(self.subject);
            assessment.unknowns.push(Unknown {
                subject: None,
                reason: Text::new(
                    format!("{ja}の一部を読み取れませんでした。{}", listed(self.problems)),
                    format!("Not all of the {en} could be read. {}", listed(self.problems)),
                ),
            });
        }
        assessment
    }
}

/// Why nothing can be told of a device from which no agent reports: nobody measured it.
pub fn no_agent() -> Text {
    Text::new(
        "この機器からはエージェントの報告がなく、状態がわかりません。",
        "No agent reports from this device, so its state is not known.",
    )
}

/// Days from one date to another.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

/// The problems of a look that a sentence shows; the rest is in the record.
const PROBLEMS_SHOWN_MAX: usize = 3;

fn listed(problems: &[String]) -> String {
    let shown: Vec<&str> = problems.iter().take(PROBLEMS_SHOWN_MAX).map(String::as_str).collect();
    let more = problems.len().saturating_sub(PROBLEMS_SHOWN_MAX);
    let rest = if more > 0 { format!(" (+{more})") } else { String::new() };
    if shown.is_empty() { String::new() } else { format!("({}{rest})", shown.join("; ")) }
}

fn names(subject: Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::Host => ("機器の情報", "facts about the machine itself"),
        Subject::Accounts => ("アカウントの一覧", "accounts"),
        Subject::Packages => ("パッケージの一覧", "packages"),
        Subject::Updates => ("未適用の更新の一覧", "pending updates"),
        Subject::Antivirus => ("ウイルス対策ソフトの状態", "antivirus products"),
        Subject::Services => ("サービスの一覧", "services"),
        Subject::Software => ("ソフトウェアの一覧", "programs"),
        Subject::Media => ("外部記録媒体の一覧", "external media"),
    }
}
