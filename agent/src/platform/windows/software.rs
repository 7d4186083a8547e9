//! Programs: what setups, the Windows Installer and the store write into the registry when they install, and the parts of
//! Windows that somebody switched on and that a hospital should know of.
//!
//! A program that is only copied is in no record, and is not told. Whether the files of a record are still there is not
//! guessed: a setup takes its record away when it removes the program.

use daicho_proto::facts::{Look, Software};

use super::Machine;
use super::people::People;
use super::places::Places;
use super::registry::Hive;
use super::services::troubles;

mod day;
mod features;
mod setups;
mod store;

/// Looks at the machine.
pub(super) fn look(machine: &Machine) -> Look<Vec<Software>> {
    let mut problems = troubles(machine, &[Hive::Software]);
    let registry = &*machine.registry;
    match registry.has(&Hive::Software, "Microsoft\\Windows\\CurrentVersion") {
        Ok(true) => {}
        Ok(false) => {
            problems
                .push("the registry's SOFTWARE has no key of Windows: no program is told from it".to_owned());
            return Look::Unreadable { problems };
        }
        Err(error) => {
            problems.push(format!(
                "the registry's SOFTWARE could not be read: {error}; no program is told from it"
            ));
            return Look::Unreadable { problems };
        }
    }
    let people = People::read(machine, &mut problems);
    let places = Places::read(registry);
    let mut software = setups::read(registry, &people, &mut problems);
    software.extend(store::read(registry, &mut problems));
    software.extend(features::read(machine, &places, &mut problems));
    software.sort_by(|a, b| (&a.name, &a.user, &a.version).cmp(&(&b.name, &b.user, &b.version)));
    Look::Seen { value: software, problems }
}

#[cfg(test)]
mod tests;
