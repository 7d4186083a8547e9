//! Whether an SSH key opens an account. Only whether there is one: no key leaves this file.

use std::io;

use super::super::root::Root;
use super::names::{Entry, Shadow};

/// What sshd looks at unless told otherwise (sshd_config(5), AuthorizedKeysFile).
const FILES: &str = ".ssh/authorized_keys .ssh/authorized_keys2";

/// Where sshd's configuration is: drop-ins first, for the first word counts; SUSE keeps the vendor's below /usr/etc.
const DROP_INS: [&str; 2] = ["/etc/ssh/sshd_config.d", "/usr/etc/ssh/sshd_config.d"];
const CONFIGURATIONS: [&str; 2] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

/// File systems that another machine or a daemon answers for. Looking into them would ask the network, and a server that
/// is gone would hold us for ever.
const REMOTE: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "autofs",
    "afs",
    "ceph",
    "glusterfs",
    "9p",
    "lustre",
    "gpfs",
    "beegfs",
    "davfs",
];

/// How sshd lets people in with keys.
pub(super) struct Doors {
    patterns: Vec<String>,
    /// A program is asked for keys: they cannot be known.
    command: bool,
    /// Whether sshd itself refuses accounts whose password field begins with `!`: it does so without PAM.
    refuses_marked: bool,
    /// Where remote file systems are mounted.
    remote: Vec<String>,
}

impl Doors {
    /// Reads sshd's configuration. What a `Match` says is for some people only and is not followed.
    pub(super) fn read(root: &Root) -> Self {
        let mut texts = Vec::new();
        for folder in DROP_INS {
            for name in root.list(folder).unwrap_or_default() {
                if name.ends_with(".conf") {
                    texts.extend(root.read_text(&format!("{folder}/{name}")));
                }
            }
        }
        // The administrator's file replaces the vendor's.
        texts.extend(CONFIGURATIONS.iter().find_map(|path| root.read_text(path).ok()));
        let remote = if root.is_live() { root.read_text("/proc/self/mountinfo").ok() } else { None };
        Doors::parse(&texts, &remote.unwrap_or_default())
    }

    fn parse(texts: &[String], mounts: &str) -> Self {
        let told = |keyword: &str| texts.iter().find_map(|text| words_of(text, keyword));
        let is = |keyword: &str, wanted: &str| {
            told(keyword)
                .and_then(|words| words.into_iter().next())
                .is_some_and(|word| word.eq_ignore_ascii_case(wanted))
        };
        let command = told("authorizedkeyscommand").is_some() && !is("authorizedkeyscommand", "none");
        Doors {
            patterns: told("authorizedkeysfile")
                .unwrap_or_else(|| FILES.split(' ').map(str::to_owned).collect()),
            command,
            // sshd's own default is without; distributions that build it with PAM say so in their configuration.
            refuses_marked: !texts.is_empty() && !is("usepam", "yes"),
            remote: remote_mounts(mounts),
        }
    }

    /// Whether a key opens this account. `None`: that cannot be told.
    pub(super) fn open(&self, root: &Root, entry: &Entry, shadow: Option<&Shadow>) -> Option<bool> {
        if self.refuses_marked && shadow.is_some_and(|shadow| shadow.marked_locked) {
            return Some(false);
        }
        let mut unread = self.command;
        for pattern in self.patterns.iter().filter(|pattern| !pattern.eq_ignore_ascii_case("none")) {
            let path = path(pattern, entry);
            if self.remote.iter().any(|mount| is_below(&path, mount)) {
                unread = true;
                continue;
            }
            match root.read_text(&path) {
                Ok(text) if holds_a_key(&text) => return Some(true),
                Ok(_) => {}
                Err(error) => {
                    unread |= !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
                }
            }
        }
        if unread { None } else { Some(false) }
    }
}

/// The words behind the first line with this keyword.
fn words_of(text: &str, keyword: &str) -> Option<Vec<String>> {
    let global = text.lines().map(str::trim).take_while(|line| !keyword_is(line, "match"));
    let line = global.into_iter().find(|line| keyword_is(line, keyword))?;
    let words = line.split([' ', '\t', '=', '"']).filter(|word| !word.is_empty()).skip(1);
    Some(words.map(str::to_owned).collect())
}

fn keyword_is(line: &str, keyword: &str) -> bool {
    let word = line.split([' ', '\t', '=']).next().unwrap_or_default();
    word.eq_ignore_ascii_case(keyword)
}

/// The mount points of remote file systems in proc_pid_mountinfo(5).
fn remote_mounts(text: &str) -> Vec<String> {
    let mount = |line: &str| {
        let (before, behind) = line.split_once(" - ")?;
        let kind = behind.split(' ').next()?;
        let is_remote = REMOTE.contains(&kind) || kind.starts_with("fuse.");
        let point = before.split(' ').nth(4).filter(|_| is_remote)?;
        Some(point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
    };
    text.lines().filter_map(mount).collect()
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

fn holds_a_key(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

fn path(pattern: &str, entry: &Entry) -> String {
    let home = entry.home.trim_end_matches('/');
    let path = pattern
        .replace("%h", home)
        .replace("%u", &entry.name)
        .replace("%U", &entry.user_id.to_string())
        .replace("%%", "%");
    if path.starts_with('/') { path } else { format!("{home}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(text: &str) -> Doors {
        Doors::parse(&[text.to_owned()], "")
    }

    #[test]
    fn the_first_word_on_key_files_counts_and_match_blocks_do_not() {
        let text = "Port 22\n#AuthorizedKeysFile /no\nauthorizedkeysfile=/etc/ssh/keys/%u  .ssh/a\nAuthorizedKeysFile /late\n";
        assert_eq!(doors(text).patterns, ["/etc/ssh/keys/%u", ".ssh/a"]);
        assert_eq!(doors("Match User bob\n AuthorizedKeysFile /x\n").patterns.join(" "), FILES);
    }

    #[test]
    fn sshd_without_pam_refuses_marked_accounts_and_a_command_hides_keys() {
        assert!(!doors("UsePAM yes\n").refuses_marked);
        assert!(doors("#UsePAM yes\nUsePAM no\n").refuses_marked && doors("Port 22\n").refuses_marked);
        assert!(!Doors::parse(&[], "").refuses_marked, "without a configuration there is no sshd to refuse");
        assert!(doors("AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\n").command);
        assert!(!doors("AuthorizedKeysCommand none\n").command && !doors("").command);
    }

    #[test]
    fn homes_of_other_machines_are_left_alone() {
        let mounts = "36 35 98:0 / / rw - ext4 /dev/vda1 rw\n\
                      40 36 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw\n\
                      41 36 0:41 / /mnt/my\\040share rw - fuse.sshfs host: rw\n";
        assert_eq!(remote_mounts(mounts), ["/home", "/mnt/my share"]);
        assert!(is_below("/home/bob/.ssh/authorized_keys", "/home") && !is_below("/homes/bob", "/home"));
    }

    #[test]
    fn comments_open_nothing() {
        assert!(!holds_a_key("# ssh-ed25519 AAAA old\n\n"));
        assert!(holds_a_key("# old\nssh-ed25519 AAAA new\n"));
    }
}
