//! A machine that the ledger says is in use has not reported for too long, or never.

use jiff::Timestamp;

use crate::articles::words;
use crate::evidence::Evidence;
use crate::ledger::{Device, DeviceKind, DeviceStatus};
use crate::linking::Swap;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "04.silent_device",
    article: 4,
    summary: (
        "台帳で使用中の機器から報告がありません。",
        "A device that the ledger says is in use does not report.",
    ),
    remedy: (
        "機器の電源、ネットワーク、エージェントを確かめてください。使っていない機器は、台帳の状態を予備か廃棄に直してください。",
        "Check the device's power, network and agent. If it is not in use, correct its status in the ledger.",
    ),
    severity: Severity::Medium,
    kind: Kind::Standing,
    settings: &[SERVER, TERMINAL, LAPTOP, CART, NETWORK],
    assess,
};

const SERVER: Setting = Setting {
    key: "04.silence_days_max_server",
    default: 1,
    range: (0, 3650),
    meaning: (
        "サーバが報告しなくてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that a server may be silent",
    ),
};

const TERMINAL: Setting = Setting {
    key: "04.silence_days_max_terminal",
    default: 7,
    range: (0, 3650),
    meaning: (
        "端末が報告しなくてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that a terminal may be silent",
    ),
};

const LAPTOP: Setting = Setting {
    key: "04.silence_days_max_laptop",
    default: 30,
    range: (0, 3650),
    meaning: (
        "ノートPCが報告しなくてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that a laptop may be silent",
    ),
};

const CART: Setting = Setting {
    key: "04.silence_days_max_cart",
    default: 30,
    range: (0, 3650),
    meaning: (
        "カートPCが報告しなくてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that a computer on a cart may be silent",
    ),
};

const NETWORK: Setting = Setting {
    key: "04.silence_days_max_network",
    default: 7,
    range: (0, 3650),
    meaning: (
        "報告したことのあるネットワーク機器が報告しなくてもよい日数（日本の暦日）",
        "Days, in Japan's calendar, that a network device that has reported may be silent",
    ),
};

/// Since when a machine has been silent for longer than it may; `None` while it reports, or never did.
pub(in crate::articles) fn silence(evidence: &Evidence<'_>) -> Option<Timestamp> {
    let heard = evidence.record?.last_heard?;
    (evidence.days_since(heard) > limit(evidence).0).then_some(heard)
}

fn limit(evidence: &Evidence<'_>) -> (i64, Option<Proof>) {
    evidence.limit(match evidence.device.map(|device| device.kind) {
        Some(DeviceKind::Server) => &SERVER,
        Some(DeviceKind::Laptop) => &LAPTOP,
        Some(DeviceKind::Cart) => &CART,
        Some(DeviceKind::Network) => &NETWORK,
        Some(DeviceKind::Terminal) | None => &TERMINAL,
    })
}

fn assess(evidence: &Evidence<'_>) -> Assessment {
    let Some(device) = evidence.device else { return Assessment::satisfied() };
    if device.status != DeviceStatus::InUse {
        return Assessment::satisfied();
    }
    let swap = evidence.surroundings.swap.as_ref().filter(|swap| swap.broken == device.device_id);
    if let Some(swap) = swap {
        return place_taken(device, swap);
    }
    // Of most network devices no agent is expected; one that had an agent and lost it is silent.
    if device.kind == DeviceKind::Network && evidence.record.is_none_or(|record| record.last_heard.is_none())
    {
        return Assessment::satisfied();
    }
    let id = &device.device_id;
    let heard = evidence.record.and_then(|record| record.last_heard);
    let (limit, decided) = limit(evidence);
    let summary = match heard {
        Some(heard) if evidence.days_since(heard) < 0 => {
            return Assessment::undetermined(Text::new(
                format!("報告の日付（{}）が未来です。時計を確かめてください。", words::ja(words::day(heard))),
                format!(
                    "The report is dated {}, which is in the future. Check the clocks.",
                    words::day(heard)
                ),
            ));
        }
        Some(heard) if evidence.days_since(heard) <= limit => return Assessment::satisfied(),
        Some(heard) => Text::new(
            format!(
                "使用中の機器「{id}」から{}を最後に報告がありません（許容は{limit}日）。",
                words::moment_ja(heard)
            ),
            format!(
                "Device {id} is in use and last reported at {} ({limit} days of silence are allowed).",
                words::moment_en(heard)
            ),
        ),
        None => Text::new(
            format!("使用中の機器「{id}」から一度も報告がありません。"),
            format!("Device {id} is in use and has never reported."),
        ),
    };
    let mut proofs = vec![Proof::ledger("status", "in_use", &device.row)];
    if let Some(heard) = heard {
        proofs.push(Proof::observed("host", "last_heard", heard.to_string(), heard));
    }
    proofs.extend(decided);
    Assessment {
        findings: vec![Finding {
            subject: id.clone(),
            summary,
            remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
            severity: if device.kind == DeviceKind::Server { Severity::High } else { RULE.severity },
            proofs,
            occurred_at: None,
        }],
        ..Assessment::default()
    }
}

/// One matter, told once: where the newcomer has no row, it is told of as a swap and this device waits for the answer;
/// where it is a spare of the ledger, it is listed, and the device whose place it took is where it is told.
fn place_taken(device: &Device, swap: &Swap) -> Assessment {
    let (id, Swap { id: answer, newcomer, spare, .. }) = (&device.device_id, swap);
    let Some(spare) = spare else {
        return Assessment::undetermined(Text::new(
            format!(
                "「{id}」のホスト名で別の機器（{newcomer}）が報告しています。予備機と交換したのか、`daicho swap accept {answer}` か `daicho swap decline {answer}` の返事を待っています。"
            ),
            format!(
                "Another machine ({newcomer}) reports under the hostname of {id}. Whether it was swapped waits for `daicho swap accept {answer}` or `daicho swap decline {answer}`."
            ),
        ));
    };
    let finding = Finding {
        subject: id.clone(),
        summary: Text::new(
            format!(
                "使用中の機器「{id}」の代わりに、予備機「{spare}」が同じホスト名で報告しています。予備機と交換したと思われます。"
            ),
            format!(
                "The spare {spare} reports under the hostname of device {id}, which does not: they seem to have been swapped."
            ),
        ),
        remedy: Text::new(
            format!(
                "交換したのなら `daicho swap accept {answer}` で台帳に反映してください。交換していないなら `daicho swap decline {answer} --reason 理由` で断ってください。"
            ),
            format!(
                "If they were swapped, settle it with `daicho swap accept {answer}`. If not, `daicho swap decline {answer} --reason REASON`."
            ),
        ),
        severity: RULE.severity,
        proofs: vec![Proof::ledger("hostname", device.hostname.clone().unwrap_or_default(), &device.row)],
        occurred_at: None,
    };
    Assessment { findings: vec![finding], ..Assessment::default() }
}
