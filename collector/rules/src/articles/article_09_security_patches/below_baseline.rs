//! A version is older than the hospital's baseline demands.

use std::cmp::Ordering;

use daicho_proto::facts::Package;
use daicho_proto::versions::{Manager, compare};
use jiff::Timestamp;

use crate::articles::words;
use crate::evidence::{Evidence, Seen};
use crate::ledger::PatchBaseline;
use crate::normal;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "09.below_baseline",
    article: 9,
    summary: (
        "パッチ基準より古い版が使われています。",
        "A version is older than the ledger's patch baseline.",
    ),
    remedy: (
        "パッチ基準の版以上に更新してください。",
        "Update it to the version of the patch baseline, or a newer one.",
    ),
    severity: Severity::High,
    kind: Kind::Standing,
    settings: &[],
    assess,
};

/// One version that is installed, and where it was read.
struct Installed<'a> {
    fact: &'static str,
    field: &'static str,
    version: &'a str,
    observed_at: Timestamp,
}

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let baselines: Vec<&PatchBaseline> =
        evidence.ledger.patches.iter().filter(|row| row.device.covers(evidence.device)).collect();
    let mut assessment = Assessment::satisfied();
    let (systems, packaged): (Vec<&PatchBaseline>, Vec<&PatchBaseline>) =
        baselines.into_iter().partition(|row| is_the_system(evidence, row));
    // Where the ledger demands nothing, a machine that shows nothing is still not one that was seen to be right.
    if !packaged.is_empty() || systems.is_empty() {
        let packages = evidence.packages()?;
        for row in packaged {
            let installed = installed(row, &packages);
            judge(evidence, row, &installed, &mut assessment);
        }
        assessment = packages.finish(assessment);
    }
    if !systems.is_empty() {
        let host = evidence.host()?;
        // The builds of Windows are not about a machine that runs something else.
        let another = host.value.os_id.as_deref().is_some_and(|os_id| !normal::same(os_id, "windows"));
        for row in systems.into_iter().filter(|_| !another) {
            match host.value.os_build.as_deref() {
                Some(version) => {
                    let observed_at = host.observed_at;
                    let build = Installed { fact: "host", field: "os_build", version, observed_at };
                    judge(evidence, row, &[build], &mut assessment);
                }
                None => assessment.doubt(
                    subject(row),
                    Text::new("Windowsのビルド番号がわかりません。", "The build of Windows is not known."),
                ),
            }
        }
        assessment = host.finish(assessment);
    }
    Ok(assessment)
}

/// Whether the row is about Windows itself, whose version is its build and UBR: `os`, `windows`, or the product's name.
fn is_the_system(evidence: &Evidence<'_>, row: &PatchBaseline) -> bool {
    let product = evidence.host().ok().and_then(|host| host.value.os_name.as_deref());
    normal::same(&row.manager, "windows")
        && (["os", "windows"].iter().any(|name| normal::same(&row.name, name))
            || product.is_some_and(|product| normal::pattern_covers(&row.name, product)))
}

fn installed<'a>(row: &PatchBaseline, packages: &Seen<'a, Vec<Package>>) -> Vec<Installed<'a>> {
    let observed_at = packages.observed_at;
    let managed = || packages.value.iter().filter(|package| normal::same(&package.manager, &row.manager));
    let seen = |version| Installed { fact: "packages", field: "version", version, observed_at };
    let named: Vec<Installed<'_>> = managed()
        .filter(|package| package.name == row.name)
        .map(|package| seen(package.version.as_str()))
        .collect();
    if !named.is_empty() {
        return named;
    }
    let source = managed().filter(|package| package.source_name.as_deref() == Some(row.name.as_str()));
    source.map(|package| seen(package.source_version.as_deref().unwrap_or(&package.version))).collect()
}

fn judge(
    evidence: &Evidence<'_>,
    row: &PatchBaseline,
    installed: &[Installed<'_>],
    assessment: &mut Assessment,
) {
    let manager = Manager::parse(&normal::key(&row.manager));
    let mut older: Option<&Installed<'_>> = None;
    let mut newest_fits = false;
    for one in installed {
        let order = manager.map(|manager| compare(manager, one.version, &row.minimum_version));
        match order {
            Some(Ok(Ordering::Less)) => older = Some(one),
            Some(Ok(Ordering::Equal | Ordering::Greater)) => newest_fits = true,
            Some(Err(_)) | None => {
                return assessment.doubt(
                    subject(row),
                    Text::new(
                        format!(
                            "「{}」の版（{}）をパッチ基準（{}）と比べられません。",
                            row.name, one.version, row.minimum_version
                        ),
                        format!(
                            "The version of {} ({}) cannot be compared with the baseline ({}).",
                            row.name, one.version, row.minimum_version
                        ),
                    ),
                );
            }
        }
    }
    // rpm keeps old kernels beside the newest, which is the one that starts.
    let kept_beside = manager == Some(Manager::Rpm) && row.name.starts_with("kernel") && newest_fits;
    let late = row.due_on.is_none_or(|last_day| evidence.today() > last_day);
    match older {
        Some(one) if late && !kept_beside => assessment.findings.push(finding(row, one)),
        _ => assessment.clear(subject(row)),
    }
}

fn finding(row: &PatchBaseline, one: &Installed<'_>) -> Finding {
    let PatchBaseline { name, minimum_version, .. } = row;
    let version = one.version;
    let (ja_due, en_due) = row.due_on.map_or_else(Default::default, |due| {
        (format!("（期限は{}）", words::ja(due)), format!(" (due on {due})"))
    });
    Finding {
        subject: subject(row),
        summary: Text::new(
            format!("「{name}」の版{version}はパッチ基準の{minimum_version}より古いものです{ja_due}。"),
            format!("{name} {version} is older than the baseline {minimum_version}{en_due}."),
        ),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs: vec![
            Proof::observed(one.fact, one.field, version, one.observed_at).read_in(&row.manager),
            Proof::ledger("minimum_version", minimum_version, &row.row),
        ],
        occurred_at: None,
    }
}

fn subject(row: &PatchBaseline) -> String {
    format!("{}:{}", normal::key(&row.manager), row.name)
}
