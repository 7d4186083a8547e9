//! rpm: its database as SQLite, NDB or Berkeley DB, read from the files alone: no lock is taken, nothing is written.

use std::fs::File;
use std::io;

use daicho_proto::facts::Package;

use super::{Outcome, unreadable};
use crate::platform::linux::read_at::{bytes_at, damaged, steadily};
use crate::platform::linux::root::Root;
use crate::platform::linux::sqlite;

mod berkeley;
mod header;
pub(in crate::platform::linux) mod locks;
mod ndb;

pub(in crate::platform::linux) use header::Header;

/// Where distributions keep it; often one is a link to another, so that the first that is there is the one.
const FOLDERS: [&str; 3] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"];

/// The file of each format; what rpm writes today comes first.
const FORMATS: [(&str, Format); 3] =
    [("rpmdb.sqlite", read_sqlite), ("Packages.db", ndb::read), ("Packages", berkeley::read)];

/// Reads the database file (and its write-ahead log, where it has one) and gives out each package's header.
type Format = fn(&File, Option<&File>, &mut dyn FnMut(&[u8])) -> io::Result<()>;

/// The packages, or `None` where rpm has no database.
pub(super) fn packages(root: &Root) -> Option<Outcome> {
    let (headers, mut problems) = read(root)?;
    let locks = locks::Locks::read(root, &mut problems);
    let package = |header: Header| Package { held: locks.hold(&header), ..header.into_package() };
    Some(Outcome { packages: headers.into_iter().map(package).collect(), problems })
}

/// The headers of what is installed, and what could not be read; `None` where rpm has no database.
pub(in crate::platform::linux) fn read(root: &Root) -> Option<(Vec<Header>, Vec<String>)> {
    for folder in FOLDERS {
        for (name, format) in FORMATS {
            let path = format!("{folder}/{name}");
            match root.open(&path) {
                Ok(_) => {
                    return Some(match read_steadily(root, &path, format) {
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

/// Reads a database that does not change meanwhile.
fn read_steadily(root: &Root, path: &str, format: Format) -> io::Result<(Vec<Header>, Vec<String>)> {
    steadily(root, path, |file, log| {
        let mut headers = Vec::new();
        let mut broken = 0_usize;
        format(file, log, &mut |blob| match Header::parse(blob) {
            // A key that packages are signed with is filed as a package, and is none.
            Some(header) if header.name == "gpg-pubkey" => {}
            Some(header) => headers.push(header),
            None => broken += 1,
        })?;
        headers.sort_by(|a, b| a.name.cmp(&b.name));
        let problem = || format!("{broken} package headers of rpm's database {path} could not be read");
        Ok((headers, (broken > 0).then(problem).into_iter().collect()))
    })
}

/// What today's rpm writes: the column `blob` of the table `Packages` holds each package's header.
fn read_sqlite(file: &File, log: Option<&File>, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    sqlite::rows(file, log, "Packages", &mut |columns, row| {
        let blob = columns.iter().position(|column| column == "blob").unwrap_or(1);
        each(row.blob(blob).ok_or_else(|| damaged("a row has no header"))?);
        Ok(())
    })
}

impl Header {
    /// As the observation document has it.
    pub(in crate::platform::linux) fn into_package(self) -> Package {
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
