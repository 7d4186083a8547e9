//! rpm: its database as SQLite, NDB or Berkeley DB, read from the files alone: no lock is taken, nothing is written.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use daicho_proto::facts::Package;

use super::{Outcome, unreadable};
use crate::platform::linux::root::Root;

mod berkeley;
mod header;
mod ndb;
mod sqlite;

pub(in crate::platform::linux) use header::Header;

/// Where distributions keep it; often one is a link to another, so that the first that is there is the one.
const FOLDERS: [&str; 3] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"];

/// The file of each format; what rpm writes today comes first.
const FORMATS: [(&str, Format); 3] =
    [("rpmdb.sqlite", sqlite::read), ("Packages.db", ndb::read), ("Packages", berkeley::read)];

/// Reads the database file (and its write-ahead log, where it has one) and gives out each package's header.
type Format = fn(&File, Option<&File>, &mut dyn FnMut(&[u8])) -> io::Result<()>;

/// How often a database that changes under our eyes is read again: an installation writes for seconds, not for ever.
const TRIES_MAX: u32 = 3;

/// The packages, or `None` where rpm has no database.
pub(super) fn packages(root: &Root) -> Option<Outcome> {
    let (headers, problems) = read(root)?;
    Some(Outcome { packages: headers.into_iter().map(Header::into_package).collect(), problems })
}

/// The headers of what is installed, and what could not be read; `None` where rpm has no database.
pub(in crate::platform::linux) fn read(root: &Root) -> Option<(Vec<Header>, Vec<String>)> {
    for folder in FOLDERS {
        for (name, format) in FORMATS {
            let path = format!("{folder}/{name}");
            match root.open(&path) {
                Ok(_) => {
                    return Some(match steadily(root, &path, format) {
                        Ok(read) => read,
                        Err(error) => (Vec::new(), vec![unreadable("rpm's database", &path, &error)]),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Some((Vec::new(), vec![unreadable("rpm's database", &path, &error)])),
            }
        }
    }
    None
}

/// Without a lock, a database may change while it is read; what was read then does not count.
fn steadily(root: &Root, path: &str, format: Format) -> io::Result<(Vec<Header>, Vec<String>)> {
    let mut last = Err(io::Error::other("it changed each time it was read"));
    for _ in 0..TRIES_MAX {
        let file = root.open(path)?;
        let log = root.open(&format!("{path}-wal")).ok();
        let before = (stamp(&file)?, log.as_ref().map(stamp).transpose()?);
        let mut headers = Vec::new();
        let mut broken = 0_usize;
        let outcome = format(&file, log.as_ref(), &mut |blob| match Header::parse(blob) {
            // A key that packages are signed with is filed as a package, and is none.
            Some(header) if header.name == "gpg-pubkey" => {}
            Some(header) => headers.push(header),
            None => broken += 1,
        });
        let after = (stamp(&file)?, log.as_ref().map(stamp).transpose()?);
        if before != after {
            continue;
        }
        last = outcome.map(|()| {
            headers.sort_by(|a, b| a.name.cmp(&b.name));
            let problem = || format!("{broken} package headers of rpm's database {path} could not be read");
            (headers, (broken > 0).then(problem).into_iter().collect())
        });
        break;
    }
    last
}

fn stamp(file: &File) -> io::Result<(u64, i64, i64)> {
    let metadata = file.metadata()?;
    Ok((metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is damaged: {what}"))
}

/// A number at `at`, or the error that the file ends before it.
fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let part = at.checked_add(N).and_then(|end| bytes.get(at..end));
    part.and_then(|part| part.try_into().ok()).ok_or_else(|| damaged("a record ends too early"))
}

impl Header {
    fn into_package(self) -> Package {
        let version = self.label();
        let source = self.source.as_deref().and_then(source_of);
        let built = format!("{}-{}", self.version, self.release);
        let (source_name, source_version) = match source {
            Some((name, source_version)) => (
                Some(name.to_owned()).filter(|name| *name != self.name),
                Some(source_version.to_owned()).filter(|version| *version != built),
            ),
            None => (None, None),
        };
        Package {
            manager: "rpm".to_owned(),
            name: self.name,
            version,
            architecture: self.architecture,
            source_name,
            source_version,
            ..Package::default()
        }
    }
}

/// `util-linux-2.32.1-42.el8_8.src.rpm` is `util-linux` in `2.32.1-42.el8_8`.
fn source_of(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let release = stem.rfind('-')?;
    let version = stem[..release].rfind('-')?;
    Some((&stem[..version], &stem[version + 1..]))
}

#[cfg(test)]
mod tests;
