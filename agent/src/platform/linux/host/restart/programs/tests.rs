//! A small machine with some processes. Its files are as new as the test: a process is older or newer than they are.

use super::super::elf;
use super::*;

/// Seconds since 1970 of the machine's start: long before the files.
const BOOTED: i64 = 1_000_000_000;

/// In ticks: started with the machine, and in the year 2096.
const BEFORE: i64 = 0;
const AFTER: i64 = 300_000_000_000;

struct Machine(tempfile::TempDir);

impl Machine {
    /// `ssh` asks for `libcrypto.so.3` by way of `libssl.so.3`, `cron` for `libc.so.6` alone.
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        machine.write("usr/sbin/sshd", &elf::sample(&["libssl.so.3"]));
        machine.write("usr/sbin/cron", &elf::sample(&["libother.so"]));
        machine.write("usr/lib/x86_64-linux-gnu/libssl.so.3", &elf::sample(&["libcrypto.so.3"]));
        machine.write("usr/lib/x86_64-linux-gnu/libcrypto.so.3", &elf::sample(&[]));
        machine.process(1, "systemd", "/init.scope", BEFORE, "/sbin/init\0");
        machine
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn process(&self, pid: u32, name: &str, group: &str, started: i64, words: &str) {
        let stat =
            format!("{pid} ({name}) S 1 {pid} {pid} 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 {started} 0 0");
        self.write(&format!("proc/{pid}/stat"), stat.as_bytes());
        self.write(&format!("proc/{pid}/cgroup"), format!("0::{group}\n").as_bytes());
        self.write(&format!("proc/{pid}/cmdline"), words.as_bytes());
    }

    /// `name detail`, one a line; then what cannot be seen.
    fn old(&self) -> (Vec<String>, Vec<String>) {
        let programs = look(&Root::at(self.0.path()).unwrap(), BOOTED);
        let old =
            programs.old.into_iter().map(|reason| format!("{} {}", reason.name, reason.detail.unwrap()));
        (old.collect(), programs.unseen.into_iter().map(|reason| reason.name).collect())
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_the_kernel_shows_is_the_answer() {
    let machine = Machine::new();
    machine.process(7, "sshd", "/system.slice/ssh.service", BEFORE, "sshd: /usr/sbin/sshd -D [listener]\0");
    machine.write("proc/7/maps", b"7f00-7f01 r-xp 0 fe:01 1 /usr/lib/x86_64-linux-gnu/libssl.so.3\n7f02-7f03 rw-s 0 00:01 2 /memfd:x (deleted)\n");
    assert_eq!(machine.old(), (vec![], vec![]));
    machine.write(
        "proc/7/maps",
        b"7f00-7f01 r--p 0 fe:01 1 /usr/lib/locale/x (deleted)\n7f00-7f01 r-xp 0 fe:01 1 /usr/lib/x/libz.so.1 (deleted)\n",
    );
    assert_eq!(machine.old(), (strings(&["ssh.service libz.so.1"]), vec![]));
}

#[test]
fn a_library_that_is_newer_than_its_user_is_inferred() {
    let machine = Machine::new();
    let words = "sshd: /usr/sbin/sshd -D [listener]\0";
    machine.process(7, "sshd", "/system.slice/ssh.service", AFTER, words);
    assert_eq!(machine.old(), (vec![], vec![]));
    // Started before its own file came.
    machine.process(7, "sshd", "/system.slice/ssh.service", BEFORE, words);
    assert_eq!(machine.old(), (strings(&["ssh.service program"]), vec![]));
}

#[test]
fn finding_nothing_without_the_kernels_word_proves_nothing() {
    let machine = Machine::new();
    machine.process(8, "viewer", "/system.slice/viewer.service", BEFORE, "viewer: idle\0");
    assert_eq!(machine.old(), (vec![], strings(&["libcrypto.so.3", "libssl.so.3"])));
}

#[test]
fn containers_sessions_and_the_kernel_do_not_count() {
    let machine = Machine::new();
    machine.process(7, "sshd", "/system.slice/docker-0123456789abcdef.scope", BEFORE, "/usr/sbin/sshd\0");
    machine.process(8, "bash", "/user.slice/user-1000.slice/session-3.scope", BEFORE, "/usr/sbin/sshd\0");
    let within = "/system.slice/web.service/libpod-payload-0123456789abcdef";
    machine.process(9, "nginx", within, BEFORE, "/usr/sbin/sshd\0");
    assert_eq!(machine.old(), (vec![], vec![]));
    // The engine itself is one of the machine's services.
    machine.process(10, "dockerd", "/system.slice/docker.service", BEFORE, "/usr/sbin/sshd\0");
    assert_eq!(machine.old().0, ["docker.service program"]);
}

#[test]
fn hidden_processes_are_not_said_to_be_up_to_date() {
    let machine = Machine::new();
    std::fs::remove_dir_all(machine.0.path().join("proc/1")).unwrap();
    assert_eq!(machine.old().1, ["libcrypto.so.3", "libssl.so.3"]);
}

#[test]
fn a_chain_of_libraries_is_followed() {
    let machine = Machine::new();
    let root = Root::at(machine.0.path()).unwrap();
    let mut files = Files::read(&root);
    let at = |files: &Files<'_>, name: &str| files.libraries[name].1;
    let now = at(&files, "libcrypto.so.3");
    // All but the last of the chain are from before.
    for (name, (_, came)) in &mut files.libraries {
        *came = if name == "libcrypto.so.3" { now + 20 } else { now };
    }
    let process = Process { name: "ssh.service".to_owned(), started: now + 10 };
    let sshd = Some("/usr/sbin/sshd".to_owned());
    assert_eq!(files.replaced_under(&process, &sshd).as_deref(), Some("libcrypto.so.3"));
    assert_eq!(files.replaced_under(&process, &Some("/usr/sbin/cron".to_owned())), None);
}
