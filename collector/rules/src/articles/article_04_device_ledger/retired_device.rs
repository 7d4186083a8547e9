//! A machine reports that the ledger lists as scrapped: its data went out of the hospital's sight, or never did.

use super::signs;
use crate::evidence::Evidence;
use crate::ledger::DeviceStatus;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "04.retired_device",
    article: 4,
    summary: (
        "台帳で廃棄となっている機器が動いています。",
        "A device that the ledger says is scrapped is running.",
    ),
    remedy: (
        "まだ使うなら台帳の状態を直してください。使わないなら電源を切り、データを消去してください。",
        "If it is still used, correct its status in the ledger. If not, switch it off and erase its data.",
    ),
    severity: Severity::High,
    kind: Kind::Standing,
    settings: &[],
    assess,
};

/// One that has been silent for long is not asked at all: see `articles::judge`.
fn assess(evidence: &Evidence<'_>) -> Assessment {
    let Some(device) = evidence.device.filter(|device| device.status == DeviceStatus::Retired) else {
        return Assessment::satisfied();
    };
    let Some(heard) = evidence.record.and_then(|record| record.last_heard) else {
        return Assessment::satisfied();
    };
    let id = &device.device_id;
    if evidence.days_since(heard) < 0 {
        return Assessment::undetermined(Text::new(
            format!("廃棄となっている機器「{id}」の報告の日付が未来です。時計を確かめてください。"),
            format!("Device {id} is scrapped, and its report is dated in the future. Check the clocks."),
        ));
    }
    let mut proofs = vec![Proof::ledger("status", "retired", &device.row)];
    if let Ok(host) = evidence.host() {
        proofs.extend(signs::proofs(&host));
    }
    proofs.push(Proof::observed("host", "last_heard", heard.to_string(), heard));
    Assessment {
        findings: vec![Finding {
            subject: id.clone(),
            summary: Text::new(
                format!("台帳では廃棄となっている機器「{id}」が報告を続けています。"),
                format!("Device {id} is scrapped in the ledger and still reports."),
            ),
            remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
            severity: RULE.severity,
            proofs,
            occurred_at: None,
        }],
        ..Assessment::default()
    }
}
