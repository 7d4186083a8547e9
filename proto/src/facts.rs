//! What can be seen on an endpoint. One file per subject: the type on top, the wire below.

pub mod accounts;
pub mod antivirus;
pub mod gap;
pub mod host;
pub mod look;
pub mod media;
pub mod media_scan;
pub mod packages;
pub mod services;
pub mod software;
pub mod updates;

pub use accounts::{Account, LastLogin, LoginState, Password, PasswordState};
pub use antivirus::Antivirus;
pub use gap::{Gap, GapCause};
pub use host::{Host, RestartKind, RestartReason};
pub use look::Look;
pub use media::{Medium, MediumAction, MediumEvent, MediumKind, MediumSeen, SerialDoubt};
pub use media_scan::{MediumScan, ScanState};
pub use packages::Package;
pub use services::{Service, ServiceManager, StartMode};
pub use software::Software;
pub use updates::{Update, Updates};

use serde::{Deserialize, Serialize};

/// The subjects of an inventory, named as in the observation document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Subject {
    Host,
    Accounts,
    Packages,
    Updates,
    Antivirus,
    Services,
    Software,
    Media,
}

impl Subject {
    /// All subjects, in the order of the observation document.
    pub const ALL: [Subject; 8] = [
        Subject::Host,
        Subject::Accounts,
        Subject::Packages,
        Subject::Updates,
        Subject::Antivirus,
        Subject::Services,
        Subject::Software,
        Subject::Media,
    ];

    /// The name in the observation document.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Host => "host",
            Subject::Accounts => "accounts",
            Subject::Packages => "packages",
            Subject::Updates => "updates",
            Subject::Antivirus => "antivirus",
            Subject::Services => "services",
            Subject::Software => "software",
            Subject::Media => "media",
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One thing seen. An inventory replaces what was known of its subject; an event adds to it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is named for its payload")]
pub enum Fact {
    Host(Look<Host>),
    Accounts(Look<Vec<Account>>),
    Packages(Look<Vec<Package>>),
    Updates(Look<Updates>),
    Antivirus(Look<Vec<Antivirus>>),
    Services(Look<Vec<Service>>),
    Software(Look<Vec<Software>>),
    Media(Look<Vec<Medium>>),
    MediumEvent(MediumEvent),
    Gap(Gap),
}

impl Fact {
    /// The subject that an inventory replaces; `None` for an event, which is evidence and never coalesced.
    pub fn inventory(&self) -> Option<Subject> {
        match self {
            Fact::Host(_) => Some(Subject::Host),
            Fact::Accounts(_) => Some(Subject::Accounts),
            Fact::Packages(_) => Some(Subject::Packages),
            Fact::Updates(_) => Some(Subject::Updates),
            Fact::Antivirus(_) => Some(Subject::Antivirus),
            Fact::Services(_) => Some(Subject::Services),
            Fact::Software(_) => Some(Subject::Software),
            Fact::Media(_) => Some(Subject::Media),
            Fact::MediumEvent(_) | Fact::Gap(_) => None,
        }
    }
}
