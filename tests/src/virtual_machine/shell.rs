//! The way into a machine: ssh, with a key that is made for this one boot and handed in from outside.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;

use super::bound::Bound;

/// A booting machine may take a connection and say nothing: then another is tried.
const GREETING_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Shell {
    folder: PathBuf,
    port: u16,
    /// One connection that all commands go through: to begin one costs an emulated processor most of a second.
    connection: Option<Bound>,
}

impl Shell {
    /// Makes the key.
    pub(super) fn prepare(folder: &Path, port: u16) -> Self {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(folder.join("key"));
        let status = command.stdin(Stdio::null()).status().expect("ssh-keygen starts");
        assert!(status.success(), "ssh-keygen ends with {status}");
        Shell { folder: folder.to_owned(), port, connection: None }
    }

    /// The public key, as systemd takes it from the firmware's strings (systemd.system-credentials(7)).
    pub(super) fn credential(&self) -> String {
        let key = BASE64.encode(self.public_key().as_bytes());
        format!("io.systemd.credential.binary:ssh.authorized_keys.root={key}")
    }

    /// For an `authorized_keys`.
    pub(super) fn public_key(&self) -> String {
        fs::read_to_string(self.folder.join("key.pub")).expect("it was made")
    }

    /// Whether the machine's ssh answers.
    pub(super) fn greets(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut greeting = String::new();
        stream.set_read_timeout(Some(GREETING_AFTER)).expect("a time above 0");
        BufReader::new(stream).read_line(&mut greeting).is_ok() && greeting.starts_with("SSH-2.0")
    }

    /// Begins the connection that all commands share.
    pub(super) fn connect(&mut self) {
        let mut command = self.options(&self.control());
        command.args(["-M", "-N", "root@127.0.0.1"]);
        self.connection = Some(Bound::start(&command, &self.folder.join("ssh.log")));
        // A command before the connection is ready goes its own way.
    }

    /// After a reboot there is no connection.
    pub(super) fn forget_connection(&mut self) {
        self.connection = None;
        let _ = fs::remove_file(self.folder.join("ssh"));
    }

    /// A command as root.
    pub(super) fn command(&self, command: &str) -> Command {
        let mut ssh = self.ssh();
        ssh.arg(command).stdin(Stdio::null());
        ssh
    }

    /// A new connection of its own as this user, with a terminal: recorded inside as any login is.
    pub(super) fn login(&self, user: &str, command: &str) -> Command {
        let mut ssh = self.options("none");
        ssh.args(["-o", "RequestTTY=force"]);
        ssh.arg(format!("{user}@127.0.0.1")).arg(command).stdin(Stdio::null());
        ssh
    }

    /// Runs a command as root with this on its standard input; panics unless it ends with 0.
    pub(super) fn feed(&self, command: &str, input: &[u8]) -> String {
        let mut ssh = self.command(command);
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ssh.spawn().expect("ssh starts");
        let mut stdin = child.stdin.take().expect("piped");
        let (written, output) = std::thread::scope(|scope| {
            let writing = scope.spawn(move || stdin.write_all(input));
            let output = child.wait_with_output();
            (writing.join().expect("writing does not panic"), output.expect("ssh ends"))
        });
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\nends with {}:\n{said}{complaint}", output.status);
        written.expect("all of it was read");
        said
    }

    fn ssh(&self) -> Command {
        let mut ssh = self.options(&self.control());
        ssh.arg("root@127.0.0.1");
        ssh
    }

    fn control(&self) -> String {
        self.folder.join("ssh").to_str().expect("a temporary path is text").to_owned()
    }

    fn options(&self, connection: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-q", "-p", &self.port.to_string(), "-i"]).arg(self.folder.join("key"));
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "ConnectTimeout=60",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.args(["-o", &format!("ControlPath={connection}")]);
        ssh
    }
}
