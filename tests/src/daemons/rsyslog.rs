//! rsyslog in a temporary folder: UDP, TCP and TLS ports, each line parsed and written as JSON.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{Certificates, Daemon, find, free_port, missing};
use crate::programs::until;

/// A running rsyslogd.
pub struct Rsyslog {
    daemon: Daemon,
    folder: TempDir,
    /// Datagrams.
    pub udp_port: u16,
    /// A stream with octet counting.
    pub tcp_port: u16,
    /// The same over TLS.
    pub tls_port: u16,
    /// Whose `authority()` signed its certificate for `localhost`.
    pub certificates: Certificates,
}

impl Rsyslog {
    /// Starts one, if rsyslog is installed and we are root.
    pub fn start() -> Option<Self> {
        let program = find("rsyslogd", "rsyslog")?;
        let libraries = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(Result::ok);
        let mut folders = libraries.map(|entry| entry.path()).chain(["/usr/lib".into()]);
        if !folders.any(|folder| folder.join("rsyslog/lmnsd_gtls.so").is_file()) {
            return missing("rsyslog's TLS driver is not installed (apt-get install rsyslog-gnutls)");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificates = Certificates::new();
        let (udp_port, tcp_port, tls_port) = (free_port(), free_port(), free_port());
        let config = config(folder.path(), &certificates, udp_port, tcp_port, tls_port);
        fs::write(folder.path().join("rsyslog.conf"), config).expect("written");
        let daemon = launch(&program, folder.path());
        let mut rsyslog = Rsyslog { daemon, folder, udp_port, tcp_port, tls_port, certificates };
        rsyslog.wait_until_ready();
        Some(rsyslog)
    }

    /// Every line so far: rsyslog's own parse of it (`msg`, `app-name`, `msgid`, `structured-data`, `pri`, `rawmsg`...).
    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("lines.json")).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let parsed = whole.lines().map(|line| serde_json::from_str(line).expect("rsyslog writes JSON"));
        parsed.filter(|line: &Value| line["programname"] == "daicho-collector").collect()
    }

    /// Waits until `count` lines of the collector arrived.
    pub fn wait_for_lines(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} lines"), || {
            let lines = self.lines();
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Ends it; what it wrote stays.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Starts it again on the same ports.
    pub fn start_again(&mut self) {
        let program = find("rsyslogd", "rsyslog").expect("it was there before");
        self.daemon = launch(&program, self.folder.path());
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let ports = [self.tcp_port, self.tls_port];
        let udp_port = self.udp_port;
        let (daemon, folder) = (&mut self.daemon, &self.folder);
        until("rsyslog's ports", || {
            let said = || fs::read_to_string(folder.path().join("output.log")).unwrap_or_default();
            assert!(!daemon.ended(), "rsyslogd ended: {}", said());
            // Its datagram port is taken once it listens: we cannot have it then.
            let taken = UdpSocket::bind(("127.0.0.1", udp_port)).is_err();
            let open = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_ok();
            (taken && ports.iter().all(open)).then_some(())
        });
    }
}

fn launch(program: &Path, folder: &Path) -> Daemon {
    let output = fs::File::create(folder.join("output.log")).expect("written");
    let errors = output.try_clone().expect("the same file");
    Daemon::start(
        Command::new(program)
            .arg("-n")
            .arg("-f")
            .arg(folder.join("rsyslog.conf"))
            .arg("-i")
            .arg(folder.join("rsyslogd.pid"))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors),
    )
}

fn config(folder: &Path, certificates: &Certificates, udp: u16, tcp: u16, tls: u16) -> String {
    format!(
        r#"global(workDirectory="{at}" defaultNetstreamDriverCAFile="{authority}"
  defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imtcp" address="127.0.0.1" port="{tcp}")
input(type="imtcp" address="127.0.0.1" port="{tls}" streamDriver.name="gtls" streamDriver.mode="1"
  streamDriver.authMode="anon")
template(name="parsed" type="string" string="%jsonmesg%\n")
action(type="omfile" file="{at}/lines.json" template="parsed" asyncWriting="off" flushOnTXEnd="on")
"#,
        at = folder.display(),
        authority = certificates.authority().display(),
        certificate = certificates.certificate().display(),
        key = certificates.key().display(),
    )
}
