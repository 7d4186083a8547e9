//! What changed in the ledger since the version that a workbook was made from: who, when, which rows.

use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;

use super::LedgerVersion;
use crate::bookkeeping::difference::{Change, ChangeKind, differences};
use crate::bookkeeping::plan;
use crate::shelves::Shelves;
use crate::store::StoreError;

/// Versions that are told with their rows, the newest: more are counted. Each costs reading a whole ledger.
const VERSIONS_TOLD_MAX: usize = 5;

/// Characters of the list of versions and rows: the sentence travels in a header of HTTP/2, in both languages and with
/// three or nine bytes a character, and 16 KiB is what a client takes.
const LIST_CHARACTERS_MAX: usize = 350;

/// Characters of one name that a person wrote.
const NAME_CHARACTERS_MAX: usize = 30;

/// The versions after the one that was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meanwhile {
    /// The version that was edited.
    pub based_on: u64,
    /// The current version.
    pub newest: LedgerVersion,
    /// The newest of those between, oldest first, with what each changed; nothing where the store has no longer both.
    pub steps: Vec<(LedgerVersion, Option<Vec<Change>>)>,
    /// How many older ones are not among them.
    pub untold: usize,
}

impl Meanwhile {
    /// What came after `based_on`, by anybody: two workbooks of one person undo each other as those of two people do.
    pub(super) fn since(
        shelves: &Shelves,
        versions: &[LedgerVersion],
        based_on: Option<u64>,
        current: &Ledger,
    ) -> Result<Option<Self>, StoreError> {
        let Some(based_on) = based_on else { return Ok(None) };
        let newer: Vec<&LedgerVersion> = versions.iter().filter(|known| known.number > based_on).collect();
        let Some(newest) = newer.last() else { return Ok(None) };
        let untold = newer.len().saturating_sub(VERSIONS_TOLD_MAX);
        let mut steps = Vec::new();
        let mut after = Some(current.clone());
        for version in newer.iter().skip(untold).rev() {
            let before = match version.number.checked_sub(1) {
                Some(number) => shelves.ledger(number)?,
                None => None,
            };
            let changes = before.as_ref().zip(after.as_ref()).map(|(old, new)| differences(old, new));
            steps.push(((*version).clone(), changes));
            after = before;
        }
        steps.reverse();
        Ok(Some(Meanwhile { based_on, newest: (*newest).clone(), steps, untold }))
    }

    /// What to say: who changed which rows, and what to do.
    pub fn text(&self) -> Text {
        let Meanwhile { based_on, newest, untold, .. } = self;
        let number = newest.number;
        let (ja, en) = (self.listed(true), self.listed(false));
        let (older_ja, older_en) = match untold {
            0 => (String::new(), String::new()),
            count => (format!("それより前に {count} 版、"), format!("{count} older versions, ")),
        };
        Text::new(
            format!(
                "この台帳は第 {based_on} 版を元にしていますが、現在は第 {number} 版です。何も取り込んでいません。その間の変更: {older_ja}{ja}。`daicho ledger export --into` で最新の版をブックに写してから編集し直すか、`daicho ledger diff` で違いを確かめ、この台帳で置き換えてよければ `--based-on {number}` を付けて取り込んでください。"
            ),
            format!(
                "this ledger is based on version {based_on}, and the current one is {number}; nothing was imported. Meanwhile: {older_en}{en}. Write the current version into the workbook with `daicho ledger export --into` and edit that, or look at `daicho ledger diff` and, if your ledger is to replace it, import with `--based-on {number}`"
            ),
        )
    }

    /// The versions with their rows, the newest first, as far as the sentence has room.
    fn listed(&self, japanese: bool) -> String {
        let mut list = String::new();
        let mut room = LIST_CHARACTERS_MAX;
        for (index, (version, changes)) in self.steps.iter().rev().enumerate() {
            if index > 0 {
                list.push_str(if japanese { "／" } else { "; " });
            }
            let head = head(version, japanese);
            room = room.saturating_sub(head.chars().count());
            list.push_str(&head);
            let Some(changes) = changes else {
                list.push_str(if japanese {
                    "元の版が残っていません"
                } else {
                    "its base is not kept"
                });
                continue;
            };
            for (told, change) in changes.iter().enumerate() {
                let row = row(change, japanese);
                let length = row.chars().count();
                if length > room {
                    let left = changes.len() - told;
                    let more =
                        if japanese { format!("ほか {left} 行") } else { format!("{left} more rows") };
                    list.push_str(&more);
                    break;
                }
                room -= length;
                list.push_str(&row);
                if told + 1 < changes.len() {
                    list.push_str(if japanese { "、" } else { ", " });
                }
            }
        }
        list
    }
}

fn head(version: &LedgerVersion, japanese: bool) -> String {
    let LedgerVersion { number, imported_by, imported_at, .. } = version;
    let (by, day) = (short(imported_by), daicho_proto::time::japanese_date(*imported_at));
    if japanese {
        format!("第 {number} 版（{by} さん、{day}） ")
    } else {
        format!("version {number} ({by}, {day}) ")
    }
}

fn row(change: &Change, japanese: bool) -> String {
    let plan = plan::SHEETS.iter().find(|plan| plan.name == change.sheet);
    let title = plan.filter(|_| japanese).map_or(change.sheet, |plan| plan.titles[0]);
    let key = short(&change.key);
    match (change.kind, japanese) {
        (ChangeKind::Added, true) => format!("{title} {key} を追加"),
        (ChangeKind::Removed, true) => format!("{title} {key} を削除"),
        (ChangeKind::Changed, true) => format!("{title} {key} を変更"),
        (ChangeKind::Added, false) => format!("{title} {key} added"),
        (ChangeKind::Removed, false) => format!("{title} {key} removed"),
        (ChangeKind::Changed, false) => format!("{title} {key} changed"),
    }
}

/// A name that a person wrote: cut, and with nothing in it that a terminal would obey.
fn short(name: &str) -> String {
    let mut cut: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
    if cut.len() < name.len() {
        cut.push('…');
    }
    crate::cli::output::escape(&cut)
}
