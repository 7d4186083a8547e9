//! What a comment on a cell says: what stood there, who changed it, in which version; in Japanese and English.

use daicho_rules::normal;

use crate::bookkeeping::difference::Change;

/// A version of the ledger, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its number.
    pub version: u64,
    /// Who brought it.
    pub by: String,
    /// On which day, in Japan.
    pub day: String,
}

/// From which version a change is.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    /// The version that is written.
    pub current: &'a Origin,
    /// Versions before it with what each of them changed, the newest last; may be empty.
    pub history: &'a [(Origin, Vec<Change>)],
}

/// A note on a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The whole text.
    pub text: String,
    /// Where a comment that is there already holds this, the note is not written again.
    pub once: Option<String>,
}

impl Marks<'_> {
    /// The version that gave a cell its value, as far as it is known.
    fn origin(&self, sheet: &str, key: &str, field: Option<&str>) -> &Origin {
        let touched = |change: &&Change| {
            change.sheet == sheet
                && normal::key(&change.key) == normal::key(key)
                && field.is_none_or(|field| change.fields.iter().any(|cell| cell.field == field))
        };
        let mut newest = self.history.iter().rev();
        let found = newest.find(|(_, changes)| changes.iter().any(|change| touched(&change)));
        found.map_or(self.current, |(origin, _)| origin)
    }
}

fn signed(origin: &Origin) -> (String, String) {
    let Origin { version, by, day } = origin;
    (format!("台帳 第{version}版（{by}、{day}）"), format!("ledger version {version}, by {by} on {day}"))
}

fn old_shown(old: &str) -> (String, String) {
    /// Characters of an old value: a comment's box shows a few lines.
    const SHOWN_MAX: usize = 500;
    let short: String = old.chars().take(SHOWN_MAX).collect();
    if short.is_empty() { ("（空欄）".to_owned(), "(empty)".to_owned()) } else { (short.clone(), short) }
}

/// A cell has another value.
pub fn changed(marks: &Marks<'_>, sheet: &str, key: &str, field: &str, old: &str) -> Note {
    let (ja, en) = signed(marks.origin(sheet, key, Some(field)));
    let (old_ja, old_en) = old_shown(old);
    Note {
        text: format!("【変更】{ja}\n変更前: {old_ja}\n[changed] {en}\nbefore: {old_en}"), once: None
    }
}

/// A row is new.
pub fn added(marks: &Marks<'_>, sheet: &str, key: &str) -> Note {
    let (ja, en) = signed(marks.origin(sheet, key, None));
    Note { text: format!("【追加】{ja}\n[added] {en}"), once: None }
}

/// A row stands in the workbook, and the ledger has it no more.
pub fn vanished(marks: &Marks<'_>, sheet: &str, key: &str) -> Note {
    let (ja, en) = signed(marks.origin(sheet, key, None));
    const MARK: &str = "【要確認】台帳にこの行はありません。";
    Note {
        text: format!(
            "{MARK}{ja}\n不要なら行を削除し、必要ならこのまま取り込んでください。\n[to be checked] not in the ledger: {en}. Delete the row, or import it again."
        ),
        once: Some(MARK.to_owned()),
    }
}

/// The ledger holds another value that could not be written.
pub fn left(marks: &Marks<'_>, sheet: &str, key: &str, field: &str, new: &str) -> Note {
    let (ja, en) = signed(marks.origin(sheet, key, Some(field)));
    let (new_ja, new_en) = old_shown(new);
    let mark = format!("【要確認】{key} の {field} は台帳では: {new_ja}");
    Note {
        text: format!("{mark}\n{ja}\n[to be checked] {field} of {key} in the ledger: {new_en}\n{en}"),
        once: Some(mark),
    }
}
