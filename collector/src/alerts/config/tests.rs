//! Configurations of before load as they are, and every fault is a sentence with its key.

use super::*;

fn check(text: &str) -> Result<(), String> {
    let config: Config = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    config.check().map_err(|error| error.to_string())
}

#[test]
fn a_configuration_of_before_the_hours_loads_as_it_is() {
    let old = r#"
        languages = ["ja", "en"]
        digest_seconds = 60
        urgent_messages_max = 20
        [smtp]
        server = "mail.hospital.example"
        from = "daicho@hospital.example"
        [[email]]
        name = "officer"
        to = ["officer@hospital.example"]
        tell = { articles = [8, 11], severity_min = "medium", groups = ["radiology"], devices = ["SV-01"] }
        [[syslog]]
        name = "siem"
        server = "siem.hospital.example"
    "#;
    assert_eq!(check(old), Ok(()));
    let config: Config = toml::from_str(old).unwrap();
    assert_eq!(config.email[0].times, Times::default());
    assert!(config.reminders.is_none() && config.escalation.is_empty());
}

#[test]
fn each_fault_is_a_sentence_with_its_key() {
    let email = |keys: &str| format!("[[email]]\nname = \"a\"\nto = [\"a@b.example\"]\n{keys}");
    let syslog = |keys: &str| format!("[[syslog]]\nname = \"s\"\nserver = \"s.example\"\n{keys}");
    for (text, parts) in [
        (email("times = { hours = \"9-5\" }"), ["are no hours", "mon-fri 08:30-17:15"]),
        (email("times = { outside = \"skip\" }"), ["email.a.times.outside", "needs hours"]),
        (email("times = { hours = \"holidays 09:00-10:00\" }"), ["email.a.times.hours", "never begin"]),
        (email("times = { hours = \"not daily 00:00-24:00\" }"), ["email.a.times.hours", "never begin"]),
        (email("times = { digest = \"monthly\" }"), ["monthly", "daily 08:30"]),
        (syslog("times = { digest = \"daily 08:30\" }"), ["syslog.s.times.digest", "for mail"]),
        (syslog("times = { hours = \"mon 08:00-09:00\" }"), ["syslog.s.times.outside", "skip"]),
        (email("role = \"section_head\""), ["email.a.section", "部署"]),
        (email("section = \"医事課\""), ["email.a.section", "section_head"]),
        (email("[[escalation]]\nafter_hours = 0\nto = [\"a\"]"), ["escalation.after_hours", "1 and 8760"]),
        (email("[[escalation]]\nafter_hours = 4\nto = [\"b\"]"), ["escalation.to", "\"b\""]),
        (email("[reminders]\nhigh_days = 400"), ["reminders.high_days", "0 for never"]),
        ("maintenance_days_max = 0".to_owned(), ["maintenance_days_max", "1 and 366"]),
        ("holidays_file = \"/nowhere/x.csv\"".to_owned(), ["holidays_file", "/nowhere/x.csv"]),
    ] {
        let fault = check(&text).unwrap_err();
        for part in parts {
            assert!(fault.contains(part), "{part:?} is missing in {fault:?}");
        }
    }
    let steps = "[[escalation]]\nafter_hours = 4\nto = [\"a\"]\n".repeat(2);
    assert!(check(&email(&steps)).unwrap_err().contains("its own number of hours"));
}
