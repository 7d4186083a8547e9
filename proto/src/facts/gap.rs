//! Observations that were lost. That something is missing is itself a fact.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::{time, wire};

/// A hole in what the agent can prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many observations were given up.
    pub lost: u64,
    /// Why, in one sentence.
    pub reason: String,
    /// The oldest that was given up.
    pub since: Timestamp,
    /// The newest that was given up.
    pub until: Timestamp,
    /// Why, in one word.
    #[serde(default)]
    pub cause: GapCause,
    /// Whether there may have been more than `lost`.
    #[serde(default)]
    pub at_least: bool,
}

/// Why observations were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// An agent that does not say it in a word; its reason does.
    #[default]
    Unspecified,
    /// More waited than the spool may hold.
    Full,
    /// It waited for longer than the spool may keep it.
    TooOld,
    /// The disk took nothing, and the memory was full.
    Memory,
    /// Records were spoiled on the disk.
    Spoiled,
    /// The whole spool was unreadable and set aside.
    SetAside,
    /// The collector lacks what it had acknowledged.
    CollectorBehind,
    /// The agent is newer than the collector, which does not know what it tells.
    NewerAgent,
}

impl GapCause {
    /// In one word, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            GapCause::Unspecified => "unspecified",
            GapCause::Full => "full",
            GapCause::TooOld => "too_old",
            GapCause::Memory => "memory",
            GapCause::Spoiled => "spoiled",
            GapCause::SetAside => "set_aside",
            GapCause::CollectorBehind => "collector_behind",
            GapCause::NewerAgent => "newer_agent",
        }
    }
}

impl Gap {
    /// How many were lost, for people.
    pub fn count(&self) -> Text {
        let lost = self.lost;
        if self.at_least {
            Text::new(format!("少なくとも{lost}件"), format!("at least {lost}"))
        } else {
            Text::new(format!("{lost}件"), lost.to_string())
        }
    }

    /// Why they were lost, for people.
    pub fn why(&self) -> Text {
        let (ja, en) = match self.cause {
            GapCause::Unspecified => return Text::new(self.reason.clone(), self.reason.clone()),
            GapCause::Full => ("端末の送信待ちの記録がいっぱいになったため", "the agent's spool was full"),
            GapCause::TooOld => (
                "送信できないまま保存期間を過ぎたため",
                "they waited in the agent's spool for longer than it keeps them",
            ),
            GapCause::Memory => (
                "端末のディスクに書けず、メモリもいっぱいになったため",
                "the agent's disk took nothing and its memory was full",
            ),
            GapCause::Spoiled => (
                "端末のディスク上で送信待ちの記録の一部が壊れたため",
                "records of the agent's spool were spoiled on its disk",
            ),
            GapCause::SetAside => (
                "端末の送信待ちの記録全体が読めなくなったため",
                "the agent's spool could not be read and was set aside",
            ),
            GapCause::CollectorBehind => (
                "受け取ったはずの記録がコレクターにないため（バックアップからの復元など）",
                "the collector lacks what it had acknowledged, as after a restore",
            ),
            GapCause::NewerAgent => (
                "端末のエージェントがコレクターより新しく、内容を理解できないため（コレクターを更新してください）",
                "the agent is newer than the collector, which does not know what it tells; upgrade the collector",
            ),
        };
        Text::new(ja.to_owned(), en.to_owned())
    }
}

// === the wire ===

impl From<wire::Gap> for Gap {
    fn from(wire: wire::Gap) -> Self {
        let cause = match wire.cause() {
            wire::GapCause::Unspecified => GapCause::Unspecified,
            wire::GapCause::Full => GapCause::Full,
            wire::GapCause::TooOld => GapCause::TooOld,
            wire::GapCause::Memory => GapCause::Memory,
            wire::GapCause::Spoiled => GapCause::Spoiled,
            wire::GapCause::SetAside => GapCause::SetAside,
            wire::GapCause::CollectorBehind => GapCause::CollectorBehind,
            wire::GapCause::NewerAgent => GapCause::NewerAgent,
        };
        Gap {
            cause,
            at_least: wire.at_least,
            lost: wire.lost,
            reason: wire.reason,
            since: time::from_wire(wire.since_us),
            until: time::from_wire(wire.until_us),
        }
    }
}

impl From<Gap> for wire::Gap {
    fn from(gap: Gap) -> Self {
        let cause = match gap.cause {
            GapCause::Unspecified => wire::GapCause::Unspecified,
            GapCause::Full => wire::GapCause::Full,
            GapCause::TooOld => wire::GapCause::TooOld,
            GapCause::Memory => wire::GapCause::Memory,
            GapCause::Spoiled => wire::GapCause::Spoiled,
            GapCause::SetAside => wire::GapCause::SetAside,
            GapCause::CollectorBehind => wire::GapCause::CollectorBehind,
            GapCause::NewerAgent => wire::GapCause::NewerAgent,
        };
        wire::Gap {
            lost: gap.lost,
            reason: gap.reason,
            since_us: time::to_wire(gap.since),
            until_us: time::to_wire(gap.until),
            cause: cause.into(),
            at_least: gap.at_least,
        }
    }
}
