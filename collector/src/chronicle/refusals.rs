//! Refused attempts on their way into the log: equal ones are counted, and there is a limit to the unequal ones.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::What;
use super::waiting::{Counted, Waiting};
use crate::identity::Role;

/// Different attempts that are kept until they are written: those of one minute. More are counted together: with 20 a
/// minute a year of knocking at the door costs some 3 GB, with a thousand it would fill the disk.
const DIFFERENT_MAX: usize = 20;

/// Who is named where nobody showed a certificate.
const NOBODY: &str = "?";

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// The person or endpoint; `None`: no certificate that is known here.
    pub who: Option<String>,
    /// Service and method.
    pub method: String,
    /// One of these roles would have been needed.
    pub needed: Vec<Role>,
    /// From which address, without its port.
    pub address: Option<String>,
}

/// The attempts that are not in the log yet.
#[derive(Debug, Default)]
pub struct Refusals {
    kept: Mutex<Kept>,
    /// There are some.
    pub(super) filled: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    attempts: Counted<Attempt>,
    more: u64,
}

impl Refusals {
    /// Notes an attempt.
    pub fn add(&self, attempt: Attempt) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.attempts.len() < DIFFERENT_MAX || kept.attempts.contains_key(&attempt) {
            *kept.attempts.entry(attempt).or_default() += 1;
        } else {
            kept.more += 1;
        }
        self.filled.notify_one();
    }

    /// Takes what was noted, as entries for the log of `at`.
    pub(super) fn take(&self, at: Timestamp) -> Vec<Waiting> {
        let Kept { attempts, more } =
            std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let mut entries: Vec<Waiting> = Vec::new();
        for (Attempt { who, method, needed, address }, times) in attempts {
            let what = What::Refused { method, needed, address, times };
            entries.push(Waiting { at, by: who.unwrap_or_else(|| NOBODY.to_owned()), what });
        }
        if more > 0 {
            let what =
                What::Refused { method: "*".to_owned(), needed: Vec::new(), address: None, times: more };
            entries.push(Waiting { at, by: NOBODY.to_owned(), what });
        }
        entries
    }
}
