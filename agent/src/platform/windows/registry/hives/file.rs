//! One hive file with its logs: opened, mended in memory, or an error for whoever asks.

use std::io;

use super::super::Value;
use super::base::{self, Kind};
use super::log::{self, LOG_BYTES_MAX, Log};
use super::pages::{BASE_BYTES, Pages};
use super::tree::Tree;
use super::value;
use crate::platform::windows::disk::Disk;

/// A hive of a disk.
pub(super) struct HiveFile {
    /// As it is called in a problem: `SYSTEM`, or the path of a user's file.
    pub(super) name: String,
    tree: Result<Tree, (io::ErrorKind, String)>,
    /// Whether there is no such file.
    pub(super) is_absent: bool,
    /// One sentence for each thing that is wrong with the whole file.
    pub(super) troubles: Vec<String>,
}

impl HiveFile {
    /// Opens a hive. What goes wrong is told by those who ask it, and in `troubles`.
    pub(super) fn open(disk: &Disk, path: &str, name: &str) -> Self {
        let mut hive = HiveFile {
            name: name.to_owned(),
            tree: Err((io::ErrorKind::NotFound, format!("{path} is not there: save it with the others"))),
            is_absent: false,
            troubles: Vec::new(),
        };
        match load(disk, path) {
            Ok(Some((tree, troubles))) => {
                hive.troubles = troubles.into_iter().map(|trouble| format!("{path}: {trouble}")).collect();
                hive.tree = Ok(tree);
            }
            Ok(None) => hive.is_absent = true,
            Err(error) => hive.tree = Err((error.kind(), format!("{path}: {error}"))),
        }
        if let Err((_, sentence)) = &hive.tree {
            hive.troubles.push(sentence.clone());
        }
        hive
    }

    /// Its keys.
    pub(super) fn tree(&self) -> io::Result<&Tree> {
        self.tree.as_ref().map_err(|(kind, sentence)| io::Error::new(*kind, sentence.clone()))
    }

    /// A value that is a number.
    pub(super) fn number(&self, path: &str, name: &str) -> io::Result<Option<u64>> {
        Ok(match value(self.tree()?, path, name)? {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        })
    }

    /// A value that is text.
    pub(super) fn text(&self, path: &str, name: &str) -> io::Result<Option<String>> {
        Ok(match value(self.tree()?, path, name)? {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        })
    }
}

/// One value; `None`: there is none, and nothing that could not be read.
pub(super) fn value(tree: &Tree, path: &str, name: &str) -> io::Result<Option<Value>> {
    let Some(found) = tree.find(path)? else { return Ok(None) };
    let read = value::read(tree, &found.node)?;
    let one = read.values.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    match (one, read.faults.into_iter().next()) {
        (Some((_, value)), _) => Ok(Some(value)),
        (None, None) => Ok(None),
        (None, Some(fault)) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
    }
}

/// `None`: there is no such file.
fn load(disk: &Disk, path: &str) -> io::Result<Option<(Tree, Vec<String>)>> {
    let Some(file) = disk.open(path)? else { return Ok(None) };
    let length = file.metadata()?.len();
    let own = {
        use std::io::Read as _;
        let mut block = Vec::new();
        (&file).take(base::BYTES as u64).read_to_end(&mut block)?;
        base::parse(&block)
    };
    let invalid = |sentence: &str| io::Error::new(io::ErrorKind::InvalidData, sentence.to_owned());
    let own = own.filter(|base| base.kind == Kind::Hive);
    let is_clean = own.is_some_and(|base| base.is_sound && base.is_clean());
    let mut troubles = Vec::new();
    let logs = if is_clean { Vec::new() } else { logs(disk, path, &mut troubles) };
    let recovered =
        log::recover(own, logs).ok_or_else(|| invalid("it is no hive: its first block says nothing"))?;
    troubles.extend(recovered.troubles);
    let whole = BASE_BYTES + u64::from(recovered.bins_bytes);
    // What a log has put behind the end of the file is no hole in it.
    let first_size = own.map_or(recovered.bins_bytes, |base| base.bins_bytes).min(recovered.bins_bytes);
    let missing = (BASE_BYTES + u64::from(first_size)).saturating_sub(length);
    if missing > 0 {
        troubles.push(format!("it is cut: {missing} of its {whole} bytes are missing"));
    }
    let pages = Pages::new(file, recovered.mended, recovered.bins_bytes);
    Ok(Some((Tree::new(pages, recovered.root, recovered.minor), troubles)))
}

fn logs(disk: &Disk, path: &str, troubles: &mut Vec<String>) -> Vec<Log> {
    let mut logs = Vec::new();
    for end in ["LOG1", "LOG2", "LOG"] {
        let path = format!("{path}.{end}");
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        match disk.read_most(&path, LOG_BYTES_MAX) {
            Ok(Some(bytes)) if !bytes.is_empty() => logs.push(Log { name, bytes }),
            Ok(_) => {}
            Err(error) => troubles.push(format!("its log {name} cannot be read: {error}")),
        }
    }
    logs
}
