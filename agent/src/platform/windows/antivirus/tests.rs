//! Which products a machine shows, and when it says that it may not show all.

use std::path::Path;

use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

const ALL: Vec<&str> = Vec::new();
const SERVER: &str = "a Windows server has no";
const SILENT: &str = "Security Center did not list";

const CLIENT: &str = include_str!("../../../../fixtures/windows/windows-10-22h2.reg");

fn machine(text: &str) -> Machine {
    Machine {
        registry: Box::new(TextRegistry::parse(text)),
        disk: Disk::at(Path::new("/nonexistent")),
        live: false,
    }
}

fn server() -> String {
    let text = CLIENT.replace("\"ProductType\"=\"WinNT\"", "\"ProductType\"=\"ServerNT\"");
    text.replace("Security Center\\Provider", "Elsewhere")
}

fn with_service(name: &str) -> String {
    format!("\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\{name}]\n\"Start\"=dword:00000002\n")
}

/// `NAME RUNNING PATTERNS` of each product, and what could not be seen.
fn told(text: &str, running: Option<Running>) -> (Vec<String>, Vec<&'static str>) {
    let machine = machine(text);
    let mut reading = Reading::of(&machine);
    let (client, vendors) = (is_client(&mut reading), vendors::installed(&mut reading));
    let look = see(reading, client, &vendors, running);
    let products = look.value().unwrap().iter().map(|product| {
        let day = product.patterns_at.map_or("-".to_owned(), |at| at.strftime("%F").to_string());
        let running = product.running.map_or("unknown", |runs| if runs { "runs" } else { "off" });
        let current = match product.patterns_current {
            Some(true) => " current",
            Some(false) => " stale",
            None => "",
        };
        format!("{} {running} {day}{current}", product.product)
    });
    let kinds = [SERVER, SILENT, "the registry has no record"];
    let unseen = look.problems().iter().map(|problem| {
        *kinds.iter().find(|kind| problem.starts_with(**kind)).unwrap_or_else(|| panic!("{problem}"))
    });
    (products.collect(), unseen.collect())
}

fn running(center: Result<Vec<Registered>, &str>, services: &[(&str, bool)]) -> Option<Running> {
    let services = services.iter().map(|(name, runs)| ((*name).to_owned(), *runs)).collect();
    Some(Running { center: center.map_err(str::to_owned), services, problems: Vec::new() })
}

fn registered(name: &str, running: bool, current: bool) -> Registered {
    Registered {
        name: name.to_owned(),
        guid: "{1}".to_owned(),
        running: Some(running),
        current: Some(current),
    }
}

#[test]
fn defender_runs_where_its_service_runs_and_nothing_switches_it_off() {
    let own = || running(Ok(vec![registered("Windows Defender", true, true)]), &[("WinDefend", true)]);
    assert_eq!(told(CLIENT, own()), (vec!["Microsoft Defender runs 2024-11-03 current".into()], ALL));
    let off = running(Ok(vec![]), &[("WinDefend", false)]);
    assert_eq!(told(CLIENT, off), (vec!["Microsoft Defender off 2024-11-03".into()], ALL));
    let key = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows Defender\\Real-Time Protection]";
    let unwatched = CLIENT.replace(key, &format!("{key}\n\"DisableRealtimeMonitoring\"=dword:00000001"));
    assert_eq!(told(&unwatched, own()), (vec!["Microsoft Defender off 2024-11-03 current".into()], ALL));
}

#[test]
fn another_product_is_told_and_defender_beside_it() {
    let list = vec![registered("Windows Defender", false, true), registered("ESET Security", true, false)];
    let told = told(CLIENT, running(Ok(list), &[("WinDefend", true)]));
    let products = ["Microsoft Defender off 2024-11-03 current", "ESET Security runs - stale"];
    assert_eq!(told, (products.map(String::from).to_vec(), ALL));
}

#[test]
fn a_server_does_not_prove_that_no_other_product_watches() {
    let off = running(Err("no such class"), &[("WinDefend", false)]);
    assert_eq!(told(&server(), off), (vec!["Microsoft Defender off 2024-11-03".into()], vec![SERVER]));
    let alone = running(Err("no such class"), &[("WinDefend", true)]);
    assert_eq!(told(&server(), alone), (vec!["Microsoft Defender runs 2024-11-03".into()], ALL));
    let eset = server() + &with_service("ekrn");
    let both = running(Err("no such class"), &[("WinDefend", false), ("ekrn", true)]);
    let products = ["Microsoft Defender off 2024-11-03", "ESET runs -"];
    assert_eq!(told(&eset, both), (products.map(String::from).to_vec(), ALL));
    let nothing = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\ProductOptions]\n\"ProductType\"=\"LanmanNT\"";
    assert_eq!(told(nothing, running(Err("x"), &[])), (vec![], vec![SERVER]));
}

#[test]
fn a_client_whose_security_center_is_silent_is_not_seen_whole() {
    let silent = running(Err("it is switched off"), &[("WinDefend", false)]);
    assert_eq!(told(CLIENT, silent), (vec!["Microsoft Defender off 2024-11-03".into()], vec![SILENT]));
}

#[test]
fn a_disk_tells_products_and_not_whether_they_run() {
    assert_eq!(told(CLIENT, None), (vec!["Microsoft Defender unknown 2024-11-03".into()], ALL));
    let disabled = CLIENT.replace(
        "Services\\WinDefend]\n\"Start\"=dword:00000002",
        "Services\\WinDefend]\n\"Start\"=dword:00000004",
    );
    assert_eq!(told(&disabled, None), (vec!["Microsoft Defender off 2024-11-03".into()], ALL));
    assert_eq!(told(&(server() + &with_service("AVP21.3")), None).0[1], "Kaspersky unknown -");
    assert_eq!(told("", None), (vec![], vec!["the registry has no record"]));
}
