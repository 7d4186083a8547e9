//! The disk of a Windows 10 terminal PC in a folder: its hives, as an offline look finds them.

use std::fs;
use std::path::{Path, PathBuf};

use hive::Key;

pub mod hive;
pub mod journey;
pub mod machines;
pub mod plan;
mod sam;
pub mod saved;

/// The build of the PC, without its revision.
pub const BUILD: &str = "19045";

/// A disk that an agent can look at. What is changed is written by [`WindowsDisk::save`].
pub struct WindowsDisk {
    root: PathBuf,
    /// `HKEY_LOCAL_MACHINE\SOFTWARE`.
    pub software: Key,
    /// `HKEY_LOCAL_MACHINE\SYSTEM`; the control set in use is `ControlSet001`.
    pub system: Key,
    sam: sam::Sam,
}

impl WindowsDisk {
    /// A PC of this name with Windows 10 22H2 at this revision, its built-in accounts and a service of its own.
    pub fn prepare(root: &Path, hostname: &str, revision: u32) -> Self {
        let mut software = Key::default();
        software
            .key(r"Microsoft\Windows NT\CurrentVersion")
            .text("ProductName", "Windows 10 Pro")
            .text("EditionID", "Professional")
            .text("InstallationType", "Client")
            .text("DisplayVersion", "22H2")
            .text("CurrentVersion", "6.3")
            .number("CurrentMajorVersionNumber", 10)
            .number("CurrentMinorVersionNumber", 0)
            .text("CurrentBuild", BUILD)
            .text("CurrentBuildNumber", BUILD)
            .number("UBR", revision)
            .text("SystemRoot", r"C:\Windows");
        software.key(r"Microsoft\Cryptography").text("MachineGuid", "6f1c1a52-6d3a-4c0e-9a2b-7d54d1f0c3a1");
        let mut system = Key::default();
        system
            .key("Select")
            .number("Current", 1)
            .number("Default", 1)
            .number("Failed", 0)
            .number("LastKnownGood", 1);
        let mut disk = WindowsDisk { root: root.to_owned(), software, system, sam: sam::Sam::new() };
        disk.control(r"Control\ComputerName\ComputerName").text("ComputerName", hostname);
        disk.control(r"Services\Tcpip\Parameters").text("Hostname", hostname).text("NV Hostname", hostname);
        disk.control(r"Control\ProductOptions").text("ProductType", "WinNT");
        disk.service(
            "EventLog",
            "Windows Event Log",
            r"%SystemRoot%\System32\svchost.exe -k LocalService",
            2,
        );
        disk.sam.add("Administrator", "", 500, sam::DISABLED);
        disk.sam.add("Guest", "", 501, sam::DISABLED | sam::NO_PASSWORD);
        disk.sam.administrators(&[500]);
        disk
    }

    /// The key at this path of the control set in use.
    pub fn control(&mut self, path: &str) -> &mut Key {
        self.system.key(&format!(r"ControlSet001\{path}"))
    }

    /// A service of programs: `start` is 2 (automatic), 3 (by hand) or 4 (disabled).
    pub fn service(&mut self, name: &str, title: &str, program: &str, start: u32) {
        self.control(&format!(r"Services\{name}"))
            .text("DisplayName", title)
            .path("ImagePath", program)
            .text("ObjectName", "LocalSystem")
            .number("Type", 0x10)
            .number("Start", start)
            .number("ErrorControl", 1);
    }

    /// A person's account that can log on, with this number (from 1001 on).
    pub fn account(&mut self, name: &str, full_name: &str, number: u32) {
        self.sam.add(name, full_name, number, 0);
    }

    /// The trace of a stick that was once plugged in.
    pub fn stick(&mut self, vendor_id: &str, product_id: &str, serial: &str, written_at: u64) {
        self.control(&format!(r"Enum\USB\VID_{vendor_id}&PID_{product_id}\{serial}"))
            .written_at(written_at)
            .text("DeviceDesc", "@usbstor.inf,%genericbulkonly.devicedesc%;USB Mass Storage Device")
            .text("Service", "USBSTOR")
            .text("ContainerID", "{8f0d6a51-43f5-5b0a-9a24-0c2c1e9f7d11}");
        self.control(&format!(r"Enum\USBSTOR\Disk&Ven_SanDisk&Prod_Ultra&Rev_1.00\{serial}&0"))
            .written_at(written_at)
            .text("FriendlyName", "SanDisk Ultra USB Device")
            .text("DeviceDesc", "@disk.inf,%disk_devdesc%;Disk drive")
            .text("Service", "disk")
            .text("ContainerID", "{8f0d6a51-43f5-5b0a-9a24-0c2c1e9f7d11}");
    }

    /// Writes the hives.
    pub fn save(&self) {
        let config = self.root.join("Windows/System32/config");
        fs::create_dir_all(&config).expect("a temporary folder can be written");
        let write = |name: &str, bytes: &[u8]| {
            fs::write(config.join(name), bytes).expect("a temporary folder can be written");
        };
        write("SOFTWARE", &self.software.file());
        write("SYSTEM", &self.system.file());
        write("SAM", &self.sam.file());
        let mut security = Key::default();
        security.key("Policy").number("", 0);
        write("SECURITY", &security.file());
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }
}
