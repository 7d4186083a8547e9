//! A violation's life in a few lines, written from the regulation and the contract, not from the rules' code.

use daicho_rules::ledger::Exception;
use daicho_rules::violation::{State, Violation};
use jiff::Timestamp;
use jiff::civil::Date;

/// What is said of a subject at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    Right,
    Unknown,
    Wrong { grave: bool, occurred: Option<Timestamp> },
}

/// What is known of one violation.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    state: Option<State>,
    grave: bool,
    occurred: Option<Timestamp>,
    closed: bool,
    /// The row that covers it now.
    covered: Option<Exception>,
    /// What was accepted, and whether it was grave then.
    accepted: Option<(Exception, bool)>,
    due: Option<(Date, bool)>,
    views: usize,
}

impl Model {
    fn is_over(&self) -> bool {
        matches!(self.state, None | Some(State::Resolved))
    }

    pub(super) fn judge(&mut self, said: Said, row: Option<&Exception>, today: Date) {
        match said {
            Said::Wrong { grave, occurred } if self.is_over() => {
                if self.closed && occurred <= self.occurred {
                    return;
                }
                let accepted = self.accepted.take();
                *self = Model { state: Some(State::Open), grave, occurred, accepted, ..Model::default() };
                self.except(row, today);
                return;
            }
            Said::Wrong { grave, occurred } => {
                let worse = (grave && !self.grave) || occurred > self.occurred;
                self.grave = grave;
                self.occurred = self.occurred.max(occurred);
                if self.state == Some(State::Acknowledged) && worse {
                    self.state = Some(State::Open);
                    self.views = 0;
                }
            }
            _ if self.is_over() => return,
            Said::Right => {
                self.state = Some(State::Resolved);
                self.covered = None;
                return;
            }
            Said::Unknown => {}
        }
        if !self.except(row, today)
            && self.state != Some(State::Excepted)
            && let Some((due, told)) = &mut self.due
        {
            *told = *told || *due < today;
        }
    }

    /// Looks at the exception; true: it covers or uncovers what it did not before.
    fn except(&mut self, row: Option<&Exception>, today: Date) -> bool {
        let row = row.filter(|row| today <= row.expires_on);
        let covers = row.is_some_and(|row| match &self.accepted {
            Some((accepted, grave)) if accepted == row => *grave || !self.grave,
            _ => {
                self.accepted = Some((row.clone(), self.grave));
                true
            }
        });
        let before = std::mem::replace(&mut self.covered, row.filter(|_| covers).cloned());
        if before == self.covered {
            return false;
        }
        if self.covered.is_some() {
            self.state = Some(State::Excepted);
            self.due = None;
        } else {
            self.state = Some(State::Open);
        }
        true
    }

    fn takes_words(&self) -> bool {
        !self.is_over() && self.state != Some(State::Excepted)
    }

    pub(super) fn close(&mut self, incident: bool) -> bool {
        if !incident || self.is_over() {
            return false;
        }
        (self.state, self.covered, self.closed) = (Some(State::Resolved), None, true);
        true
    }

    pub(super) fn acknowledge(&mut self) -> bool {
        let heard = self.takes_words();
        if heard {
            self.state = Some(State::Acknowledged);
        }
        heard
    }

    pub(super) fn consult(&mut self) -> bool {
        let heard = self.acknowledge();
        if heard {
            self.views = 1;
        }
        heard
    }

    pub(super) fn correct_by(&mut self, day: Date, today: Date) -> bool {
        let heard = self.takes_words() && day >= today;
        if heard {
            self.state = Some(State::Acknowledged);
            self.due = Some((day, false));
        }
        heard
    }

    pub(super) fn check(&self, kept: Option<&Violation>) {
        let told = kept.map(|kept| {
            let treatment = &kept.treatment;
            let due = treatment.correction.as_ref().map(|correction| (correction.due_on, correction.overdue));
            let until = kept.exception.as_ref().map(|exception| exception.expires_on);
            (kept.state, kept.occurred_at, kept.closed.is_some(), until, due, treatment.views.len())
        });
        let until = self.covered.as_ref().map(|row| row.expires_on);
        let expected =
            self.state.map(|state| (state, self.occurred, self.closed, until, self.due, self.views));
        assert_eq!(told, expected, "{self:#?}\n{kept:#?}");
    }
}
