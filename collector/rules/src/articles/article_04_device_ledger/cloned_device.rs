//! One hardware under two identities, or one identity on two machines: a copied virtual machine, a copied disk.

use super::signs;
use crate::answer::device_name;
use crate::evidence::Evidence;
use crate::record::hardware::Spell;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "04.cloned_device",
    article: 4,
    summary: (
        "同じ機器が二重に存在しています（複製の疑い）。",
        "One device is there twice: it seems to have been cloned.",
    ),
    remedy: (
        "どちらが本物か確かめてください。複製した側は、仮想マシンなら新しい識別番号を与え、エージェントを登録し直してください。入れ直した機器の古い登録が残っているなら `daicho-collector revoke` で取り消してください。",
        "Find out which of them is the original. Give the copy an identity of its own and enrol its agent again. If one is what is left of a machine that was set up again, revoke it with `daicho-collector revoke`.",
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
    let Some(record) = evidence.record else { return Ok(Assessment::satisfied()) };
    let host = evidence.host()?;
    let name = device_name(evidence.device, host.value);
    let twins = &evidence.surroundings.twins;
    let back_and_forth = record.since.hardware.back_and_forth(evidence.now);
    let mut proofs = signs::proofs(&host);
    let (ja, en) = if let Some(twin) = twins.first() {
        let same: Vec<&str> = twin.same.iter().map(|column| signs::japanese(column)).collect();
        for twin in twins {
            proofs.push(Proof::observed("host", "twin", &twin.endpoint, host.observed_at));
        }
        let (ja, en) = (same.join("、"), twin.same.join(", "));
        let (other, endpoint, count) = (&twin.hostname, &twin.endpoint, twins.len() + 1);
        (
            format!(
                "機器「{name}」と同じ{ja}を、別の登録の機器「{other}」（{endpoint}）も名乗っています（全部で{count}台）。"
            ),
            format!(
                "Device {name} has the {en} of another enrolled machine, {other} ({endpoint}); there are {count} of them."
            ),
        )
    } else if let Some((now, other)) = back_and_forth {
        for spell in [now, other] {
            proofs.push(Proof::observed("host", "hardware", shown(spell), spell.since));
        }
        let (now, other) = (shown(now), shown(other));
        (
            format!(
                "機器「{name}」の報告の本体が、{now} と {other} の間を行き来しています。一つの登録を二台が使っています。"
            ),
            format!(
                "The reports of device {name} come now from {now}, now from {other}: two machines use one enrolment."
            ),
        )
    } else {
        return Ok(host.finish(Assessment::satisfied()));
    };
    let finding = Finding {
        subject: name,
        summary: Text::new(ja, en),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs,
        occurred_at: None,
    };
    Ok(Assessment { findings: vec![finding], ..Assessment::default() })
}

fn shown(spell: &Spell) -> String {
    let names = [&spell.serial_number, &spell.hardware_uuid];
    names.into_iter().flatten().cloned().collect::<Vec<_>>().join(" / ")
}
