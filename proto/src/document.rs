//! The observation document `daicho.observation/1`: one whole look at a machine, as JSON for people and for offline judging.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::{
    Account, Antivirus, Fact, Host, Look, Medium, Package, Service, Software, Subject, Update, Updates,
};

/// The value of `schema`.
pub const SCHEMA: &str = "daicho.observation/1";

/// One look at a machine. A subject that is `null` was not seen: `unsupported` or `problems` tells why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When the look began, UTC.
    pub observed_at: Timestamp,
    /// The machine.
    #[serde(default)]
    pub host: Option<Host>,
    /// Its accounts.
    #[serde(default)]
    pub accounts: Option<Vec<Account>>,
    /// Its packages.
    #[serde(default)]
    pub packages: Option<Vec<Package>>,
    /// Its pending updates.
    #[serde(default)]
    pub updates: Option<Vec<Update>>,
    /// When the package lists behind `updates` were last fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates_as_of: Option<Timestamp>,
    /// Its packages that no package list offers: their updates cannot be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates_unlisted: Vec<Package>,
    /// Its antivirus products.
    #[serde(default)]
    pub antivirus: Option<Vec<Antivirus>>,
    /// Its services.
    #[serde(default)]
    pub services: Option<Vec<Service>>,
    /// Its programs.
    #[serde(default)]
    pub software: Option<Vec<Software>>,
    /// Its media.
    #[serde(default)]
    pub media: Option<Vec<Medium>>,
    /// Subjects that this platform has no way to tell.
    #[serde(default)]
    pub unsupported: Vec<Subject>,
    /// Sources that could not be read.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// A source that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The subject that may be incomplete for it.
    pub fact: Subject,
    /// What was tried and what happened, in one sentence.
    pub message: String,
}

impl Document {
    /// A document of these inventories; events have no place in it.
    pub fn from_facts(observed_at: Timestamp, facts: impl IntoIterator<Item = Fact>) -> Self {
        let mut document = Document {
            schema: SCHEMA.to_owned(),
            observed_at,
            host: None,
            accounts: None,
            packages: None,
            updates: None,
            updates_as_of: None,
            updates_unlisted: Vec::new(),
            antivirus: None,
            services: None,
            software: None,
            media: None,
            unsupported: Vec::new(),
            problems: Vec::new(),
        };
        for fact in facts {
            match fact {
                Fact::Host(look) => document.host = document.unwrap(Subject::Host, look),
                Fact::Accounts(look) => document.accounts = document.unwrap(Subject::Accounts, look),
                Fact::Packages(look) => document.packages = document.unwrap(Subject::Packages, look),
                Fact::Updates(look) => {
                    let updates = document.unwrap(Subject::Updates, look);
                    document.updates_as_of = updates.as_ref().and_then(|updates| updates.as_of);
                    (document.updates, document.updates_unlisted) = updates
                        .map_or_else(Default::default, |updates| (Some(updates.pending), updates.unlisted));
                }
                Fact::Antivirus(look) => document.antivirus = document.unwrap(Subject::Antivirus, look),
                Fact::Services(look) => document.services = document.unwrap(Subject::Services, look),
                Fact::Software(look) => document.software = document.unwrap(Subject::Software, look),
                Fact::Media(look) => document.media = document.unwrap(Subject::Media, look),
                Fact::MediumEvent(_) | Fact::Gap(_) => {}
            }
        }
        document
    }

    /// The inventories of this document, one for each subject.
    pub fn into_facts(self) -> Vec<Fact> {
        let (as_of, unlisted) = (self.updates_as_of, self.updates_unlisted);
        let unsupported = self.unsupported;
        let problems = self.problems;
        let context = |subject| {
            let told = problems.iter().filter(|problem| problem.fact == subject);
            let told: Vec<String> = told.map(|problem| problem.message.clone()).collect();
            (unsupported.contains(&subject), told)
        };
        fn look<T>((unsupported, problems): (bool, Vec<String>), value: Option<T>) -> Look<T> {
            match value {
                _ if unsupported => Look::Unsupported,
                Some(value) => Look::Seen { value, problems },
                None => Look::Unreadable { problems },
            }
        }
        vec![
            Fact::Host(look(context(Subject::Host), self.host)),
            Fact::Accounts(look(context(Subject::Accounts), self.accounts)),
            Fact::Packages(look(context(Subject::Packages), self.packages)),
            Fact::Updates(look(
                context(Subject::Updates),
                self.updates.map(|pending| Updates { as_of, pending, unlisted }),
            )),
            Fact::Antivirus(look(context(Subject::Antivirus), self.antivirus)),
            Fact::Services(look(context(Subject::Services), self.services)),
            Fact::Software(look(context(Subject::Software), self.software)),
            Fact::Media(look(context(Subject::Media), self.media)),
        ]
    }

    fn unwrap<T>(&mut self, subject: Subject, look: Look<T>) -> Option<T> {
        let problems = look.problems().iter().cloned();
        self.problems.extend(problems.map(|message| Problem { fact: subject, message }));
        match look {
            Look::Seen { value, .. } => Some(value),
            Look::Unreadable { .. } => None,
            Look::Unsupported => {
                self.unsupported.push(subject);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_survives_the_way_to_facts_and_back() {
        let facts = vec![
            Fact::Host(Look::complete(Host { hostname: Some("sv01".to_owned()), ..Host::default() })),
            Fact::Accounts(Look::Seen {
                value: vec![Account { name: "tanaka".to_owned(), ..Account::default() }],
                problems: vec!["lastlog could not be read".to_owned()],
            }),
            Fact::Packages(Look::Unreadable { problems: vec!["dpkg status is cut off".to_owned()] }),
            Fact::Updates(Look::complete(Updates {
                as_of: Some(Timestamp::UNIX_EPOCH),
                pending: vec![],
                unlisted: vec![Package { name: "viewer".to_owned(), held: true, ..Package::default() }],
            })),
            Fact::Antivirus(Look::Unsupported),
            Fact::Services(Look::complete(vec![])),
            Fact::Software(Look::complete(vec![])),
            Fact::Media(Look::complete(vec![Medium::default()])),
        ];
        let document = Document::from_facts(Timestamp::UNIX_EPOCH, facts.clone());
        let text = serde_json::to_string(&document).unwrap();
        let again: Document = serde_json::from_str(&text).unwrap();
        assert_eq!(again.into_facts(), facts);
    }

    #[test]
    fn silence_is_not_compliance() {
        let text = r#"{"schema":"daicho.observation/1","observed_at":"2026-11-22T00:00:00Z"}"#;
        let document: Document = serde_json::from_str(text).unwrap();
        assert!(document.into_facts().iter().all(|fact| match fact {
            Fact::Accounts(look) => look.value().is_none(),
            Fact::Media(look) => look.value().is_none(),
            _ => true,
        }));
    }
}
