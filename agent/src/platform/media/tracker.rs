//! Which media came, left, or were mounted: a pure state machine over what the system announces and looks at what is
//! there.
//!
//! A connection is told once. A look after lost announcements, or after ones that repeat themselves, tells no more than what
//! changed.

use std::collections::BTreeMap;

use daicho_proto::facts::{Medium, MediumAction, MediumEvent, MediumKind, MediumScan};

use super::{Connected, Slot, Snapshot};

/// What is known of the connections.
#[derive(Debug, Default)]
pub(in crate::platform) struct Tracker {
    /// By the connection's key.
    connections: BTreeMap<String, Connection>,
    /// Devices that were announced and no look has seen yet, by their path: one that is pulled at once is gone before
    /// anybody can look.
    glimpsed: BTreeMap<String, Medium>,
}

#[derive(Debug)]
struct Connection {
    now: Connected,
    /// Its arrival was told, and no leaving since.
    told: bool,
}

impl Tracker {
    /// Knows what is there already. Nothing of it arrives: the inventory tells it.
    pub(in crate::platform) fn starting_with(snapshot: Snapshot) -> Self {
        let mut tracker = Tracker::default();
        tracker.media_now(snapshot);
        tracker
    }

    /// Whether anything is connected whose mounts could change.
    #[cfg_attr(windows, expect(dead_code, reason = "mounts and scans are told by Linux' records alone"))]
    pub(in crate::platform) fn is_watching(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Writes beside each medium what is known of its scan, so that it is told when the medium leaves.
    #[cfg_attr(windows, expect(dead_code, reason = "mounts and scans are told by Linux' records alone"))]
    pub(in crate::platform) fn tell_scans(&mut self, mut scan: impl FnMut(&str) -> Option<MediumScan>) {
        for (key, connection) in &mut self.connections {
            connection.now.medium.scan = scan(key);
        }
    }

    /// Takes in what is there now, and tells how it differs from before.
    pub(in crate::platform) fn media_now(&mut self, snapshot: Snapshot) -> Vec<MediumEvent> {
        let mut events = Vec::new();
        let gone = |key: &String| snapshot.connected.iter().all(|connected| connected.key != *key);
        let keys: Vec<String> = self.connections.keys().filter(|key| gone(key)).cloned().collect();
        for key in keys {
            events.extend(self.connections.remove(&key).and_then(Connection::left));
        }
        self.glimpsed.retain(|path, _| snapshot.usb.iter().all(|device| device.path != *path));
        for connected in snapshot.connected {
            match self.connections.get_mut(&connected.key) {
                Some(connection) => events.extend(connection.changed(connected)),
                None => {
                    let (connection, arrived) = Connection::begin(connected);
                    events.extend(arrived);
                    self.connections.insert(connection.now.key.clone(), connection);
                }
            }
        }
        events
    }

    /// Takes in that a device was announced that no look has seen yet: what is known of it.
    pub(in crate::platform) fn glimpse(&mut self, path: &str, medium: Medium) {
        if self.connections.values().all(|connection| connection.now.path != path) {
            self.glimpsed.entry(path.to_owned()).or_insert(medium);
        }
    }

    /// Takes in that a device is gone.
    pub(in crate::platform) fn remove(&mut self, path: &str) -> Vec<MediumEvent> {
        let mut events = Vec::new();
        let known = self.connections.iter().find(|(_, connection)| connection.now.path == path);
        if let Some(key) = known.map(|(key, _)| key.clone()) {
            events.extend(self.connections.remove(&key).and_then(Connection::left));
        }
        if let Some(medium) = self.glimpsed.remove(path) {
            events.push(MediumEvent { action: MediumAction::Arrived, medium: medium.clone() });
            events.push(MediumEvent { action: MediumAction::Left, medium });
        }
        events
    }
}

impl Connection {
    /// A connection that begins. An empty reader that is built in is a part of the machine until a card is in it.
    fn begin(now: Connected) -> (Self, Vec<MediumEvent>) {
        let told = !now.is_fixed || matches!(now.slot, Slot::Filled(_));
        let mut events = Vec::new();
        if told {
            events.push(event(MediumAction::Arrived, &now.medium));
            if !now.medium.mounts.is_empty() {
                events.push(event(MediumAction::Mounted, &now.medium));
            }
        }
        (Connection { now, told }, events)
    }

    fn changed(&mut self, now: Connected) -> Vec<MediumEvent> {
        let before = std::mem::replace(&mut self.now, now);
        let mut events = Vec::new();
        if self.told && is_another(&before.medium, &self.now.medium) {
            events.push(event(MediumAction::Left, &before.medium));
            self.now.medium.first_seen = None;
            events.push(event(MediumAction::Arrived, &self.now.medium));
            return events;
        }
        let other_card = match (&before.slot, &self.now.slot) {
            // Of several slots one may be emptied: what lies in the others is not new.
            (Slot::Filled(before), Slot::Filled(now)) => !now.is_subset(before),
            // A stick's disk appears a moment after the stick: that is no new medium.
            (Slot::Unknown, Slot::Filled(_)) => !self.told,
            (Slot::Empty, Slot::Filled(_)) => true,
            _ => false,
        };
        let taken_out = matches!((&before.slot, &self.now.slot), (Slot::Filled(_), Slot::Empty));
        if taken_out && self.told {
            self.told = false;
            events.push(event(MediumAction::Left, &before.medium));
            return events;
        }
        if other_card {
            if self.told && matches!(before.slot, Slot::Filled(_)) {
                events.push(event(MediumAction::Left, &before.medium));
            }
            self.told = true;
            // The connection is the reader's, and older than the card in it.
            let card = Medium { first_seen: None, ..self.now.medium.clone() };
            events.push(event(MediumAction::Arrived, &card));
        }
        let added = |a: &Medium, b: &Medium| b.mounts.iter().any(|point| !a.mounts.contains(point));
        if self.told && added(&before.medium, &self.now.medium) {
            events.push(event(MediumAction::Mounted, &self.now.medium));
        }
        if self.told && !other_card && added(&self.now.medium, &before.medium) {
            events.push(event(MediumAction::Unmounted, &self.now.medium));
        }
        events
    }

    fn left(self) -> Option<MediumEvent> {
        // With the medium goes what was mounted of it.
        let medium = Medium { mounts: Vec::new(), ..self.now.medium };
        self.told.then_some(MediumEvent { action: MediumAction::Left, medium })
    }
}

/// Whether a device says that it is another one than before, on the same connection: it chose another configuration, or
/// its firmware gives it other numbers. A drive that turns out to be optical once its disk is there is the same.
fn is_another(before: &Medium, now: &Medium) -> bool {
    let drive = |kind| matches!(kind, MediumKind::Storage | MediumKind::Optical);
    let numbers = |it: &Medium| (it.vendor_id.clone(), it.product_id.clone(), it.serial.clone());
    let vague = before.kind == MediumKind::Other;
    let other_kind = before.kind != now.kind && !vague && !(drive(before.kind) && drive(now.kind));
    numbers(before) != numbers(now) || other_kind
}

fn event(action: MediumAction, medium: &Medium) -> MediumEvent {
    MediumEvent { action, medium: medium.clone() }
}
