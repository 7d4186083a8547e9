//! Real servers for journeys, each in a temporary folder on ports of its own: Debian's Postfix and rsyslog.
//!
//! Debian packages: postfix, sasl2-bin, libsasl2-modules, rsyslog, rsyslog-gnutls. None of their system services is
//! used or touched.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::programs::PATIENCE;

pub mod certificates;
pub mod mail;
pub mod postfix;
pub mod rsyslog;

pub use certificates::Certificates;
pub use mail::Mail;
pub use postfix::Postfix;
pub use rsyslog::Rsyslog;

/// Between two looks whether a daemon that was asked to stop has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The program, if it is installed and may be used. Otherwise the test says that it was skipped, and with `CI=true` fails.
pub fn find(program: &str, package: &str) -> Option<PathBuf> {
    let path = installed(program, package)?;
    match rustix::process::geteuid().is_root() {
        true => Some(path),
        false => missing(&format!("{program} must be started as root")),
    }
}

/// As [`find`], for a program that anybody may use.
pub fn installed(program: &str, package: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file());
    found.or_else(|| missing(&format!("{program} is not installed (apt-get install {package})")))
}

/// Says that a test was skipped, and why; with `CI=true` that is a failure.
pub(crate) fn missing<T>(reason: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true, and {reason}");
    println!("skipped: {reason}");
    None
}

/// An address of this host's loopback that nobody uses now.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

/// A port of 127.0.0.1 that nobody uses now.
pub fn free_port() -> u16 {
    free_address().port()
}

/// A daemon that ends with the test.
struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(command: &mut Command) -> Self {
        Daemon { child: command.spawn().expect("the daemon starts") }
    }

    /// Whether it has ended by itself.
    fn ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Asks it to end and waits until it has.
    fn stop(&mut self) {
        if self.ended() {
            return;
        }
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        self.wait();
    }

    /// Waits until it has ended.
    fn wait(&mut self) {
        let begun = Instant::now();
        while !self.ended() {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}
