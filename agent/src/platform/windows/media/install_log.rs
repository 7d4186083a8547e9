//! `Windows\INF\setupapi.dev.log`: when devices were installed, in the machine's local time. Pure but for the file.

use std::collections::BTreeMap;
use std::io::Read as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::identity::folded;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::{Hive, Registry, Value};

const FOLDER: &str = "Windows/INF";

/// Its first part that is read: Windows begins a new file at some 20 MB.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Old logs that are read (`setupapi.dev.20260301_120000.log`), newest first.
const OLD_LOGS_MAX: usize = 8;

/// Devices whose installation is remembered.
const DEVICES_MAX: usize = 16_384;

/// Where the settings of the machine's time lie.
const ZONE: &str = "CurrentControlSet\\Control\\TimeZoneInformation";

/// When each instance (folded) was first installed.
#[derive(Debug, Default)]
pub(super) struct Installations {
    pub(super) first: BTreeMap<String, Timestamp>,
    pub(super) problems: Vec<String>,
}

/// Reads the logs. Without the machine's time zone their times mean nothing.
pub(super) fn read(disk: &Disk, registry: &dyn Registry) -> Installations {
    let mut installations = Installations::default();
    let names = disk.list(FOLDER).ok().flatten().unwrap_or_default();
    let is_log = |name: &&String| {
        let name = name.to_ascii_lowercase();
        name.starts_with("setupapi.dev.") && name.ends_with(".log")
    };
    let mut logs: Vec<&String> = names.iter().filter(is_log).collect();
    // The dated ones by their date; the current one has none and is the newest.
    logs.sort_by_key(|name| (name.eq_ignore_ascii_case("setupapi.dev.log"), name.to_ascii_lowercase()));
    let excess = logs.len().saturating_sub(OLD_LOGS_MAX + 1);
    let Some(zone) = (!logs.is_empty()).then(|| zone(registry)).flatten() else {
        if !logs.is_empty() {
            let sentence =
                "the machine's time zone could not be read, so the times in setupapi.dev.log are not used";
            installations.problems.push(sentence.to_owned());
        }
        return installations;
    };
    for name in &logs[excess..] {
        let path = format!("{FOLDER}/{name}");
        let read = disk.open(&path).and_then(|file| {
            let mut bytes = Vec::new();
            if let Some(file) = file {
                file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        });
        match read {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes), &zone, &mut installations.first),
            Err(error) => installations.problems.push(format!("{path} could not be read: {error}")),
        }
    }
    installations
}

/// Sections begin with `>>>  [Device Install (Hardware initiated) - USB\VID_0781&PID_5581\AA01]` and, in the next line,
/// `>>>  Section start 2026/03/17 14:02:38.946`.
fn parse(text: &str, zone: &TimeZone, first: &mut BTreeMap<String, Timestamp>) {
    let mut about = None;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(">>>") else {
            about = None;
            continue;
        };
        let rest = rest.trim();
        if let Some(title) = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let named = title.split_once(" - ").filter(|(what, _)| what.starts_with("Device Install"));
            about = named.map(|(_, instance)| folded(instance.trim()));
        } else if let (Some(instance), Some(time)) = (about.take(), rest.strip_prefix("Section start "))
            && let Ok(time) = DateTime::strptime("%Y/%m/%d %H:%M:%S%.f", time.trim())
            && let Ok(at) = zone.to_timestamp(time)
            && (first.len() < DEVICES_MAX || first.contains_key(&instance))
        {
            let earliest = first.entry(instance).or_insert(at);
            *earliest = at.min(*earliest);
        }
    }
}

/// The machine's time zone, with its rule for summer time as it is now: a year with another rule may be an hour off.
fn zone(registry: &dyn Registry) -> Option<TimeZone> {
    let values = registry.values(&Hive::System, ZONE).ok().flatten()?;
    let value =
        |name: &str| values.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    // Minutes that are added to local time to get UTC: a signed number in an unsigned value.
    let minutes = |name: &str| match value(name) {
        Some(Value::Number(number)) => {
            u32::try_from(*number).ok().map(|number| i64::from(number.cast_signed()))
        }
        _ => None,
    };
    let rule = |name: &str| match value(name) {
        Some(Value::Bytes(bytes)) => change(bytes),
        _ => None,
    };
    let bias = minutes("Bias")?;
    let standard = bias + minutes("StandardBias").unwrap_or(0);
    let daylight = bias + minutes("DaylightBias").unwrap_or(0);
    let text = match (rule("DaylightStart"), rule("StandardStart")) {
        _ if minutes("DynamicDaylightTimeDisabled") == Some(1) => format!("<STD>{}", clock(standard)),
        (Some(begins), Some(ends)) => {
            format!("<STD>{}<DST>{},{begins},{ends}", clock(standard), clock(daylight))
        }
        _ => format!("<STD>{}", clock(standard)),
    };
    TimeZone::posix(&text).ok()
}

fn clock(minutes: i64) -> String {
    let sign = if minutes < 0 { "-" } else { "" };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// The day of a change as POSIX writes it, out of the kernel's `TIME_FIELDS`: year (0: each year), month, which of its
/// days (5: the last), hour, minute, second, millisecond, day of the week. Month 0: there is no change.
fn change(bytes: &[u8]) -> Option<String> {
    let fields: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let &[0, month @ 1..=12, day @ 1..=5, hour, minute, _, _, weekday @ 0..=6] = fields.as_slice() else {
        return None;
    };
    Some(format!("M{month}.{day}.{weekday}/{hour:02}:{minute:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::windows::registry::text::TextRegistry;

    fn zone_of(values: &str) -> Option<TimeZone> {
        let key = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation]";
        zone(&TextRegistry::parse(&format!("{key}\n{values}\n")))
    }

    const TOKYO: &str = "\"Bias\"=dword:fffffde4\n\"StandardBias\"=dword:00000000\n\"DaylightBias\"=dword:00000000\n\
                         \"DaylightStart\"=hex:00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00";

    const PACIFIC: &str = "\"Bias\"=dword:000001e0\n\"StandardBias\"=dword:00000000\n\"DaylightBias\"=dword:ffffffc4\n\
                           \"DaylightStart\"=hex:00,00,03,00,02,00,02,00,00,00,00,00,00,00,00,00\n\
                           \"StandardStart\"=hex:00,00,0b,00,01,00,02,00,00,00,00,00,00,00,00,00";

    #[test]
    fn an_installation_is_dated_in_the_machines_own_time() {
        let log = "[Device Install Log]\r\n>>>  [Device Install (Hardware initiated) - USB\\Vid_0781&Pid_5581\\aa01]\r\n\
                   >>>  Section start 2026/07/17 09:00:01.946\r\n     dvi: ok\r\n<<<  Section end 2026/07/17 09:00:02.194\r\n\
                   >>>  [Delete Device - USB\\VID_0781&PID_5581\\BB02]\r\n>>>  Section start 2026/07/17 09:00:01.946\r\n\
                   >>>  [Device Install (Hardware initiated) - USB\\VID_0781&PID_5581\\CC03]\r\n>>>  Section start never\r\n";
        for (zone, expected) in [(TOKYO, "2026-07-17T00:00:01.946Z"), (PACIFIC, "2026-07-17T16:00:01.946Z")] {
            let mut first = BTreeMap::new();
            parse(log, &zone_of(zone).unwrap(), &mut first);
            let told: Vec<_> = first.iter().map(|(name, at)| (name.as_str(), at.to_string())).collect();
            assert_eq!(told, [("USB\\VID_0781&PID_5581\\AA01", expected.to_owned())]);
        }
        assert!(zone_of("\"StandardBias\"=dword:00000000").is_none());
    }

    #[test]
    fn the_first_of_several_installations_counts_and_rotated_logs_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let inf = folder.path().join("Windows/INF");
        std::fs::create_dir_all(&inf).unwrap();
        let section = |day| {
            format!(
                ">>>  [Device Install (DiInstallDevice) - USB\\V\\1]\n>>>  Section start 2026/01/{day} 09:00:00.000\n"
            )
        };
        std::fs::write(inf.join("setupapi.dev.log"), section("20")).unwrap();
        std::fs::write(inf.join("setupapi.dev.20260110_090000.log"), section("09")).unwrap();
        let key = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation]";
        let registry = TextRegistry::parse(&format!("{key}\n{TOKYO}\n"));
        let read = read(&Disk::at(folder.path()), &registry);
        assert_eq!(read.first["USB\\V\\1"].to_string(), "2026-01-09T00:00:00Z");
        let without = super::read(&Disk::at(folder.path()), &TextRegistry::default());
        assert_eq!((without.first.len(), without.problems.len()), (0, 1));
    }
}
