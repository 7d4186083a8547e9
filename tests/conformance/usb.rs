//! Recordings of real USB devices (umockdev), played back as a tree of /sys. Reads `../shared/data/usb`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use daicho_agent::platform;
use daicho_proto::facts::{Look, Medium, MediumKind};

fn recording(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/usb");
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", folder.display());
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(fs::read_to_string(folder.join(name)).expect("the recording is there"))
}

/// One device of a recording.
#[derive(Default)]
struct Device {
    path: String,
    node: Vec<u8>,
    properties: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
    links: Vec<(String, String)>,
}

impl Device {
    fn property(&self, key: &str) -> Option<&str> {
        self.properties.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// `P:` begins a device; `N:` is its node, with what a read of it gives (a USB device's descriptors); `E:` are udev's
/// properties, `A:` attributes and `L:` links below /sys.
fn parse(text: &str) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    let pair =
        |text: &str| text.split_once('=').map(|(key, value)| (key.to_owned(), value.replace("\\n", "\n")));
    for line in text.lines() {
        let Some((kind, value)) = line.split_once(": ") else { continue };
        if kind == "P" {
            devices.push(Device { path: value.to_owned(), ..Device::default() });
            continue;
        }
        let device = devices.last_mut().expect("a recording begins with P:");
        match kind {
            "N" => {
                let digits = value.split_once('=').map_or("", |(_, digits)| digits).as_bytes();
                let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16);
                device.node = digits.chunks(2).map_while(|pair| byte(pair).ok()).collect();
            }
            "E" => device.properties.extend(pair(value)),
            "A" => device.attributes.extend(pair(value)),
            "L" => device.links.extend(pair(value)),
            _ => {}
        }
    }
    devices
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, bytes).expect("a file");
}

/// The tree that the recorded machine had. Without `udev` its records are left out.
fn tree(devices: &[Device], root: &Path, udev: bool) {
    let links = root.join("sys/bus/usb/devices");
    fs::create_dir_all(&links).expect("folders");
    fs::create_dir_all(root.join("sys/class/block")).expect("folders");
    for device in devices {
        let folder: PathBuf = root.join("sys").join(device.path.trim_start_matches('/'));
        fs::create_dir_all(&folder).expect("folders");
        for (name, value) in &device.attributes {
            write(&folder.join(name), value);
        }
        for (name, target) in &device.links {
            symlink(target, folder.join(name)).expect("a link");
        }
        if device.property("SUBSYSTEM") != Some("usb") {
            continue;
        }
        let name = device.path.rsplit('/').next().expect("a name");
        symlink(format!("../../..{}", device.path), links.join(name)).expect("a link");
        if !device.node.is_empty() {
            write(&folder.join("descriptors"), &device.node);
        }
        if let Some(number) = device.attribute("dev").filter(|_| udev) {
            let record: String =
                device.properties.iter().map(|(key, value)| format!("E:{key}={value}\n")).collect();
            write(&root.join(format!("run/udev/data/c{}", number.trim())), record);
        }
    }
}

fn seen(text: &str, udev: bool) -> Vec<Medium> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    tree(&parse(text), folder.path(), udev);
    match platform::at_root(folder.path()).expect("a root").media() {
        Look::Seen { value, problems } if problems.is_empty() => value,
        other => panic!("{other:?}"),
    }
}

/// What is said of a recording, the same with udev's records and without.
fn check(name: &str, expected: &[(&str, MediumKind, &str, &str)]) {
    let Some(text) = recording(name) else { return };
    for udev in [true, false] {
        let media = seen(&text, udev);
        let said: Vec<_> = media
            .iter()
            .map(|medium| {
                let words = |text: &Option<String>| text.clone().unwrap_or_default();
                (medium.subject(), medium.kind, words(&medium.manufacturer), words(&medium.product))
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(subject, kind, maker, product)| {
                ((*subject).to_owned(), *kind, (*maker).to_owned(), (*product).to_owned())
            })
            .collect();
        assert_eq!(said, expected, "{name}, udev {udev}");
    }
}

#[test]
fn a_phone_behind_three_hubs_is_a_phone() {
    check(
        "MTP-sony-xperia.umockdev",
        &[("0fce:0166:0123456789ABCDEF", MediumKind::Phone, "Sony", "MiniPro")],
    );
}

#[test]
fn a_camera_hands_its_pictures_out_as_a_phone_does() {
    let serial = "04a9:31c0:C767F1C714174C309255F70E4A7B2EE2";
    let camera = (serial, MediumKind::Phone, "Canon Inc.", "Canon Digital Camera");
    check("NEG-canon-ptp-camera.umockdev", &[camera]);
}

#[test]
fn a_keyboard_is_no_medium() {
    check("NEG-usb-keyboard.umockdev", &[]);
}

#[test]
fn a_fingerprint_reader_is_no_medium() {
    check("NEG-fingerprint-elan.umockdev", &[]);
}
