//! Why an agent cannot keep what it sees: told with its reports, for then it sends no observations.

use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::wire;

/// What is wrong with the agent's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum SpoolTrouble {
    Full,
    ReadOnly,
    Missing,
    Failed,
}

impl SpoolTrouble {
    /// What the wire says; `None`: nothing is wrong.
    pub fn from_wire(wire: wire::SpoolTrouble) -> Option<Self> {
        match wire {
            wire::SpoolTrouble::Unspecified => None,
            wire::SpoolTrouble::Full => Some(SpoolTrouble::Full),
            wire::SpoolTrouble::ReadOnly => Some(SpoolTrouble::ReadOnly),
            wire::SpoolTrouble::Missing => Some(SpoolTrouble::Missing),
            wire::SpoolTrouble::Failed => Some(SpoolTrouble::Failed),
        }
    }

    /// For the wire.
    pub fn to_wire(self) -> wire::SpoolTrouble {
        match self {
            SpoolTrouble::Full => wire::SpoolTrouble::Full,
            SpoolTrouble::ReadOnly => wire::SpoolTrouble::ReadOnly,
            SpoolTrouble::Missing => wire::SpoolTrouble::Missing,
            SpoolTrouble::Failed => wire::SpoolTrouble::Failed,
        }
    }

    /// What that means, for people.
    pub fn text(self) -> Text {
        let (ja, en) = match self {
            SpoolTrouble::Full => (
                "端末のディスクに空きがありません。空きをつくってください",
                "its disk is full; make room on it",
            ),
            SpoolTrouble::ReadOnly => (
                "端末のディスクが読み取り専用になっています。書き込めるようにしてください",
                "its disk is read-only; make it writable",
            ),
            SpoolTrouble::Missing => (
                "端末のデータフォルダーがありません。元に戻してください",
                "its data folder is not there; put it back",
            ),
            SpoolTrouble::Failed => (
                "端末のディスクに書けません。ディスクの状態を確認してください",
                "its disk takes nothing; look at it",
            ),
        };
        Text::new(
            format!("エージェントが記録を保存できず、報告が止まっています。{ja}。"),
            format!("The agent cannot keep what it sees and reports nothing: {en}."),
        )
    }
}
