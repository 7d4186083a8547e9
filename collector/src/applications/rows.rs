//! Which rows of the ledger the officer approved, and which wait: pure.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::ledger::{ApprovedMedium, Exception, Ledger, MediumPurpose, RowReference, Scope};
use daicho_rules::normal;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::chronicle::Digest;

/// A row that takes effect with the officer's approval only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sheet", rename_all = "snake_case")]
pub enum Row {
    /// 例外.
    Exceptions(Exception),
    /// 外部記録媒体.
    Media(ApprovedMedium),
}

/// The officer's approval of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The row as it was approved.
    pub row: Row,
    /// Who approved it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The application that asked for it; `None`: it came with an import of the officer's.
    pub application: Option<u64>,
}

impl Row {
    /// The digest of what the row allows: neither where it stands, nor the words around it.
    pub fn meaning(&self) -> Digest {
        let text = |text: &Option<String>| text.as_deref().map(normal::key).unwrap_or_default();
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let parts = match self {
            Row::Exceptions(row) => vec![
                "exceptions".to_owned(),
                normal::key(&row.rule),
                scope(&row.device),
                normal::key(&row.subject),
                row.expires_on.to_string(),
            ],
            Row::Media(row) => vec![
                "media".to_owned(),
                text(&row.vendor_id),
                text(&row.product_id),
                text(&row.serial),
                purpose(row.purpose).to_owned(),
                day(row.approved_from),
                day(row.approved_until),
                scope(&row.device),
                (row.scan_required == Some(false)).to_string(),
            ],
        };
        // A text has nothing that JSON could refuse, and JSON keeps the parts apart.
        Digest::of(&serde_json::to_vec(&parts).unwrap_or_default())
    }

    /// What two rows have in common of which one can cover the other.
    fn kin(&self) -> String {
        let text = |text: &Option<String>| text.as_deref().map(normal::key).unwrap_or_default();
        match self {
            Row::Exceptions(row) => format!("exceptions/{}", normal::key(&row.rule)),
            Row::Media(row) => {
                format!("media/{}/{}/{}", text(&row.vendor_id), text(&row.product_id), text(&row.serial))
            }
        }
    }

    /// Whether whoever approved this row approved `other`, too: it allows nothing more, on no other device, no longer.
    pub fn covers(&self, other: &Row) -> bool {
        if self.kin() != other.kin() {
            return false;
        }
        match (self, other) {
            (Row::Exceptions(own), Row::Exceptions(other)) => {
                wider(&own.device, &other.device)
                    && normal::pattern_covers(&own.subject, &other.subject)
                    && other.expires_on <= own.expires_on
            }
            (Row::Media(own), Row::Media(other)) => {
                let begins = |row: &ApprovedMedium| row.approved_from.unwrap_or(Date::MIN);
                let ends = |row: &ApprovedMedium| row.approved_until.unwrap_or(Date::MAX);
                wider(&own.device, &other.device)
                    && own.purpose == other.purpose
                    && begins(own) <= begins(other)
                    && ends(other) <= ends(own)
                    && (own.scan_required == Some(false) || other.scan_required != Some(false))
            }
            _ => false,
        }
    }

    /// Whether the two are about the same thing on the same devices, whatever their dates: the newer replaces the older.
    pub fn replaces(&self, other: &Row) -> bool {
        match (self, other) {
            (Row::Exceptions(own), Row::Exceptions(other)) => {
                normal::same(&own.rule, &other.rule)
                    && scope(&own.device) == scope(&other.device)
                    && normal::same(&own.subject, &other.subject)
            }
            (Row::Media(own), Row::Media(other)) => normal::same(&own.media_id, &other.media_id),
            _ => false,
        }
    }

    /// The last day on which the row holds; `None`: it has none.
    pub fn last_day(&self) -> Option<Date> {
        match self {
            Row::Exceptions(row) => Some(row.expires_on),
            Row::Media(row) => row.approved_until,
        }
    }

    /// Where it stands in the ledger.
    pub fn reference(&self) -> &RowReference {
        match self {
            Row::Exceptions(row) => &row.row,
            Row::Media(row) => &row.row,
        }
    }
}

fn scope(scope: &Scope) -> String {
    normal::key(&scope.to_string())
}

fn wider(own: &Scope, other: &Scope) -> bool {
    *own == Scope::All || scope(own) == scope(other)
}

fn purpose(purpose: MediumPurpose) -> &'static str {
    match purpose {
        MediumPurpose::Backup => "backup",
        MediumPurpose::Business => "business",
    }
}

/// The rows of a ledger that take effect with an approval only.
pub fn rows(ledger: &Ledger) -> impl Iterator<Item = Row> {
    let exceptions = ledger.exceptions.iter().cloned().map(Row::Exceptions);
    exceptions.chain(ledger.media.iter().cloned().map(Row::Media))
}

/// The approvals, to be asked often.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    exact: BTreeSet<Digest>,
    kin: BTreeMap<String, Vec<Row>>,
}

impl Approvals {
    /// Those that are kept.
    pub fn of(approvals: impl IntoIterator<Item = Approval>) -> Self {
        let mut all = Approvals::default();
        for approval in approvals {
            all.add(approval.row);
        }
        all
    }

    /// Adds one.
    pub fn add(&mut self, row: Row) {
        if self.exact.insert(row.meaning()) {
            self.kin.entry(row.kin()).or_default().push(row);
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, row: &Row) {
        let meaning = row.meaning();
        self.exact.remove(&meaning);
        if let Some(rows) = self.kin.get_mut(&row.kin()) {
            rows.retain(|known| known.meaning() != meaning);
        }
    }

    /// Whether just this was approved.
    pub fn has(&self, row: &Row) -> bool {
        self.exact.contains(&row.meaning())
    }

    /// Whether this, or something that includes it, was approved.
    pub fn allow(&self, row: &Row) -> bool {
        self.has(row)
            || self.kin.get(&row.kin()).is_some_and(|known| known.iter().any(|wide| wide.covers(row)))
    }

    /// The ledger without the rows that wait; `None`: none does.
    pub fn in_force(&self, ledger: &Ledger) -> Option<Ledger> {
        if rows(ledger).all(|row| self.allow(&row)) {
            return None;
        }
        let mut ledger = ledger.clone();
        ledger.exceptions.retain(|row| self.allow(&Row::Exceptions(row.clone())));
        ledger.media.retain(|row| self.allow(&Row::Media(row.clone())));
        Some(ledger)
    }
}

#[cfg(test)]
mod tests;
