//! systemd's journal, read from its files: no service is asked, nothing is started. Only this machine's own system
//! journals count: those of containers and of other machines lie beside them under other machine-ids, and a user's own
//! journal holds what that user likes to write.
//!
//! Whom to believe: fields that begin with `_` were written by journald itself. With `_UID=0` or `_TRANSPORT=kernel` among
//! them, only root or the kernel can have written the entry (systemd.journal-fields(7)).

use std::cell::Cell;
use std::fs::File;
use std::io;

use jiff::Timestamp;

use super::read_at::{ReadAt, damaged};
use super::root::Root;
use file::{Head, JournalFile, RawEntry};

mod file;
mod hash;

/// Where journald keeps its files: on disk, or in memory until the next boot.
const FOLDERS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// journald keeps 100 files by default; who keeps more keeps larger ones.
const FILES_MAX: usize = 256;

/// What one question may read from disk: some years of logins, and a second of a slow disk.
const READ_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// A clock that is set back leaves some older entries among newer ones; so many in a row are the past itself.
const OLDER_IN_A_ROW_MAX: u32 = 64;

/// What is asked of the journal.
#[derive(Clone, Copy, Debug)]
pub(in crate::platform::linux) struct Question<'a> {
    /// Entries with at least one of these, written `_COMM=sshd`; all entries, if there are none.
    pub(in crate::platform::linux) any_of: &'a [&'a str],
    /// The fields that are handed over.
    pub(in crate::platform::linux) fields: &'a [&'a str],
    /// Older entries are left out.
    pub(in crate::platform::linux) since: Timestamp,
    /// Of more, the newest are handed over.
    pub(in crate::platform::linux) entries_max: usize,
}

/// The answer.
#[derive(Debug, Default)]
pub(in crate::platform::linux) struct Journal {
    /// The oldest first.
    pub(in crate::platform::linux) entries: Vec<Entry>,
    /// From then on the answer is complete: nothing that journald wrote down is missing. `None`: there is no journal, or
    /// nothing of it can be said to be complete.
    pub(in crate::platform::linux) complete_since: Option<Timestamp>,
    /// What could not be read. The torn end of a file after a crash is none: it only moves `complete_since`.
    pub(in crate::platform::linux) problems: Vec<String>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform::linux) struct Entry {
    /// When journald took it in, by the machine's clock.
    pub(in crate::platform::linux) at: Timestamp,
    /// The boot in which it was written, by its ID.
    pub(in crate::platform::linux) boot: u128,
    /// The fields that were asked for, as far as it has them.
    fields: Vec<(String, String)>,
}

impl Entry {
    /// The first value of a field; what is no UTF-8 is replaced.
    pub(in crate::platform::linux) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Asks the journal. A machine without one answers with nothing, and has no problem.
pub(in crate::platform::linux) fn ask(root: &Root, question: &Question<'_>) -> Journal {
    let mut entries = Vec::new();
    let mut journal = visit(root, question, &mut |entry| entries.push(entry));
    // journald gives what it reads at once one time: the order in which it was written has to stay.
    entries.reverse();
    entries.sort_by_key(|entry| entry.at);
    journal.entries = entries;
    journal
}

/// The same, for whoever needs little of many entries: each is given out and forgotten, file by file, mostly the newest
/// first. The answer has none.
pub(in crate::platform::linux) fn visit(
    root: &Root,
    question: &Question<'_>,
    each: &mut dyn FnMut(Entry),
) -> Journal {
    let mut journal = Journal::default();
    let mut left = question.entries_max;
    let allowance = Cell::new(READ_BYTES_MAX);
    let (mut files, mut whole) = open_all(root, &allowance, &mut journal.problems);
    // The newest first: what the limits leave out is the oldest.
    files.sort_by_key(|(_, _, head)| std::cmp::Reverse(head.last_at));
    whole &= journal.problems.is_empty();
    for (path, file, head) in files {
        let is_dirty = path.ends_with('~');
        let answer = JournalFile::open(&file, &allowance)
            .and_then(|file| one_file(file, question, left, is_dirty, each))
            .unwrap_or_else(|error| Answer::failing(error, head.last_at));
        left -= answer.entries;
        match &answer.failed {
            Some(error) if !is_dirty => journal.problems.push(format!(
                "The journal file {path} could not be read whole: {error}; `journalctl --verify` tells what is left of it"
            )),
            None if answer.left_out > 0 => journal.problems.push(format!(
                "{} entries of the journal file {path} have values that are too long or packed with XZ and were left out",
                answer.left_out
            )),
            _ => {}
        }
        // A torn file says nothing certain of its own time, and no file says anything of the time before.
        let since = if answer.failed.is_some() { None } else { time(answer.cut_at.unwrap_or(head.first_at)) };
        if whole {
            let before = journal.complete_since.unwrap_or(Timestamp::MAX);
            journal.complete_since = since.map(|since| since.min(before)).or(journal.complete_since);
        }
        whole &= answer.failed.is_none() && answer.cut_at.is_none();
        if answer.cut_at.is_some() || left == 0 {
            break;
        }
    }
    journal.complete_since = journal.complete_since.map(|at| at.max(question.since));
    journal
}

/// What one file has to say.
#[derive(Default)]
struct Answer {
    /// How many entries were given out.
    entries: usize,
    /// Entries of which a value was left out.
    left_out: usize,
    /// Where a limit kept us from older entries: the time of the oldest that was read.
    cut_at: Option<u64>,
    /// Some entries could not be read, and why.
    failed: Option<io::Error>,
}

impl Answer {
    /// Of a file in which even the way to the entries cannot be read.
    fn failing(error: io::Error, last_at: u64) -> Self {
        match error.kind() {
            io::ErrorKind::QuotaExceeded => Answer { cut_at: Some(last_at), ..Answer::default() },
            _ => Answer { failed: Some(error), ..Answer::default() },
        }
    }
}

fn one_file(
    mut file: JournalFile<'_, impl ReadAt + ?Sized>,
    question: &Question<'_>,
    entries_max: usize,
    is_dirty: bool,
    each: &mut dyn FnMut(Entry),
) -> io::Result<Answer> {
    let since = u64::try_from(question.since.as_microsecond()).unwrap_or(0);
    let mut answer = Answer::default();
    // After a crash the header may be older than the entries.
    if file.head.last_at < since && !is_dirty {
        return Ok(answer);
    }
    let mut descents = file.descents(question.any_of)?;
    let mut oldest = file.head.last_at;
    let mut older_in_a_row = 0;
    loop {
        let entry = match file.newest(&mut descents) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(answer),
            Err(error) => {
                // The entries that were given out stay counted.
                let Answer { cut_at, failed, .. } = Answer::failing(error, oldest);
                return Ok(Answer { cut_at, failed, ..answer });
            }
        };
        match file.time_of(entry) {
            Ok(at) if at < since => {
                older_in_a_row += 1;
                if older_in_a_row > OLDER_IN_A_ROW_MAX {
                    break;
                }
                continue;
            }
            Ok(_) => older_in_a_row = 0,
            Err(_) => {}
        }
        if answer.entries >= entries_max {
            answer.cut_at = Some(oldest);
            break;
        }
        match file.read(entry, question.fields) {
            Ok(raw) => {
                oldest = raw.at;
                answer.left_out += usize::from(raw.left_out);
                match handed_over(raw, question.fields) {
                    Some(entry) => {
                        answer.entries += 1;
                        each(entry);
                    }
                    None => answer.failed = Some(damaged("an entry has no time that can be")),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                answer.cut_at = Some(oldest);
                break;
            }
            // Behind one bad entry there may be good ones.
            Err(error) => answer.failed = Some(error),
        }
    }
    Ok(answer)
}

fn handed_over(raw: RawEntry, fields: &[&str]) -> Option<Entry> {
    let value = |(field, value): (usize, std::rc::Rc<[u8]>)| {
        (fields[field].to_owned(), String::from_utf8_lossy(&value).into_owned())
    };
    Some(Entry {
        at: time(raw.at)?,
        boot: u128::from_be_bytes(raw.boot),
        fields: raw.values.into_iter().map(value).collect(),
    })
}

fn time(microseconds: u64) -> Option<Timestamp> {
    let microseconds = i64::try_from(microseconds).ok().filter(|&at| at > 0)?;
    Timestamp::from_microsecond(microseconds).ok()
}

/// The system journals of this machine, with their headers, and whether none was passed over.
fn open_all(
    root: &Root,
    allowance: &Cell<u64>,
    problems: &mut Vec<String>,
) -> (Vec<(String, File, Head)>, bool) {
    let mut files = Vec::new();
    let mut whole = true;
    let machine_id = root.read_text("/etc/machine-id").unwrap_or_default();
    for folder in FOLDERS {
        let Some(folder) = own_folder(root, folder, machine_id.trim(), problems) else { continue };
        let names = match root.list(&folder) {
            Ok(names) => names,
            Err(error) => {
                problems.push(format!(
                    "The journal in {folder} could not be listed, so entries are missing: {error}"
                ));
                continue;
            }
        };
        let is_system = |name: &String| {
            name.starts_with("system") && (name.ends_with(".journal") || name.ends_with(".journal~"))
        };
        for name in names.into_iter().filter(is_system) {
            let path = format!("{folder}/{name}");
            let opened = root.open(&path).and_then(|file| {
                let head = JournalFile::open(&file, allowance)?.head;
                Ok((file, head))
            });
            match opened {
                Ok((file, head)) if files.len() < FILES_MAX => files.push((path, file, head)),
                Ok(_) => {
                    problems.push(format!(
                        "{folder} holds more than {FILES_MAX} journal files; the others are not read"
                    ));
                    return (files, false);
                }
                // journald has just moved it away, or a crash left it without any content.
                Err(error) if error.kind() == io::ErrorKind::NotFound || path.ends_with('~') => whole = false,
                Err(error) => problems.push(format!("The journal file {path} could not be read: {error}")),
            }
        }
    }
    (files, whole)
}

/// The folder of this machine's own journals below `folder`.
fn own_folder(root: &Root, folder: &str, machine_id: &str, problems: &mut Vec<String>) -> Option<String> {
    let names = match root.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(format!(
                "The journal in {folder} could not be listed, so entries are missing: {error}"
            ));
            return None;
        }
    };
    let is_id = |name: &&String| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut folders: Vec<&String> = names.iter().filter(is_id).collect();
    if is_id(&&machine_id.to_owned()) {
        folders.retain(|name| *name == machine_id);
    }
    match folders[..] {
        [] => None,
        [name] => Some(format!("{folder}/{name}")),
        _ => {
            problems.push(format!(
                "{folder} holds the journals of several machines, and /etc/machine-id does not tell which is this one's"
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests;
