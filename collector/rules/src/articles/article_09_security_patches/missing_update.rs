//! A security update waits to be installed. Nothing is hidden: it is told from the first day on, and graver after the
//! hospital's grace.

use std::collections::BTreeMap;

use daicho_proto::facts::{Package, Update};
use jiff::{Timestamp, ToSpan};

use crate::articles::words;
use crate::evidence::Evidence;
use crate::normal;
use crate::record::Since;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity, Unknown};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "09.missing_update",
    article: 9,
    summary: ("セキュリティ更新が適用されていません。", "A security update is not installed."),
    remedy: (
        "更新を適用してください。適用できない事情があるときは、台帳の例外に理由と期限を登録してください。",
        "Install the update. If that is impossible, record an exception with reason and expiry in the ledger.",
    ),
    severity: Severity::High,
    kind: Kind::Standing,
    settings: &[GRACE, LIST_AGE],
    assess,
};

const GRACE: Setting = Setting {
    key: "09.patch_grace_days_max",
    default: 45,
    range: (0, 3650),
    meaning: (
        "セキュリティ更新を適用するまでの猶予日数（最初に見つかった日から、日本の暦日）",
        "Days, in Japan's calendar, that a security update may wait since it was first seen",
    ),
};

const LIST_AGE: Setting = Setting {
    key: "09.list_age_days_max",
    default: 30,
    range: (1, 3650),
    meaning: (
        "更新情報の一覧を信用する日数（日本の暦日）",
        "Days, in Japan's calendar, that a machine's list of updates may be old",
    ),
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let updates = evidence.updates()?;
    let mut assessment = Assessment::satisfied();
    let sources = sources(evidence);
    let mut waiting: BTreeMap<String, Vec<&Update>> = BTreeMap::new();
    for update in &updates.value.pending {
        let source = sources.get(&(update.manager.as_str(), update.name.as_str()));
        let subject = format!("{}:{}", update.manager, source.copied().unwrap_or(&update.name));
        match update.security {
            Some(true) => waiting.entry(subject).or_default().push(update),
            Some(false) => {}
            None => assessment.doubt(
                subject,
                Text::new(
                    format!("「{}」の更新がセキュリティ更新かどうか、わかりません。", update.name),
                    format!("It is not known whether the update of {} mends a vulnerability.", update.name),
                ),
            ),
        }
    }
    doubt_unlisted(evidence, &updates.value.unlisted, &waiting, &mut assessment);
    for (subject, waiting) in waiting {
        assessment.findings.push(finding(evidence, subject, &waiting, updates.observed_at));
    }
    let (age_max, _) = evidence.limit(&LIST_AGE);
    if let Some(as_of) = updates.value.as_of
        && evidence.days_since(as_of) > age_max
    {
        let day = words::day(as_of);
        assessment.unknowns.push(Unknown {
            subject: None,
            reason: Text::new(
                format!(
                    "更新情報の一覧が{}から新しくなっておらず、それ以後の更新がわかりません。",
                    words::ja(day)
                ),
                format!("The machine's list of updates is of {day}; what came later is not known."),
            ),
        });
    }
    Ok(updates.finish(assessment))
}

/// Daicho's own packages: the hospital hands them out with its collector, and no repository holds them.
const OWN_PACKAGES: [&str; 2] = ["daicho-agent", "daicho-collector"];

/// A package that no list offers may have a hole that nobody here hears of, unless the hospital's own baseline says which
/// version it must have: `09.below_baseline` judges that.
fn doubt_unlisted(
    evidence: &Evidence<'_>,
    unlisted: &[Package],
    waiting: &BTreeMap<String, Vec<&Update>>,
    assessment: &mut Assessment,
) {
    let mut doubted: BTreeMap<String, &Package> = BTreeMap::new();
    for package in unlisted.iter().filter(|package| !OWN_PACKAGES.contains(&package.name.as_str())) {
        let source = package.source_name.as_deref().unwrap_or(&package.name);
        let decided = evidence.ledger.patches.iter().any(|row| {
            row.device.covers(evidence.device)
                && normal::same(&row.manager, &package.manager)
                && [package.name.as_str(), source].contains(&row.name.as_str())
        });
        let subject = format!("{}:{source}", package.manager);
        if !decided && !waiting.contains_key(&subject) {
            doubted.entry(subject).or_insert(package);
        }
    }
    for (subject, Package { name, version, .. }) in doubted {
        assessment.doubt(
            subject,
            Text::new(
                format!(
                    "「{name}」（{version}）はこの機器のどのパッケージ一覧にもなく、更新の有無がわかりません。提供元に確かめ、台帳のパッチ基準に必要な版を登録してください。"
                ),
                format!(
                    "No package list of this machine offers {name} {version}, so whether an update waits for it cannot be seen. Ask its maker, and record the version that it must have as a patch baseline in the ledger."
                ),
            ),
        );
    }
}

/// The source package of each package: one vulnerability in `openssl` is one finding, not one for each of its parts.
fn sources<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a str, &'a str), &'a str> {
    let Ok(packages) = evidence.packages() else { return BTreeMap::new() };
    let named = packages.value.iter().filter_map(|package| {
        Some(((package.manager.as_str(), package.name.as_str()), package.source_name.as_deref()?))
    });
    named.collect()
}

fn finding(evidence: &Evidence<'_>, subject: String, waiting: &[&Update], observed_at: Timestamp) -> Finding {
    let first_seen = |update: &&Update| {
        let known = evidence.record.map(|record| &record.since.security_updates);
        known.and_then(|known| known.get(&Since::update_key(update))).copied().unwrap_or(observed_at)
    };
    let since = waiting.iter().map(first_seen).min().unwrap_or(observed_at);
    let (grace, decided) = evidence.limit(&GRACE);
    let due = words::day(since).saturating_add(grace.days());
    let overdue = evidence.today() > due;
    let mut names: Vec<&str> = waiting.iter().map(|update| update.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let (ja_names, en_names) = (names.join("、"), names.join(", "));
    let version = waiting.iter().find_map(|update| update.available_version.as_deref()).unwrap_or("-");
    let (day, ja_due) = (words::day(since), words::ja(due));
    let ja_day = words::ja(day);
    let summary = if overdue {
        Text::new(
            format!(
                "{ja_names}のセキュリティ更新（{version}）が適用されていません。{ja_day}に見つかり、期限の{ja_due}を過ぎました。"
            ),
            format!(
                "The security update of {en_names} ({version}) is not installed. It was first seen on {day} and was due on {due}."
            ),
        )
    } else {
        Text::new(
            format!(
                "{ja_names}のセキュリティ更新（{version}）が適用されていません。{ja_day}に見つかり、期限は{ja_due}です（まだ猶予期間内）。"
            ),
            format!(
                "The security update of {en_names} ({version}) is not installed. It was first seen on {day} and is due on {due} (still within the grace)."
            ),
        )
    };
    let summary = if waiting.iter().any(|update| update.held) {
        Text::new(
            format!("{}更新しないよう固定（hold、versionlockなど）されています。", summary.ja),
            format!("{} It is held back: the package manager was told not to install it.", summary.en),
        )
    } else {
        summary
    };
    let mut proofs = Vec::new();
    for update in waiting {
        let source = update.origin.clone().unwrap_or_else(|| update.manager.clone());
        let version =
            |version: &Option<String>| format!("{} {}", update.name, version.as_deref().unwrap_or("unknown"));
        let installed = version(&update.installed_version);
        proofs.push(
            Proof::observed("updates", "installed_version", installed, observed_at).read_in(&update.manager),
        );
        let available = version(&update.available_version);
        proofs.push(Proof::observed("updates", "available_version", available, observed_at).read_in(source));
        if update.held {
            let held = format!("{} held", update.name);
            proofs.push(Proof::observed("updates", "held", held, observed_at).read_in(&update.manager));
        }
        proofs.extend(update.phased_percent.map(|percent| {
            let percent = format!("{} {percent} %", update.name);
            Proof::observed("updates", "phased_percent", percent, observed_at)
        }));
    }
    proofs.push(Proof::observed("updates", "first_seen", since.to_string(), observed_at));
    proofs.extend(decided);
    Finding {
        subject,
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: if overdue { RULE.severity } else { Severity::Low },
        proofs,
        occurred_at: None,
    }
}
