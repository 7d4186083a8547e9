//! A prepared machine: the files of a small Debian server in a folder, changed as its own tools would change them.

use std::fs;
use std::path::{Path, PathBuf};

/// A root folder that an agent can look at.
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// A machine of this name, with root, one service account and no person.
    pub fn prepare(root: &Path, hostname: &str) -> Self {
        let machine = Machine { root: root.to_owned() };
        for folder in ["etc/sudoers.d", "etc/systemd/system", "var/lib/dpkg", "var/log", "var/lib/apt/lists"]
        {
            fs::create_dir_all(root.join(folder)).expect("a temporary folder can be written");
        }
        machine.write("etc/hostname", &format!("{hostname}\n"));
        machine.write("etc/machine-id", "0f3a5c1e9d2b4f6a8c7e1d3b5a9f0c2e\n");
        let release = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";
        machine.write("etc/os-release", release);
        machine.write("etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\n");
        machine.write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n");
        machine.write("etc/shadow", "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n");
        machine.write("etc/group", "root:x:0:\nsudo:x:27:\n");
        machine.write("etc/sudoers", "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n");
        machine.write("var/lib/dpkg/status", &package("openssl", "3.0.15-1~deb12u1"));
        machine.write("var/log/lastlog", "");
        machine.write("var/log/wtmp", "");
        machine
    }

    /// Where its files are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// As `useradd` and `passwd` do: an account that can log in.
    pub fn add_account(&self, name: &str, uid: u32) {
        self.append("etc/passwd", &format!("{name}:x:{uid}:{uid}:{name}:/home/{name}:/bin/bash\n"));
        // A hash of nothing: the right shape, and no password opens it.
        let hash = format!("$6${}${}", "saltsaltsalt", "x".repeat(86));
        self.append("etc/shadow", &format!("{name}:{hash}:20000:0:99999:7:::\n"));
        self.append("etc/group", &format!("{name}:x:{uid}:\n"));
    }

    /// As `usermod --lock` does: a `!` before the hash.
    pub fn lock_account(&self, name: &str) {
        let shadow = fs::read_to_string(self.root.join("etc/shadow")).expect("it was prepared");
        let locked = shadow.replace(&format!("{name}:$"), &format!("{name}:!$"));
        assert_ne!(shadow, locked, "{name} has no password to lock");
        self.write("etc/shadow", &locked);
    }

    /// As `apt-get install` does.
    pub fn install(&self, name: &str, version: &str) {
        self.append("var/lib/dpkg/status", &package(name, version));
    }

    /// Replaces a file at once, as the system's own tools do.
    pub fn write(&self, path: &str, text: &str) {
        let target = self.root.join(path);
        fs::create_dir_all(target.parent().expect("below the root"))
            .expect("a temporary folder can be written");
        let fresh = target.with_extension("new");
        fs::write(&fresh, text).expect("a temporary folder can be written");
        fs::rename(&fresh, &target).expect("a temporary folder can be written");
    }

    fn append(&self, path: &str, text: &str) {
        let before = fs::read_to_string(self.root.join(path)).unwrap_or_default();
        self.write(path, &(before + text));
    }
}

fn package(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\
         Description: {name}\n\n"
    )
}
