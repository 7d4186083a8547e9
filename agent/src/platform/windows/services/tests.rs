//! Windows documents of services, from registries written as text.

use std::collections::BTreeMap;

use daicho_proto::facts::ServiceManager;

use super::running::{Known, Program, Socket};
use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

/// A machine with a few services of a real Windows 10, and what a hospital adds.
const REGISTRY: &str = include_str!("../../../../fixtures/windows/services.reg");

fn machine(text: &str) -> Machine {
    // A folder that is there and holds no Windows.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/windows");
    Machine { registry: Box::new(TextRegistry::parse(text)), disk: Disk::at(&folder), live: false }
}

fn seen(text: &str) -> Vec<Service> {
    let look = look(&machine(text));
    assert_eq!(look.problems(), &[] as &[String]);
    look.value().unwrap().clone()
}

fn find<'a>(services: &'a [Service], name: &str) -> &'a Service {
    services.iter().find(|service| service.name == name).unwrap_or_else(|| panic!("{name}: {services:#?}"))
}

#[test]
fn the_registry_tells_each_service_and_no_driver() {
    let services = seen(REGISTRY);
    let told: Vec<_> = services
        .iter()
        .filter(|service| service.manager == ServiceManager::Windows)
        .map(|service| (service.name.as_str(), service.start.name(), service.file_state.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("CDPUserSvc", "enabled", None),
            ("GhostSvc", "manual", None),
            ("LanmanServer", "enabled", None),
            ("LanmanServer-SMB1", "enabled", None),
            ("Odd", "unknown", None),
            ("RemoteRegistry", "disabled", Some("trigger")),
            ("RpcEptMapper", "enabled", None),
            ("RpcSs", "enabled", None),
            ("TermService", "manual", None),
            ("TermService-RDP", "enabled", None),
            ("karte", "enabled", Some("delayed trigger")),
            ("mrxsmb10", "enabled", None),
        ]
    );
    assert!(services.iter().all(|service| service.running.is_none()), "a disk does not tell what runs");
    let karte = find(&services, "karte");
    assert_eq!(karte.binary.as_deref(), Some("C:\\Program Files\\Denshi Karte\\karte.exe"));
    assert_eq!((karte.library.as_deref(), karte.user.as_deref()), (None, Some("HOSPITAL\\karte")));
    assert_eq!(karte.description.as_deref(), Some("電子カルテ連携"));
    let server = find(&services, "LanmanServer");
    assert_eq!(server.binary.as_deref(), Some("C:\\Windows\\system32\\svchost.exe"));
    assert_eq!(server.library.as_deref(), Some("C:\\Windows\\system32\\srvsvc.dll"));
    assert_eq!((server.description.as_deref(), server.user.as_deref()), (None, Some("LocalSystem")));
}

#[test]
fn a_registry_without_services_is_unreadable_and_not_empty() {
    let look = look(&machine("[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft]\n"));
    assert!(matches!(&look, Look::Unreadable { problems } if problems.len() == 1), "{look:?}");
}

fn known(name: &str, kind: u32, state: u32, pid: u32) -> Known {
    Known { name: name.to_owned(), display_name: format!("表示名 {name}"), kind, state, pid }
}

fn socket(address: &str, pid: u32, service: Option<&str>) -> Socket {
    Socket { address: address.to_owned(), pid, service: service.map(str::to_owned) }
}

fn live() -> (registered::Services, Running) {
    let machine = machine(REGISTRY);
    let places = Places::read(&*machine.registry);
    let services = registered::read(&*machine.registry, &places, &mut Vec::new()).unwrap();
    let running = Running {
        services: Some(vec![
            known("RpcSs", 0x20, 4, 900),
            known("RpcEptMapper", 0x20, 4, 900),
            known("CDPUserSvc_3a1f2", 0xe0, 4, 5000),
            known("CDPUserSvc_99", 0xe0, 1, 0),
            known("karte", 0x10, 2, 700),
            known("TermService", 0x20, 4, 1200),
            known("srv", 2, 4, 0),
            known("mrxsmb10", 2, 1, 0),
            known("Added", 0x10, 7, 800),
            known("LanmanServer", 0x20, 4, 1300),
        ]),
        hidden: ["ghostsvc".to_owned()].into(),
        sockets: vec![
            socket("tcp/0.0.0.0:135", 900, Some("RpcEptMapper")),
            socket("tcp/0.0.0.0:49665", 900, None),
            socket("tcp/0.0.0.0:3389", 1200, None),
            socket("tcp/[::]:445", 4, None),
            socket("udp/0.0.0.0:7070", 4711, None),
            socket("tcp/0.0.0.0:7070", 4711, None),
            socket("tcp/0.0.0.0:9", 4712, None),
        ],
        programs: BTreeMap::from([(
            4711,
            Program { name: "AnyDesk.EXE".to_owned(), path: Some("C:\\Users\\a\\AnyDesk.exe".to_owned()) },
        )]),
        problems: Vec::new(),
    };
    (services, running)
}

#[test]
fn what_runs_is_joined_with_what_is_registered() {
    let (mut services, running) = live();
    let others = running.join(&mut services);
    let states: Vec<_> = services
        .values()
        .map(|service| (service.name.as_str(), service.running, service.state.as_deref()))
        .collect();
    assert_eq!(
        states,
        [
            ("Added", Some(true), Some("paused")),
            ("CDPUserSvc", Some(true), Some("running")),
            ("GhostSvc", None, None),
            ("karte", Some(true), Some("start pending")),
            ("LanmanServer", Some(true), Some("running")),
            ("Odd", Some(false), None),
            ("RemoteRegistry", Some(false), None),
            ("RpcEptMapper", Some(true), Some("running")),
            ("RpcSs", Some(true), Some("running")),
            ("TermService", Some(true), Some("running")),
        ]
    );
    assert_eq!(services["rpcss"].listening, ["tcp/0.0.0.0:49665"], "one of two: told on both");
    assert_eq!(services["rpceptmapper"].listening, ["tcp/0.0.0.0:135", "tcp/0.0.0.0:49665"]);
    assert_eq!(services["cdpusersvc"].description.as_deref(), Some("表示名 CDPUserSvc"));
    let told: Vec<_> =
        others.iter().map(|one| (one.name.as_str(), one.binary.as_deref(), one.listening.len())).collect();
    assert_eq!(
        told,
        [("AnyDesk", Some("C:\\Users\\a\\AnyDesk.exe"), 2), ("System", None, 1), ("unknown", None, 1)]
    );
    assert!(others.iter().all(|one| one.manager == ServiceManager::Process && one.running == Some(true)));
}

#[test]
fn a_manager_that_does_not_answer_leaves_what_runs_unknown() {
    let (mut services, mut running) = live();
    running.services = None;
    running.join(&mut services);
    assert!(services.values().all(|service| service.running.is_none()));
    assert_eq!(running.driver("srv"), None);
}

#[test]
fn smb_1_and_the_remote_desktop_are_told_as_they_are_set() {
    let (mut services, running) = live();
    running.join(&mut services);
    let machine = machine(REGISTRY);
    let mut problems = Vec::new();
    let told = switches::read(&*machine.registry, &services, Some(&running), &mut problems);
    let told: Vec<_> = told
        .iter()
        .map(|one| {
            (one.name.as_str(), one.start.name(), one.running, one.state.as_deref(), one.listening.len())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("LanmanServer-SMB1", "enabled", Some(true), Some("SMB1=not set"), 0),
            ("mrxsmb10", "enabled", Some(false), None, 0),
            (
                "TermService-RDP",
                "enabled",
                Some(true),
                Some("fDenyTSConnections=0 (setting), UserAuthentication=0 (setting)"),
                1
            ),
        ]
    );
    let closed =
        REGISTRY.replace("\"fDenyTSConnections\"=dword:00000000", "\"fDenyTSConnections\"=dword:00000001");
    let closed = format!(
        "{closed}\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters]\n\"SMB1\"=dword:00000000\n"
    );
    let services = seen(&closed);
    for name in ["TermService-RDP", "LanmanServer-SMB1"] {
        let service = find(&services, name);
        assert_eq!((service.start.name(), service.running), ("disabled", Some(false)), "{name}");
    }
    // A group policy opens what the machine's own setting closes.
    let policy = format!(
        "{closed}\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services]\n\"fDenyTSConnections\"=dword:00000000\n"
    );
    let service = find(&seen(&policy), "TermService-RDP").clone();
    assert_eq!((service.start.name(), service.running), ("enabled", None));
    assert!(service.state.unwrap().starts_with("fDenyTSConnections=0 (policy)"));
}

#[test]
fn a_windows_without_smb_1_has_no_row_of_it() {
    let without = REGISTRY.replace("Services\\srv]", "Services\\srv2]").replace("mrxsmb10]", "mrxsmb20]");
    let services = seen(&without);
    assert!(services.iter().all(|one| !one.name.contains("SMB1") && one.name != "mrxsmb10"), "{services:?}");
}
