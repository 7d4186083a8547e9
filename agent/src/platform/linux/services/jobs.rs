//! What cron(8), anacron(8) and at(1) start by themselves at a time. Of a command only the program's name is kept: its
//! arguments may hold passwords.
//!
//! A file of a package below /etc/cron.d or /etc/cron.daily is one job and goes by its name (`cron.daily:logrotate`);
//! what people write goes by whose it is and by its program (`cron:tanaka:send.sh`).

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::places::Users;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

/// Debian has a folder of its own for them, Red Hat none, SUSE another; Alpine's is a link to /etc/crontabs.
const SPOOLS: [&str; 3] = ["/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron"];
const AT_SPOOLS: [&str; 3] = ["/var/spool/cron/atjobs", "/var/spool/atjobs", "/var/spool/at"];

/// Folders whose programs are started one after the other: run-parts(8); Alpine's lie below /etc/periodic.
const PARTS: [(&str, &str); 10] = [
    ("/etc/cron.hourly", "cron.hourly"),
    ("/etc/cron.daily", "cron.daily"),
    ("/etc/cron.weekly", "cron.weekly"),
    ("/etc/cron.monthly", "cron.monthly"),
    ("/etc/cron.yearly", "cron.yearly"),
    ("/etc/periodic/15min", "cron.15min"),
    ("/etc/periodic/hourly", "cron.hourly"),
    ("/etc/periodic/daily", "cron.daily"),
    ("/etc/periodic/weekly", "cron.weekly"),
    ("/etc/periodic/monthly", "cron.monthly"),
];

/// The programs that read these files. Where none is installed, nothing of it starts.
const DAEMONS: [&str; 8] = [
    "/usr/sbin/cron",
    "/usr/sbin/crond",
    "/usr/bin/crond",
    "/usr/sbin/anacron",
    "/usr/sbin/fcron",
    "/usr/sbin/bcron-start",
    "/usr/libexec/systemd-cron/boot_delay",
    "/usr/lib/systemd/system-generators/systemd-crontab-generator",
];

/// Ends of names that editors and package managers leave behind; no cron reads them.
const LEFTOVERS: [&str; 6] = ["~", ".rpmsave", ".rpmnew", ".rpmorig", ".dpkg-old", ".dpkg-dist"];

/// A machine has some dozens; more is somebody who plays with us.
const JOBS_MAX: usize = 1000;

/// Looks at the jobs.
pub(super) fn read(root: &Root, users: &Users, problems: &mut Vec<String>) -> Vec<Service> {
    let starts = DAEMONS.iter().any(|daemon| root.exists(daemon));
    let start = if starts { StartMode::Enabled } else { StartMode::Disabled };
    let mut jobs = Jobs { root, problems, found: Vec::new(), start };
    jobs.tables();
    jobs.parts();
    jobs.at(users);
    let Jobs { mut found, problems, .. } = jobs;
    found.sort_by(|a, b| (&a.name, &a.source).cmp(&(&b.name, &b.source)));
    found.dedup_by(|a, b| a.name == b.name && a.source == b.source);
    if found.len() > JOBS_MAX {
        problems.push(format!("of {} jobs only {JOBS_MAX} are told", found.len()));
        found.truncate(JOBS_MAX);
    }
    found
}

struct Jobs<'a> {
    root: &'a Root,
    problems: &'a mut Vec<String>,
    found: Vec<Service>,
    start: StartMode,
}

impl Jobs<'_> {
    fn tables(&mut self) {
        if let Some(text) = self.text("/etc/crontab") {
            for job in table(&text, true) {
                let user = job.user.filter(|user| user != "root");
                self.add(format!("crontab:{}", job.program), "/etc/crontab", user);
            }
        }
        for name in self.names("/etc/cron.d") {
            let path = format!("/etc/cron.d/{name}");
            if self.is_file(&path) && self.text(&path).is_some_and(|text| !table(&text, true).is_empty()) {
                self.add(format!("cron.d:{name}"), &path, None);
            }
        }
        if let Some(text) = self.text("/etc/anacrontab") {
            for name in anacron(&text) {
                self.add(format!("anacron:{name}"), "/etc/anacrontab", None);
            }
        }
        for spool in SPOOLS {
            for user in self.names(spool) {
                let path = format!("{spool}/{user}");
                if !self.is_file(&path) {
                    continue;
                }
                let Some(text) = self.text(&path) else { continue };
                for job in table(&text, false) {
                    self.add(format!("cron:{user}:{}", job.program), &path, Some(user.clone()));
                }
            }
        }
    }

    fn parts(&mut self) {
        for (folder, group) in PARTS {
            for name in self.names(folder) {
                let path = format!("{folder}/{name}");
                let metadata = self.root.metadata(&path).ok();
                if metadata.is_some_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0) {
                    self.add(format!("{group}:{name}"), &path, None);
                }
            }
        }
    }

    /// Jobs of at(1): each waits in a file of its owner.
    fn at(&mut self, users: &Users) {
        let mut owners = BTreeSet::new();
        for spool in AT_SPOOLS {
            // Names begin with the letter of their queue, or with `=` while they run.
            let is_job = |name: &String| name.len() > 5 && !name.starts_with('.');
            for name in self.names(spool).into_iter().filter(is_job) {
                let metadata = self.root.metadata(&format!("{spool}/{name}")).ok();
                owners.extend(metadata.filter(std::fs::Metadata::is_file).map(|data| (spool, data.uid())));
            }
        }
        for (spool, uid) in owners {
            let user = users.name(uid);
            self.add(format!("at:{user}"), spool, Some(user));
        }
    }

    fn add(&mut self, name: String, source: &str, user: Option<String>) {
        self.found.push(Service {
            name,
            manager: ServiceManager::Process,
            start: self.start,
            source: Some(source.to_owned()),
            user,
            ..Service::default()
        });
    }

    fn names(&mut self, folder: &str) -> Vec<String> {
        let names = self.root.list(folder).unwrap_or_else(|error| {
            if error.kind() != ErrorKind::NotFound {
                self.problems.push(unreadable("the folder of jobs", folder, &error));
            }
            Vec::new()
        });
        let counts =
            |name: &String| !name.starts_with('.') && !LEFTOVERS.iter().any(|end| name.ends_with(end));
        names.into_iter().filter(counts).collect()
    }

    fn is_file(&self, path: &str) -> bool {
        self.root.metadata(path).is_ok_and(|data| data.is_file())
    }

    fn text(&mut self, path: &str) -> Option<String> {
        match self.root.read_text(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                self.problems.push(unreadable("the table of jobs", path, &error));
                None
            }
        }
    }
}

/// One line of a table.
#[derive(Debug, PartialEq)]
struct Job {
    user: Option<String>,
    program: String,
}

/// The jobs of crontab(5); a system's table names the user in a column of its own. The folders of run-parts(8) are told
/// by what lies in them.
fn table(text: &str, of_system: bool) -> Vec<Job> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let each = lines.filter(|line| !is_setting(line)).filter_map(|line| {
        let times = if line.starts_with('@') { 1 } else { 5 };
        let (columns, command) = split(line, times + usize::from(of_system))?;
        let user = of_system.then(|| columns.last().map(|user| (*user).to_owned())).flatten();
        (!command.contains("run-parts")).then(|| Job { user, program: program(command) })
    });
    each.collect()
}

/// The names of the jobs in anacrontab(5), but for those that only start a folder.
fn anacron(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let each = lines.filter(|line| !is_setting(line)).filter_map(|line| {
        let (columns, command) = split(line, 3)?;
        (!command.contains("run-parts")).then(|| columns.last().map(|name| (*name).to_owned())).flatten()
    });
    each.collect()
}

/// `PATH=/usr/bin`, `MAILTO = root`.
fn is_setting(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim().trim_matches(['"', '\'']);
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|letter: char| letter.is_ascii_digit())
    })
}

/// The first `count` words, and the rest.
fn split(line: &str, count: usize) -> Option<(Vec<&str>, &str)> {
    let mut words = Vec::new();
    let mut rest = line;
    for _ in 0..count {
        let (word, after) = rest.split_once(char::is_whitespace)?;
        words.push(word);
        rest = after.trim_start();
    }
    (!rest.is_empty()).then_some((words, rest))
}

/// Words that come before the program that is meant.
const BEFORE: [&str; 17] = [
    "if", "then", "else", "do", "while", "until", "!", "nice", "ionice", "nohup", "env", "exec", "time",
    "setsid", "sudo", "chronic", "command",
];

/// Commands that only prepare or ask.
const ASIDE: [&str; 19] = [
    "test", "[", "[[", "cd", "fi", "done", "true", "false", ":", "echo", "sleep", "export", "umask", "set",
    ".", "source", "exit", "date", "for",
];

const INTERPRETERS: [&str; 12] =
    ["sh", "bash", "dash", "ash", "ksh", "python", "python3", "perl", "ruby", "php", "node", "java"];

/// The file name of the program that a command starts; `command` where it cannot be told.
pub(super) fn program(command: &str) -> String {
    // What stands behind `%` is the program's input; `\\%` is a letter.
    let end = command.match_indices('%').map(|(at, _)| at).find(|at| !command[..*at].ends_with('\\'));
    let command = command.get(..end.unwrap_or(command.len())).unwrap_or_default();
    let simple = command.split(['&', '|', ';', '{', '}', '(', ')', '`']);
    let named = simple.filter_map(|words| {
        let mut words = words.split_whitespace().filter(|word| !word.contains(['<', '>'])).peekable();
        let is_passing = |word: &&str| {
            BEFORE.contains(word) || is_setting(word) || word.starts_with('-') || word.parse::<u32>().is_ok()
        };
        while words.next_if(is_passing).is_some() {}
        let word = words.next()?;
        let name = file_name(word)?;
        if ASIDE.contains(&name) {
            return None;
        }
        if !INTERPRETERS.contains(&name) {
            return Some(name);
        }
        words.find(|word| !word.starts_with('-')).and_then(file_name).or(Some(name))
    });
    { named }.next().unwrap_or("command").to_owned()
}

fn file_name(word: &str) -> Option<&str> {
    let name = word.trim_matches(['"', '\'']).rsplit('/').next()?;
    let fits = name.chars().all(|letter| letter.is_alphanumeric() || "._-+@[:".contains(letter));
    (fits && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_goes_by_its_program_and_no_argument_is_kept() {
        for (command, expected) in [
            ("/usr/local/bin/backup.sh --password=x", "backup.sh"),
            ("cd /srv && nice -n 10 ./send.py token", "send.py"),
            ("test -x /usr/sbin/x || /opt/y/z -a", "z"),
            ("command -v debian-sa1 > /dev/null && debian-sa1 1 1", "debian-sa1"),
            (
                "if [ -x /usr/share/mdadm/checkarray ] && [ $(date +\\%d) -le 7 ]; then /usr/share/mdadm/checkarray --cron; fi",
                "checkarray",
            ),
            ("PASSWORD=x python3 -u /srv/app/main.py x", "main.py"),
            ("bash -c 'secret'", "secret"),
            ("mail%/etc/secret", "mail"),
            ("$PROGRAM", "command"),
            ("", "command"),
        ] {
            assert_eq!(program(command), expected, "{command}");
        }
    }

    #[test]
    fn tables_tell_users_and_leave_the_folders_to_themselves() {
        let text = "SHELL=/bin/sh\nMAILTO = x\n# 1 2 3 4 5 root no\n17 * * * * root cd / && run-parts /etc/cron.hourly\n\
                    @reboot tanaka /srv/start.sh\n*/5 * * * * root\t/opt/x/y a=b\nshort line\n1 2 3 4 5 root\n";
        let seen: Vec<_> =
            table(text, true).into_iter().map(|job| (job.user.unwrap(), job.program)).collect();
        let expected = [("tanaka", "start.sh"), ("root", "y")];
        assert_eq!(seen, expected.map(|(user, name)| (user.to_owned(), name.to_owned())));
        assert_eq!(table("@daily /a/b\n0 3 * * 0 c\n", false).len(), 2);
        assert_eq!(anacron("1 5 cron.daily run-parts /etc/cron.daily\n7 10 own /opt/own\n"), ["own"]);
    }

    fn machine() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str, mode: u32| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("etc/cron.d/own", "* * * * * root /opt/own\n", 0o644);
        write("etc/cron.d/idle", "# nothing\n", 0o644);
        write("etc/cron.daily/clean", "x", 0o755);
        write("etc/cron.daily/README", "x", 0o644);
        write("etc/cron.daily/.placeholder", "", 0o755);
        write("etc/cron.daily/old.rpmsave", "", 0o755);
        write("var/spool/cron/crontabs/tanaka", "0 1 * * * /srv/a.sh x\n5 1 * * * /srv/a.sh y\n", 0o600);
        write("var/spool/cron/atjobs/a0000101c5d2f0", "x", 0o700);
        write("var/spool/cron/atjobs/.SEQ", "1", 0o600);
        let root = Root::at(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn every_kind_of_job_is_told_once() {
        let (folder, root) = machine();
        let mut problems = Vec::new();
        let jobs = read(&root, &Users::default(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let uid = std::fs::metadata(folder.path()).unwrap().uid();
        let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, [&format!("at:{uid}"), "cron.d:own", "cron.daily:clean", "cron:tanaka:a.sh"]);
        assert!(jobs.iter().all(|job| job.start == StartMode::Disabled), "nobody starts them");
        std::fs::create_dir_all(folder.path().join("usr/sbin")).unwrap();
        std::fs::write(folder.path().join("usr/sbin/cron"), "").unwrap();
        let jobs = read(&root, &Users::default(), &mut problems);
        assert!(jobs.iter().all(|job| job.start == StartMode::Enabled));
    }

    #[test]
    fn a_table_that_cannot_be_read_is_a_problem() {
        let (folder, root) = machine();
        std::fs::create_dir(folder.path().join("etc/crontab")).unwrap();
        std::fs::remove_dir_all(folder.path().join("etc/cron.daily")).unwrap();
        std::fs::write(folder.path().join("etc/cron.daily"), "").unwrap();
        let mut problems = Vec::new();
        read(&root, &Users::default(), &mut problems);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
