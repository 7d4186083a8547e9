//! The demo's ledger: the example of a small hospital, and a row for the machine that the demo runs on.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use daicho_proto::facts::Host;

/// The example, as it lies in deploy/ledger.
const EXAMPLE: [(&str, &str); 9] = [
    ("accounts.csv", include_str!("../../../../deploy/ledger/accounts.csv")),
    ("devices.csv", include_str!("../../../../deploy/ledger/devices.csv")),
    ("exceptions.csv", include_str!("../../../../deploy/ledger/exceptions.csv")),
    ("media.csv", include_str!("../../../../deploy/ledger/media.csv")),
    ("patches.csv", include_str!("../../../../deploy/ledger/patches.csv")),
    ("services.csv", include_str!("../../../../deploy/ledger/services.csv")),
    ("settings.csv", include_str!("../../../../deploy/ledger/settings.csv")),
    ("software.csv", include_str!("../../../../deploy/ledger/software.csv")),
    ("staff.csv", include_str!("../../../../deploy/ledger/staff.csv")),
];

/// Writes the ledger into `folder`. The row of `host` holds what the machine said of itself, and nothing else.
pub(super) fn write(folder: &Path, host: Option<&Host>, device: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    for (name, text) in EXAMPLE {
        let text = match name {
            "devices.csv" => with_row(text, host, device)?,
            _ => text.to_owned(),
        };
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn with_row(text: &str, host: Option<&Host>, device: &str) -> anyhow::Result<String> {
    let host = host.cloned().unwrap_or_default();
    let heading = text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}');
    let cell = |heading: &str| match heading {
        "機器ID" => device.to_owned(),
        "ホスト名" => host.hostname.clone().unwrap_or_default(),
        "種別" => "サーバ".to_owned(),
        "製造番号" => host.serial_number.clone().unwrap_or_default(),
        "ハードウェアUUID" => host.hardware_uuid.clone().unwrap_or_default(),
        "MACアドレス" => host.mac_addresses.first().cloned().unwrap_or_default(),
        "グループ" => "server".to_owned(),
        "リモート保守" => "無".to_owned(),
        "状態" => "使用中".to_owned(),
        "備考" => "daicho demo を実行しているこの機器".to_owned(),
        _ => String::new(),
    };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(heading.split(',').map(cell))?;
    let row = writer.into_inner().map_err(|error| anyhow::anyhow!("the row cannot be written: {error}"))?;
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{text}{newline}{}", String::from_utf8(row)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_this_machine_holds_what_it_said_of_itself() {
        let host = Host {
            hostname: Some("stranger,01".to_owned()),
            serial_number: Some("ABC123".to_owned()),
            mac_addresses: vec!["02:00:00:00:00:01".to_owned(), "02:00:00:00:00:02".to_owned()],
            ..Host::default()
        };
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), Some(&host), "SV-DEMO").unwrap();
        let text = fs::read_to_string(folder.path().join("devices.csv")).unwrap();
        let row = text.lines().last().unwrap();
        assert!(row.starts_with("SV-DEMO,\"stranger,01\",サーバ,ABC123,,02:00:00:00:00:01,"), "{row}");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().len();
        assert!(reader.records().all(|record| record.unwrap().len() == columns));
    }
}
