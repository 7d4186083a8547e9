//! How a look at one subject went. Silence is not compliance: "not seen" has three different reasons.

use serde::{Deserialize, Serialize};

use crate::wire;

/// The outcome of looking at one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look<T> {
    /// What was seen. `problems` not empty: some source could not be read, so what is absent may only be unseen.
    Seen {
        /// What was seen.
        value: T,
        /// One sentence for each source that could not be read in full.
        problems: Vec<String>,
    },
    /// The sources exist and could not be read.
    Unreadable {
        /// One sentence for each source.
        problems: Vec<String>,
    },
    /// This platform has no way to tell.
    Unsupported,
}

impl<T> Look<T> {
    /// Everything was read.
    pub fn complete(value: T) -> Self {
        Look::Seen { value, problems: Vec::new() }
    }

    /// What was seen, if anything.
    pub fn value(&self) -> Option<&T> {
        match self {
            Look::Seen { value, .. } => Some(value),
            Look::Unreadable { .. } | Look::Unsupported => None,
        }
    }

    /// Whether every source was read: only then is what is absent known to be absent.
    pub fn is_complete(&self) -> bool {
        matches!(self, Look::Seen { problems, .. } if problems.is_empty())
    }

    /// What went wrong, one sentence each.
    pub fn problems(&self) -> &[String] {
        match self {
            Look::Seen { problems, .. } | Look::Unreadable { problems } => problems,
            Look::Unsupported => &[],
        }
    }

    /// The same outcome around another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Look::Seen { value, problems } => Look::Seen { value: change(value), problems },
            Look::Unreadable { problems } => Look::Unreadable { problems },
            Look::Unsupported => Look::Unsupported,
        }
    }
}

// === the wire ===

/// A look that does not say how it went.
#[derive(Debug, thiserror::Error)]
#[error("look outcome {0} says nothing")]
pub struct UnknownOutcome(i32);

impl<T> Look<T> {
    pub(crate) fn from_wire(
        outcome: i32,
        problems: Vec<String>,
        value: impl FnOnce() -> Result<T, crate::observation::Malformed>,
    ) -> Result<Self, crate::observation::Malformed> {
        let mut problems = problems;
        match wire::Outcome::try_from(outcome) {
            Ok(wire::Outcome::Seen) => Ok(Look::Seen { value: value()?, problems }),
            Ok(wire::Outcome::Unreadable) => Ok(Look::Unreadable { problems }),
            Ok(wire::Outcome::Unsupported) => Ok(Look::Unsupported),
            Ok(wire::Outcome::Unspecified) => Err(UnknownOutcome(outcome).into()),
            // A newer agent's word: whatever it means, nothing was told that we can judge by.
            Err(_) => {
                problems.push(format!("its outcome {outcome} is not known to this version"));
                Ok(Look::Unreadable { problems })
            }
        }
    }

    /// Outcome, problems and value, as the wire has them apart.
    pub(crate) fn into_wire(self) -> (i32, Vec<String>, Option<T>) {
        match self {
            Look::Seen { value, problems } => (wire::Outcome::Seen.into(), problems, Some(value)),
            Look::Unreadable { problems } => (wire::Outcome::Unreadable.into(), problems, None),
            Look::Unsupported => (wire::Outcome::Unsupported.into(), Vec::new(), None),
        }
    }
}
