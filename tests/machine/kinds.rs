//! What a device is, by its interfaces: what carries files is a finding of its kind, a keyboard is none.

use daicho_tests::programs::until;
use daicho_tests::virtual_machine::usb::gadget::Gadget;
use daicho_tests::virtual_machine::usb::{contents, image_of};
use serde_json::json;

use crate::hospital::{Hospital, UNAPPROVED};

impl Hospital {
    /// The device with this serial is a use of this kind and an open violation.
    fn expect_kind(&self, serial: &str, kind: &str) {
        let sighting = self.wait_for_use(kind, serial, |sighting| sighting["medium"]["kind"] == kind);
        let part = |name: &str| sighting["medium"][name].as_str().unwrap_or("-").to_owned();
        let subject = format!("{}:{}:{serial}", part("vendor_id"), part("product_id"));
        self.site.wait_for(UNAPPROVED, &subject, "open");
    }

    /// The kernel inside has set the device with this serial up.
    fn wait_for_device(&self, serial: &str) {
        self.machine.until(serial, &format!("grep -qxs {serial} /sys/bus/usb/devices/*/serial"));
    }
}

#[test]
fn what_carries_files_is_known_by_its_interfaces_and_a_keyboard_is_no_finding() {
    let Some(mut hospital) = Hospital::open(&["-audiodev", "none,id=silence"]) else { return };
    let folder = hospital.machine.folder();
    let stick = contents::fat(&folder, "stick", "STICK", 0xA000_0001);
    let disc = contents::disc(&folder, "disc", "DISC");

    hospital.step("a disk behind USB attached SCSI is storage", |hospital| {
        let machine = &hospital.machine;
        machine.insert("uas", &stick);
        machine.plug("uas", "usb-uas", &json!({ "serial": "KIND-UAS" }));
        let disk = json!({ "driver": "scsi-hd", "id": "uas-disk", "bus": "uas.0", "drive": image_of("uas") });
        machine.monitor("device_add", &disk);
        attach(hospital, "uas");
        hospital.expect_kind("KIND-UAS", "storage");
        hospital.machine.unplug("uas");
        hospital.wait_for_use("gone", "KIND-UAS", |sighting| sighting["present"] == false);
    });
    hospital.step("a CD drive is optical", |hospital| {
        let machine = &hospital.machine;
        machine.insert("drive", &disc);
        machine.plug("drive", "usb-bot", &json!({ "serial": "KIND-CD" }));
        let drive =
            json!({ "driver": "scsi-cd", "id": "drive-cd", "bus": "drive.0", "drive": image_of("drive") });
        machine.monitor("device_add", &drive);
        attach(hospital, "drive");
        hospital.expect_kind("KIND-CD", "optical");
        let sighting = hospital.wait_for_use("its disc", "KIND-CD", |it| it["medium"]["label"] == "DISC");
        assert_eq!(sighting["uses"], 1, "{sighting}");
        hospital.machine.unplug("drive");
    });
    hospital.step("a phone that offers its files (MTP) is a phone", |hospital| {
        let files = folder.join("phone");
        std::fs::create_dir_all(&files).expect("a temporary folder can be written");
        let properties = json!({ "serial": "KIND-MTP", "rootdir": files, "readonly": true });
        hospital.machine.plug("phone", "usb-mtp", &properties);
        hospital.expect_kind("KIND-MTP", "phone");
        hospital.machine.unplug("phone");
    });
    hospital.step("a network adapter is network", |hospital| {
        hospital.machine.monitor("netdev_add", &json!({ "type": "user", "id": "wire", "restrict": true }));
        hospital.machine.plug("network", "usb-net", &json!({ "serial": "KIND-NET", "netdev": "wire" }));
        hospital.expect_kind("KIND-NET", "network");
        hospital.machine.unplug("network");
    });
    for (function, serial) in
        [("rndis.0", "KIND-RNDIS"), ("ecm.0", "KIND-ECM"), ("ncm.0", "KIND-NCM"), ("eem.0", "KIND-EEM")]
    {
        hospital.step(&format!("tethering ({function}) is network"), |hospital| {
            play(hospital, serial, &[(function, "true")]);
            hospital.expect_kind(serial, "network");
            hospital.machine.stop_playing(0);
        });
    }
    hospital.step("storage beside a serial port is storage", |hospital| {
        play(hospital, "KIND-BOTH", &[("acm.usb0", "true"), ("mass_storage.0", "echo 1 >lun.0/removable")]);
        hospital.expect_kind("KIND-BOTH", "storage");
        hospital.machine.stop_playing(0);
    });
    hospital.step("a card reader is storage, and each card in it is a use", |hospital| {
        let slots = "echo 1 >lun.0/removable; mkdir lun.1; echo 1 >lun.1/removable";
        play(hospital, "KIND-CARDS", &[("mass_storage.0", slots)]);
        hospital.expect_kind("KIND-CARDS", "storage");
        hospital.machine.feed("cat >/root/card", &std::fs::read(&stick).expect("it was written"));
        let slot = "/sys/kernel/config/usb_gadget/g0/functions/mass_storage.0/lun.1";
        hospital.machine.run(&format!("echo /root/card >{slot}/file"));
        let label = |it: &serde_json::Value| it["medium"]["label"] == "STICK";
        hospital.wait_for_use("a card", "KIND-CARDS", label);
        // As long as the machine reads the card it holds the slot shut.
        hospital.machine.until("the card to come out", &format!("echo >{slot}/file"));
        hospital.wait_for_use("no card", "KIND-CARDS", |sighting| sighting["present"] == false);
        hospital.machine.stop_playing(0);
    });
    hospital.step(
        "keyboard, mouse, tablet, sound, serial port, smart card reader and hub are no finding",
        |hospital| {
            let quiet = [
                ("usb-kbd", json!({})),
                ("usb-mouse", json!({})),
                ("usb-tablet", json!({})),
                ("usb-wacom-tablet", json!({})),
                ("usb-audio", json!({ "audiodev": "silence" })),
                ("usb-serial", json!({ "chardev": "nothing", "always-plugged": true })),
                ("usb-ccid", json!({})),
                ("usb-hub", json!({})),
            ];
            let nothing = json!({ "id": "nothing", "backend": { "type": "null", "data": {} } });
            hospital.machine.monitor("chardev-add", &nothing);
            for (driver, properties) in &quiet {
                let serial = format!("QUIET-{driver}");
                let mut properties = properties.clone();
                properties["serial"] = serial.clone().into();
                hospital.machine.plug(driver, driver, &properties);
                hospital.wait_for_device(&serial);
            }
            let played = "QUIET-played";
            play(hospital, played, &[("acm.usb0", "true"), ("acm.usb1", "true")]);
            hospital.wait_for_device(played);
            // Whatever would come of them has come once a later stick is told.
            hospital.machine.plug_stick("last", &stick, "KIND-LAST");
            hospital.expect_kind("KIND-LAST", "storage");
            let told = hospital.sightings();
            let loud = |it: &&serde_json::Value| it["medium"]["serial"].to_string().contains("QUIET");
            assert_eq!(told.iter().find(loud), None);
        },
    );
    hospital.close();
}

/// qemu sets such a controller up before what hangs on it, and shows it to the machine only when told to.
fn attach(hospital: &Hospital, id: &str) {
    let path = format!("/machine/peripheral/{id}");
    hospital.machine.monitor("qom-set", &json!({ "path": path, "property": "attached", "value": true }));
}

fn play(hospital: &Hospital, serial: &str, functions: &[(&str, &str)]) {
    let gadget = Gadget { ids: (0x1d6b, 0x0104), serial: Some(serial), functions, ..Gadget::default() };
    hospital.machine.play(0, &gadget);
    until(&format!("{serial} to be there"), || {
        let found = hospital.machine.try_run(&format!("grep -qxs {serial} /sys/bus/usb/devices/*/serial"));
        found.status.success().then_some(())
    });
}
