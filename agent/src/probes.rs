//! What the agent looks at, and how often. A probe that is written and not listed fails the house's own test.

use std::time::Duration;

use daicho_proto::facts::{Fact, Look, Subject};

use crate::platform::Platform;

/// One subject's look.
#[derive(Clone, Copy)]
pub struct Probe {
    /// What it looks at.
    pub subject: Subject,
    /// How long at most between two looks; a change wakes it earlier.
    pub cadence: Duration,
    /// Looks once.
    pub look: fn(&dyn Platform) -> Fact,
}

/// Every probe, in the order of the observation document.
pub static PROBES: &[Probe] = &[
    Probe { subject: Subject::Host, cadence: HOUR, look: |platform| Fact::Host(platform.host()) },
    Probe { subject: Subject::Accounts, cadence: HOUR, look: |platform| Fact::Accounts(platform.accounts()) },
    Probe { subject: Subject::Packages, cadence: HOUR, look: |platform| Fact::Packages(platform.packages()) },
    Probe { subject: Subject::Updates, cadence: HOUR, look: |platform| Fact::Updates(platform.updates()) },
    Probe {
        subject: Subject::Antivirus,
        cadence: HOUR,
        look: |platform| Fact::Antivirus(platform.antivirus()),
    },
    Probe {
        subject: Subject::Services,
        cadence: QUARTER,
        look: |platform| Fact::Services(platform.services()),
    },
    Probe { subject: Subject::Software, cadence: HOUR, look: |platform| Fact::Software(platform.software()) },
    Probe { subject: Subject::Media, cadence: QUARTER, look: |platform| Fact::Media(platform.media()) },
];

/// A look at `subject` that saw nothing, and why.
pub fn unreadable(subject: Subject, sentence: String) -> Fact {
    let problems = vec![sentence];
    match subject {
        Subject::Host => Fact::Host(Look::Unreadable { problems }),
        Subject::Accounts => Fact::Accounts(Look::Unreadable { problems }),
        Subject::Packages => Fact::Packages(Look::Unreadable { problems }),
        Subject::Updates => Fact::Updates(Look::Unreadable { problems }),
        Subject::Antivirus => Fact::Antivirus(Look::Unreadable { problems }),
        Subject::Services => Fact::Services(Look::Unreadable { problems }),
        Subject::Software => Fact::Software(Look::Unreadable { problems }),
        Subject::Media => Fact::Media(Look::Unreadable { problems }),
    }
}

/// Files change with a notice: the hour is for what the notices miss.
const HOUR: Duration = Duration::from_secs(3600);

/// Processes and sockets change without a notice.
const QUARTER: Duration = Duration::from_secs(900);
