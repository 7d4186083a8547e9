//! What people do about a violation: whom they asked (Article 13(2)), and by when it is to be corrected.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Accepted, State};

/// What people do about a violation. Its fields stand beside those of the violation in JSON; none is in contract 4.4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treatment {
    /// How far they are, in one word; finer than [`State`].
    #[serde(default)]
    pub stage: Stage,
    /// The views of those who were consulted since it was opened, one for each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<View>,
    /// By when it is to be corrected, and who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// What an exception accepted: with other facts it no longer covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
}

/// How far people are with a violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody said a word yet.
    #[default]
    Found,
    /// Somebody works on it.
    Acknowledged,
    /// One of the two that Article 13(2) names has given a view.
    Consulting,
    /// The head of section and the officer have both given a view.
    Consulted,
    /// It is to be corrected by a date.
    ToBeCorrected,
    /// That date has passed.
    Overdue,
    /// An exception covers it.
    Excepted,
    /// It has ended.
    Resolved,
}

/// Whom Article 13(2) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// 所属長, the head of the section whose device it is.
    SectionHead,
    /// 医療情報システム安全管理責任者.
    Officer,
}

/// The view of somebody who was consulted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// As whom.
    pub role: Asked,
    /// Who.
    pub by: String,
    /// Of which section, of a head of section.
    pub section: Option<String>,
    /// What was said.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// By when a violation is to be corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The last day, in Japan's calendar.
    pub due_on: Date,
    /// Who does it.
    pub who: String,
    /// What is to be done.
    pub note: Option<String>,
    /// Who decided so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether it was told that the day has passed.
    #[serde(default)]
    pub overdue: bool,
}

impl Treatment {
    /// Whether the head of section and the officer have both given a view.
    pub fn is_consulted(&self) -> bool {
        [Asked::SectionHead, Asked::Officer]
            .iter()
            .all(|role| self.views.iter().any(|view| view.role == *role))
    }

    pub(super) fn stage_in(&self, state: State) -> Stage {
        match (state, &self.correction) {
            (State::Resolved, _) => Stage::Resolved,
            (State::Excepted, _) => Stage::Excepted,
            (_, Some(correction)) if correction.overdue => Stage::Overdue,
            (_, Some(_)) => Stage::ToBeCorrected,
            (_, None) if self.is_consulted() => Stage::Consulted,
            (_, None) if !self.views.is_empty() => Stage::Consulting,
            (State::Acknowledged, None) => Stage::Acknowledged,
            (State::Open, None) => Stage::Found,
        }
    }
}
