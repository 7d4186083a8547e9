//! Services as systemctl(1), ss(8), ps(1) and run-parts(8) tell them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Rows, Tools, row, rows_of};

/// The document's services by their manager and name. A unit that systemd has not loaded has no state; asked for it,
/// systemctl loads it, and finds it inactive.
pub(super) fn seen(document: &Value) -> Rows {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows =
        rows_of(document, "services", |row| format!("{} {}", text(&row["manager"]), text(&row["name"])));
    for fields in rows.values_mut() {
        let is = |field: &str, value: Value| fields.get(field) == Some(&value);
        if is("manager", json!("systemd")) && is("running", json!(false)) && is("state", Value::Null) {
            fields.insert("state".to_owned(), json!("inactive (dead)"));
        }
    }
    rows
}

/// The units of the sections `show` and `files`, with the sockets of `sockets` by `owners`.
pub(super) fn expected(tools: &Tools<'_>) -> Rows {
    let files: BTreeMap<&str, &str> = tools
        .lines("files")
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    let mut listening = listening(tools);
    let mut rows = Rows::new();
    for unit in units(tools) {
        let get = |key: &str| unit.get(key).copied().unwrap_or_default();
        let some = |key: &str| unit.get(key).copied().filter(|text| !text.is_empty());
        let (name, load, active) = (get("Id"), get("LoadState"), get("ActiveState"));
        let row_name = format!("systemd {name}");
        // Asked for by another of its names, a unit comes again.
        if (load == "not-found" && active == "inactive") || rows.contains_key(&row_name) {
            continue;
        }
        // One folder where /lib leads to /usr/lib, as everywhere since Debian 12; systemd writes its shorter name.
        let source = some("FragmentPath").map(|path| match path.strip_prefix("/lib/") {
            Some(rest) => format!("/usr/lib/{rest}"),
            None => path.to_owned(),
        });
        let file_state = files.get(name).copied().or(some("UnitFileState"));
        // Not the state that systemd gives it, but whether something of it is there.
        let running = match name.rsplit_once('.') {
            Some((_, "service")) => get("TasksCurrent").parse::<u64>().is_ok_and(|tasks| tasks > 0),
            _ => active == "active",
        };
        let words = |key: &str| -> Vec<&str> {
            let mut words: Vec<&str> = get(key).split_whitespace().filter(|word| *word != name).collect();
            words.sort_unstable();
            words
        };
        let binary = get("ExecStart").split_once("path=").and_then(|(_, rest)| rest.split(" ;").next());
        let fields = row([
            ("name", json!(name)),
            ("manager", json!("systemd")),
            ("running", json!(running)),
            ("start", json!(if load == "masked" { "masked" } else { start(file_state.unwrap_or_default()) })),
            ("description", json!(some("Description").filter(|text| *text != name))),
            ("binary", json!(binary)),
            ("listening", json!(listening.remove(name).map(|owner| owner.sockets))),
            ("state", json!(format!("{active} ({})", get("SubState")))),
            ("file_state", json!(file_state)),
            ("aliases", json!(words("Names"))),
            ("triggers", json!(words("Triggers"))),
            ("source", json!(source)),
        ]);
        rows.insert(row_name, fields);
    }
    // What cron starts, as run-parts(8) names it: by its folder and its file.
    for path in tools.lines("jobs") {
        let Some((folder, file)) = path.strip_prefix("/etc/").and_then(|path| path.split_once('/')) else {
            continue;
        };
        let name = format!("{folder}:{file}");
        let fields = row([
            ("name", json!(name)),
            ("manager", json!("process")),
            ("start", json!("enabled")),
            ("source", json!(path)),
        ]);
        rows.insert(format!("process {name}"), fields);
    }
    // Whoever else listens has to be told as well.
    for (name, owner) in listening {
        let fields = row([
            ("name", json!(name)),
            ("manager", json!("process")),
            ("running", json!(true)),
            ("start", json!("unknown")),
            ("binary", json!(owner.program)),
            ("listening", json!(owner.sockets)),
        ]);
        rows.insert(format!("process {name}"), fields);
    }
    rows
}

/// systemctl's words for a unit file in the document's.
fn start(state: &str) -> &'static str {
    match state {
        "enabled" | "enabled-runtime" | "alias" | "generated" => "enabled",
        "disabled" | "linked" | "linked-runtime" => "disabled",
        "static" | "indirect" | "transient" => "static",
        "masked" | "masked-runtime" => "masked",
        _ => "unknown",
    }
}

/// The blocks of `systemctl show`; of a property that comes several times the first.
fn units<'a>(tools: &Tools<'a>) -> Vec<BTreeMap<&'a str, &'a str>> {
    let mut units = vec![BTreeMap::new()];
    for line in tools.lines("show") {
        match (line.split_once('='), units.last_mut()) {
            (Some((key, value)), Some(unit)) => drop(unit.entry(key).or_insert(value)),
            _ => units.push(BTreeMap::new()),
        }
    }
    units.retain(|unit: &BTreeMap<_, _>| unit.contains_key("Id"));
    units
}

/// Whose sockets they are.
#[derive(Default)]
struct Owner {
    program: Option<String>,
    sockets: Vec<String>,
}

/// Listening sockets by the service that owns them; by the program's name where that is none.
fn listening(tools: &Tools<'_>) -> BTreeMap<String, Owner> {
    let processes: BTreeMap<&str, (&str, Option<&str>)> = tools
        .lines("owners")
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, (words.next()?, words.next())))
        })
        .collect();
    let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
    for line in tools.lines("sockets") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [protocol, _, _, _, address, ..] = words[..] else { continue };
        let name = line.split('"').nth(1).unwrap_or("?");
        let process =
            line.split_once("pid=").and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
        let (unit, program) = processes.get(process).copied().unwrap_or(("", None));
        let name = if unit.ends_with(".service") { unit } else { name };
        let owner = owners.entry(name.to_owned()).or_default();
        owner.program = program.map(str::to_owned);
        let socket = format!("{protocol}/{}", address_of(address));
        if !owner.sockets.contains(&socket) {
            owner.sockets.push(socket);
            owner.sockets.sort();
        }
    }
    owners
}

/// ss writes `*` for a socket of both families and adds the interface that one is bound to.
fn address_of(text: &str) -> String {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let host = if host == "*" { "[::]" } else { host };
    match host.split_once('%') {
        Some((address, rest)) => {
            let end = if rest.ends_with(']') { "]" } else { "" };
            format!("{address}{end}:{port}")
        }
        None => format!("{host}:{port}"),
    }
}
