//! On which hardware an endpoint ran, and when: one identity on two machines goes back and forth.

use daicho_proto::facts::Host;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::linking::Names;

/// Changes of hardware that one endpoint remembers: a board that was replaced, and a week of a clone.
pub const SPELLS_MAX: usize = 16;

/// Addresses that one endpoint remembers: docks and adapters of some wards.
pub const ADDRESSES_MAX: usize = 32;

/// A change back is remembered for this long: a clone comes back within days.
const BACK_AND_FORTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// On what an endpoint ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// Oldest first.
    pub spells: Vec<Spell>,
    /// Every address that it ever had, the newest last.
    pub addresses: Vec<String>,
}

/// A time on one hardware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spell {
    /// As the maker wrote it.
    pub serial_number: Option<String>,
    /// SMBIOS UUID.
    pub hardware_uuid: Option<String>,
    /// The first look, by the endpoint's clock.
    pub since: Timestamp,
}

impl Hardware {
    /// Takes a look at the host in. One that names no hardware says nothing.
    pub fn see(&mut self, host: &Host, observed_at: Timestamp) {
        for address in &host.mac_addresses {
            if !self.addresses.contains(address) {
                self.addresses.push(address.clone());
            }
        }
        let excess = self.addresses.len().saturating_sub(ADDRESSES_MAX);
        self.addresses.drain(..excess);
        let spell = Spell {
            serial_number: host.serial_number.clone(),
            hardware_uuid: host.hardware_uuid.clone(),
            since: observed_at,
        };
        if spell.names().hardware().next().is_none() {
            return;
        }
        match self.spells.last_mut() {
            Some(last) if !last.differs(&spell) => {
                last.serial_number = last.serial_number.take().or(spell.serial_number);
                last.hardware_uuid = last.hardware_uuid.take().or(spell.hardware_uuid);
            }
            _ => self.spells.push(spell),
        }
        let excess = self.spells.len().saturating_sub(SPELLS_MAX);
        self.spells.drain(..excess);
    }

    /// The two machines between which this endpoint went back and forth lately: the one now, and the other.
    pub fn back_and_forth(&self, now: Timestamp) -> Option<(&Spell, &Spell)> {
        let recent = |spell: &Spell| now.duration_since(spell.since) < BACK_AND_FORTH;
        let triples = self.spells.windows(3).rev();
        let mut back = triples.filter_map(|spells| match spells {
            [before, between, after] if !before.differs(after) && recent(after) => Some((after, between)),
            _ => None,
        });
        back.next()
    }

    /// Since when it runs on the hardware that it runs on now.
    pub fn since(&self) -> Option<Timestamp> {
        self.spells.last().map(|spell| spell.since)
    }
}

impl Spell {
    fn names(&self) -> Names {
        let host = Host {
            serial_number: self.serial_number.clone(),
            hardware_uuid: self.hardware_uuid.clone(),
            ..Host::default()
        };
        Names::of(&host, &[])
    }

    /// Whether the other one is surely another machine.
    fn differs(&self, other: &Spell) -> bool {
        self.names().contradicts(&other.names())
    }
}
