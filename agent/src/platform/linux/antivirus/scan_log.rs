//! ClamAV's own record of what it scanned: the log of clamd(8), read for the time that a medium was mounted, and only to
//! count. The names of files stay here: they may be patients' names.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::super::root::Root;

/// Where Debian, the RHEL family and others keep clamd.conf(5).
const SETTINGS: &[&str] = &["/etc/clamav/clamd.conf", "/etc/clamd.d/scan.conf", "/etc/clamd.conf"];

/// The end of a log that is read: some 40 000 files. What lies before it is unknown.
const TAIL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the record says of one time and some folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Scanned {
    /// When the first file was scanned.
    pub(in super::super) first_at: Option<Timestamp>,
    /// How many were.
    pub(in super::super) files: u64,
    /// Whether the record would show any scan of that time: only then is none none.
    pub(in super::super) complete: bool,
}

/// What clamd.conf(5) says of its log.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    file: String,
    /// Lines without a time say nothing of when.
    has_times: bool,
    /// Without it only what was found is written down.
    has_clean: bool,
}

/// What clamd scanned from `since` on for which `is_ours` answers true of the file's path.
pub(in super::super) fn read(root: &Root, since: Timestamp, is_ours: &dyn Fn(&str) -> bool) -> Scanned {
    let settings = SETTINGS.iter().find_map(|path| root.read_text(path).ok());
    let Some(settings) = settings.as_deref().and_then(parse_settings).filter(|settings| settings.has_times)
    else {
        return Scanned::default();
    };
    // clamd writes in local time. Without that file local time is UTC.
    let zone = match root.read("/etc/localtime") {
        Ok(bytes) => TimeZone::tzif("localtime", &bytes).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(TimeZone::UTC),
        Err(_) => None,
    };
    let (Some(zone), Ok(newest)) = (zone, tail(root, &settings.file)) else {
        return Scanned::default();
    };
    let mut scanned = parse(&newest.text, since, &zone, is_ours);
    if !scanned.reaches_back
        && newest.is_whole
        && let Ok(older) = tail(root, &format!("{}.1", settings.file))
    {
        // Rotated meanwhile.
        scanned = parse(&format!("{}{}", older.text, newest.text), since, &zone, is_ours);
    }
    let complete = settings.has_clean && scanned.reaches_back && !scanned.unnamed && !scanned.silenced;
    Scanned { first_at: scanned.first_at, files: scanned.files, complete }
}

struct Tail {
    text: String,
    is_whole: bool,
}

fn tail(root: &Root, path: &str) -> io::Result<Tail> {
    let mut file = root.open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Tail { text, is_whole: from == 0 })
}

/// What clamd writes last when its log is full, and first when it starts.
const SILENCED: &str = "LOGGING DISABLED";
const STARTED: &str = "+++ Started";

#[derive(Debug, Default, PartialEq, Eq)]
struct Parsed {
    first_at: Option<Timestamp>,
    files: u64,
    /// A line of `since` or before was there.
    reaches_back: bool,
    /// Something was scanned of which only a descriptor or a stream is known.
    unnamed: bool,
    /// clamd writes no more: the log has the size that its settings allow.
    silenced: bool,
}

/// Lines are `Sun Nov 22 12:00:00 2026 -> /media/usb/a.pdf: OK`, or `...: Eicar-Signature FOUND`. The record's second
/// is whole: a scan within the second of `since` counts.
fn parse(text: &str, since: Timestamp, zone: &TimeZone, is_ours: &dyn Fn(&str) -> bool) -> Parsed {
    let mut parsed = Parsed::default();
    for line in text.lines() {
        if line.starts_with(SILENCED) {
            parsed.silenced = true;
        }
        let Some((at, rest)) = line.split_once(" -> ") else { continue };
        parsed.silenced &= !rest.starts_with(STARTED);
        let Some(at) = parse_time(at, zone) else { continue };
        if at.as_second() < since.as_second() {
            parsed.reaches_back = true;
            continue;
        }
        let Some(name) = scanned_name(rest) else { continue };
        if name.starts_with('/') {
            if is_ours(name) {
                parsed.files += 1;
                parsed.first_at = Some(parsed.first_at.map_or(at, |first| first.min(at)));
            }
        } else {
            parsed.unnamed = true;
        }
    }
    parsed
}

/// The name in a line that tells how the scan of a file ended.
fn scanned_name(rest: &str) -> Option<&str> {
    if let Some(name) = rest.strip_suffix(": OK") {
        return Some(name);
    }
    let found = rest.strip_suffix(" FOUND")?;
    found.rsplit_once(": ").map(|(name, _signature)| name)
}

/// As ctime(3) writes: `Sun Nov  1 09:05:00 2026`.
fn parse_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    let at = DateTime::strptime("%a %b %d %H:%M:%S %Y", &text).ok()?;
    Some(at.to_zoned(zone.clone()).ok()?.timestamp())
}

/// The options of clamd.conf(5); it logs to no file and without times unless told to.
fn parse_settings(text: &str) -> Option<Settings> {
    let value = |wanted: &str| {
        text.lines().rev().find_map(|line| {
            let (name, value) = line.trim().split_once([' ', '\t'])?;
            (name == wanted).then(|| value.trim().trim_matches('"'))
        })
    };
    let is_on = |name: &str| {
        value(name).is_some_and(|value| matches!(value.to_lowercase().as_str(), "yes" | "true" | "1"))
    };
    let file = value("LogFile").filter(|file| file.starts_with('/'))?.to_owned();
    Some(Settings { file, has_times: is_on("LogTime"), has_clean: is_on("LogClean") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn below(folder: &'static str) -> impl Fn(&str) -> bool {
        move |path| path.starts_with(folder)
    }

    const SETTINGS_OF_DEBIAN: &str = "LocalSocket /run/clamav/clamd.ctl\n#LogClean yes\nLogFile /var/log/clamav/clamav.log\nLogTime true\nLogClean true\n";

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn files_below_the_folder_and_after_the_mount_are_counted() {
        // As clamd 1.4.6 wrote it, with the folders renamed.
        let text = "Sun Nov 22 11:59:00 2026 -> +++ Started at Sun Nov 22 11:59:00 2026\n\
            Sun Nov 22 11:59:00 2026 -> LOCAL: Unix socket file /run/clamav/clamd.ctl\n\
            Sun Nov 22 11:59:59 2026 -> /media/usb/early.pdf: OK\n\
            Sun Nov 22 12:00:00 2026 -> /media/usb/a: b.pdf: OK\n\
            Sun Nov 22 12:00:05 2026 -> /media/usb/eicar.txt: Eicar-Test.UNOFFICIAL FOUND\n\
            Sun Nov 22 12:00:06 2026 -> /home/tanaka/a.pdf: OK\n\
            Sun Nov 22 12:00:06 2026 -> /media/usb/x: lstat() failed: No such file. ERROR\n\
            Sun Nov 22 12:00:07 2026 -> SelfCheck: Database status OK.\n";
        let parsed = parse(text, at("2026-11-22T12:00:00.4Z"), &TimeZone::UTC, &below("/media/usb/"));
        let first_at = Some(at("2026-11-22T12:00:00Z"));
        assert_eq!(parsed, Parsed { first_at, files: 2, reaches_back: true, ..Parsed::default() });
    }

    #[test]
    fn the_log_speaks_local_time() {
        let japan = TimeZone::fixed(jiff::tz::offset(9));
        let text = "Sun Nov  1 09:05:00 2026 -> /media/usb/a: OK\n";
        let parsed = parse(text, at("2026-11-01T00:00:00Z"), &japan, &below("/media/usb/"));
        assert_eq!(parsed.first_at, Some(at("2026-11-01T00:05:00Z")));
        assert!(!parsed.reaches_back);
    }

    #[test]
    fn a_record_that_would_not_show_every_scan_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let started = "Sun Nov 22 11:00:00 2026 -> +++ Started\n";
        let check = |settings: &str, log: &str, complete: bool| {
            write(folder.path(), "etc/clamav/clamd.conf", settings);
            write(folder.path(), "var/log/clamav/clamav.log", log);
            let root = Root::at(folder.path()).unwrap();
            let scanned = read(&root, at("2026-11-22T12:00:00Z"), &below("/media/usb/"));
            assert_eq!(scanned, Scanned { complete, ..Scanned::default() }, "{settings} {log}");
        };
        check(SETTINGS_OF_DEBIAN, started, true);
        check(&SETTINGS_OF_DEBIAN.replace("LogClean true", "LogClean false"), started, false);
        check(&SETTINGS_OF_DEBIAN.replace("LogTime true", ""), started, false);
        check(&SETTINGS_OF_DEBIAN.replace("LogFile", "#LogFile"), started, false);
        check(SETTINGS_OF_DEBIAN, "", false);
        check(SETTINGS_OF_DEBIAN, "Sun Nov 22 12:30:00 2026 -> +++ Started\n", false);
        let stream = format!("{started}Sun Nov 22 12:30:00 2026 -> instream(local): OK\n");
        check(SETTINGS_OF_DEBIAN, &stream, false);
        let descriptor = format!("{started}Sun Nov 22 12:30:00 2026 -> fd[12]: OK\n");
        check(SETTINGS_OF_DEBIAN, &descriptor, false);
        let full = format!("{started}LOGGING DISABLED (Maximal log file size exceeded).\n");
        check(SETTINGS_OF_DEBIAN, &full, false);
        check(SETTINGS_OF_DEBIAN, &format!("{full}Sun Nov 22 11:01:00 2026 -> +++ Started at\n"), true);
        fs::remove_file(folder.path().join("var/log/clamav/clamav.log")).unwrap();
        let root = Root::at(folder.path()).unwrap();
        assert_eq!(read(&root, at("2026-11-22T12:00:00Z"), &|_| true), Scanned::default());
    }

    #[test]
    fn a_log_that_was_rotated_meanwhile_is_read_on() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "etc/clamav/clamd.conf", SETTINGS_OF_DEBIAN);
        write(folder.path(), "var/log/clamav/clamav.log", "Sun Nov 22 12:30:00 2026 -> Log file re-opened\n");
        let older = "Sun Nov 22 11:00:00 2026 -> +++ Started\nSun Nov 22 12:10:00 2026 -> /media/usb/a: OK\n";
        write(folder.path(), "var/log/clamav/clamav.log.1", older);
        let root = Root::at(folder.path()).unwrap();
        let scanned = read(&root, at("2026-11-22T12:00:00Z"), &below("/media/usb/"));
        let first_at = Some(at("2026-11-22T12:10:00Z"));
        assert_eq!(scanned, Scanned { first_at, files: 1, complete: true });
    }
}
