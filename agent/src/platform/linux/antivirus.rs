//! Antivirus of a Linux machine: `read` touches the machine, `parse` is pure. ClamAV is what can be read; a machine
//! without it is seen completely and shows no product, which proves nothing either way.

use std::io::{self, Read as _};

use daicho_proto::facts::{Antivirus, Look};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::root::Root;

pub(super) mod scan_log;

/// What changes when patterns do.
pub(super) const WATCHED: &[&str] = &["/var/lib/clamav"];

/// Where patterns lie unless freshclam.conf(5) says otherwise.
const PATTERNS: &str = "/var/lib/clamav";

/// Where Debian and the RHEL family keep that file.
const SETTINGS: &[&str] = &["/etc/clamav/freshclam.conf", "/etc/freshclam.conf"];

/// Any of these means that ClamAV is installed.
const PROGRAMS: &[&str] = &[
    "/usr/bin/clamscan",
    "/usr/bin/freshclam",
    "/usr/sbin/clamd",
    "/usr/local/bin/clamscan",
    "/usr/local/sbin/clamd",
];

/// The pattern files that follow the threats, the first kind that is there. `main` is built once in years.
const KINDS: &[&str] = &["daily", "main"];

/// A header of ClamAV's containers.
const HEADER_BYTES: u64 = 512;

/// Looks at the antivirus products that are known here.
pub(super) fn look(root: &Root) -> Look<Vec<Antivirus>> {
    let mut problems = Vec::new();
    let settings = SETTINGS.iter().find_map(|path| root.read_text(path).ok());
    let folder = settings.as_deref().and_then(parse_folder).unwrap_or(PATTERNS).to_owned();
    let names = match root.list(&folder) {
        Ok(names) => Some(names),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                problems
                    .push(format!("{folder} could not be listed, so ClamAV's patterns are unknown: {error}"));
            }
            None
        }
    };
    let installed = names.is_some() || !problems.is_empty() || PROGRAMS.iter().any(|path| root.exists(path));
    if !installed {
        return Look::complete(Vec::new());
    }
    let patterns = newest_patterns(root, &folder, &names.unwrap_or_default(), &mut problems);
    let clamav = Antivirus {
        product: "ClamAV".to_owned(),
        running: if root.is_live() { is_running(root, &mut problems) } else { None },
        patterns_at: patterns.as_ref().map(|patterns| patterns.built_at),
        patterns_version: patterns.map(|patterns| patterns.version),
        patterns_current: None,
    };
    Look::Seen { value: vec![clamav], problems }
}

/// Whether clamd, the program that watches, is running. freshclam only fetches.
fn is_running(root: &Root, problems: &mut Vec<String>) -> Option<bool> {
    let processes = match root.list("/proc") {
        Ok(names) => names,
        Err(error) => {
            problems.push(format!("/proc could not be listed, so whether clamd runs is unknown: {error}"));
            return None;
        }
    };
    let numbers = processes.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    // A process that ended meanwhile has no name.
    let mut names = numbers.filter_map(|process| root.read_text(&format!("/proc/{process}/comm")).ok());
    Some(names.any(|name| name.trim_end() == "clamd"))
}

/// What a pattern file says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Patterns {
    built_at: Timestamp,
    version: String,
}

fn newest_patterns(
    root: &Root,
    folder: &str,
    names: &[String],
    problems: &mut Vec<String>,
) -> Option<Patterns> {
    for kind in KINDS {
        let mut newest: Option<Patterns> = None;
        for ending in ["cvd", "cld"] {
            let name = format!("{kind}.{ending}");
            if !names.contains(&name) {
                continue;
            }
            let path = format!("{folder}/{name}");
            match read_header(root, &path).map(|header| parse_header(&header)) {
                Ok(Some(patterns)) => {
                    if newest.as_ref().is_none_or(|newest| newest.built_at < patterns.built_at) {
                        newest = Some(patterns);
                    }
                }
                Ok(None) => problems.push(format!("{path} does not begin as a pattern file of ClamAV does")),
                Err(error) => problems.push(format!("{path} could not be read: {error}")),
            }
        }
        if newest.is_some() {
            return newest;
        }
    }
    None
}

fn read_header(root: &Root, path: &str) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    root.open(path)?.take(HEADER_BYTES).read_to_end(&mut header)?;
    Ok(header)
}

/// `ClamAV-VDB:17 Sep 2025 08-22 +0000:27764:...:builder:1758097320`, padded with blanks. The last field, seconds since
/// 1970, is exact and missing from old files; the text before it is not.
fn parse_header(header: &[u8]) -> Option<Patterns> {
    let header = String::from_utf8_lossy(header);
    let fields: Vec<&str> = header.trim_end_matches(['\0', ' ', '\n']).split(':').collect();
    let ["ClamAV-VDB", built, version, ..] = fields[..] else {
        return None;
    };
    let seconds = fields.get(8).and_then(|field| field.trim().parse::<i64>().ok());
    let exact = seconds.filter(|&seconds| seconds > 0).and_then(|at| Timestamp::from_second(at).ok());
    let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    let built_at = exact.or_else(|| parse_build_time(built))?;
    is_version.then(|| Patterns { built_at, version: version.to_owned() })
}

/// `17 Sep 2025 08-22 +0000`: the hyphen stands for the colon that parts the fields.
fn parse_build_time(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [day, month, year, clock, zone] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (hour, minute) = clock.split_once('-')?;
    let (sign, zone) = (if zone.starts_with('-') { -1 } else { 1 }, zone.strip_prefix(['+', '-'])?);
    let zone: i64 = zone.parse().ok()?;
    let offset_minutes = sign * (zone / 100 * 60 + zone % 100);
    let (year, month, day) = (year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?);
    let civil = jiff::civil::Date::new(year, month, day).ok()?;
    let civil =
        civil.to_datetime(jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?);
    let at = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let earliest = date(1990, 1, 1).to_zoned(TimeZone::UTC).ok()?.timestamp();
    Timestamp::from_second(at.as_second().checked_sub(offset_minutes.checked_mul(60)?)?)
        .ok()
        .filter(|&at| at > earliest)
}

/// `DatabaseDirectory` of freshclam.conf(5).
fn parse_folder(settings: &str) -> Option<&str> {
    let folder = settings.lines().find_map(|line| line.trim().strip_prefix("DatabaseDirectory"))?;
    let folder = folder.strip_prefix([' ', '\t'])?.trim().trim_matches('"').trim_end_matches('/');
    folder.starts_with('/').then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn header(built: &str, version: &str, seconds: &str) -> Vec<u8> {
        let mut header =
            format!("ClamAV-VDB:{built}:{version}:2076920:90:00ff:dsig:builder:{seconds}").into_bytes();
        header.resize(512, b' ');
        header.extend([0x1f, 0x8b, 0, 0xff]);
        header
    }

    fn write(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_header_tells_when_its_patterns_were_built() {
        let check = |built: &str, seconds: &str, told: Option<&str>| {
            let patterns = parse_header(&header(built, "27764", seconds));
            assert_eq!(
                patterns.map(|patterns| patterns.built_at.to_string()).as_deref(),
                told,
                "{built} {seconds}"
            );
        };
        check("17 Sep 2025 08-22 +0000", "1758097320", Some("2025-09-17T08:22:00Z"));
        check("17 Sep 2025 08-22 +0000", "", Some("2025-09-17T08:22:00Z"));
        check("17 Sep 2025 04-22 -0400", "0", Some("2025-09-17T08:22:00Z"));
        check("31 Feb 2025 04-22 -0400", "x", None);
        check("17 Sep 2025", "x", None);
        assert_eq!(parse_header(b"no pattern file"), None);
    }

    #[test]
    fn the_newest_daily_counts_and_main_only_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let check = |version: Option<&str>, problems: usize| {
            let look = look(&Root::at(folder.path()).unwrap());
            let products = look.value().unwrap();
            let told = products.first().map(|product| product.patterns_version.as_deref());
            assert_eq!(told, Some(version));
            assert_eq!(look.problems().len(), problems, "{:?}", look.problems());
            assert_eq!(products[0].running, None);
        };
        fs::create_dir_all(folder.path().join("var/lib/clamav")).unwrap();
        check(None, 0);
        write(
            folder.path(),
            "var/lib/clamav/main.cvd",
            header("16 Sep 2021 12-32 +0000", "62", "1631795562"),
        );
        check(Some("62"), 0);
        write(
            folder.path(),
            "var/lib/clamav/daily.cvd",
            header("16 Sep 2025 08-22 +0000", "27763", "1758010920"),
        );
        check(Some("27763"), 0);
        write(
            folder.path(),
            "var/lib/clamav/daily.cld",
            header("17 Sep 2025 08-22 +0000", "27764", "1758097320"),
        );
        check(Some("27764"), 0);
        write(folder.path(), "var/lib/clamav/daily.cld", "cut off");
        check(Some("27763"), 1);
    }

    #[test]
    fn a_folder_that_the_settings_name_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "etc/clamav/freshclam.conf",
            "# DatabaseDirectory /no\nDatabaseDirectory /srv/patterns/\n",
        );
        write(
            folder.path(),
            "srv/patterns/daily.cld",
            header("17 Sep 2025 08-22 +0000", "27764", "1758097320"),
        );
        let look = look(&Root::at(folder.path()).unwrap());
        assert_eq!(look.value().unwrap()[0].patterns_version.as_deref(), Some("27764"));
    }

    #[test]
    fn no_product_is_no_product() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(&Root::at(folder.path()).unwrap()), Look::complete(Vec::new()));
        write(folder.path(), "usr/bin/clamscan", "");
        let look = look(&Root::at(folder.path()).unwrap());
        assert_eq!(look.value().unwrap()[0].patterns_at, None);
    }

    #[test]
    fn no_bytes_make_the_header_panic() {
        let mut chance = fastrand::Rng::with_seed(9);
        let seed = header("17 Sep 2025 08-22 +0000", "27764", "1758097320");
        for _ in 0..5_000 {
            let mut bytes = seed.clone();
            for _ in 0..chance.usize(1..12) {
                let at = chance.usize(..80);
                bytes[at] = chance.u8(..);
            }
            parse_header(&bytes);
        }
    }
}
