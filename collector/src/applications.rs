//! Applications (申請) for exceptions and external media: applied for by anybody who works here, approved by the
//! officer's role alone (regulation, Articles 3 and 11(1)). What is approved becomes a row of the ledger; a row that
//! came by an import of somebody else becomes an application by itself, and is not in force before it is approved.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::time::japanese_date;
use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Collector;
use crate::bookkeeping::importing::{self, Entry, ImportError};
use crate::chronicle::{Chronicle, Digest, What};
use crate::identity::{Operator, Role};
use crate::queries::QueryError;
use crate::shelves::Shelves;
use crate::store::{Batch, StoreError};

pub mod bringing;
pub mod form;
pub mod rows;
pub mod wishes;
pub mod words;

pub use bringing::begin;
pub use rows::{Approval, Approvals, Row};
pub use wishes::{Wish, check};

/// Where applications lie.
pub(crate) const APPLICATIONS: &str = "application/";

/// Where approvals lie, each under the digest of what it allows.
pub(crate) const APPROVALS: &str = "approval/";

/// Where an entry of the log has the SHA-256 of the application as it is kept.
pub(crate) const DIGEST: &str = "sha256";

/// Characters of a reason: a page. It is kept forever.
pub const WORDS_CHARACTERS_MAX: usize = 2_000;

/// Somebody asks for an exception or a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Rises by one, from 1 on.
    pub number: u64,
    /// When it was handed in.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The row that is to be in force; without the officer's name until it is.
    pub row: Row,
    /// Why. Of an exception also a column of the row.
    pub reason: String,
    /// The version of the ledger whose row this is; `None`: the row is not in the ledger before it is approved.
    pub imported_with: Option<u64>,
    /// The application that this one prolongs.
    pub prolongs: Option<u64>,
    /// Where it is.
    pub state: Standing,
    /// What was decided, by whom, and why; the newest last.
    pub decisions: Vec<Decision>,
}

/// Where an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Standing {
    Submitted,
    Approved,
    Refused,
    Withdrawn,
    Revoked,
}

impl Standing {
    /// The word of the log and of JSON.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Submitted => "submitted",
            Standing::Approved => "approved",
            Standing::Refused => "refused",
            Standing::Withdrawn => "withdrawn",
            Standing::Revoked => "revoked",
        }
    }
}

/// A step of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Where it led.
    pub to: Standing,
    /// Why.
    pub reason: String,
    /// The officer decided on what the officer had applied for.
    pub own: bool,
}

impl Application {
    /// What it is about, in a few words.
    pub fn subject(&self) -> String {
        match &self.row {
            Row::Exceptions(row) => format!("{} {} {}", row.rule, row.device, row.subject),
            Row::Media(row) => {
                let part = |text: &Option<String>| text.clone().unwrap_or_default();
                let numbers = [&row.vendor_id, &row.product_id, &row.serial].map(part).join(":");
                format!("{} {numbers} {}", row.media_id, row.device)
            }
        }
    }

    fn decided(&mut self, at: Timestamp, by: &str, to: Standing, reason: &str) {
        self.state = to;
        let own = by == self.by && matches!(to, Standing::Approved | Standing::Refused);
        let (by, reason) = (by.to_owned(), reason.to_owned());
        self.decisions.push(Decision { at, by, to, reason, own });
    }

    fn what(&self, note: &str) -> What {
        let mut details = BTreeMap::from([
            ("row".to_owned(), serde_json::to_string(&self.row).unwrap_or_default()),
            ("applied_by".to_owned(), self.by.clone()),
            (DIGEST.to_owned(), Digest::of(&serde_json::to_vec(self).unwrap_or_default()).to_string()),
        ]);
        if self.decisions.last().is_some_and(|decision| decision.own) {
            details.insert("own_application".to_owned(), "true".to_owned());
        }
        What::Application {
            number: self.number.to_string(),
            subject: self.subject(),
            step: self.state.name().to_owned(),
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
            details,
        }
    }

    /// Adds the application as it is now, and what happened to it, to a batch.
    fn put(&self, batch: &mut Batch, chronicle: &mut Chronicle, at: Timestamp, by: &str, note: &str) {
        batch.put_json(&format!("{APPLICATIONS}{:016x}", self.number), self);
        chronicle.append(batch, at, by, self.what(note));
    }
}

/// Adds approvals, and the ends of others, to a batch and to the log.
fn put_approvals(
    batch: &mut Batch,
    chronicle: &mut Chronicle,
    (at, by): (Timestamp, &str),
    given: &[Approval],
    ended: &[Row],
) {
    let ended: BTreeSet<Digest> = ended.iter().map(Row::meaning).collect();
    for meaning in &ended {
        batch.remove(format!("{APPROVALS}{meaning}"));
    }
    let given: BTreeMap<Digest, Digest> = given
        .iter()
        .map(|approval| {
            let (meaning, json) = (approval.row.meaning(), serde_json::to_vec(approval).unwrap_or_default());
            let digest = Digest::of(&json);
            batch.put(format!("{APPROVALS}{meaning}"), json);
            (meaning, digest)
        })
        .collect();
    if !given.is_empty() || !ended.is_empty() {
        chronicle.append(batch, at, by, What::Approvals { given, ended });
    }
}

/// All applications, oldest first.
pub fn all(shelves: &Shelves) -> Result<Vec<Application>, StoreError> {
    shelves.all(APPLICATIONS)
}

/// How many wait for the officer.
pub fn waiting(collector: &Collector) -> Result<usize, StoreError> {
    let all = all(&collector.shelves)?;
    Ok(all.iter().filter(|application| application.state == Standing::Submitted).count())
}

/// One of them.
pub fn one(collector: &Collector, number: u64) -> Result<Application, QueryError> {
    collector.shelves.get(&format!("{APPLICATIONS}{number:016x}"))?.ok_or_else(|| {
        QueryError::NotFound(Text::new(
            format!("申請{number}はありません。`daicho applications --all` で確かめてください。"),
            format!("there is no application {number}; `daicho applications --all` lists them"),
        ))
    })
}

/// The approvals that are kept.
pub(crate) fn kept(shelves: &Shelves) -> Result<Approvals, StoreError> {
    Ok(Approvals::of(shelves.all::<Approval>(APPROVALS)?))
}

fn next_number(shelves: &Shelves) -> Result<u64, StoreError> {
    Ok(all(shelves)?.last().map_or(1, |application| application.number + 1))
}

/// Hands in an application.
pub async fn apply(collector: &Collector, wish: Wish, applicant: &str) -> Result<Application, QueryError> {
    let _judging = collector.judging.lock().await;
    let now = collector.clock.now();
    let number = next_number(&collector.shelves)?;
    let prolonged = wish.prolongs.map(|number| one(collector, number)).transpose()?;
    let wish = wish.filled(prolonged.as_ref(), &collector.ledger(), number).map_err(QueryError::Refused)?;
    check(&wish.row, &wish.reason, &collector.ledger(), japanese_date(now), japanese_date(now))
        .map_err(QueryError::Refused)?;
    let application = Application {
        number,
        at: now,
        by: applicant.to_owned(),
        row: wish.row,
        reason: wish.reason,
        imported_with: None,
        prolongs: wish.prolongs,
        state: Standing::Submitted,
        decisions: Vec::new(),
    };
    let mut batch = Batch::default();
    let mut chronicle = Chronicle::open(&collector.shelves)?;
    application.put(&mut batch, &mut chronicle, now, applicant, &application.reason);
    collector.shelves.commit(batch)?;
    Ok(application)
}

/// Approves or refuses an application. Whoever calls this has made sure that `officer` has the role.
pub async fn decide(
    collector: &Collector,
    number: u64,
    officer: &str,
    approve: bool,
    reason: &str,
) -> Result<Application, QueryError> {
    let _judging = collector.judging.lock().await;
    let mut application = submitted(collector, number)?;
    check_words(reason, !approve)?;
    let now = collector.clock.now();
    if !approve {
        application.decided(now, officer, Standing::Refused, reason);
        return keep(collector, application, now, officer, reason);
    }
    let (applied_on, today) = (japanese_date(application.at), japanese_date(now));
    let ledger = collector.ledger();
    check(&application.row, &application.reason, &ledger, applied_on, today).map_err(QueryError::Refused)?;
    name_officer(&mut application.row, officer);
    application.decided(now, officer, Standing::Approved, reason);
    let approval =
        Approval { row: application.row.clone(), by: officer.to_owned(), at: now, application: Some(number) };
    let with_approval = |batch: &mut Batch, chronicle: &mut Chronicle| {
        put_approvals(batch, chronicle, (now, officer), std::slice::from_ref(&approval), &[]);
        application.put(batch, chronicle, now, officer, reason);
    };
    if application.imported_with.is_some()
        && rows::rows(&ledger).any(|row| row.meaning() == approval.row.meaning())
    {
        let mut batch = Batch::default();
        with_approval(&mut batch, &mut Chronicle::open(&collector.shelves)?);
        collector.shelves.commit(batch)?;
        collector.set_in_force(kept(&collector.shelves)?.in_force(&ledger));
        collector.nudge_all();
    } else {
        let changed = with_row(&ledger, &application.row);
        let entry = entry(number, officer, &application.reason);
        let mut known = kept(&collector.shelves)?;
        known.add(approval.row.clone());
        importing::adopt_held(collector, changed, entry, &known, with_approval).map_err(not_adopted)?;
    }
    tracing::info!(%officer, number, "Application approved.");
    Ok(application)
}

/// Takes an application back: its applicant, or the officer.
pub async fn withdraw(
    collector: &Collector,
    number: u64,
    person: &Operator,
    reason: &str,
) -> Result<Application, QueryError> {
    let _judging = collector.judging.lock().await;
    let mut application = submitted(collector, number)?;
    check_words(reason, false)?;
    if application.by != person.name && !person.is(Role::Officer) {
        let by = &application.by;
        return Err(QueryError::Refused(Text::new(
            format!("申請{number}を取り下げられるのは、申請した {by} さんか安全管理責任者です。"),
            format!("application {number} can be withdrawn by {by}, who applied, or by the officer"),
        )));
    }
    let now = collector.clock.now();
    application.decided(now, &person.name, Standing::Withdrawn, reason);
    keep(collector, application, now, &person.name, reason)
}

/// Ends what was approved before its last day. Whoever calls this has made sure that `officer` has the role.
pub async fn revoke(
    collector: &Collector,
    number: u64,
    officer: &str,
    reason: &str,
) -> Result<Application, QueryError> {
    let _judging = collector.judging.lock().await;
    let mut application = one(collector, number)?;
    if application.state != Standing::Approved {
        return Err(wrong_state(&application, "承認されていません", "is not approved"));
    }
    check_words(reason, true)?;
    let now = collector.clock.now();
    application.decided(now, officer, Standing::Revoked, reason);
    let mut known = kept(&collector.shelves)?;
    // Whatever allows it allows it no longer, be it the same row approved once more with an import.
    let kept = collector.shelves.all::<Approval>(APPROVALS)?;
    let over: Vec<Row> = kept
        .into_iter()
        .map(|approval| approval.row)
        .filter(|row| row.meaning() == application.row.meaning() || application.row.covers(row))
        .collect();
    over.iter().for_each(|row| known.remove(row));
    let mut ledger = Ledger::clone(&collector.ledger());
    let ends = |row: Row| application.row.covers(&row);
    ledger.exceptions.retain(|row| !ends(Row::Exceptions(row.clone())));
    ledger.media.retain(|row| !ends(Row::Media(row.clone())));
    let entry = entry(number, officer, reason);
    importing::adopt_held(collector, ledger, entry, &known, |batch, chronicle| {
        put_approvals(batch, chronicle, (now, officer), &[], &over);
        application.put(batch, chronicle, now, officer, reason);
    })
    .map_err(not_adopted)?;
    tracing::info!(%officer, number, "Approval revoked.");
    Ok(application)
}

fn submitted(collector: &Collector, number: u64) -> Result<Application, QueryError> {
    let application = one(collector, number)?;
    if application.state == Standing::Submitted {
        return Ok(application);
    }
    Err(wrong_state(&application, "すでに決着しています", "is settled already"))
}

fn wrong_state(application: &Application, ja: &str, en: &str) -> QueryError {
    let (number, state) = (application.number, application.state.name());
    QueryError::Refused(Text::new(
        format!("申請{number}は{ja}（{state}）。`daicho application {number}` で確かめてください。"),
        format!("application {number} {en} ({state}); see `daicho application {number}`"),
    ))
}

fn keep(
    collector: &Collector,
    application: Application,
    now: Timestamp,
    by: &str,
    reason: &str,
) -> Result<Application, QueryError> {
    let mut batch = Batch::default();
    application.put(&mut batch, &mut Chronicle::open(&collector.shelves)?, now, by, reason);
    collector.shelves.commit(batch)?;
    Ok(application)
}

fn entry(number: u64, officer: &str, reason: &str) -> Entry {
    Entry {
        source: format!("申請{number} / application {number}"),
        note: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        based_on: None,
        operator: officer.to_owned(),
        ..Entry::default()
    }
}

fn not_adopted(error: ImportError) -> QueryError {
    match error {
        ImportError::Store(error) => QueryError::Store(error),
        ImportError::Newer(meanwhile) => QueryError::Refused(meanwhile.text()),
        ImportError::Merge(error) => QueryError::Refused(error.text()),
        ImportError::Faults(faults) => QueryError::Refused(Text::new(faults.to_string(), faults.to_string())),
    }
}

/// The ledger with a row that was approved, in the place of the one about the same thing.
fn with_row(ledger: &Ledger, row: &Row) -> Ledger {
    let mut ledger = ledger.clone();
    match row {
        Row::Exceptions(new) => {
            ledger.exceptions.retain(|old| !row.replaces(&Row::Exceptions(old.clone())));
            ledger.exceptions.push(new.clone());
        }
        Row::Media(new) => {
            ledger.media.retain(|old| !row.replaces(&Row::Media(old.clone())));
            ledger.media.push(new.clone());
        }
    }
    ledger
}

fn name_officer(row: &mut Row, officer: &str) {
    match row {
        Row::Exceptions(row) => row.approved_by = officer.to_owned(),
        Row::Media(row) => row.approved_by = Some(officer.to_owned()),
    }
}

fn check_words(words: &str, needed: bool) -> Result<(), QueryError> {
    let length = words.chars().count();
    if length > WORDS_CHARACTERS_MAX {
        return Err(QueryError::Refused(Text::new(
            format!("理由は{WORDS_CHARACTERS_MAX}文字までです（{length}文字ありました）。"),
            format!("a reason has at most {WORDS_CHARACTERS_MAX} characters, this one has {length}"),
        )));
    }
    if needed && words.trim().is_empty() {
        return Err(QueryError::Refused(Text::new(
            "理由が書かれていません。--reason に書いてください。何も変更していません。",
            "no reason is given; give one with --reason; nothing was changed",
        )));
    }
    Ok(())
}

/// The last day of a period of `days` from `first` on, both inclusive.
fn last_allowed(first: Date, days: i64) -> Date {
    first.checked_add(jiff::Span::new().days(days)).unwrap_or(Date::MAX)
}

#[cfg(test)]
mod tests;
