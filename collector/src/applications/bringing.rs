//! A ledger that is brought: which of its rows its bringer's role approves, and which wait and become applications.

use std::collections::BTreeSet;

use daicho_rules::ledger::Ledger;
use jiff::Timestamp;

use super::{Application, Approval, Approvals, Row, Standing, all, kept, put_approvals, rows};
use crate::chronicle::{Chronicle, Digest};
use crate::identity::Role;
use crate::shelves::Shelves;
use crate::store::{Batch, StoreError};

/// That the store knows approvals.
const BEGUN: &str = "meta/approvals_begun";

/// Who is named where nobody but the program acted.
const DAICHO: &str = "daicho";

/// Opens the approvals. In a store of before there were any, whoever could import a ledger was the officer, too: what
/// stands in its ledger is approved. Returns the ledger without what waits; `None`: nothing waits.
pub fn begin(shelves: &Shelves, ledger: &Ledger, now: Timestamp) -> Result<Option<Ledger>, StoreError> {
    if shelves.get::<Timestamp>(BEGUN)?.is_none() {
        let by = shelves.ledger_versions()?.pop().map_or(DAICHO.to_owned(), |version| version.imported_by);
        let mut batch = Batch::default();
        let mut chronicle = Chronicle::open(shelves)?;
        approve_all(&mut batch, &mut chronicle, ledger, &by, now);
        batch.put_json(BEGUN, &now);
        shelves.commit(batch)?;
    }
    Ok(kept(shelves)?.in_force(ledger))
}

/// Approves every row of a ledger.
pub(crate) fn approve_all(
    batch: &mut Batch,
    chronicle: &mut Chronicle,
    ledger: &Ledger,
    by: &str,
    at: Timestamp,
) {
    let rows = rows::rows(ledger);
    let given: Vec<Approval> =
        rows.map(|row| Approval { row, by: by.to_owned(), at, application: None }).collect();
    put_approvals(batch, chronicle, (at, by), &given, &[]);
}

/// A ledger that becomes the current version.
pub(crate) struct Brought<'a> {
    /// It.
    pub(crate) ledger: &'a Ledger,
    /// The one before.
    pub(crate) before: &'a Ledger,
    /// Its number.
    pub(crate) version: u64,
    /// Who brings it.
    pub(crate) by: &'a str,
    /// When.
    pub(crate) at: Timestamp,
    /// Everything in it was looked through by its bringer, and not only what is new in it.
    pub(crate) whole: bool,
}

impl Brought<'_> {
    /// Adds approvals and applications to the batch, and approvals to those that are known.
    pub(crate) fn settle(
        &self,
        shelves: &Shelves,
        approvals: &mut Approvals,
        batch: &mut Batch,
        chronicle: &mut Chronicle,
    ) -> Result<(), StoreError> {
        let operator = shelves.operator(self.by)?;
        let officer =
            operator.is_some_and(|row| row.revoked_at.is_none() && row.roles.contains(&Role::Officer));
        let old: BTreeSet<Digest> = rows::rows(self.before).map(|row| row.meaning()).collect();
        if officer {
            let mut given = Vec::new();
            for row in rows::rows(self.ledger) {
                if (self.whole || !old.contains(&row.meaning())) && !approvals.has(&row) {
                    let (by, at) = (self.by.to_owned(), self.at);
                    given.push(Approval { row: row.clone(), by, at, application: None });
                    approvals.add(row);
                }
            }
            put_approvals(batch, chronicle, (self.at, self.by), &given, &[]);
        }
        let waiting: Vec<Row> = rows::rows(self.ledger).filter(|row| !approvals.allow(row)).collect();
        self.applications(shelves, &waiting, officer, batch, chronicle)
    }

    /// Every row that waits has one application; those whose row waits no more are settled.
    fn applications(
        &self,
        shelves: &Shelves,
        waiting: &[Row],
        officer: bool,
        batch: &mut Batch,
        chronicle: &mut Chronicle,
    ) -> Result<(), StoreError> {
        let digests: BTreeSet<Digest> = waiting.iter().map(Row::meaning).collect();
        let present: BTreeSet<Digest> = rows::rows(self.ledger).map(|row| row.meaning()).collect();
        let mut asked = BTreeSet::new();
        let known = all(shelves)?;
        let mut number = known.last().map_or(0, |application| application.number);
        for mut application in known.into_iter().filter(|application| application.imported_with.is_some()) {
            let meaning = application.row.meaning();
            let open = application.state == Standing::Submitted;
            if open && !digests.contains(&meaning) {
                let (to, why) = if officer && present.contains(&meaning) {
                    (Standing::Approved, "台帳の取込みによる承認 / approved with an import of the ledger")
                } else {
                    (
                        Standing::Withdrawn,
                        "台帳からなくなったか、もう待っていません / no longer waits in the ledger",
                    )
                };
                application.decided(self.at, self.by, to, why);
                application.put(batch, chronicle, self.at, self.by, why);
            } else if open || application.state == Standing::Refused {
                asked.insert(meaning);
            }
        }
        for row in waiting {
            if !asked.insert(row.meaning()) {
                continue;
            }
            number += 1;
            let reason = match row {
                Row::Exceptions(row) => row.reason.clone(),
                Row::Media(row) => {
                    let purpose = if row.purpose == daicho_rules::ledger::MediumPurpose::Backup {
                        "バックアップ / backup"
                    } else {
                        "業務 / business"
                    };
                    purpose.to_owned()
                }
            };
            let application = Application {
                number,
                at: self.at,
                by: self.by.to_owned(),
                row: row.clone(),
                reason,
                imported_with: Some(self.version),
                prolongs: None,
                state: Standing::Submitted,
                decisions: Vec::new(),
            };
            application.put(batch, chronicle, self.at, self.by, &application.reason);
        }
        Ok(())
    }
}
