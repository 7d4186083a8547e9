//! A machine reports that the ledger does not list. One that stands where a listed one stood is told as a swap.

use daicho_proto::facts::Host;

use super::signs;
use crate::answer::device_name;
use crate::evidence::{Evidence, Seen};
use crate::ledger::Device;
use crate::linking::{Link, Linker, Names, Swap};
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
    if evidence.record.is_none() || evidence.device.is_some() {
        return Ok(Assessment::satisfied());
    }
    let host = evidence.host()?;
    Ok(Assessment { findings: vec![not_listed(evidence, &host)], ..Assessment::default() })
}

fn not_listed(evidence: &Evidence<'_>, host: &Seen<'_, Host>) -> Finding {
    let name = device_name(None, host.value);
    let linker = Linker::new(evidence.ledger);
    let mut proofs = signs::proofs(host);
    let shared = &evidence.surroundings.shared;
    let names = Names::of(host.value, &[]).without(shared);
    let misses = linker.near_misses_of(&names);
    let swap = evidence.surroundings.swap.as_ref();
    let (ja, en) = if let Link::Ambiguous(rows) = linker.link_names(&names) {
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
    } else if let Some(Swap { broken, .. }) = swap {
        let differing = misses.iter().filter(|miss| miss.device.device_id == *broken);
        proofs
            .extend(differing.map(|miss| {
                Proof::ledger(miss.differs, column(miss.device, miss.differs), &miss.device.row)
            }));
        (
            format!(
                "台帳の{broken}と同じホスト名で、別の本体（{name}）が報告しています。{broken}からは報告がなく、予備機と交換したと思われます。"
            ),
            format!(
                "Another machine reports under the hostname of {broken} ({name}), and {broken} itself does not: it seems to have been swapped with a spare."
            ),
        )
    } else if let Some(miss) = misses.first() {
        proofs.push(Proof::ledger(miss.differs, column(miss.device, miss.differs), &miss.device.row));
        let id = &miss.device.device_id;
        let (fits, differs) = (signs::japanese(miss.fits), signs::japanese(miss.differs));
        (
            format!(
                "機器「{name}」は{fits}が台帳の{id}と同じですが、{differs}が違います。予備機と交換したか、台帳の書き間違いかもしれません。"
            ),
            format!(
                "Device {name} has the {} of {id} in the ledger and another {}: it may have been swapped, or the ledger may be mistyped.",
                miss.fits, miss.differs
            ),
        )
    } else if let [first, rest @ ..] = shared.columns().as_slice() {
        let ja =
            rest.iter().fold(signs::japanese(first).to_owned(), |all, one| all + "、" + signs::japanese(one));
        let en = rest.iter().fold((*first).to_owned(), |all, one| all + ", " + one);
        (
            format!(
                "機器「{name}」の{ja}は複数の機器が名乗っているため、どの機器か決められません。機器台帳のほかの手がかりにも当てはまりません。"
            ),
            format!(
                "Several machines report the {en} of device {name}, which therefore name none, and nothing else of it is in the ledger."
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
        remedy: swap.map_or_else(|| Text::new(RULE.remedy.0, RULE.remedy.1), settle),
        severity: if swap.is_some() { Severity::Medium } else { RULE.severity },
        proofs,
        occurred_at: None,
    }
}

fn column(device: &Device, name: &str) -> String {
    let value = if name == "serial_number" { &device.serial_number } else { &device.hardware_uuid };
    value.clone().unwrap_or_default()
}

/// What people do who are asked about a swap.
fn settle(swap: &Swap) -> Text {
    let id = &swap.id;
    Text::new(
        format!(
            "交換したのなら `daicho swap accept {id}` で台帳に反映してください。交換していないなら `daicho swap decline {id} --reason 理由` で断り、見つかった機器を調べてください。"
        ),
        format!(
            "If it was swapped, settle it with `daicho swap accept {id}`. If not, `daicho swap decline {id} --reason REASON`, and find out which machine this is."
        ),
    )
}
