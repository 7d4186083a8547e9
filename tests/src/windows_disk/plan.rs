//! What is on four Windows machines, in plain words: Windows 7, 10, 11 and Server 2022, each with people, services,
//! programs and sticks. `machines.rs` writes them as hives; what the agent says of those has to be this again.

pub use super::sam::MACHINE_SID;
use super::sam::PASSWORD_STAYS;
pub use parts::STRANGER;
use parts::{
    HOST, administrator, driver, groups, logged, modern_people, modern_services, nameless, people, person,
    products, sandisk, services, shared, uasp,
};

mod parts;

/// One machine.
pub struct Plan {
    /// Its name in the network.
    pub hostname: &'static str,
    /// Its Windows.
    pub windows: Windows,
    /// Its accounts.
    pub people: Vec<Person>,
    /// Its groups.
    pub groups: Vec<Group>,
    /// Its services, and what is no service to people.
    pub services: Vec<Service>,
    /// Switches inside of services, as the agent names them, and whether each is on.
    pub doors: Vec<(&'static str, bool)>,
    /// Its programs.
    pub products: Vec<Product>,
    /// What was once plugged in.
    pub sticks: Vec<Stick>,
}

/// What a Windows writes of itself, and below how it is called.
pub struct Windows {
    /// `ProductName`: of Windows 11 as well it begins with `Windows 10`.
    pub product: &'static str,
    /// `EditionID`.
    pub edition: &'static str,
    /// `InstallationType`.
    pub installation: &'static str,
    /// `CurrentVersion`.
    pub version: &'static str,
    /// `CurrentBuild`.
    pub build: u32,
    /// `UBR`; Windows 7 has none.
    pub revision: Option<u32>,
    /// `ReleaseId` and `DisplayVersion`.
    pub release: Option<(&'static str, &'static str)>,
    /// `CSDVersion`.
    pub service_pack: Option<&'static str>,
    /// `BuildLabEx`.
    pub laboratory: &'static str,
    /// Name, version, build and edition as people call them.
    pub called: [&'static str; 4],
}

impl Windows {
    /// Whether it is Windows 10 or later.
    pub fn is_modern(&self) -> bool {
        self.build >= 10240
    }
}

/// What is known of somebody's last logon.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// At the account's time of it.
    Logon,
    /// When the person's settings were loaded.
    Loaded,
    /// There was none.
    Never,
    /// Nobody can say.
    Unknown,
}

/// An account. Times are as in `2024-03-11T00:00:00Z`.
pub struct Person {
    /// The last number of its SID.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Its full name.
    pub full_name: &'static str,
    /// Bits of MS-SAMR 2.2.1.12.
    pub flags: u16,
    /// When it last logged on.
    pub logon: Option<&'static str>,
    /// How often it did.
    pub logons: u16,
    /// When its password was set.
    pub password_set: Option<&'static str>,
    /// Whether it has one.
    pub has_password: bool,
    /// When it ends.
    pub ends: Option<&'static str>,
    /// The account with Microsoft that opens it.
    pub online: Option<&'static str>,
    /// When its settings were last loaded; `Some("")`: it has some, and no time is kept.
    pub settings: Option<&'static str>,
    /// Whether it can be used today.
    pub enabled: bool,
    /// Whether it opens a session with a screen.
    pub session: bool,
    /// Its last logon.
    pub last: Last,
    /// The groups with rights that it is in.
    pub groups: &'static [&'static str],
    /// Why it administers the machine.
    pub sources: &'static [&'static str],
}

/// A group.
pub struct Group {
    /// `Builtin` or `Account`.
    pub domain: &'static str,
    /// The last number of its SID.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// SIDs.
    pub members: Vec<String>,
}

/// A key below `Services`.
#[derive(Clone, Default)]
pub struct Service {
    /// The key's name.
    pub name: &'static str,
    /// `DisplayName`.
    pub title: &'static str,
    /// `ImagePath`.
    pub path: &'static str,
    /// `ServiceDll`.
    pub library: Option<&'static str>,
    /// `Type`.
    pub kind: u32,
    /// `Start`.
    pub start: u32,
    /// `DelayedAutostart`.
    pub delayed: bool,
    /// Whether it has `TriggerInfo`.
    pub triggered: bool,
    /// `ObjectName`.
    pub account: &'static str,
    /// What the agent tells of it: name, start, program, library, description. `None`: nothing.
    pub told: Option<[Option<&'static str>; 5]>,
}

/// A record of an installed program.
pub struct Product {
    /// `64`, `32`, or the number of the account whose settings have it.
    pub place: u32,
    /// The key's name.
    pub key: &'static str,
    /// `DisplayName`.
    pub name: &'static str,
    /// `DisplayVersion`.
    pub version: &'static str,
    /// `Publisher`.
    pub publisher: &'static str,
    /// `InstallDate`, and the day that it is.
    pub day: (&'static str, &'static str),
    /// `WindowsInstaller`.
    pub is_msi: bool,
    /// A value that makes it a part of something else.
    pub part: Option<(&'static str, Result<&'static str, u32>)>,
}

/// A medium that was plugged in once.
#[derive(Clone)]
pub struct Stick {
    /// Vendor and product, in hexadecimal digits.
    pub ids: (&'static str, &'static str),
    /// The name of its key below the USB bus.
    pub instance: &'static str,
    /// The name of its disk, and that disk's own key; `SCSI` where it speaks UASP.
    pub disk: (&'static str, &'static str, &'static str),
    /// `ParentIdPrefix`.
    pub prefix: Option<&'static str>,
    /// Its serial number, if it has one of its own.
    pub serial: Option<&'static str>,
    /// Maker and product that the disk tells.
    pub names: (&'static str, &'static str),
    /// The letter that it had.
    pub letter: Option<&'static str>,
    /// Times 65, 66 and 67 beside the device.
    pub times: [Option<&'static str>; 3],
    /// The line of `setupapi.dev.log`, in Tokyo's time.
    pub logged: Option<&'static str>,
    /// When it was first there, last there, and last plugged in.
    pub told: [Option<&'static str>; 3],
}

/// All four.
pub fn all() -> Vec<Plan> {
    vec![windows_7(), windows_10(), windows_11(), server_2022()]
}

fn windows_7() -> Plan {
    let windows = Windows {
        product: "Windows 7 Professional",
        edition: "Professional",
        installation: "Client",
        version: "6.1",
        build: 7601,
        revision: None,
        release: None,
        service_pack: Some("Service Pack 1"),
        laboratory: "7601.24214.amd64fre.win7sp1_ldr_escrow.180801-1700",
        called: ["Windows 7 Professional", "Service Pack 1", "7601.24214", "Professional"],
    };
    let mut services = services();
    services.extend([
        driver("srv", 2, 3),
        Service {
            name: "mrxsmb10",
            path: r"system32\DRIVERS\mrxsmb10.sys",
            kind: 2,
            start: 2,
            ..Service::default()
        },
        shared(
            "LanmanServer",
            2,
            "srvsvc.dll",
            [Some("LanmanServer"), Some("enabled"), HOST, Some(r"C:\Windows\System32\srvsvc.dll"), None],
        ),
    ]);
    let doors = vec![("LanmanServer-SMB1", true), ("mrxsmb10", true), ("TermService-RDP", false)];
    // Windows 7 keeps no time of coming and going.
    let mut sticks = vec![sandisk(), nameless(), logged()];
    for stick in &mut sticks[..2] {
        let [first, ..] = stick.times;
        stick.times = [first, None, None];
        stick.told = [first, first, None];
    }
    Plan {
        hostname: "PC-07",
        windows,
        people: people(),
        groups: groups(),
        services,
        doors,
        products: products(),
        sticks,
    }
}

fn windows_10() -> Plan {
    let windows = Windows {
        product: "Windows 10 Enterprise LTSC 2021",
        edition: "EnterpriseS",
        installation: "Client",
        version: "6.3",
        build: 19044,
        revision: Some(5011),
        release: Some(("2009", "21H2")),
        service_pack: None,
        laboratory: "19041.1.amd64fre.vb_release.191206-1406",
        called: ["Windows 10 Enterprise LTSC 2021", "21H2", "19044.5011", "EnterpriseS"],
    };
    Plan {
        hostname: "PC-10",
        windows,
        people: modern_people(),
        groups: groups(),
        services: modern_services(),
        doors: vec![("TermService-RDP", false)],
        products: products(),
        sticks: vec![sandisk(), nameless(), logged(), uasp()],
    }
}

fn windows_11() -> Plan {
    let windows = Windows {
        product: "Windows 10 Pro",
        edition: "Professional",
        installation: "Client",
        version: "6.3",
        build: 22631,
        revision: Some(4317),
        release: Some(("2009", "23H2")),
        service_pack: None,
        laboratory: "22621.1.amd64fre.ni_release.220506-1250",
        called: ["Windows 11 Pro", "23H2", "22631.4317", "Professional"],
    };
    let mut people = modern_people();
    people.push(Person {
        number: 1006,
        name: "hanak",
        full_name: "高橋花子",
        online: Some("hanako@example.com"),
        // What SAM keeps is of the day on which the account was made.
        logon: Some("2023-01-10T00:00:00Z"),
        settings: Some("2024-04-02T23:15:00.5Z"),
        last: Last::Loaded,
        ..person()
    });
    Plan {
        hostname: "PC-11",
        windows,
        people,
        groups: groups(),
        services: modern_services(),
        doors: vec![("TermService-RDP", false)],
        products: products(),
        sticks: vec![sandisk(), nameless(), logged(), uasp()],
    }
}

fn server_2022() -> Plan {
    let windows = Windows {
        product: "Windows Server 2022 Standard",
        edition: "ServerStandard",
        installation: "Server",
        version: "6.3",
        build: 20348,
        revision: Some(2762),
        release: Some(("2009", "21H2")),
        service_pack: None,
        laboratory: "20348.1.amd64fre.fe_release.210507-1500",
        called: ["Windows Server 2022 Standard", "21H2", "20348.2762", "ServerStandard (Server)"],
    };
    let mut people = modern_people();
    people[0] = Person {
        flags: PASSWORD_STAYS,
        logon: Some("2024-05-20T01:02:03.25Z"),
        logons: 41,
        password_set: Some("2024-01-15T03:00:00Z"),
        has_password: true,
        enabled: true,
        last: Last::Logon,
        ..administrator()
    };
    Plan {
        hostname: "SV-22",
        windows,
        people,
        groups: groups(),
        services: modern_services(),
        doors: vec![("TermService-RDP", true)],
        products: products(),
        sticks: vec![sandisk()],
    }
}
