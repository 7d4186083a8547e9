//! The operating system gets no security updates any more.

use daicho_proto::facts::Host;
use jiff::Timestamp;

use crate::articles::words;
use crate::end_of_life::{Support, support};
use crate::evidence::Evidence;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "09.unsupported_os",
    article: 9,
    summary: (
        "サポートの終わったOSが使われています。",
        "An operating system is in use that gets no security updates any more.",
    ),
    remedy: (
        "サポートのあるOSに更新してください。延長サポートの契約があるときは、台帳の例外に契約と期限を登録してください。",
        "Upgrade to a supported system. If you pay for extended support, record it with its expiry as an exception in the ledger.",
    ),
    severity: Severity::High,
    kind: Kind::Standing,
    settings: &[],
    assess,
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let host = evidence.host()?;
    let Some(support) = support(host.value) else {
        let name = host.value.os_name.as_deref().or(host.value.os_id.as_deref()).unwrap_or("?");
        return Err(Text::new(
            format!("OS「{name}」のサポート期限が表にありません。"),
            format!("The table of support periods does not know the operating system {name}."),
        ));
    };
    if evidence.today() <= support.ends_on {
        return Ok(Assessment::satisfied());
    }
    let finding = finding(evidence, host.value, &support, host.observed_at);
    Ok(Assessment { findings: vec![finding], ..Assessment::default() })
}

fn finding(evidence: &Evidence<'_>, host: &Host, support: &Support, observed_at: Timestamp) -> Finding {
    let name = host.os_name.clone().unwrap_or_else(|| support.name.to_owned());
    let (ends, ja_ends) = (support.ends_on, words::ja(support.ends_on));
    let (summary, severity) = match support.paid_until.filter(|last_day| evidence.today() <= *last_day) {
        Some(paid) => (
            Text::new(
                format!(
                    "「{name}」の無償のサポートは{ja_ends}で終わりました。有償の延長サポートは{}までありますが、契約の有無はわかりません。",
                    words::ja(paid)
                ),
                format!(
                    "Free support of {name} ended on {ends}. Paid support lasts until {paid}, and it is not known whether you have it."
                ),
            ),
            Severity::Medium,
        ),
        None => (
            Text::new(
                format!("「{name}」のサポートは{ja_ends}で終わりました。"),
                format!("Support of {name} ended on {ends}."),
            ),
            RULE.severity,
        ),
    };
    let told = [("os_id", &host.os_id), ("os_version", &host.os_version), ("os_build", &host.os_build)];
    let mut proofs: Vec<Proof> = told
        .into_iter()
        .filter_map(|(field, value)| Some(Proof::observed("host", field, value.clone()?, observed_at)))
        .collect();
    proofs.push(Proof {
        fact: "end_of_life".to_owned(),
        field: "ends_on".to_owned(),
        value: ends.to_string(),
        source: Some(support.source.to_owned()),
        ..Proof::default()
    });
    Finding {
        subject: name,
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity,
        proofs,
        occurred_at: None,
    }
}
