//! Power cuts: a program's system calls are recorded by strace(1), and from the record its folder is built as a disk may
//! hold it when the power goes at any moment.
//!
//! | | what a disk holds after the cut |
//! |---|---|
//! | a write that ended before an fsync or fdatasync of its file began, which ended before the cut | all of it |
//! | any other write that began before the cut | all, nothing, or any of its sectors of 512 bytes, each write by chance of its own |
//! | names that were made, moved or removed before an fsync of their folder ended | are so |
//! | later ones | up to some point in their order (a journaling file system keeps the order: ext4's ordered mode, ext4(5)) |
//!
//! fsync(2) promises no more than that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;

mod reader;
use reader::Reader;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The calls that change a folder, and `recvfrom`, by which a mark comes.
const CALLS: &str = "openat,creat,open,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,rename,renameat,\
renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,fsync,fdatasync,sync_file_range,lseek,close,\
recvfrom,copy_file_range,sendfile,splice";

/// What a mark begins with, where a program receives it. Where it speaks HTTP, it looks at 24 bytes first: the mark is to
/// lie in these.
pub const MARK: &str = "GET /mark/";

/// A command that runs `command` and records its calls in `trace`.
pub fn recorded(command: &Command, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-xx", "-s", "16777216", "-e", &format!("trace={CALLS}"), "-o"]).arg(trace);
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    strace.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            strace.env(name, value);
        }
    }
    strace.stdin(std::process::Stdio::null());
    strace
}

/// Ends a recorded program as a power cut would: strace then ends by itself.
pub fn kill_recorded(strace: u32) {
    let children = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
        if let Some(id) = rustix::process::Pid::from_raw(child) {
            rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("our own process");
        }
    }
}

/// Something that happened to the folder, from one line of the record to another.
#[derive(Debug)]
struct Step {
    begin: usize,
    end: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Write { path: PathBuf, at: usize, bytes: Vec<u8> },
    Length { path: PathBuf, bytes: usize },
    Sync { path: PathBuf },
    Name(Name),
    Mark(String),
}

#[derive(Clone, Debug)]
enum Name {
    Made(PathBuf),
    Folder(PathBuf),
    Moved(PathBuf, PathBuf),
    Gone(PathBuf),
}

impl Name {
    /// The folder whose fsync brings it to the disk.
    fn folder(&self) -> Option<&Path> {
        match self {
            Name::Made(path) | Name::Folder(path) | Name::Moved(_, path) | Name::Gone(path) => path.parent(),
        }
    }
}

/// What a program did to a folder.
#[derive(Debug, Default)]
pub struct Record {
    folder: PathBuf,
    /// The folder before the program started, by paths from it.
    before: BTreeMap<PathBuf, Vec<u8>>,
    steps: Vec<Step>,
    lines: usize,
}

/// A folder as a power cut left it.
#[derive(Debug)]
pub struct Cut {
    /// Files by their paths from the folder.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Empty folders, too.
    pub folders: Vec<PathBuf>,
    /// The marks that had come before.
    pub marks: Vec<String>,
    /// Writes that were on their way.
    pub pending: usize,
}

impl Cut {
    /// Writes it out.
    pub fn write(&self, to: &Path) {
        fs::create_dir_all(to).expect("a temporary folder");
        for folder in &self.folders {
            fs::create_dir_all(to.join(folder)).expect("a temporary folder");
        }
        for (path, bytes) in &self.files {
            let path = to.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
            fs::write(&path, bytes).expect("a temporary folder can be written");
            // Keys are refused where others may read them.
            let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&path, own).expect("our own file");
        }
    }
}

/// The files below a folder.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut left) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).expect("our own folder") {
            let entry = entry.expect("our own folder");
            let kind = entry.file_type().expect("our own folder");
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path().strip_prefix(folder).expect("below it").to_owned();
                files.insert(path, fs::read(entry.path()).expect("our own file"));
            }
        }
    }
    files
}

impl Record {
    /// Reads what strace wrote. `before`: the folder as it was when the program started.
    pub fn read(folder: &Path, before: BTreeMap<PathBuf, Vec<u8>>, trace: &Path) -> Self {
        let text = fs::read_to_string(trace).expect("strace wrote it");
        let mut reader = Reader::new(folder, &before);
        let mut lines = 0;
        for line in text.lines() {
            reader.line(lines, line);
            lines += 1;
        }
        reader.end();
        reader.steps.sort_by_key(|step| step.begin);
        Record { folder: folder.to_owned(), before, steps: reader.steps, lines }
    }

    /// How many writes there are.
    pub fn writes(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.what, What::Write { .. })).count()
    }

    /// Whether each write of something that holds `word` was on the disk before the next one of these began.
    pub fn each_is_synced_before_the_next(&self, word: &str) -> bool {
        let holds = |step: &&Step| match &step.what {
            What::Write { bytes, .. } => bytes.windows(word.len()).any(|part| part == word.as_bytes()),
            _ => false,
        };
        let words: Vec<&Step> = self.steps.iter().filter(holds).collect();
        words.windows(2).all(|pair| {
            self.steps.iter().any(|step| {
                matches!(step.what, What::Sync { .. }) && step.begin > pair[0].end && step.end < pair[1].begin
            })
        })
    }

    /// The power goes at a moment of chance. `lying`: the disk answers a sync without doing it.
    pub fn cut(&self, chance: &mut Rng, lying: bool) -> Cut {
        // Between two steps, or in the middle of one.
        let step = &self.steps[chance.usize(0..self.steps.len())];
        let at = if chance.bool() { step.begin + 1 } else { step.end.saturating_add(1).min(self.lines) };
        let begun: Vec<&Step> = self.steps.iter().filter(|step| step.begin < at).collect();
        let covered = |step: &Step, of: &Path| {
            !lying
                && begun.iter().any(|sync| {
                    matches!(&sync.what, What::Sync { path } if path == of)
                        && sync.begin > step.end
                        && sync.end < at
                })
        };
        let names: Vec<(&Step, &Name)> = begun
            .iter()
            .filter_map(|step| match &step.what {
                What::Name(name) => Some((*step, name)),
                _ => None,
            })
            .collect();
        let sure = names.iter().rposition(|(step, name)| {
            name.folder().is_some_and(|folder| step.end < at && covered(step, folder))
        });
        let kept = chance.usize(sure.map_or(0, |last| last + 1)..=names.len());
        let last_name = names.get(kept).map_or(usize::MAX, |(step, _)| step.begin);
        let mut disk = Disk::new(&self.folder, &self.before);
        let (mut marks, mut pending) = (Vec::new(), 0);
        for step in &begun {
            match &step.what {
                What::Name(name) if step.begin < last_name => disk.name(name),
                What::Name(name) => disk.forget(name),
                What::Write { path, at: offset, bytes } => {
                    let sure = step.end < at && covered(step, path);
                    pending += usize::from(!sure);
                    disk.write(path, *offset, bytes, if sure { None } else { Some(&mut *chance) });
                }
                What::Length { path, bytes } => {
                    if (step.end < at && covered(step, path)) || chance.bool() {
                        disk.length(path, *bytes);
                    }
                }
                What::Mark(mark) if step.end < at => marks.push(mark.clone()),
                What::Mark(_) | What::Sync { .. } => {}
            }
        }
        let (files, folders) = disk.end();
        Cut { files, folders, marks, pending }
    }
}

/// The folder while it is built: what each path that the program used leads to, and under which name it is on the disk.
struct Disk<'r> {
    folder: &'r Path,
    contents: Vec<Vec<u8>>,
    /// As the program saw it.
    seen: BTreeMap<PathBuf, usize>,
    /// As it is on the disk.
    names: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
}

impl<'r> Disk<'r> {
    fn new(folder: &'r Path, before: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let names: BTreeMap<PathBuf, usize> =
            before.keys().enumerate().map(|(index, path)| (folder.join(path), index)).collect();
        let contents = before.values().cloned().collect();
        Disk { folder, contents, seen: names.clone(), names, folders: Vec::new() }
    }

    fn change(names: &mut BTreeMap<PathBuf, usize>, name: &Name, next: usize) {
        match name {
            Name::Made(path) => {
                names.insert(path.clone(), next);
            }
            Name::Moved(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Name::Gone(path) => {
                names.remove(path);
            }
            Name::Folder(_) => {}
        }
    }

    /// A name that is on the disk.
    fn name(&mut self, name: &Name) {
        let next = self.contents.len();
        Self::change(&mut self.seen, name, next);
        Self::change(&mut self.names, name, next);
        match name {
            Name::Made(_) => self.contents.push(Vec::new()),
            Name::Folder(path) => self.folders.push(path.clone()),
            Name::Moved(..) | Name::Gone(_) => {}
        }
    }

    /// A name that the program saw, and the disk did not come to.
    fn forget(&mut self, name: &Name) {
        let next = self.contents.len();
        Self::change(&mut self.seen, name, next);
        if matches!(name, Name::Made(_)) {
            self.contents.push(Vec::new());
        }
    }

    fn write(&mut self, path: &Path, at: usize, bytes: &[u8], chance: Option<&mut Rng>) {
        let Some(content) = self.seen.get(path).and_then(|file| self.contents.get_mut(*file)) else { return };
        let mut put = |from: usize, to: usize| {
            if content.len() < at + to {
                content.resize(at + to, 0);
            }
            content[at + from..at + to].copy_from_slice(&bytes[from..to]);
        };
        let Some(chance) = chance else { return put(0, bytes.len()) };
        match chance.u8(0..3) {
            0 => {}
            1 => put(0, bytes.len()),
            _ => {
                // Sectors of the disk, not of the write.
                let mut from = 0;
                while from < bytes.len() {
                    let to = (from + SECTOR_BYTES - (at + from) % SECTOR_BYTES).min(bytes.len());
                    if chance.bool() {
                        put(from, to);
                    }
                    from = to;
                }
            }
        }
    }

    fn length(&mut self, path: &Path, bytes: usize) {
        if let Some(content) = self.seen.get(path).and_then(|file| self.contents.get_mut(*file)) {
            content.resize(bytes, 0);
        }
    }

    fn end(self) -> (BTreeMap<PathBuf, Vec<u8>>, Vec<PathBuf>) {
        let below = |path: &Path| path.strip_prefix(self.folder).expect("below it").to_owned();
        let files = self.names.iter().map(|(path, file)| (below(path), self.contents[*file].clone()));
        (files.collect(), self.folders.iter().map(|path| below(path)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "/data";

    fn hexadecimal(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    fn record(lines: &[String]) -> Record {
        let trace = tempfile::NamedTempFile::new().unwrap();
        fs::write(trace.path(), lines.join("\n")).unwrap();
        let before = BTreeMap::from([(PathBuf::from("log"), b"old ".to_vec())]);
        Record::read(Path::new(FOLDER), before, trace.path())
    }

    fn cuts(record: &Record, lying: bool) -> Vec<Cut> {
        (0..200).map(|seed| record.cut(&mut Rng::with_seed(seed), lying)).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_what_was_not_may_be_there_in_part() {
        let write = |at: usize, text: &str| {
            format!(
                "7 pwrite64(3</data/log>, \"{}\", {}, {at} <unfinished ...>",
                hexadecimal(text),
                text.len()
            )
        };
        let record = record(&[
            write(4, "first"),
            "7 <... pwrite64 resumed>)        = 5".to_owned(),
            "7 fdatasync(3</data/log>) = 0".to_owned(),
            format!(
                "8 recvfrom(9<socket:[1]>, \"{}\", 64, 0, NULL, NULL) = 20",
                hexadecimal("GET /mark/one HTTP")
            ),
            write(9, "again"),
        ]);
        let (mut lost, mut whole) = (0, 0);
        for cut in cuts(&record, false) {
            let log = String::from_utf8(cut.files[Path::new("log")].clone()).unwrap();
            if cut.marks == ["one"] {
                assert!(log.starts_with("old first"), "{log}");
            }
            lost += usize::from(log == "old ");
            whole += usize::from(log == "old firstagain");
        }
        assert!(lost > 0 && whole > 0, "{lost} without the first, {whole} with both");
        let broken = cuts(&record, true)
            .iter()
            .any(|cut| !cut.marks.is_empty() && cut.files[Path::new("log")] == b"old ");
        assert!(broken, "a disk that lies is found");
    }

    #[test]
    fn a_name_is_sure_with_its_folders_sync_and_may_be_missing_before() {
        let record = record(&[
            format!(
                "7 openat(AT_FDCWD</>, \"{}\", O_WRONLY|O_CREAT, 0666) = 3</data/new>",
                hexadecimal("/data/new")
            ),
            format!("7 write(3</data/new>, \"{}\", 4) = 4", hexadecimal("text")),
            "7 fsync(3</data/new>) = 0".to_owned(),
            format!("7 rename(\"{}\", \"{}\") = 0", hexadecimal("/data/new"), hexadecimal("/data/log")),
            "7 fsync(4</data>) = 0".to_owned(),
            "7 close(3</data/new>) = 0".to_owned(),
            format!(
                "8 recvfrom(9<socket:[1]>, \"{}\", 64, 0, NULL, NULL) = 20",
                hexadecimal("GET /mark/one HTTP")
            ),
        ]);
        let mut seen = std::collections::BTreeSet::new();
        for cut in cuts(&record, false) {
            let log = String::from_utf8(cut.files[Path::new("log")].clone()).unwrap();
            assert!(cut.marks.is_empty() || log == "text", "{log}");
            seen.insert((log, cut.files.contains_key(Path::new("new"))));
        }
        assert!(
            seen.contains(&("old ".to_owned(), true)) && seen.contains(&("text".to_owned(), false)),
            "{seen:?}"
        );
    }
}
