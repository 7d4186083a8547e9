//! A service runs, or starts by itself, that neither the ledger approves nor the system needs.

use daicho_proto::facts::{Host, Service, ServiceManager, StartMode};
use jiff::Timestamp;

use super::{approval, windows};
use crate::articles::words;
use crate::catalogue;
use crate::evidence::Evidence;
use crate::ledger::ApprovedProgram;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "13.unneeded_service",
    article: 13,
    summary: (
        "台帳で承認されていないサービスが動いています。",
        "A service runs that the ledger does not approve.",
    ),
    remedy: (
        "所属長と医療情報システム安全管理責任者に相談し、不要なら停止して自動起動を切り、必要なら台帳に登録してください。",
        "Ask the head of department and the officer. Stop and disable the service, or approve it in the ledger.",
    ),
    severity: Severity::Low,
    kind: Kind::Standing,
    settings: &[],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let services = evidence.services()?;
    let host = evidence.host().ok().map(|host| host.value);
    let mut assessment = Assessment::satisfied();
    for service in services.value {
        let name = &service.name;
        let row = row_of(evidence, service);
        let risky = names_of(service).find_map(catalogue::risky_service);
        let approved = matches!(row, Some((_, true)));
        if approved || (risky.is_none() && is_stock(service, host)) {
            assessment.clear(name);
            continue;
        }
        match is_alive(service) {
            Some(true) => {
                assessment.findings.push(finding(service, risky, row.map(|row| row.0), services.observed_at));
            }
            Some(false) => assessment.clear(name),
            None => assessment.doubt(
                name,
                Text::new(
                    format!("サービス「{name}」が動いているかどうか、わかりません。"),
                    format!("It is not known whether service {name} runs."),
                ),
            ),
        }
    }
    Ok(services.finish(assessment))
}

/// Its name, its other names, and the names of what it starts: who approves a service approves its socket and its timer.
fn names_of(service: &Service) -> impl Iterator<Item = &str> {
    let own = std::iter::once(service.name.as_str());
    own.chain(service.aliases.iter().chain(&service.triggers).map(String::as_str))
}

/// The ledger's row, an approved one before a draft.
fn row_of<'a>(evidence: &Evidence<'a>, service: &Service) -> Option<(&'a ApprovedProgram, bool)> {
    let rows: Vec<_> = names_of(service)
        .filter_map(|name| approval::row(evidence, &evidence.ledger.services, name))
        .collect();
    rows.iter().copied().find(|(_, approved)| *approved).or_else(|| rows.first().copied())
}

/// Where people write, and no system keeps a program: what runs from there is a stranger under any name.
const WRITTEN_BY_PEOPLE: [&str; 7] =
    ["/tmp/", "/var/tmp/", "/dev/shm/", "/home/", "/root/", "/run/user/", "/memfd:"];

/// Whether the stock system has it. What starts something else is stock when that is: a timer of a stock name that
/// starts a stranger is a stranger. Other names excuse nothing: anybody may give a unit one. What a person started, or
/// what runs in a container, is no part of the system, however it is called.
fn is_stock(service: &Service, host: Option<&Host>) -> bool {
    if windows::is_told_by_windows(service, host) {
        return windows::is_stock(service, host);
    }
    let lies_in_reach = |binary: &str| WRITTEN_BY_PEOPLE.iter().any(|place| binary.starts_with(place));
    if service.user.is_some()
        || service.container.is_some()
        || service.binary.as_deref().is_some_and(lies_in_reach)
    {
        return false;
    }
    let stock = |name: &str| catalogue::stock_service(name, host).is_some();
    let stem =
        |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim_end_matches('@').to_owned();
    let fits = |unit: &String| stock(unit) || stem(unit) == stem(&service.name);
    stock(&service.name) && service.triggers.iter().all(fits)
}

/// Whether it runs or starts by itself. A program without a manager counts when others on the network can reach it, a
/// container when it runs.
fn is_alive(service: &Service) -> Option<bool> {
    if service.manager == ServiceManager::Process {
        if service.running.is_none() && service.start == StartMode::Unknown && !is_reachable(service) {
            return None;
        }
        let runs = service.container.is_some() && service.running == Some(true);
        return Some(is_reachable(service) || service.start == StartMode::Enabled || runs);
    }
    match (service.running, service.start) {
        (Some(true), _) | (_, StartMode::Enabled) => Some(true),
        (Some(false), _) => Some(false),
        (None, _) => None,
    }
}

/// Whether it listens where another machine can reach it: `tcp/0.0.0.0:22`, not `tcp/127.0.0.1:25` or `tcp/[::1]:25`.
fn is_reachable(service: &Service) -> bool {
    let loopback = |address: &&String| {
        let place = address.split_once('/').map_or(address.as_str(), |(_, place)| place);
        let place = place.trim_start_matches("[::ffff:").trim_start_matches('[');
        place.starts_with("127.") || place.starts_with("::1]")
    };
    service.listening.iter().any(|address| !loopback(&address))
}

fn finding(
    service: &Service,
    risky: Option<&catalogue::Risky>,
    draft: Option<&ApprovedProgram>,
    observed_at: Timestamp,
) -> Finding {
    let name = &service.name;
    let reachable = is_reachable(service);
    let (ja_state, en_state) = match (service.running, service.manager) {
        (Some(true), _) => ("動いています", "runs"),
        (_, ServiceManager::Process) if service.start != StartMode::Enabled => ("動いています", "runs"),
        _ => ("自動起動の設定になっています", "starts by itself"),
    };
    let where_to = service.listening.join(", ");
    let (ja_where, en_where) = if reachable {
        (format!("（待ち受け: {where_to}）"), format!(" (listening on {where_to})"))
    } else {
        Default::default()
    };
    let (ja_why, en_why) = match (risky, draft) {
        (Some(risky), _) => (
            format!("これは{}で、危険とされています。", risky.why.0),
            format!("It is risky: {}.", risky.why.1),
        ),
        (None, Some(row)) => (
            format!("台帳の案（{}）にはまだ承認者がいません。", row.row),
            format!("The ledger's draft ({}) names nobody who approved it yet.", row.row),
        ),
        (None, None) => (
            "台帳にも標準のサービスの一覧にもありません。".to_owned(),
            "Neither the ledger nor the catalogue of stock services has it.".to_owned(),
        ),
    };
    let mut proofs = vec![
        Proof::observed("services", "running", words::flag(service.running), observed_at),
        Proof::observed("services", "start", service.start.name(), observed_at),
    ];
    if !service.listening.is_empty() {
        proofs.push(Proof::observed("services", "listening", where_to, observed_at));
    }
    let triggers = Some(service.triggers.join(", ")).filter(|text| !text.is_empty());
    let told = [
        ("binary", service.binary.as_deref()),
        ("library", service.library.as_deref()),
        ("state", service.state.as_deref().filter(|_| service.manager == ServiceManager::Windows)),
        ("source", service.source.as_deref()),
        ("triggers", triggers.as_deref()),
        ("container", service.container.as_deref()),
        ("user", service.user.as_deref()),
    ];
    proofs.extend(
        told.into_iter()
            .filter_map(|(field, value)| Some(Proof::observed("services", field, value?, observed_at))),
    );
    let mut proofs: Vec<Proof> =
        proofs.into_iter().map(|proof| proof.read_in(service.manager.name())).collect();
    proofs.extend(risky.map(|risky| Proof {
        fact: "catalogue".to_owned(),
        field: "risky".to_owned(),
        value: risky.name.to_owned(),
        source: Some(risky.source.to_owned()),
        ..Proof::default()
    }));
    proofs.extend(draft.map(|row| Proof::ledger("approved_by", "", &row.row)));
    let severity = match risky {
        Some(risky) => risky.severity,
        None if reachable => Severity::Medium,
        None => RULE.severity,
    };
    Finding {
        subject: name.clone(),
        summary: Text::new(
            format!("サービス「{name}」が{ja_state}{ja_where}。{ja_why}"),
            format!("Service {name} {en_state}{en_where}. {en_why}"),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity,
        proofs,
        occurred_at: None,
    }
}
