//! The life of sticks: mounted, partitioned, locked, pulled, at once with others, at boot, while nobody looked.

use std::path::Path;

use daicho_tests::virtual_machine::usb::contents;
use daicho_tests::virtual_machine::usb::gadget::Gadget;
use serde_json::{Value, json};

use crate::hospital::{Hospital, UNAPPROVED};

#[test]
fn a_stick_is_followed_through_mounts_pulls_hubs_sleep_and_boots() {
    let Some(mut hospital) = Hospital::open(&[]) else { return };
    let folder = hospital.machine.folder();
    let stick = contents::fat(&folder, "stick", "STICK", 0xA000_0001);
    let other = contents::fat(&folder, "other", "OTHER", 0xA000_0002);

    hospital.step("file system, label and mounts are seen, mounted by hand and unmounted", |hospital| {
        hospital.machine.plug_stick("a", &stick, "LIFE-A");
        let named = |it: &Value| it["filesystem_uuid"] == "A000-0001" && it["label"] == "STICK";
        hospital.wait_for_medium("its file system", "LIFE-A", named);
        mount(hospital, "STICK", "/mnt/a place");
        hospital.wait_for_medium("its mount", "LIFE-A", |it| it["mounts"] == json!(["/mnt/a place"]));
        hospital.machine.run("umount '/mnt/a place'");
        hospital.wait_for_medium("no mount", "LIFE-A", |it| it["mounts"] == json!([]));
    });
    hospital.step("pulled while it is mounted, it is gone", |hospital| {
        mount(hospital, "STICK", "/mnt/a");
        hospital.wait_for_medium("its mount", "LIFE-A", |it| it["mounts"] == json!(["/mnt/a"]));
        hospital.machine.unplug("a");
        hospital.wait_for_use("gone", "LIFE-A", |it| it["present"] == false);
        hospital.machine.try_run("umount -l /mnt/a");
        hospital.machine.take_out("a");
    });
    hospital.step("plugged in again, it is used again", |hospital| {
        hospital.machine.plug_stick("a", &stick, "LIFE-A");
        hospital.wait_for_use("again", "LIFE-A", |it| it["uses"] == 2 && it["present"] == true);
        hospital.machine.unplug_stick("a");
        hospital.wait_for_use("gone", "LIFE-A", |it| it["present"] == false);
    });
    hospital.step("two at once are two", |hospital| {
        hospital.machine.plug_stick("a", &stick, "LIFE-TWO-1");
        hospital.machine.plug_stick("b", &other, "LIFE-TWO-2");
        for serial in ["LIFE-TWO-1", "LIFE-TWO-2"] {
            hospital.wait_for_use("in", serial, |it| it["uses"] == 1 && it["present"] == true);
        }
        hospital.machine.unplug_stick("a");
        hospital.machine.unplug_stick("b");
        for serial in ["LIFE-TWO-1", "LIFE-TWO-2"] {
            hospital.wait_for_use("gone", serial, |it| it["uses"] == 1 && it["present"] == false);
        }
    });
    hospital.step("each partition's mount belongs to the stick", |hospital| {
        let parts =
            contents::partitioned(&folder, "parts", &[("FIRST", 0xA000_0003), ("SECOND", 0xA000_0004)]);
        hospital.machine.plug_stick("p", &parts, "LIFE-PARTS");
        mount(hospital, "SECOND", "/mnt/second");
        hospital.wait_for_medium("one mount", "LIFE-PARTS", |it| it["mounts"] == json!(["/mnt/second"]));
        mount(hospital, "FIRST", "/mnt/first");
        let both = |it: &Value| it["mounts"].as_array().is_some_and(|mounts| mounts.len() == 2);
        let medium = hospital.wait_for_medium("two mounts", "LIFE-PARTS", both);
        assert_eq!(medium["filesystem_uuid"], "A000-0003", "{medium}");
        hospital.machine.run("umount /mnt/first /mnt/second");
        hospital.machine.unplug_stick("p");
    });
    hospital.step("what is mounted through encryption belongs to the stick", |hospital| {
        let blank = contents::blank(&folder, "locked", 64);
        hospital.machine.plug_stick("l", &blank, "LIFE-LUKS");
        let device = "/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_LIFE-LUKS-0:0";
        hospital.machine.until("the disk", &format!("test -b {device}"));
        let format = "luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000";
        hospital.machine.feed(&format!("cryptsetup {format} {device} -"), b"of this test");
        hospital.machine.feed(&format!("cryptsetup open --key-file - {device} safe"), b"of this test");
        hospital.machine.run("mkfs.vfat -n SAFE /dev/mapper/safe && mkdir -p /mnt/safe");
        hospital.machine.run("mount /dev/mapper/safe /mnt/safe");
        hospital.wait_for_medium("its mount", "LIFE-LUKS", |it| it["mounts"] == json!(["/mnt/safe"]));
        hospital.machine.run("umount /mnt/safe && cryptsetup close safe");
        hospital.machine.unplug_stick("l");
    });
    hospital.step("a hub that is set up anew connects what hangs on it anew", |hospital| {
        hospital.machine.plug("hub", "usb-hub", &json!({ "port": "15", "serial": "LIFE-HUB" }));
        hospital.machine.insert("h", &stick);
        let properties =
            json!({ "drive": "h-image", "serial": "LIFE-BEHIND", "removable": true, "port": "15.2" });
        hospital.machine.plug("h", "usb-storage", &properties);
        hospital.wait_for_use("in", "LIFE-BEHIND", |it| it["uses"] == 1 && it["present"] == true);
        let hub = hospital.machine.run("dirname $(grep -lx LIFE-HUB /sys/bus/usb/devices/*/serial)");
        let hub = hub.trim().rsplit('/').next().expect("a name").to_owned();
        hospital.machine.run(&format!("echo {hub} >/sys/bus/usb/drivers/usb/unbind"));
        hospital.wait_for_use("gone", "LIFE-BEHIND", |it| it["present"] == false);
        hospital.machine.run(&format!("echo {hub} >/sys/bus/usb/drivers/usb/bind"));
        hospital.wait_for_use("in again", "LIFE-BEHIND", |it| it["uses"] == 2 && it["present"] == true);
        hospital.machine.unplug_stick("h");
        hospital.machine.unplug("hub");
    });
    hospital.step("an agent that is restarted counts no use twice", |hospital| {
        hospital.machine.plug_stick("r", &stick, "LIFE-RESTART");
        hospital.wait_for_use("in", "LIFE-RESTART", |it| it["present"] == true);
        hospital.machine.run("systemctl restart daicho-agent");
        hospital.machine.plug_stick("m", &other, "LIFE-RESTART-MARK");
        hospital.wait_for_use("in", "LIFE-RESTART-MARK", |it| it["present"] == true);
        hospital.wait_for_medium("in", "LIFE-RESTART", |it| it["seen"] == "present");
        hospital.wait_for_use("once", "LIFE-RESTART", |it| it["uses"] == 1 && it["present"] == true);
        hospital.machine.unplug_stick("m");
    });
    hospital.step("sleep loses no stick that stays in", |hospital| {
        sleep_and_wake(hospital);
        hospital.machine.plug_stick("m", &other, "LIFE-SLEEP-MARK");
        hospital.wait_for_use("in", "LIFE-SLEEP-MARK", |it| it["present"] == true);
        // After sleep the kernel says of a removable disk that its medium may be another one: that is told as a use more.
        let once_or_twice =
            |it: &Value| it["present"] == true && it["uses"].as_u64().is_some_and(|uses| uses <= 2);
        hospital.wait_for_use("in", "LIFE-RESTART", once_or_twice);
        hospital.machine.unplug_stick("m");
    });
    hospital.step("a stick that is in at boot is seen", |hospital| {
        let before =
            hospital.wait_for_use("in", "LIFE-RESTART", |_| true)["uses"].as_u64().unwrap_or_default();
        hospital.machine.reboot();
        hospital.machine.until("the agent", "systemctl is-active -q daicho-agent");
        let again = |it: &Value| it["uses"] == before + 1 && it["present"] == true;
        hospital.wait_for_use("since this boot", "LIFE-RESTART", again);
        hospital.machine.unplug_stick("r");
        hospital.wait_for_use("gone", "LIFE-RESTART", |it| it["present"] == false);
    });
    hospital.step("one that came while the agent was stopped and stays is seen", |hospital| {
        plug_unseen(hospital, "s", &stick, "LIFE-STAYS");
        hospital.machine.run("systemctl start daicho-agent");
        let sighting = hospital.wait_for_use("in", "LIFE-STAYS", |it| it["present"] == true);
        assert_eq!(sighting["found_afterwards"], false, "{sighting}");
        hospital.site.wait_for(UNAPPROVED, "46f4:0001:LIFE-STAYS", "open");
        hospital.machine.unplug_stick("s");
        hospital.wait_for_use("gone", "LIFE-STAYS", |it| it["present"] == false);
    });
    hospital.step("one that came and went while the agent was stopped is found afterwards", |hospital| {
        plug_unseen(hospital, "o", &stick, "LIFE-MISSED");
        hospital.machine.unplug_stick("o");
        let gone = "journalctl -k -b | sed '1,/LIFE-MISSED/d' | grep -q 'USB disconnect'";
        hospital.machine.until("the kernel's word", gone);
        hospital.machine.run("systemctl start daicho-agent");
        let sighting = hospital.wait_for_use("found", "LIFE-MISSED", |it| it["found_afterwards"] == true);
        assert_eq!((&sighting["present"], &sighting["uses"]), (&json!(false), &json!(1)), "{sighting}");
        let violation = hospital.site.wait_for(UNAPPROVED, "46f4:0001:LIFE-MISSED", "open");
        assert!(violation["summary"]["ja"].to_string().contains("後で判明"), "{violation}");
        for seen_live in ["LIFE-STAYS", "LIFE-RESTART"] {
            let known = hospital.wait_for_use("known", seen_live, |_| true);
            assert_eq!(known["found_afterwards"], false, "the journal tells again what was seen: {known}");
        }
    });
    hospital.close();
}

#[test]
fn sticks_that_cannot_be_told_apart_are_said_to_be_indistinguishable() {
    let Some(mut hospital) = Hospital::open(&[]) else { return };
    let folder = hospital.machine.folder();
    let stick = contents::fat(&folder, "stick", "STICK", 0xA000_0001);
    let twin = contents::fat(&folder, "twin", "TWIN", 0xA000_0002);

    hospital.step(
        "one without a serial number is told, and its approval is not taken for granted",
        |hospital| {
            hospital.machine.feed("cat >/root/plain", &std::fs::read(&stick).expect("it was written"));
            let set_up = "echo 1 >lun.0/removable; echo /root/plain >lun.0/file";
            let functions = [("mass_storage.0", set_up)];
            hospital
                .machine
                .play(0, &Gadget { ids: (0x1d6b, 0x0105), functions: &functions, ..Gadget::default() });
            let subject = "1d6b:0105:-";
            hospital.site.wait_for(UNAPPROVED, subject, "open");
            hospital.import("USB-02,1d6b,0105,");
            wait_for_doubt(hospital, subject);
            hospital.machine.stop_playing(0);
        },
    );
    hospital.step(
        "two with one serial number are two media, and an approval of that number is none",
        |hospital| {
            hospital.machine.plug_stick("one", &stick, "SAME");
            hospital.machine.plug_stick("two", &twin, "SAME");
            for label in ["STICK", "TWIN"] {
                hospital.wait_for_medium(label, "SAME", |it| it["label"] == label);
            }
            hospital.import("USB-03,46f4,0001,SAME");
            wait_for_doubt(hospital, "46f4:0001:SAME");
        },
    );
    hospital.close();
}

/// The rule answers undetermined for this subject.
fn wait_for_doubt(hospital: &Hospital, subject: &str) {
    daicho_tests::programs::until(&format!("{subject} to be undetermined"), || {
        let answer = hospital.site.daicho_json(&["violations"]);
        let doubts = answer["undetermined"].as_array()?.clone();
        let of_it = |it: &&Value| it["rule"] == UNAPPROVED && it["subject"] == subject;
        doubts.iter().find(of_it).map(|_| ())
    });
}

fn mount(hospital: &Hospital, label: &str, at: &str) {
    let device = format!("/dev/disk/by-label/{label}");
    hospital.machine.until(label, &format!("test -b {device}"));
    hospital.machine.run(&format!("mkdir -p '{at}' && mount {device} '{at}'"));
}

/// To the memory (ACPI S3) and back; what runs inside is frozen meanwhile.
fn sleep_and_wake(hospital: &Hospital) {
    hospital.machine.run("systemd-run -q sh -c 'echo mem >/sys/power/state'");
    hospital.machine.wait_for_event("SUSPEND", |_| true);
    hospital.machine.monitor("system_wakeup", &json!({}));
    hospital.machine.wait_for_event("WAKEUP", |_| true);
    hospital.machine.until("it to be awake", "journalctl -k -b | grep -q 'PM: suspend exit'");
}

/// Stops the agent, plugs a stick in, and waits until the kernel has told of it.
fn plug_unseen(hospital: &mut Hospital, name: &str, stick: &Path, serial: &str) {
    hospital.machine.run("systemctl stop daicho-agent");
    hospital.machine.plug_stick(name, stick, serial);
    hospital.machine.until("the kernel's word", &format!("journalctl -k -b | grep -q {serial}"));
}
