//! A machine reports that the ledger does not list, or lists as scrapped.

use daicho_proto::facts::Host;

use crate::answer::device_name;
use crate::evidence::{Evidence, Seen};
use crate::ledger::{Device, DeviceStatus};
use crate::linking::{Link, Linker};
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "04.unlisted_device",
    article: 4,
    summary: ("機器台帳にない機器が使われています。", "A device is in use that the ledger does not list."),
    remedy: (
        "機器台帳に登録してください。心当たりのない機器は、ネットワークから外して確認してください。",
        "Add the device to the ledger. If nobody knows it, take it off the network and find out.",
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
    if evidence.record.is_none() {
        return Ok(Assessment::satisfied());
    }
    if let Some(device) = evidence.device {
        let scrapped = device.status == DeviceStatus::Retired;
        return Ok(if scrapped {
            found(reports_though_scrapped(evidence, device))
        } else {
            Assessment::satisfied()
        });
    }
    let host = evidence.host()?;
    Ok(found(not_listed(evidence, &host)))
}

fn found(finding: Finding) -> Assessment {
    Assessment { findings: vec![finding], ..Assessment::default() }
}

fn not_listed(evidence: &Evidence<'_>, host: &Seen<'_, Host>) -> Finding {
    let name = device_name(None, host.value);
    let linker = Linker::new(evidence.ledger);
    let mut proofs = signs(host);
    let misses = linker.near_misses(host.value);
    let (ja, en) = if let Link::Ambiguous(rows) = linker.link(host.value) {
        proofs.extend(rows.iter().map(|row| Proof::ledger("device_id", &row.device_id, &row.row)));
        let ids: Vec<&str> = rows.iter().map(|row| row.device_id.as_str()).collect();
        (
            format!(
                "機器「{name}」は台帳の複数の行（{}）に当てはまり、どの機器か決められません。",
                ids.join("、")
            ),
            format!(
                "Device {name} fits several rows of the ledger ({}), so it is not clear which it is.",
                ids.join(", ")
            ),
        )
    } else if let Some(miss) = misses.first() {
        proofs.push(Proof::ledger(miss.differs, column(miss.device, miss.differs), &miss.device.row));
        let id = &miss.device.device_id;
        let (fits, differs) = (japanese(miss.fits), japanese(miss.differs));
        (
            format!(
                "機器「{name}」は{fits}が台帳の{id}と同じですが、{differs}が違います。予備機と交換したか、台帳の書き間違いかもしれません。"
            ),
            format!(
                "Device {name} has the {} of {id} in the ledger and another {}: it may have been swapped, or the ledger may be mistyped.",
                miss.fits, miss.differs
            ),
        )
    } else {
        (
            format!("機器「{name}」が報告していますが、機器台帳にありません。"),
            format!("Device {name} reports, and the ledger does not list it."),
        )
    };
    Finding {
        subject: name,
        summary: Text::new(ja, en),
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: RULE.severity,
        proofs,
        occurred_at: None,
    }
}

fn reports_though_scrapped(evidence: &Evidence<'_>, device: &Device) -> Finding {
    let mut proofs = vec![Proof::ledger("status", "retired", &device.row)];
    if let Ok(host) = evidence.host() {
        proofs.extend(signs(&host));
    }
    let id = &device.device_id;
    Finding {
        subject: id.clone(),
        summary: Text::new(
            format!("台帳では廃棄となっている機器「{id}」が報告を続けています。"),
            format!("Device {id} is scrapped in the ledger and still reports."),
        ),
        remedy: Text::new(
            "まだ使うなら台帳の状態を直してください。使わないなら電源を切り、データを消去してください。",
            "If it is still used, correct its status in the ledger. If not, switch it off and erase its data.",
        ),
        severity: RULE.severity,
        proofs,
        occurred_at: None,
    }
}

fn signs(host: &Seen<'_, Host>) -> Vec<Proof> {
    let macs = host.value.mac_addresses.join(" ");
    let told = [
        ("hostname", host.value.hostname.clone()),
        ("serial_number", host.value.serial_number.clone()),
        ("hardware_uuid", host.value.hardware_uuid.clone()),
        ("mac_addresses", (!macs.is_empty()).then_some(macs)),
    ];
    let told = told.into_iter().filter_map(|(field, value)| Some((field, value?)));
    told.map(|(field, value)| Proof::observed("host", field, value, host.observed_at)).collect()
}

fn column(device: &Device, name: &str) -> String {
    let value = if name == "serial_number" { &device.serial_number } else { &device.hardware_uuid };
    value.clone().unwrap_or_default()
}

fn japanese(column: &str) -> &'static str {
    match column {
        "serial_number" => "シリアル番号",
        "hardware_uuid" => "ハードウェアUUID",
        "mac_address" => "MACアドレス",
        _ => "ホスト名",
    }
}
