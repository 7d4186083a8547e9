//! Drive letters and labels, as the registry remembers them. No volume is opened.

use jiff::Timestamp;

use super::identity::{folded, instance_of_link};
use super::nodes::Node;
use crate::platform::windows::registry::{Hive, Registry, Value};

/// What the mount manager keeps: letters and volumes, with the link of the device or the place on the disk.
const MOUNTED: &str = "MountedDevices";

/// What Explorer called a volume or a phone when it last saw it.
const PORTABLE: &str = "Microsoft\\Windows Portable Devices\\Devices";

/// What ReadyBoost wrote of each stick that it tested, on machines with a turning disk: link, label and the volume's
/// serial number in one name.
const TESTED: &str = "Microsoft\\Windows NT\\CurrentVersion\\EMDMgmt";

/// The registry's memory of volumes.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Device instance (folded) and letter.
    letters: Vec<(String, String)>,
    /// Name of the key (folded) and label.
    portable: Vec<(String, String)>,
    /// Device instance (folded), label, serial number of the volume, when it was written.
    tested: Vec<(String, String, String, Option<Timestamp>)>,
}

impl Remembered {
    /// Reads it. What cannot be read is not told: letters and labels help a person and decide nothing.
    pub(super) fn read(registry: &dyn Registry) -> Self {
        let mut remembered = Remembered::default();
        for (name, value) in registry.values(&Hive::System, MOUNTED).ok().flatten().unwrap_or_default() {
            let letter = name.strip_prefix("\\DosDevices\\");
            if let (Some(letter), Value::Bytes(bytes)) = (letter, value)
                && let Some(instance) = instance_of_link(&wide(&bytes))
            {
                remembered.letters.push((folded(&instance), letter.to_owned()));
            }
        }
        for name in registry.keys(&Hive::Software, PORTABLE).ok().flatten().unwrap_or_default() {
            let path = format!("{PORTABLE}\\{name}");
            if let Ok(Some(label)) = registry.text(&Hive::Software, &path, "FriendlyName") {
                remembered.portable.push((folded(&name), label));
            }
        }
        for name in registry.keys(&Hive::Software, TESTED).ok().flatten().unwrap_or_default() {
            if let Some((instance, label, serial)) = parse_tested(&name) {
                let written = registry.written_at(&Hive::Software, &format!("{TESTED}\\{name}"));
                remembered.tested.push((folded(&instance), label, serial, written.ok().flatten()));
            }
        }
        remembered.tested.sort_by_key(|(_, _, _, written)| *written);
        remembered
    }

    /// The letters that these disks had last.
    pub(super) fn letters(&self, disks: &[&Node]) -> Vec<String> {
        let ids: Vec<String> = disks.iter().map(|disk| folded(&disk.id())).collect();
        let own = self.letters.iter().filter(|(instance, _)| ids.contains(instance));
        own.map(|(_, letter)| letter.clone()).collect()
    }

    /// The label of what was on these disks: `portable` are the nodes that Explorer's names hang on.
    pub(super) fn label(&self, disks: &[&Node], portable: &[&Node]) -> Option<String> {
        let of_node = portable.iter().filter_map(|node| node.friendly_name.clone());
        let marks = |node: &&Node| format!("#{}#{}#", folded(&node.device), folded(&node.instance));
        let marks: Vec<String> = disks.iter().map(marks).collect();
        let own = |name: &&(String, String)| marks.iter().any(|mark| format!("{}#", name.0).contains(mark));
        let of_key = self.portable.iter().filter(own).map(|(_, label)| label.clone());
        // A volume without a label is called by its letter.
        let mut labels = of_node.chain(of_key).filter(|label| !is_letter(label));
        labels.next().or_else(|| self.tested(disks).map(|(label, _)| label).filter(|label| !label.is_empty()))
    }

    /// The volume's serial number as `vol` shows it: the whole one of FAT and exFAT, the lower half of NTFS's.
    pub(super) fn filesystem_uuid(&self, disks: &[&Node]) -> Option<String> {
        self.tested(disks).map(|(_, serial)| serial)
    }

    fn tested(&self, disks: &[&Node]) -> Option<(String, String)> {
        let ids: Vec<String> = disks.iter().map(|disk| folded(&disk.id())).collect();
        let own = self.tested.iter().rev().find(|(instance, ..)| ids.contains(instance));
        own.map(|(_, label, serial, _)| (label.clone(), serial.clone()))
    }
}

/// `_??_USBSTOR#...#{53f56307-...}LABEL_3091495405`.
fn parse_tested(name: &str) -> Option<(String, String, String)> {
    let (link, rest) = name.split_once('}')?;
    let instance = instance_of_link(&format!("{link}}}"))?;
    let (label, serial) = rest.rsplit_once('_')?;
    let serial: u32 = serial.parse().ok()?;
    Some((instance, label.trim().to_owned(), format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)))
}

fn is_letter(label: &str) -> bool {
    matches!(label.as_bytes(), [letter, b':'] | [letter, b':', b'\\'] if letter.is_ascii_alphabetic())
}

fn wide(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readyboost_wrote_link_label_and_serial_in_one_name() {
        let name = "_??_USBSTOR#Disk&Ven_HP&Prod_v100w&Rev_1024#AA951D0000007252&0#\
                    {53f56307-b6bf-11d0-94f2-00a0c91efb8b}SECRET_PLANS_3091495405";
        let (instance, label, serial) = parse_tested(name).unwrap();
        assert_eq!(instance, "USBSTOR\\Disk&Ven_HP&Prod_v100w&Rev_1024\\AA951D0000007252&0");
        assert_eq!((label.as_str(), serial.as_str()), ("SECRET_PLANS", "B844-79ED"));
        assert_eq!(parse_tested("WR_Q___2885903653"), None);
        assert!(is_letter("E:\\") && !is_letter("外科"));
    }
}
