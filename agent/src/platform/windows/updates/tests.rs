//! What waits, how old the list is, and that a list that could not be had is no empty one.

use std::path::Path;

use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

const CLIENT: &str = include_str!("../../../../fixtures/windows/windows-10-22h2.reg");

fn machine(text: &str, live: bool) -> Machine {
    Machine { registry: Box::new(TextRegistry::parse(text)), disk: Disk::at(Path::new("/nonexistent")), live }
}

fn cumulative() -> Remembered {
    Remembered {
        title: "2025-05 Cumulative Update for Windows 11 Version 24H2 for x64-based Systems (KB5058411) (26100.4061)".into(),
        articles: vec!["5058411".into()],
        categories: vec!["0FA1201D-4330-4FA8-8AE9-B877473B6441".into()],
        ..Remembered::default()
    }
}

#[test]
fn an_update_is_known_by_its_article_and_its_category() {
    let told = cumulative().told("Windows Update");
    assert_eq!((told.len(), told[0].name.as_str(), told[0].security), (1, "KB5058411", Some(true)));
    assert_eq!(told[0].available_version.as_deref(), Some("26100.4061"));
    let check = |severity: &str, categories: &[&str], security: Option<bool>| {
        let categories = categories.iter().map(|&identity| identity.to_owned()).collect();
        let update = Remembered { severity: severity.to_owned(), categories, ..Remembered::default() };
        assert_eq!(update.security(), security, "{severity} {:?}", update.categories);
    };
    check("Critical", &[], Some(true));
    check("", &["cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83"], Some(false));
    check("", &["cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83", "0fa1201d-4330-4fa8-8ae9-b877473b6441"], Some(true));
    // A product's category, and a service pack's.
    check("", &["d3c2599f-0000-0000-0000-000000000000", "68c5b0a3-d1a6-4553-ae49-01d3a7827828"], None);
}

#[test]
fn a_date_of_com_counts_days() {
    let check = |days: f64, told: Option<&str>| {
        assert_eq!(ole_date(days).map(|at| at.to_string()).as_deref(), told, "{days}");
    };
    check(46_346.5, Some("2026-11-20T12:00:00Z"));
    check(0.0, None);
    check(f64::NAN, None);
    check(1e300, None);
}

#[test]
fn the_list_is_as_old_as_the_last_search() {
    let machine = machine(CLIENT, true);
    let searched_at = Some("2026-11-20T01:02:03Z".parse().unwrap());
    let answer = Answer { searched_at, updates: vec![cumulative()], more: 0 };
    let look = see(Reading::of(&machine), Ok(answer));
    assert!(look.is_complete());
    assert_eq!(look.value().unwrap().as_of, searched_at);
    assert_eq!(look.value().unwrap().pending.len(), 1);
}

#[test]
fn an_empty_list_of_no_known_age_proves_nothing() {
    let machine = machine(CLIENT, true);
    let look = see(Reading::of(&machine), Ok(Answer::default()));
    assert!(!look.is_complete());
}

#[test]
fn a_disk_and_a_disabled_service_are_not_seen_and_say_when_it_last_worked() {
    let results = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\Results\\Detect]\n\
        \"LastSuccessTime\"=\"2012-04-07 09:38:31\"\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\n\"NoAutoUpdate\"=dword:00000001\n";
    let check = |text: &str, live: bool, words: &[&str]| {
        let look = look(&machine(text, live), Timestamp::UNIX_EPOCH);
        assert_eq!(look.value(), None);
        let problem = &look.problems()[0];
        assert!(words.iter().all(|word| problem.contains(word)), "{problem}");
    };
    let disk = format!("{CLIENT}\n{results}");
    check(&disk, false, &["only a running Windows", "last search 2012-04-07", "NoAutoUpdate"]);
    let service = "Services\\wuauserv]\n\"Start\"=dword:0000000";
    let disabled = CLIENT.replace(&format!("{service}3"), &format!("{service}4"));
    check(&disabled, true, &["disabled", "last search unknown"]);
    check("", false, &["no service"]);
}

#[test]
fn a_server_of_the_hospital_is_named_where_it_is_used() {
    let server = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate]\n\"WUServer\"=\"http://wsus.hosp.local:8530\"\n";
    let used = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\n\"UseWUServer\"=dword:00000001\n";
    let origin = |text: &str| policy::read(&mut Reading::of(&machine(text, true))).origin;
    assert_eq!(origin(server), "Windows Update");
    assert_eq!(origin(&format!("{server}{used}")), "WSUS http://wsus.hosp.local:8530");
}
