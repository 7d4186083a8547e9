//! Reading that goes on: what could not be read becomes a problem, and the rest is told.

use daicho_proto::facts::Look;
use jiff::Timestamp;

use super::Machine;
use super::registry::{Hive, Registry, Value};

/// A look at a machine's registry, and what went wrong on the way.
pub(super) struct Reading<'a> {
    registry: &'a dyn Registry,
    /// One sentence for each source that could not be read.
    pub(super) problems: Vec<String>,
    /// How many answers were errors.
    pub(super) failures: usize,
    asked: Vec<Hive>,
    /// What is wrong with whole hives: told once, and not again for each key of theirs.
    troubles: Vec<(Hive, String)>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(machine: &'a Machine) -> Self {
        let registry = machine.registry.as_ref();
        let (problems, asked) = (Vec::new(), Vec::new());
        Reading { registry, problems, failures: 0, asked, troubles: registry.troubles() }
    }

    /// A value that is text and not empty.
    pub(super) fn text(&mut self, hive: &Hive, path: &str, name: &str) -> Option<String> {
        let answer = self.registry.text(hive, path, name);
        self.note(hive, path, answer)
    }

    /// A value that is a number.
    pub(super) fn number(&mut self, hive: &Hive, path: &str, name: &str) -> Option<u64> {
        let answer = self.registry.number(hive, path, name);
        self.note(hive, path, answer)
    }

    /// A value of any kind.
    pub(super) fn value(&mut self, hive: &Hive, path: &str, name: &str) -> Option<Value> {
        let answer = self.registry.value(hive, path, name);
        self.note(hive, path, answer)
    }

    /// All values of a key; none where there is no such key.
    pub(super) fn values(&mut self, hive: &Hive, path: &str) -> Vec<(String, Value)> {
        let answer = self.registry.values(hive, path);
        self.note(hive, path, answer).unwrap_or_default()
    }

    /// The names of the keys below one; `None`: there is no such key.
    pub(super) fn keys(&mut self, hive: &Hive, path: &str) -> Option<Vec<String>> {
        let answer = self.registry.keys(hive, path);
        self.note(hive, path, answer)
    }

    /// When a key was last written.
    pub(super) fn written_at(&mut self, hive: &Hive, path: &str) -> Option<Timestamp> {
        let answer = self.registry.written_at(hive, path);
        self.note(hive, path, answer)
    }

    /// What was seen, with the problems, and with what is wrong with the hives that were asked.
    pub(super) fn finish<T>(mut self, value: T) -> Look<T> {
        self.tell_troubles();
        Look::Seen { value, problems: self.problems }
    }

    /// Nothing was seen.
    pub(super) fn unreadable<T>(mut self, problem: &str) -> Look<T> {
        self.problems.insert(0, problem.to_owned());
        self.tell_troubles();
        Look::Unreadable { problems: self.problems }
    }

    fn tell_troubles(&mut self) {
        let troubles = std::mem::take(&mut self.troubles);
        self.problems.extend(
            troubles.into_iter().filter(|(hive, _)| self.asked.contains(hive)).map(|(_, sentence)| sentence),
        );
    }

    fn note<T>(&mut self, hive: &Hive, path: &str, answer: std::io::Result<Option<T>>) -> Option<T> {
        if !self.asked.contains(hive) {
            self.asked.push(hive.clone());
        }
        match answer {
            Ok(found) => found,
            Err(error) => {
                self.failures += 1;
                let reason = error.to_string();
                let problem = format!("{}\\{path} could not be read: {reason}", name(hive));
                let of_hive = self.troubles.iter().any(|(own, trouble)| own == hive && *trouble == reason);
                if !of_hive && !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                None
            }
        }
    }
}

/// The hive as people know it.
fn name(hive: &Hive) -> String {
    match hive {
        Hive::Software => "HKLM\\SOFTWARE".to_owned(),
        Hive::System => "HKLM\\SYSTEM".to_owned(),
        Hive::Sam => "HKLM\\SAM".to_owned(),
        Hive::Security => "HKLM\\SECURITY".to_owned(),
        Hive::User(sid) => format!("HKU\\{sid}"),
    }
}
