//! What is plugged into a machine over its monitor: for the kernel inside these are real USB devices.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::VirtualMachine;

pub mod contents;
pub mod gadget;

impl VirtualMachine {
    /// Plugs a stick in: mass storage, bulk-only, 46f4:0001, with this serial.
    pub fn plug_stick(&self, id: &str, contents: &Path, serial: &str) {
        self.insert(id, contents);
        let properties = json!({ "drive": image_of(id), "serial": serial, "removable": true });
        self.plug(id, "usb-storage", &properties);
    }

    /// Plugs in any USB device that qemu knows, under an id.
    pub fn plug(&self, id: &str, driver: &str, properties: &Value) {
        let mut arguments = json!({ "driver": driver, "id": id, "bus": "xhci.0" });
        if let (Some(all), Some(more)) = (arguments.as_object_mut(), properties.as_object()) {
            all.extend(more.clone());
        }
        self.monitor("device_add", &arguments);
    }

    /// Makes a file of the host a drive that a device can have; it is written through.
    pub fn insert(&self, id: &str, contents: &Path) {
        let file = fs::canonicalize(contents).expect("the contents were written");
        let file = json!({ "driver": "file", "filename": file });
        self.monitor("blockdev-add", &json!({ "driver": "raw", "node-name": image_of(id), "file": file }));
    }

    /// Pulls a device out and waits until the machine has let go of it.
    pub fn unplug(&self, id: &str) {
        self.monitor("device_del", &json!({ "id": id }));
        self.wait_for_event("DEVICE_DELETED", |data| data["device"] == id);
    }

    /// Pulls a stick out, and lets go of its contents.
    pub fn unplug_stick(&self, id: &str) {
        self.unplug(id);
        self.take_out(id);
    }

    /// Lets go of a drive that no device has any longer.
    pub fn take_out(&self, id: &str) {
        // The device's last request may still be under way.
        super::until_within(super::PATIENCE, &format!("{id} to be let go"), || {
            self.try_monitor("blockdev-del", &json!({ "node-name": image_of(id) })).ok()
        });
    }
}

/// The name of a device's drive.
pub fn image_of(id: &str) -> String {
    format!("{id}-image")
}
