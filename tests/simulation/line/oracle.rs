//! What must be so after a storm, whatever the network did: written apart from the code under test.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use daicho_collector::chronicle::verifying;
use daicho_proto::facts::Fact;
use daicho_rules::violation::{State, key};

use super::Storm;
use super::collector::ledger;
use super::machine::Machine;
use crate::hospital::PEOPLE;

const UNLISTED: &str = "08.unlisted_account";
const UNAPPROVED: &str = "11.unapproved_use";

impl Storm {
    /// What somebody who is welcome still has to say; `None`: nothing.
    pub(super) fn unsaid(&self) -> Option<String> {
        let welcome = self.machines.iter().filter(|machine| !machine.is_revoked());
        welcome
            .filter_map(|machine| Some((machine, machine.unsaid()?)))
            .map(|(machine, what)| format!("{} still has something to send: {what}", machine.name))
            .next()
    }

    /// Everybody has said everything, and it was judged.
    pub(super) fn check(&mut self) {
        let mut expected = BTreeSet::new();
        for machine in self.machines.clone() {
            let seen = self.check_events(&machine);
            self.check_state(&machine);
            if machine.has_renewed() {
                self.count("certificates renewed");
            }
            if machine.is_revoked() {
                continue;
            }
            for (name, there) in PEOPLE.iter().zip(machine.truth().accounts).skip(2) {
                if there {
                    expected.insert(key(UNLISTED, &machine.name, name));
                }
            }
            let listed = ledger(&self.machines);
            let unapproved = seen
                .iter()
                .filter(|serial| !listed.media.iter().any(|row| row.serial.as_ref() == Some(serial)));
            expected.extend(
                unapproved.map(|serial| key(UNAPPROVED, &machine.name, &format!("0781:5581:{serial}"))),
            );
        }
        self.check_violations(&expected);
        let verdict = verifying::of_store(&self.site.shelves(), &[]).expect("memory reads");
        let verdict = verdict.expect("there is a log");
        assert!(verdict.is_sound(), "the log does not verify: {:#?}", verdict.breaks);
    }

    /// Each event that was taken is there once; none of a machine that was not welcome. Answers the serials.
    fn check_events(&self, machine: &Rc<Machine>) -> Vec<String> {
        let mut times = BTreeMap::<String, u64>::new();
        for entry in self.site.shelves().log(machine.endpoint, None, usize::MAX).expect("memory reads") {
            match entry.observation.fact {
                Fact::MediumEvent(event) => {
                    *times.entry(event.medium.serial.unwrap_or_default()).or_default() += 1;
                }
                Fact::Gap(gap) => panic!("{} tells of a gap that is none: {gap:?}", machine.name),
                _ => {}
            }
        }
        for (serial, event) in &self.events {
            if self.machines[event.machine].endpoint != machine.endpoint {
                continue;
            }
            let found = times.get(serial).copied().unwrap_or_default();
            assert!(found <= 1, "event {serial} is there {found} times");
            assert!(!event.after_revocation || found == 0, "{serial} was told after it was revoked");
            assert!(!event.taken || found == 1 || machine.is_revoked(), "event {serial} is lost");
        }
        times.into_keys().collect()
    }

    /// The newest look is the one that is shown.
    fn check_state(&self, machine: &Rc<Machine>) {
        if machine.is_revoked() {
            return;
        }
        let record = self.site.shelves().record(machine.endpoint).expect("memory reads");
        let accounts = record.accounts.and_then(|accounts| accounts.look.value().cloned());
        let names = accounts.unwrap_or_default().into_iter().filter(|account| account.name != "always");
        let shown: BTreeSet<String> = names.map(|account| account.name).collect();
        let people = PEOPLE.iter().zip(machine.truth().accounts).filter(|(_, there)| *there);
        let truly: BTreeSet<String> = people.map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(shown, truly, "accounts of {} as last seen", machine.name);
    }

    /// What is open of welcome machines is what accounts and events say.
    fn check_violations(&self, expected: &BTreeSet<String>) {
        let all = self.site.shelves().violations().expect("memory reads");
        let is_welcome = |device: &str| {
            self.machines.iter().any(|machine| machine.name == device && !machine.is_revoked())
        };
        let open = all.iter().filter(|one| one.state != State::Resolved && is_welcome(&one.device));
        let open: BTreeSet<String> = open.map(|violation| violation.key.clone()).collect();
        let missing: Vec<_> = expected.difference(&open).collect();
        let wrong: Vec<_> = open.difference(expected).collect();
        assert!(missing.is_empty() && wrong.is_empty(), "not opened: {missing:?}; not resolved: {wrong:?}");
    }
}
