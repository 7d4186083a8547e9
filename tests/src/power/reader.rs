//! What strace(1) writes with `-f -y -xx`: a line for each call, or two where another thread's came between.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{MARK, Name, Step, What};

/// Understands strace's lines.
#[derive(Default)]
pub(super) struct Reader {
    folder: PathBuf,
    pub(super) steps: Vec<Step>,
    /// Files that are there, and how long they are.
    lengths: BTreeMap<PathBuf, usize>,
    /// Where the next `write` of a descriptor goes; `None`: to the end.
    offsets: BTreeMap<String, Option<usize>>,
    /// Calls of a thread that have begun.
    unfinished: BTreeMap<String, (usize, String)>,
}

impl Reader {
    /// One that knows what was there before.
    pub(super) fn new(folder: &Path, before: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let lengths = before.iter().map(|(path, bytes)| (folder.join(path), bytes.len()));
        Reader { folder: folder.to_owned(), lengths: lengths.collect(), ..Reader::default() }
    }

    pub(super) fn line(&mut self, number: usize, line: &str) {
        let Some((thread, rest)) = line.split_once(' ') else { return };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            self.unfinished.insert(thread.to_owned(), (number, begun.to_owned()));
        } else if let Some((_, ending)) =
            rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"))
        {
            if let Some((begin, begun)) = self.unfinished.remove(thread) {
                self.call(begin, number, &format!("{begun}{ending}"));
            }
        } else {
            self.call(number, number, rest);
        }
    }

    /// What had begun when the program ended.
    pub(super) fn end(&mut self) {
        for (begin, begun) in std::mem::take(&mut self.unfinished).into_values() {
            if begun.starts_with("pwrite64(") || begun.starts_with("write(") {
                self.call(begin, usize::MAX, &format!("{begun}) = 0"));
            }
        }
    }

    fn call(&mut self, begin: usize, end: usize, text: &str) {
        let Some((name, rest)) = text.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        let Some(arguments) = arguments.trim_end().strip_suffix(')') else { return };
        let result = result.trim();
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let arguments = split(arguments);
        let argument = |index: usize| arguments.get(index).copied().unwrap_or_default();
        match name {
            "openat" => self.opened(begin, end, argument(2), result),
            "open" | "creat" => self.opened(begin, end, argument(1), result),
            "close" => {
                self.offsets.remove(descriptor(argument(0)).0);
            }
            "lseek" => {
                let (number, _) = descriptor(argument(0));
                self.offsets.insert(number.to_owned(), result.parse().ok());
            }
            "write" | "pwrite64" => {
                let (number, Some(path)) = descriptor(argument(0)) else { return };
                let Some(path) = self.inside(&path) else { return };
                let bytes = decoded(argument(1));
                let length = self.lengths.get(&path).copied().unwrap_or_default();
                let at = match name {
                    "pwrite64" => argument(3).parse().expect("an offset"),
                    _ => self.offsets.get(number).copied().flatten().unwrap_or(length),
                };
                if let Some(Some(offset)) = self.offsets.get_mut(number)
                    && name == "write"
                {
                    *offset = at + bytes.len();
                }
                self.lengths.insert(path.clone(), length.max(at + bytes.len()));
                self.add(begin, end, What::Write { path, at, bytes });
            }
            "ftruncate" => {
                let (_, Some(path)) = descriptor(argument(0)) else { return };
                let Some(path) = self.inside(&path) else { return };
                let bytes = argument(1).parse().expect("a length");
                self.lengths.insert(path.clone(), bytes);
                self.add(begin, end, What::Length { path, bytes });
            }
            "fsync" | "fdatasync" => {
                if let (_, Some(path)) = descriptor(argument(0))
                    && let Some(path) = self.inside(&path)
                {
                    self.add(begin, end, What::Sync { path });
                }
            }
            "rename" => self.moved(begin, end, argument(0), argument(1)),
            "renameat" | "renameat2" => self.moved(begin, end, argument(1), argument(3)),
            "unlink" => self.gone(begin, end, argument(0)),
            "unlinkat" => self.gone(begin, end, argument(1)),
            "mkdir" => self.folder(begin, end, argument(0)),
            "mkdirat" => self.folder(begin, end, argument(1)),
            "recvfrom" => {
                let text = decoded(argument(1));
                let place = text.windows(MARK.len()).position(|part| part == MARK.as_bytes());
                if let Some(place) = place {
                    let rest = String::from_utf8_lossy(&text[place + MARK.len()..]).into_owned();
                    let mark = rest.split_whitespace().next().unwrap_or_default().to_owned();
                    self.add(begin, end, What::Mark(mark));
                }
            }
            "rmdir" | "sync_file_range" => {}
            // Calls that our programs do not use on these folders: a record with one of them would be a wrong one.
            other => {
                let touches = arguments.iter().any(|one| {
                    descriptor(one).1.and_then(|path| self.inside(&path)).is_some()
                        || self.inside(&String::from_utf8_lossy(&decoded(one))).is_some()
                });
                assert!(!touches, "{other} changes the folder, and the record does not know how");
            }
        }
    }

    fn add(&mut self, begin: usize, end: usize, what: What) {
        self.steps.push(Step { begin, end, what });
    }

    fn inside(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        path.starts_with(&self.folder).then(|| path.to_owned())
    }

    fn opened(&mut self, begin: usize, end: usize, flags: &str, result: &str) {
        let (number, Some(path)) = descriptor(result) else { return };
        let Some(path) = self.inside(&path) else { return };
        let offset = (!flags.contains("O_APPEND")).then_some(0);
        self.offsets.insert(number.to_owned(), offset);
        if flags.contains("O_CREAT") && !self.lengths.contains_key(&path) {
            self.lengths.insert(path.clone(), 0);
            self.add(begin, end, What::Name(Name::Made(path)));
        } else if flags.contains("O_TRUNC") {
            self.lengths.insert(path.clone(), 0);
            self.add(begin, end, What::Length { path, bytes: 0 });
        }
    }

    fn named(&self, argument: &str) -> Option<PathBuf> {
        self.inside(&String::from_utf8_lossy(&decoded(argument)))
    }

    fn moved(&mut self, begin: usize, end: usize, from: &str, to: &str) {
        if let (Some(from), Some(to)) = (self.named(from), self.named(to)) {
            if let Some(length) = self.lengths.remove(&from) {
                self.lengths.insert(to.clone(), length);
            }
            self.add(begin, end, What::Name(Name::Moved(from, to)));
        }
    }

    fn gone(&mut self, begin: usize, end: usize, path: &str) {
        if let Some(path) = self.named(path) {
            self.lengths.remove(&path);
            self.add(begin, end, What::Name(Name::Gone(path)));
        }
    }

    fn folder(&mut self, begin: usize, end: usize, path: &str) {
        if let Some(path) = self.named(path) {
            self.add(begin, end, What::Name(Name::Folder(path)));
        }
    }
}

/// The arguments of a call: commas in quotes and brackets divide nothing.
fn split(arguments: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut depth) = (Vec::new(), 0, false, 0_usize);
    for (at, byte) in arguments.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'[' | b'{' | b'<' if !quoted => depth += 1,
            b']' | b'}' | b'>' if !quoted => depth = depth.saturating_sub(1),
            b',' if !quoted && depth == 0 => {
                parts.push(arguments[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[from..].trim());
    parts
}

/// `9</path>` as number and path; strace writes the path as it writes texts. A file whose name is gone already has none.
fn descriptor(text: &str) -> (&str, Option<String>) {
    let Some((number, rest)) = text.split_once('<') else { return (text, None) };
    let path = rest.strip_suffix('>').map(|path| match path.starts_with('\\') {
        true => String::from_utf8_lossy(&decoded(path)).into_owned(),
        false => path.to_owned(),
    });
    (number, path.filter(|path| path.starts_with('/')))
}

/// `"\x41\x42"` as bytes.
fn decoded(text: &str) -> Vec<u8> {
    let inner = text.trim_matches('"');
    let digits = inner.split("\\x").skip(1);
    digits.filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok()).collect()
}
