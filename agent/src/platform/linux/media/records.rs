//! What the machine's records remember of media that came and went while nobody looked. No device is asked.
//!
//! The kernel's ring buffer would need CAP_SYSLOG, which can also erase it: the agent does without, and reads what the
//! logging daemons made of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use daicho_proto::facts::{Medium, MediumKind, MediumSeen, SerialDoubt};
use flate2::read::GzDecoder;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::root::Root;
use super::journal_record::{self, Boot};
use super::kernel_log::{CONNECTIONS_MAX, Connection, KernelLog};
use super::log_lines::LogLines;
use super::{Snapshot, UsbDevice};

/// What is older was looked at by a person, or never will be.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24 * 30);

/// While the agent runs it hears the kernel itself; the records are for the times when it did not, after a start or when
/// the kernel's socket broke off. Reading them each time would cost more than the rest of the look.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The newest part of the logs that is read: a month of a quiet machine, a day of one that floods its log.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Rotated files of one log that are read, newest first: weekly ones of a month, daily ones of two weeks.
const LOG_FILES_MAX: usize = 16;

/// Daemons cut lines at 8 KiB (rsyslog's MaxMessageSize) or earlier.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// Two records of one connection differ by less: each daemon has its own clock.
const SAME_CONNECTION: SignedDuration = SignedDuration::from_secs(10);

/// Files of `/var/log` with the kernel's messages: Debian's own one, Red Hat's and Alpine's, Debian's for everything. The
/// first that is there has all that the next ones have.
const LOGS: &[&str] = &["kern.log", "messages", "syslog"];

/// What was read of the records.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) connections: Vec<Connection>,
    pub(super) problems: Vec<String>,
    /// Whether any record of the kernel's messages is there.
    pub(super) are_kept: bool,
}

/// What is kept from one look to the next.
#[derive(Debug, Default)]
pub(in super::super) struct Remembered {
    /// The records as they were read last.
    records: Mutex<Option<(Timestamp, Arc<Records>)>>,
    /// What each model is that was ever seen while it was in: the records alone tell a card terminal from a phone by
    /// nothing.
    models: Mutex<Models>,
}

/// By vendor and product.
pub(super) type Models = BTreeMap<(String, String), Option<MediumKind>>;

/// Models that are remembered: more than a ward's machine ever sees.
const MODELS_MAX: usize = 512;

impl Remembered {
    /// Takes in what is plugged in now. Once a medium, a model stays one: while it leaves, little of it is there.
    pub(super) fn learn(&self, snapshot: &Snapshot) {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        for device in &snapshot.usb {
            let (Some(vendor), Some(product)) = (&device.vendor_id, &device.product_id) else { continue };
            let name = (vendor.clone(), product.clone());
            if models.len() < MODELS_MAX || models.contains_key(&name) {
                let kind = models.entry(name).or_default();
                *kind = device.kind.or(*kind);
            }
        }
    }

    /// Those of the recorded connections that a look at what is there does not show.
    pub(super) fn media(&self, connections: &[Connection], snapshot: &Snapshot) -> Vec<Medium> {
        media(connections, snapshot, &self.models.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn records(&self, root: &Root, now: Timestamp) -> Arc<Records> {
        let mut held = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, records)) = held.as_ref() {
            let age = now.duration_since(*at);
            if !age.is_negative() && age < READ_AGAIN_AFTER {
                return records.clone();
            }
        }
        let records = Arc::new(read(root, now));
        *held = Some((now, records.clone()));
        records
    }
}

/// Reads what is kept of the last month.
pub(super) fn read(root: &Root, now: Timestamp) -> Records {
    let mut records = Records::default();
    let since = now.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    let mut log = KernelLog::default();
    let journal = journal_record::read(root, since, this_boot(root), &mut log);
    records.problems.extend(journal.problems);
    records.are_kept = journal.complete_since.is_some();
    // A journal in memory begins with the machine; what was before it may lie in files.
    if journal.complete_since.is_none_or(|complete_since| complete_since > since) {
        read_logs(root, now, since, &mut records);
        let before = |at: Timestamp| journal.complete_since.is_none_or(|complete_since| at < complete_since);
        records.connections.retain(|connection| before(connection.from));
    }
    records.connections.extend(log.finish());
    records.connections.sort_by_key(|connection| connection.from);
    let excess = records.connections.len().saturating_sub(CONNECTIONS_MAX);
    records.connections.drain(..excess);
    if !records.are_kept && records.problems.is_empty() && root.is_live() {
        records.problems.push(
            "no record of the kernel's messages is kept (journal, kern.log, messages, syslog), so media that came and \
             went while the agent was stopped cannot be told"
                .to_owned(),
        );
    }
    records
}

fn media(connections: &[Connection], snapshot: &Snapshot, models: &Models) -> Vec<Medium> {
    let mut told: Vec<&Connection> = Vec::new();
    let mut media = Vec::new();
    for connection in connections {
        let (Some(vendor_id), Some(product_id)) = (&connection.vendor_id, &connection.product_id) else {
            continue;
        };
        let is_it = |device: &UsbDevice| {
            connection.until.is_none()
                && device.name == connection.port
                && device.number == connection.number
                && device.vendor_id.as_ref() == Some(vendor_id)
                && device.product_id.as_ref() == Some(product_id)
        };
        // One that was seen says better what those like it are.
        let model = models.get(&(vendor_id.clone(), product_id.clone()));
        let kind = match (connection.kind(), model) {
            (Some(MediumKind::Other), Some(kind)) => *kind,
            (kind, _) => kind,
        };
        let is_told = told.iter().any(|other| is_same(other, connection)) || snapshot.usb.iter().any(is_it);
        let Some(kind) = kind.filter(|_| !is_told) else {
            continue;
        };
        told.push(connection);
        media.push(Medium {
            vendor_id: connection.vendor_id.clone(),
            product_id: connection.product_id.clone(),
            serial: connection.serial.clone(),
            manufacturer: connection.manufacturer.clone(),
            product: connection.product.clone(),
            kind,
            seen: MediumSeen::Record,
            first_seen: Some(connection.from),
            connected_at: Some(connection.from),
            last_seen: Some(connection.until.unwrap_or(connection.from)),
            release: connection.release.clone(),
            serial_doubt: (connection.has_serial && connection.serial.is_none())
                .then_some(SerialDoubt::Unread),
            ..Medium::default()
        });
    }
    media
}

fn is_same(a: &Connection, b: &Connection) -> bool {
    let numbers =
        |it: &Connection| (it.port.clone(), it.vendor_id.clone(), it.product_id.clone(), it.serial.clone());
    a.from.duration_since(b.from).abs() < SAME_CONNECTION && a.number == b.number && numbers(a) == numbers(b)
}

/// The boot that lasts, of a live machine.
fn this_boot(root: &Root) -> Option<Boot> {
    let at = root.is_live().then(super::boot_time)??;
    let id = root.read_text("/proc/sys/kernel/random/boot_id").ok()?;
    let id = u128::from_str_radix(&id.trim().replace('-', ""), 16).ok()?;
    Some(Boot { id, at })
}

fn read_logs(root: &Root, now: Timestamp, since: Timestamp, records: &mut Records) {
    let names = match root.list("/var/log") {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            records.problems.push(format!("the names in /var/log could not be read: {error}"));
            return;
        }
    };
    let Some(paths) =
        LOGS.iter().map(|log| files_of(root, &names, log, since)).find(|paths| !paths.is_empty())
    else {
        return;
    };
    records.are_kept = true;
    let mut log = KernelLog::default();
    let mut lines = LogLines::new(zone(root), now, since);
    let mut left = LOG_BYTES_MAX;
    // The newest have the first claim on what may be read.
    let shares: Vec<(String, u64)> = paths
        .into_iter()
        .map(|(path, bytes)| {
            let share = bytes.min(left);
            left -= share;
            (path, share)
        })
        .collect();
    for (path, share) in shares.into_iter().rev().filter(|(_, share)| *share > 0) {
        if let Err(error) = read_log(root, &path, share, &mut lines, &mut log) {
            records.problems.push(format!("the kernel's messages in {path} could not be read: {error}"));
        }
    }
    lines.finish(&mut log);
    records.connections.extend(log.finish());
}

/// A log's files that were written since then, newest first, with their sizes. What logrotate packed with xz, bzip2 or
/// zstd is older than what it left plain, and is not read.
fn files_of(root: &Root, names: &[String], log: &str, since: Timestamp) -> Vec<(String, u64)> {
    let packed = [".xz", ".bz2", ".zst", ".lzma", ".zip"];
    let is_of = |name: &&String| {
        let rest = name.strip_prefix(log);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
            && !packed.iter().any(|ending| name.ends_with(ending))
    };
    let file = |name: &String| {
        let path = format!("/var/log/{name}");
        let metadata = root.metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        let written = Timestamp::try_from(metadata.modified().ok()?).ok()?;
        (written >= since).then_some((written, path, metadata.len()))
    };
    let mut files: Vec<_> = names.iter().filter(is_of).filter_map(file).collect();
    files.sort();
    let files = files.into_iter().rev().take(LOG_FILES_MAX);
    files.map(|(_, path, bytes)| (path, bytes)).collect()
}

fn read_log(
    root: &Root,
    path: &str,
    share: u64,
    lines: &mut LogLines,
    log: &mut KernelLog,
) -> io::Result<()> {
    let mut file = root.open(path)?;
    if path.ends_with(".gz") {
        return read_lines(GzDecoder::new(BufReader::new(file)).take(LOG_BYTES_MAX), lines, log);
    }
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(share)))?;
    read_lines(File::take(file, share), lines, log)
}

/// Each line; one that is longer than lines are is passed over whole, so that its middle is not taken for a line.
pub(super) fn read_lines(file: impl Read, lines: &mut LogLines, log: &mut KernelLog) -> io::Result<()> {
    let mut file = BufReader::new(file);
    let speaker = memchr::memmem::Finder::new(b"kernel: ");
    let mut line = Vec::new();
    let mut is_middle = false;
    loop {
        line.clear();
        if (&mut file).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let is_end = line.last() == Some(&b'\n');
        if is_end && !is_middle && speaker.find(&line).is_some() {
            lines.take(String::from_utf8_lossy(&line).trim_end(), log);
        }
        is_middle = !is_end;
    }
}

/// The machine's own time zone; UTC where none is set (localtime(5)).
fn zone(root: &Root) -> TimeZone {
    let rules = root.read("/etc/localtime").ok();
    rules.and_then(|rules| TimeZone::tzif("localtime", &rules).ok()).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests;
