//! What several of the machines have: people, groups, services, programs, sticks.

use super::super::sam::{DISABLED, MACHINE_SID, NO_PASSWORD, PASSWORD_STAYS};
use super::{Group, Last, Person, Product, Service, Stick};

pub(super) fn person() -> Person {
    Person {
        number: 0,
        name: "",
        full_name: "",
        flags: 0,
        logon: None,
        logons: 12,
        password_set: Some("2024-02-01T00:30:00Z"),
        has_password: true,
        ends: None,
        online: None,
        settings: None,
        enabled: true,
        session: true,
        last: Last::Logon,
        groups: &[],
        sources: &[],
    }
}

pub(super) fn administrator() -> Person {
    Person {
        number: 500,
        name: "Administrator",
        flags: DISABLED | PASSWORD_STAYS,
        logons: 0,
        password_set: None,
        has_password: false,
        enabled: false,
        last: Last::Never,
        groups: &["Administrators"],
        sources: &["Administrators"],
        ..person()
    }
}

pub(super) fn guest(number: u32, name: &'static str, session: bool) -> Person {
    Person {
        number,
        name,
        flags: DISABLED | NO_PASSWORD | PASSWORD_STAYS,
        logons: 0,
        password_set: None,
        has_password: false,
        enabled: false,
        session,
        last: Last::Never,
        ..person()
    }
}

pub(super) fn people() -> Vec<Person> {
    vec![
        administrator(),
        guest(501, "Guest", false),
        Person {
            number: 1001,
            name: "tanaka",
            full_name: "田中一郎",
            logon: Some("2024-05-06T07:08:09.1234567Z"),
            settings: Some(""),
            groups: &["Remote Desktop Users"],
            ..person()
        },
        // An administrator by way of a group of the machine.
        Person {
            number: 1002,
            name: "sato",
            full_name: "Sato Hanako",
            flags: PASSWORD_STAYS,
            logon: Some("2024-05-07T00:00:00Z"),
            settings: Some(""),
            groups: &["Administrators"],
            sources: &["Administrators (PC-Admins)"],
            ..person()
        },
        Person {
            number: 1003,
            name: "suzuki",
            logon: Some("2023-03-30T08:00:00Z"),
            ends: Some("2023-03-31T15:00:00Z"),
            enabled: false,
            ..person()
        },
        Person {
            number: 1004,
            name: "kato",
            flags: DISABLED,
            logon: Some("2022-12-01T00:00:00Z"),
            enabled: false,
            ..person()
        },
        // It was used: nobody knows when.
        Person {
            number: 1005,
            name: "vendor",
            full_name: "保守業者",
            has_password: false,
            flags: NO_PASSWORD,
            logons: 3,
            last: Last::Unknown,
            groups: &["Backup Operators"],
            sources: &["Backup Operators"],
            ..person()
        },
    ]
}

pub(super) fn modern_people() -> Vec<Person> {
    let mut people = people();
    people.insert(2, guest(503, "DefaultAccount", true));
    people
}

/// The domain's administrators are in the machine's group.
pub const STRANGER: &str = "S-1-5-21-777-888-999-512";

pub(super) fn groups() -> Vec<Group> {
    let own = |number: u32| format!("{MACHINE_SID}-{number}");
    let group = |domain, number, name, members| Group { domain, number, name, members };
    vec![
        group("Builtin", 544, "Administrators", vec![own(500), own(1010), STRANGER.to_owned()]),
        // On a Japanese Windows as well these are found by their numbers.
        group("Builtin", 545, "Users", vec!["S-1-5-4".to_owned(), "S-1-5-11".to_owned(), own(1001)]),
        group("Builtin", 546, "Guests", vec![own(501)]),
        group("Builtin", 551, "Backup Operators", vec![own(1005)]),
        group("Builtin", 555, "Remote Desktop Users", vec![own(1001)]),
        group("Account", 1010, "PC-Admins", vec![own(1002)]),
    ]
}

pub(super) const HOST: Option<&str> = Some(r"C:\Windows\System32\svchost.exe");

pub(super) fn driver(name: &'static str, kind: u32, start: u32) -> Service {
    Service { name, path: r"System32\drivers\some.sys", kind, start, ..Service::default() }
}

pub(super) fn shared(
    name: &'static str,
    start: u32,
    library: &'static str,
    told: [Option<&'static str>; 5],
) -> Service {
    let library = match library {
        "srvsvc.dll" => r"%SystemRoot%\System32\srvsvc.dll",
        "wevtsvc.dll" => r"%SystemRoot%\System32\wevtsvc.dll",
        "regsvc.dll" => r"%SystemRoot%\System32\regsvc.dll",
        "wuaueng.dll" => r"%SystemRoot%\System32\wuaueng.dll",
        _ => r"%SystemRoot%\System32\termsrv.dll",
    };
    Service {
        name,
        title: r"@%SystemRoot%\system32\some.dll,-100",
        path: r"%SystemRoot%\System32\svchost.exe -k netsvcs -p",
        library: Some(library),
        kind: 0x20,
        start,
        account: r"NT AUTHORITY\LocalService",
        told: Some(told),
        ..Service::default()
    }
}

pub(super) fn services() -> Vec<Service> {
    let triggered = |service: Service| Service { triggered: true, ..service };
    vec![
        driver("disk", 1, 0),
        driver("npcap", 1, 1),
        driver("Ntfs", 2, 1),
        shared(
            "EventLog",
            2,
            "wevtsvc.dll",
            [Some("EventLog"), Some("enabled"), HOST, Some(r"C:\Windows\System32\wevtsvc.dll"), None],
        ),
        triggered(shared(
            "RemoteRegistry",
            4,
            "regsvc.dll",
            [Some("RemoteRegistry"), Some("disabled"), HOST, Some(r"C:\Windows\System32\regsvc.dll"), None],
        )),
        triggered(shared(
            "wuauserv",
            3,
            "wuaueng.dll",
            [Some("wuauserv"), Some("manual"), HOST, Some(r"C:\Windows\System32\wuaueng.dll"), None],
        )),
        shared(
            "TermService",
            3,
            "",
            [Some("TermService"), Some("manual"), HOST, Some(r"C:\Windows\System32\termsrv.dll"), None],
        ),
        Service {
            name: "Spooler",
            title: "Print Spooler",
            path: r"%SystemRoot%\System32\spoolsv.exe",
            // With the right to show windows.
            kind: 0x110,
            start: 2,
            account: "LocalSystem",
            told: Some([
                Some("Spooler"),
                Some("enabled"),
                Some(r"C:\Windows\System32\spoolsv.exe"),
                None,
                Some("Print Spooler"),
            ]),
            ..Service::default()
        },
        Service {
            name: "karte",
            title: "電子カルテ連携",
            path: r#""C:\Program Files\Denshi Karte\karte.exe" -service"#,
            kind: 0x10,
            start: 2,
            delayed: true,
            account: r".\karte",
            told: Some([
                Some("karte"),
                Some("enabled"),
                Some(r"C:\Program Files\Denshi Karte\karte.exe"),
                None,
                Some("電子カルテ連携"),
            ]),
            ..Service::default()
        },
    ]
}

/// With a service of which each person has an own one: two persons' are one row.
pub(super) fn modern_services() -> Vec<Service> {
    let own = |name, kind, told| Service {
        name,
        title: "Connected Devices Platform User Service",
        path: r"%SystemRoot%\System32\svchost.exe -k UnistackSvcGroup",
        kind,
        start: 2,
        told,
        ..Service::default()
    };
    let told = Some([
        Some("CDPUserSvc"),
        Some("enabled"),
        HOST,
        None,
        Some("Connected Devices Platform User Service"),
    ]);
    let mut services = services();
    services.extend([
        own("CDPUserSvc", 0x60, told),
        own("CDPUserSvc_3a1f2", 0xe0, None),
        own("CDPUserSvc_5bb01", 0xe0, None),
    ]);
    services
}

pub(super) fn products() -> Vec<Product> {
    let product = |place, key, name, version, publisher, day, is_msi, part| Product {
        place,
        key,
        name,
        version,
        publisher,
        day,
        is_msi,
        part,
    };
    let march = ("20240311", "2024-03-11");
    vec![
        product(
            64,
            "{6F1C1A52-0000-4C0E-9A2B-000000000001}",
            "電子カルテ Viewer",
            "4.2.1",
            "Example K.K.",
            march,
            true,
            None,
        ),
        product(
            32,
            "Old Viewer",
            "Old Viewer",
            "0.9",
            "Example K.K.",
            ("2021/04/01", "2021-04-01"),
            false,
            None,
        ),
        product(64, "7-Zip", "7-Zip 23.01 (x64)", "23.01", "Igor Pavlov", march, false, None),
        product(1001, "ZoomUMX", "Zoom", "5.17.5", "Zoom Video Communications, Inc.", march, false, None),
        product(1002, "Drive", "File Drive", "2.0", "Example K.K.", march, false, None),
        product(
            64,
            "{PART}",
            "Viewer Fonts",
            "1",
            "Example K.K.",
            march,
            true,
            Some(("SystemComponent", Err(1))),
        ),
        product(
            64,
            "Viewer.KB1",
            "Viewer Update 1",
            "1",
            "Example K.K.",
            march,
            false,
            Some(("ParentKeyName", Ok("Viewer"))),
        ),
        product(
            32,
            "KB2",
            "Security Update 2",
            "1",
            "Example K.K.",
            march,
            false,
            Some(("ReleaseType", Ok("Security Update"))),
        ),
    ]
}

/// Letters and times as Windows 8 and later keep them.
pub(super) fn sandisk() -> Stick {
    Stick {
        ids: ("0781", "5581"),
        instance: "4C530001230604116491",
        disk: ("USBSTOR", "Disk&Ven_SanDisk&Prod_Ultra_Fit&Rev_1.00", "4C530001230604116491&0"),
        prefix: None,
        serial: Some("4C530001230604116491"),
        names: ("SanDisk", "Ultra Fit"),
        letter: Some("E:"),
        times: [Some("2024-02-01T03:04:05Z"), Some("2024-03-10T05:00:00Z"), Some("2024-03-10T05:30:00Z")],
        logged: None,
        told: [Some("2024-02-01T03:04:05Z"), Some("2024-03-10T05:30:00Z"), Some("2024-03-10T05:00:00Z")],
    }
}

/// It has no serial number: Windows made one up.
pub(super) fn nameless() -> Stick {
    Stick {
        ids: ("058F", "6387"),
        instance: "6&38b8d1b3&0&2",
        disk: ("USBSTOR", "Disk&Ven_Generic&Prod_Flash_Disk&Rev_8.07", "7&2f1e0d3c&0"),
        prefix: Some("7&2f1e0d3c&0"),
        serial: None,
        names: ("Generic", "Flash Disk"),
        letter: None,
        times: [Some("2023-11-01T00:00:00Z"), Some("2023-11-02T00:00:00Z"), Some("2023-11-02T01:00:00Z")],
        logged: None,
        told: [Some("2023-11-01T00:00:00Z"), Some("2023-11-02T01:00:00Z"), Some("2023-11-02T00:00:00Z")],
    }
}

/// Only the log of installations tells when it came.
pub(super) fn logged() -> Stick {
    Stick {
        ids: ("0951", "1666"),
        instance: "E0D55EA574B2F5A0C9B10A11",
        disk: ("USBSTOR", "Disk&Ven_Kingston&Prod_DataTraveler_3.0&Rev_PMAP", "E0D55EA574B2F5A0C9B10A11&0"),
        prefix: None,
        serial: Some("E0D55EA574B2F5A0C9B10A11"),
        names: ("Kingston", "DataTraveler 3.0"),
        letter: None,
        times: [None; 3],
        logged: Some("2024/01/20 09:10:11.120"),
        told: [Some("2024-01-20T00:10:11.12Z"), Some("2024-01-20T00:10:11.12Z"), None],
    }
}

/// A drive that speaks UASP lies below another bus and shares the container alone.
pub(super) fn uasp() -> Stick {
    Stick {
        ids: ("152D", "0578"),
        instance: "MSFT30DD56419883891",
        disk: ("SCSI", "Disk&Ven_ADATA&Prod_HD710_PRO", "000000"),
        prefix: None,
        serial: Some("DD56419883891"),
        names: ("ADATA", "HD710 PRO"),
        letter: None,
        times: [Some("2024-04-01T00:00:00Z"), Some("2024-04-01T00:00:01Z"), None],
        logged: None,
        // Its first installation and its first arrival are one use.
        told: [Some("2024-04-01T00:00:01Z"), Some("2024-04-01T00:00:01Z"), Some("2024-04-01T00:00:01Z")],
    }
}
