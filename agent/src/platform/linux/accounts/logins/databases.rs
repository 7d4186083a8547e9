//! The databases that follow lastlog and wtmp where times after 2038 are to be kept: lastlog2 (util-linux) and wtmpdb.

use std::collections::HashSet;
use std::io;

use jiff::Timestamp;

use super::newest::Newest;
use super::services::is_login;
use crate::platform::linux::read_at::steadily;
use crate::platform::linux::root::Root;
use crate::platform::linux::sqlite;

/// Where lastlog2 is; one row for each account that ever logged in.
pub(super) const LASTLOG2: &str = "/var/lib/lastlog/lastlog2.db";

/// Where wtmpdb is; Debian keeps it below /var/log, with a link from the other folder to the newest. Its rotation moves
/// old rows into `wtmp_YYYYMMDD.db` beside it.
const WTMPDB_FOLDERS: [&str; 2] = ["/var/lib/wtmpdb", "/var/log"];

/// `Type` of a session in wtmpdb (USER_PROCESS in wtmpdb.h).
const SESSION: i64 = 3;

/// Takes lastlog2 in. Answers with the names that have a row; `None`: the machine has none, or it could not be read.
pub(super) fn take_lastlog2(
    root: &Root,
    newest: &mut Newest,
    problems: &mut Vec<String>,
) -> Option<HashSet<Vec<u8>>> {
    let mut names = HashSet::new();
    let taken = steadily(root, LASTLOG2, |file, log| {
        sqlite::rows(file, log, "Lastlog2", &mut |columns, row| {
            let column = |name: &str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
            let name = column("Name").and_then(|column| row.text(column));
            let seconds = column("Time").and_then(|column| row.integer(column));
            let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            let service = column("Service").and_then(|column| row.text(column)).unwrap_or_default();
            if let Some(name) = name.filter(|name| newest.knows(name)) {
                names.insert(name.to_vec());
                if let Some(at) = at.filter(|_| is_login(&String::from_utf8_lossy(service))) {
                    newest.offer(name, at, "lastlog2");
                }
            }
            Ok(())
        })
    });
    told(LASTLOG2, taken, problems).map(|()| names)
}

/// Takes wtmpdb and its archives in.
pub(super) fn take_wtmpdb(root: &Root, newest: &mut Newest, problems: &mut Vec<String>) {
    let mut databases: Vec<String> = Vec::new();
    for folder in WTMPDB_FOLDERS {
        let Some(names) = told(folder, root.list(folder), problems) else { continue };
        let own = names.into_iter().filter(|name| name.starts_with("wtmp") && name.ends_with(".db"));
        databases.extend(own.map(|name| format!("{folder}/{name}")));
    }
    for path in databases {
        let taken = steadily(root, &path, |file, log| {
            sqlite::rows(file, log, "wtmp", &mut |columns, row| {
                let column = |name: &str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
                let number = |name: &str| column(name).and_then(|column| row.integer(column));
                let name = column("User").and_then(|column| row.text(column));
                let at = number("Login").and_then(|login| Timestamp::from_microsecond(login).ok());
                let service = column("Service").and_then(|column| row.text(column)).unwrap_or_default();
                if let (Some(SESSION), Some(name), Some(at)) = (number("Type"), name, at)
                    && is_login(&String::from_utf8_lossy(service))
                {
                    newest.offer(name, at, "wtmpdb");
                }
                Ok(())
            })
        });
        told(&path, taken, problems);
    }
}

fn told<T>(path: &str, taken: io::Result<T>, problems: &mut Vec<String>) -> Option<T> {
    match taken {
        Ok(taken) => Some(taken),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            problems.push(format!("{path} could not be read whole, so last logins may be missing: {error}"));
            None
        }
    }
}
