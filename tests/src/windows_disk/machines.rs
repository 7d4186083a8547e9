//! Writes a machine of `plan.rs` as the hives and files of its disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::hive::Key;
use super::plan::{Plan, Service, Stick};
use super::sam::{Fields, MACHINE_SID, Sam};

const CONTROL: &str = "ControlSet001";
const CURRENT_VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";

/// When a key of theirs was written: 2024-06-01T00:00:00Z.
const WRITTEN: u64 = 133_616_736_000_000_000;

/// The registry of a machine: its hives by name, and those of people by the number of their account.
pub struct Hives {
    /// `SAM`, `SECURITY`, `SOFTWARE`, `SYSTEM`.
    pub machine: BTreeMap<&'static str, Key>,
    /// Of whoever has settings: number, name and hive.
    pub people: Vec<(u32, &'static str, Key)>,
}

impl Hives {
    /// What the machine's registry holds.
    pub fn of(plan: &Plan) -> Self {
        let people = plan.people.iter().filter(|person| person.settings.is_some());
        let people = people.map(|person| (person.number, person.name, settings(plan, person.number)));
        let machine = BTreeMap::from([
            ("SAM", accounts(plan)),
            ("SECURITY", rights()),
            ("SOFTWARE", software(plan)),
            ("SYSTEM", system(plan)),
        ]);
        Hives { machine, people: people.collect() }
    }

    /// Their files by the paths on the disk.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let own =
            self.machine.iter().map(|(name, key)| (format!("Windows/System32/config/{name}"), key.file()));
        let people =
            self.people.iter().map(|(_, name, key)| (format!("Users/{name}/NTUSER.DAT"), key.file()));
        own.chain(people).collect()
    }
}

/// Writes the disk of a machine below a folder.
pub fn lay(plan: &Plan, root: &Path) {
    for (path, bytes) in Hives::of(plan).files() {
        write(&root.join(path), &bytes);
    }
    lay_files(plan, root);
}

/// The files that are no hives.
pub(super) fn lay_files(plan: &Plan, root: &Path) {
    write(&root.join("Windows/INF/setupapi.dev.log"), log(plan).as_bytes());
    fs::create_dir_all(root.join("Windows/System32/Tasks")).expect("a temporary folder can be written");
}

pub(super) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder"))
        .expect("a temporary folder can be written");
    fs::write(path, bytes).expect("a temporary folder can be written");
}

/// A time as Windows counts: 100 nanoseconds since 1601. None is 0.
fn filetime(time: Option<&str>) -> u64 {
    let Some(time) = time else { return 0 };
    let at: Timestamp = time.parse().expect("a time in UTC");
    u64::try_from(at.as_nanosecond() / 100 + 116_444_736_000_000_000).expect("a time after 1601")
}

fn top() -> Key {
    let mut key = Key::default();
    key.written_at(WRITTEN);
    key
}

fn software(plan: &Plan) -> Key {
    let mut software = top();
    let windows = &plan.windows;
    let build = windows.build.to_string();
    let version = software.key(CURRENT_VERSION);
    version
        .text("ProductName", windows.product)
        .text("EditionID", windows.edition)
        .text("InstallationType", windows.installation)
        .text("CurrentVersion", windows.version)
        .text("CurrentBuild", &build)
        .text("CurrentBuildNumber", &build)
        .text("BuildLabEx", windows.laboratory)
        .text("SystemRoot", r"C:\Windows");
    if let Some(pack) = windows.service_pack {
        version.text("CSDVersion", pack);
    }
    if let Some((release, display)) = windows.release {
        version.text("ReleaseId", release).text("DisplayVersion", display);
        version.number("CurrentMajorVersionNumber", 10).number("CurrentMinorVersionNumber", 0);
    }
    if let Some(revision) = windows.revision {
        version.number("UBR", revision);
    }
    software.key(r"Microsoft\Cryptography").text("MachineGuid", &guid(plan));
    let folders = software.key(r"Microsoft\Windows\CurrentVersion");
    folders
        .text("ProgramFilesDir", r"C:\Program Files")
        .text("ProgramFilesDir (x86)", r"C:\Program Files (x86)");
    for product in &plan.products {
        match product.place {
            64 => put_product(&mut software, "", product),
            32 => put_product(&mut software, r"WOW6432Node\", product),
            _ => {}
        }
    }
    let profiles = format!(r"{CURRENT_VERSION}\ProfileList");
    software.key(&profiles).path("ProfilesDirectory", r"%SystemDrive%\Users");
    let of_system = r"%systemroot%\system32\config\systemprofile";
    software.key(&format!(r"{profiles}\S-1-5-18")).path("ProfileImagePath", of_system);
    for person in &plan.people {
        let Some(loaded) = person.settings else { continue };
        let profile = software.key(&format!(r"{profiles}\{MACHINE_SID}-{}", person.number));
        profile.path("ProfileImagePath", &format!(r"C:\Users\{}", person.name)).number("State", 0);
        if !loaded.is_empty() {
            let [low, high] = [0, 32].map(|bits| (filetime(Some(loaded)) >> bits & 0xffff_ffff) as u32);
            profile.number("LocalProfileLoadTimeLow", low).number("LocalProfileLoadTimeHigh", high);
        }
    }
    software
}

/// The machine's own number.
pub fn guid(plan: &Plan) -> String {
    format!("6f1c1a52-6d3a-4c0e-9a2b-7d54d1f{:05}", plan.windows.build)
}

fn put_product(hive: &mut Key, before: &str, product: &super::plan::Product) {
    let path = format!(r"{before}Microsoft\Windows\CurrentVersion\Uninstall\{}", product.key);
    let key = hive.key(&path);
    key.text("DisplayName", product.name)
        .text("DisplayVersion", product.version)
        .text("Publisher", product.publisher)
        .text("InstallDate", product.day.0)
        .path("UninstallString", r"C:\remove.exe");
    if product.is_msi {
        key.number("WindowsInstaller", 1);
    }
    match product.part {
        Some((name, Ok(text))) => drop(key.text(name, text)),
        Some((name, Err(number))) => drop(key.number(name, number)),
        None => {}
    }
}

fn settings(plan: &Plan, number: u32) -> Key {
    let mut own = top();
    own.key(r"Software\Microsoft\Windows\CurrentVersion\Run");
    own.key(r"Control Panel\Desktop").text("Wallpaper", "");
    for product in plan.products.iter().filter(|product| product.place == number) {
        put_product(&mut own, r"Software\", product);
    }
    own
}

fn system(plan: &Plan) -> Key {
    let mut system = top();
    let select = system.key("Select");
    for (name, number) in [("Current", 1), ("Default", 1), ("Failed", 0), ("LastKnownGood", 1)] {
        select.number(name, number);
    }
    let control = system.key(CONTROL);
    control.key(r"Control\ComputerName\ComputerName").text("ComputerName", plan.hostname);
    control
        .key(r"Services\Tcpip\Parameters")
        .text("Hostname", plan.hostname)
        .text("NV Hostname", plan.hostname);
    let kind = if plan.windows.installation == "Server" { "ServerNT" } else { "WinNT" };
    control.key(r"Control\ProductOptions").text("ProductType", kind);
    // Tokyo: nine hours before UTC, and no summer time.
    control
        .key(r"Control\TimeZoneInformation")
        .number("Bias", 0xffff_fde4)
        .number("StandardBias", 0)
        .number("DaylightBias", 0)
        .bytes("DaylightStart", &[0; 16])
        .text("TimeZoneKeyName", "Tokyo Standard Time");
    let remote = plan.doors.iter().any(|(name, is_on)| *name == "TermService-RDP" && *is_on);
    control.key(r"Control\Terminal Server").number("fDenyTSConnections", u32::from(!remote));
    control.key(r"Control\Terminal Server\WinStations\RDP-Tcp").number("UserAuthentication", 1);
    for service in &plan.services {
        put_service(control.key(&format!(r"Services\{}", service.name)), service);
    }
    for stick in &plan.sticks {
        put_stick(control, stick, plan.windows.is_modern());
    }
    for stick in &plan.sticks {
        let Some(letter) = stick.letter else { continue };
        let (bus, device, instance) = stick.disk;
        let link = format!("_??_{bus}#{device}#{instance}#{{53f56307-b6bf-11d0-94f2-00a0c91efb8b}}");
        let units = link.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        system.key("MountedDevices").bytes(&format!(r"\DosDevices\{letter}"), &units);
    }
    system
}

fn put_service(key: &mut Key, service: &Service) {
    key.path("ImagePath", service.path).number("Type", service.kind).number("Start", service.start);
    key.number("ErrorControl", 1);
    if !service.title.is_empty() {
        key.text("DisplayName", service.title);
    }
    if !service.account.is_empty() {
        key.text("ObjectName", service.account);
    }
    if service.delayed {
        key.number("DelayedAutostart", 1);
    }
    if let Some(library) = service.library {
        key.key("Parameters").path("ServiceDll", library);
    }
    if service.triggered {
        key.key(r"TriggerInfo\0").number("Type", 4).number("Action", 1);
    }
}

fn put_stick(control: &mut Key, stick: &Stick, is_modern: bool) {
    let (bus, device, instance) = stick.disk;
    let container = format!("{{8f0d6a51-43f5-5b0a-9a24-{}{}0000}}", stick.ids.0, stick.ids.1).to_lowercase();
    let (vendor, product) = stick.ids;
    let usb = format!(r"Enum\USB\VID_{vendor}&PID_{product}\{}", stick.instance);
    let service = if bus == "SCSI" { "UASPStor" } else { "USBSTOR" };
    let protocol = if bus == "SCSI" { "62" } else { "50" };
    let class = format!(r"USB\Class_08&SubClass_06&Prot_{protocol}");
    let key = control.key(&usb);
    key.text("DeviceDesc", "@usbstor.inf,%genericbulkonly.devicedesc%;USB Mass Storage Device")
        .texts("CompatibleIDs", &[&class, r"USB\Class_08&SubClass_06", r"USB\Class_08"])
        .text("Service", service)
        .text("ContainerID", &container);
    if let Some(prefix) = stick.prefix {
        key.text("ParentIdPrefix", prefix);
    }
    let disk = format!(r"Enum\{bus}\{device}\{instance}");
    control
        .key(&disk)
        .text("DeviceDesc", "@disk.inf,%disk_devdesc%;Disk drive")
        .text("FriendlyName", &format!("{} {} USB Device", stick.names.0, stick.names.1))
        .text("Service", "disk")
        .text("ContainerID", &container);
    // Of type FILETIME, as properties of devices have it.
    const FILETIME: u32 = 0xffff_0010;
    for (number, time) in [0x65, 0x66, 0x67].into_iter().zip(stick.times) {
        let Some(time) = time else { continue };
        let count = filetime(Some(time)).to_le_bytes().to_vec();
        for node in [&usb, &disk] {
            let group = format!(r"{node}\Properties\{{83da6326-97a6-4088-9453-a1923f573b29}}");
            if is_modern {
                control.key(&format!(r"{group}\{number:04X}")).value("", FILETIME, count.clone());
            } else {
                let key = control.key(&format!(r"{group}\{number:08X}\00000000"));
                key.number("Type", 0x10).value("Data", 3, count.clone());
            }
        }
    }
}

fn log(plan: &Plan) -> String {
    let mut log =
        String::from("[Device Install Log]\r\n     OS Version = 10.0.19044\r\n\r\n[BeginLog]\r\n\r\n");
    for stick in &plan.sticks {
        let Some(time) = stick.logged else { continue };
        let (vendor, product) = stick.ids;
        let instance = format!(r"USB\VID_{vendor}&PID_{product}\{}", stick.instance);
        log.push_str(&format!(">>>  [Device Install (Hardware initiated) - {instance}]\r\n"));
        log.push_str(&format!(">>>  Section start {time}\r\n     dvi: {{Select Best Driver}}\r\n"));
        log.push_str(&format!("<<<  Section end {time}\r\n<<<  [Exit status: SUCCESS]\r\n\r\n"));
    }
    log
}

fn accounts(plan: &Plan) -> Key {
    let mut sam = Sam::new();
    sam.rules();
    for person in &plan.people {
        let fields = Fields {
            flags: person.flags,
            last_logon: filetime(person.logon),
            password_set: filetime(person.password_set),
            ends: person.ends.map(|ends| filetime(Some(ends))),
            logons: person.logons,
            is_modern: plan.windows.is_modern(),
            has_password: person.has_password,
        };
        let user = sam.put(person.name, person.full_name, person.number, &fields);
        if let Some(online) = person.online {
            let units = online.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
            user.bytes("InternetUserName", &units);
        }
    }
    for group in &plan.groups {
        sam.group(group.domain, group.number, group.name, &group.members);
    }
    sam.top().clone()
}

/// Who may log on, as a client of Microsoft's has it: bits of `SECURITY_ACCESS_...` (ntsecapi.h).
fn rights() -> Key {
    let mut security = top();
    let given = [
        ("S-1-1-0".to_owned(), 2),
        ("S-1-5-32-544".to_owned(), 0x403),
        ("S-1-5-32-545".to_owned(), 3),
        ("S-1-5-32-551".to_owned(), 7),
        ("S-1-5-32-555".to_owned(), 0x400),
        // The guest may, and is refused.
        (format!("{MACHINE_SID}-501"), 0x1 | 0x40 | 0x80),
    ];
    for (sid, bits) in given {
        let bits: u32 = bits;
        security.key(&format!(r"Policy\Accounts\{sid}\ActSysAc")).value("", 0, bits.to_le_bytes().to_vec());
    }
    security.key("Policy").value("", 0, Vec::new());
    security
}
