//! Disks of Windows 7, 10, 11 and Server 2022, and what `daicho-collect.ps1` saves of the same machines: all that the
//! agent says of them is what their plan says, and another reader of hives sees in them what was written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use daicho_tests::programs::{expect, run};
use daicho_tests::windows_disk::hive::roots;
use daicho_tests::windows_disk::machines::{self, Hives, guid};
use daicho_tests::windows_disk::plan::{Last, MACHINE_SID, Person, Plan, STRANGER, all};
use daicho_tests::windows_disk::saved;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The whole document of a folder.
fn document(root: &Path) -> Value {
    let looked = run("daicho-agent", &["collect".as_ref(), "--root".as_ref(), root.as_os_str()]);
    serde_json::from_str(&expect(&looked, 0)).expect("JSON")
}

/// These fields of the rows that `choose` takes, in the order of their text.
fn rows(document: &Value, fact: &str, fields: &[&str], choose: impl Fn(&Value) -> bool) -> Vec<Value> {
    let all = document[fact].as_array().unwrap_or_else(|| panic!("no {fact} in {document:#}"));
    let pick = |row: &Value| Value::Array(fields.iter().map(|field| row[*field].clone()).collect());
    sorted(all.iter().filter(|row| choose(row)).map(pick))
}

fn sorted(rows: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut rows = rows.collect::<Vec<_>>();
    rows.sort_by_key(ToString::to_string);
    rows
}

/// As JSON has a time.
fn at(time: Option<&str>) -> Option<Timestamp> {
    time.map(|time| time.parse().expect("a time in UTC"))
}

#[test]
fn the_agent_says_of_each_disk_what_is_on_it() {
    for plan in all() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        machines::lay(&plan, folder.path());
        let document = document(folder.path());
        check(&plan, &document, true);
        // A disk is judged by its build; all else of it can be told.
        let told = document["problems"].as_array().expect("a list");
        let others = told.iter().filter(|it| it["fact"] != "updates" && it["fact"] != "antivirus");
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&Value>::new(), "{}", plan.hostname);
    }
}

#[test]
fn what_the_script_saved_says_the_same_but_for_what_it_left_out() {
    for plan in all() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        saved::lay(&plan, folder.path());
        let saved = document(folder.path());
        check(&plan, &saved, false);
        let disk = tempfile::tempdir().expect("a temporary folder");
        machines::lay(&plan, disk.path());
        let of_disk = document(disk.path());
        for fact in ["host", "packages", "updates", "antivirus", "services", "software", "media"] {
            assert_eq!(saved[fact], of_disk[fact], "{}: {fact}", plan.hostname);
        }
        // Who may log on is a part of SECURITY, which holds secrets.
        let told = saved["problems"].as_array().expect("a list");
        let own = |it: &&Value| {
            let same = of_disk["problems"].as_array().is_some_and(|all| all.contains(it));
            !same && !it["message"].as_str().is_some_and(|text| text.contains("SECURITY"))
        };
        assert_eq!(told.iter().filter(own).collect::<Vec<_>>(), Vec::<&Value>::new(), "{}", plan.hostname);
        assert!(told.iter().any(|it| it["fact"] == "accounts"), "{told:?}");
    }
}

fn check(plan: &Plan, document: &Value, knows_rights: bool) {
    let name = plan.hostname;
    check_host(plan, &document["host"]);
    let people = plan.people.iter().map(|person| account(person, knows_rights));
    let fields = [
        "name",
        "id",
        "full_name",
        "enabled",
        "interactive",
        "privileged",
        "privilege_sources",
        "groups",
        "system",
        "last_login",
        "password",
        "expires_at",
        "online_identity",
    ];
    assert_eq!(rows(document, "accounts", &fields, |_| true), sorted(people), "{name}: accounts");

    let doors: BTreeMap<&str, bool> = plan.doors.iter().copied().collect();
    let is_service = |row: &Value| {
        row["manager"] == "windows" && !row["name"].as_str().is_some_and(|name| doors.contains_key(name))
    };
    let services = plan.services.iter().filter_map(|service| {
        let [name, start, binary, library, description] = service.told?;
        let state = match (service.delayed, service.triggered) {
            (true, _) => Some("delayed"),
            (_, true) => Some("trigger"),
            _ => None,
        };
        let user = Some(service.account).filter(|account| !account.is_empty());
        Some(json!([name, start, binary, library, description, state, user, null]))
    });
    let fields = ["name", "start", "binary", "library", "description", "file_state", "user", "running"];
    assert_eq!(rows(document, "services", &fields, is_service), sorted(services), "{name}: services");
    let start = |is_on: bool| if is_on { "enabled" } else { "disabled" };
    let is_door = |row: &Value| row["manager"] == "windows" && !is_service(row);
    let doors = doors.iter().map(|(name, is_on)| json!([name, start(*is_on)]));
    assert_eq!(rows(document, "services", &["name", "start"], is_door), sorted(doors), "{name}: doors");

    let products = plan.products.iter().filter(|product| product.part.is_none()).map(|product| {
        let owner = plan.people.iter().find(|person| person.number == product.place);
        let source = if product.is_msi { "msi" } else { "setup" };
        let owner = owner.map(|person| person.name);
        json!([product.name, product.version, product.publisher, product.day.1, source, owner])
    });
    let fields = ["name", "version", "publisher", "installed_on", "source", "user"];
    assert_eq!(rows(document, "software", &fields, |_| true), sorted(products), "{name}: software");

    let sticks = plan.sticks.iter().map(|stick| {
        let (vendor, product) = (stick.ids.0.to_lowercase(), stick.ids.1.to_lowercase());
        let letters = stick.letter.into_iter().collect::<Vec<_>>();
        let [first, last, came] = stick.told.map(at);
        json!([
            vendor,
            product,
            stick.serial,
            stick.names.0,
            stick.names.1,
            "storage",
            "record",
            letters,
            first,
            last,
            came
        ])
    });
    let fields = [
        "vendor_id",
        "product_id",
        "serial",
        "manufacturer",
        "product",
        "kind",
        "seen",
        "mounts",
        "first_seen",
        "last_seen",
        "connected_at",
    ];
    assert_eq!(rows(document, "media", &fields, |_| true), sorted(sticks), "{name}: media");
}

fn check_host(plan: &Plan, host: &Value) {
    let [name, version, build, edition] = plan.windows.called;
    let told = ["hostname", "os_id", "os_name", "os_version", "os_build", "os_edition", "machine_id"];
    let told = told.map(|field| host[field].as_str().unwrap_or_default().to_owned());
    let expected = [plan.hostname, "windows", name, version, build, edition, &guid(plan)];
    assert_eq!(told, expected.map(str::to_owned), "{host:#}");
    let strangers = format!("Administrators: {STRANGER} (Domain Admins)");
    assert_eq!(host["account_directories"], json!([strangers]));
}

/// The row of an account, as its plan says it.
fn account(person: &Person, knows_rights: bool) -> Value {
    /// Bits of MS-SAMR 2.2.1.12.
    const PASSWORD_STAYS: u16 = 0x0200;
    let (state, time, source) = match person.last {
        Last::Logon => ("at", at(person.logon), Some("sam")),
        Last::Loaded => ("at", at(person.settings), Some("profile")),
        Last::Never => ("never", None, Some("sam")),
        Last::Unknown => ("unknown", None, None),
    };
    let set = at(person.password_set);
    // 42 days, as the rules of these machines say.
    let ends = set.filter(|_| person.flags & PASSWORD_STAYS == 0);
    let ends = ends.and_then(|set| set.checked_add(SignedDuration::from_hours(42 * 24)).ok());
    let password = if person.has_password { "set" } else { "none" };
    json!([
        person.name,
        format!("{MACHINE_SID}-{}", person.number),
        Some(person.full_name).filter(|name| !name.is_empty()),
        person.enabled,
        Some(person.session).filter(|_| knows_rights),
        !person.sources.is_empty(),
        person.sources,
        (!person.groups.is_empty()).then_some(person.groups),
        person.number < 1000,
        { "state": state, "at": time, "source": source },
        { "state": password, "changed_at": set, "expires_at": ends },
        at(person.ends),
        person.online,
    ])
}

/// `hivexregedit` (Debian's libwin-hivex-perl) is no work of ours.
#[test]
fn another_reader_sees_in_each_hive_what_was_written() {
    if Command::new("hivexregedit").arg("--help").output().is_err() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "hivexregedit is missing");
        eprintln!("skipped: hivexregedit is not there (apt-get install libwin-hivex-perl)");
        return;
    }
    let mut keys = 0;
    for plan in all() {
        let hives = Hives::of(&plan);
        let machine = hives.machine.iter().map(|(name, key)| ((*name).to_owned(), key));
        let people = hives.people.iter().map(|(number, _, key)| (format!("{MACHINE_SID}-{number}"), key));
        for (name, key) in machine.chain(people) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let file = folder.path().join("hive");
            std::fs::write(&file, key.file()).expect("a temporary folder can be written");
            let top = if name.starts_with("S-1-") { "HKEY_USERS" } else { "HKEY_LOCAL_MACHINE" };
            let mut export = Command::new("hivexregedit");
            export.args(["--export", "--prefix", &format!(r"{top}\{name}")]).arg(&file).arg(r"\");
            let output = export.output().expect("hivexregedit starts");
            assert!(output.status.success(), "{name} of {}: {output:?}", plan.hostname);
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            let seen = roots(&text)[&name].listed();
            let written = key.listed();
            keys += written.len();
            // The name of the top is its prefix.
            let below = |mut all: BTreeMap<String, _>| {
                all.remove("");
                all
            };
            assert_eq!(below(seen), below(written), "{name} of {}", plan.hostname);
        }
    }
    println!("{keys} keys of 24 hives are as they were written");
}

/// Others save SYSTEM alone. What it tells is told, and what is missing is named by each fact that needs it, and by no
/// other.
#[test]
fn of_a_system_hive_alone_each_fact_names_the_hives_that_it_needs() {
    let plan = all().swap_remove(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let system = Hives::of(&plan).machine["SYSTEM"].file();
    let config = folder.path().join("Windows/System32/config");
    std::fs::create_dir_all(&config).expect("a temporary folder can be written");
    std::fs::write(config.join("SYSTEM"), system).expect("a temporary folder can be written");
    let document = document(folder.path());
    assert_eq!(document["host"]["hostname"], plan.hostname);
    let told = plan.services.iter().filter_map(|service| service.told?[0]).count();
    let services = document["services"].as_array().expect("SYSTEM tells them");
    assert!(services.len() >= told, "{services:#?}");
    let problems = document["problems"].as_array().expect("a list");
    let named = |fact: &str| {
        let of_fact = problems.iter().filter(|it| it["fact"] == fact);
        let texts = of_fact.filter_map(|it| it["message"].as_str()).collect::<Vec<_>>().join("\n");
        ["SAM", "SECURITY", "SOFTWARE", "SYSTEM"]
            .map(|hive| texts.contains(&format!("config/{hive} is not there")))
    };
    // The host says who of a domain has rights here, which is in SAM, and which domain that is, which is in SECURITY.
    assert_eq!(named("host"), [true, true, true, false], "{problems:#?}");
    // Without SAM there is nobody to say more of.
    assert_eq!(named("accounts"), [true, false, false, false]);
    assert_eq!(named("software"), [false, false, true, false]);
    assert_eq!(named("services"), [false, false, true, false]);
    assert_eq!(named("media"), [false, false, true, false]);
    for fact in ["accounts", "software", "packages"] {
        assert!(document[fact].is_null(), "{fact}: {}", document[fact]);
    }
}
