//! Postfix in a temporary folder: plain, STARTTLS and TLS ports, with or without login, into a Maildir.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Certificates, Daemon, Mail, find, free_port};
use crate::programs::until;

/// This recipient is refused for good: `550`.
pub const REFUSED: &str = "refused@hospital.example";

/// How the server is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who may send, with which password; everybody where `None`.
    pub login: Option<(String, String)>,
    /// Refuses mail without TLS.
    pub require_tls: bool,
}

/// A running Postfix that takes mail for `hospital.example`.
pub struct Postfix {
    daemon: Daemon,
    folder: TempDir,
    /// Speaks plainly, offers STARTTLS.
    pub port: u16,
    /// Speaks TLS from the first byte.
    pub tls_port: u16,
    /// Whose `authority()` signed its certificate for `localhost`.
    pub certificates: Certificates,
    options: Options,
}

impl Postfix {
    /// Starts one, if Postfix is installed and we are root.
    pub fn start(options: Options) -> Option<Self> {
        let program = find("postfix", "postfix")?;
        if options.login.is_some() {
            find("saslpasswd2", "sasl2-bin libsasl2-modules")?;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificates = Certificates::new();
        let (port, tls_port) = (free_port(), free_port());
        prepare(folder.path(), port, tls_port, &certificates, &options);
        let daemon = launch(&program, folder.path());
        let mut postfix = Postfix { daemon, folder, port, tls_port, certificates, options };
        postfix.wait_until_ready();
        Some(postfix)
    }

    /// The part of a collector's configuration that tells the officer by this server of the violations of an article.
    pub fn telling_the_officer(&self, article: u32) -> String {
        format!(
            r#"
            [alerts.smtp]
            server = "127.0.0.1"
            port = {}
            security = "none"
            from = "Daicho <daicho@hospital.example>"

            [[alerts.email]]
            name = "officer"
            to = ["officer@hospital.example"]
            [alerts.email.tell]
            articles = [{article}]
            "#,
            self.port
        )
    }

    /// Ends it; mail stays.
    pub fn stop(&mut self) {
        // `postfix start-fg` waits for the master, which is a process of its own.
        let pid = fs::read_to_string(self.folder.path().join("queue/pid/master.pid")).unwrap_or_default();
        if let Some(pid) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        self.daemon.wait();
    }

    /// Starts it again on the same ports.
    pub fn start_again(&mut self) {
        let program = find("postfix", "postfix").expect("it was there before");
        prepare(self.folder.path(), self.port, self.tls_port, &self.certificates, &self.options);
        self.daemon = launch(&program, self.folder.path());
        self.wait_until_ready();
    }

    /// The mail delivered so far, in no order that means anything.
    pub fn mails(&self) -> Vec<Mail> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail/all/new")) else { return Vec::new() };
        let files = entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok());
        files.map(|bytes| Mail::parse(&String::from_utf8_lossy(&bytes))).collect()
    }

    /// Waits until `count` mails were delivered.
    pub fn wait_for_mails(&self, count: usize) -> Vec<Mail> {
        until(&format!("{count} mails; Postfix says: {}", self.log()), || {
            let mails = self.mails();
            (mails.len() >= count).then_some(mails)
        })
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mail.log")).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) {
        let port = self.port;
        let log = self.folder.path().join("mail.log");
        let daemon = &mut self.daemon;
        until("Postfix's greeting", || {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(!daemon.ended(), "Postfix ended: {}", log());
            let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
            let mut greeting = String::new();
            BufReader::new(stream).read_line(&mut greeting).ok()?;
            greeting.starts_with("220").then_some(())
        });
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.stop();
    }
}

fn launch(program: &Path, folder: &Path) -> Daemon {
    let config = folder.join("config");
    let output = fs::File::create(folder.join("output.log")).expect("written");
    let errors = output.try_clone().expect("the same file");
    Daemon::start(
        Command::new(program)
            .arg("-c")
            .arg(config)
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors),
    )
}

fn prepare(folder: &Path, port: u16, tls_port: u16, certificates: &Certificates, options: &Options) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("reachable for postfix");
    for name in ["config/sasl", "queue", "data", "mail", "sasl"] {
        fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    owned_by("postfix", &folder.join("data"));
    owned_by("nobody", &folder.join("mail"));
    let at = folder.display();
    let tls = if options.require_tls { "encrypt" } else { "may" };
    let (sasl, allowed) = match &options.login {
        Some((user, password)) => {
            make_login(folder, user, password);
            ("yes", "permit_sasl_authenticated")
        }
        None => ("no", "permit_mynetworks"),
    };
    let main = format!(
        "compatibility_level = 3.6\n\
         queue_directory = {at}/queue\ndata_directory = {at}/data\nmail_owner = postfix\nsetgid_group = postdrop\n\
         maillog_file = {at}/mail.log\nmaillog_file_prefixes = /\n\
         myhostname = mail.hospital.example\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
         mynetworks = 127.0.0.0/8\nalias_maps =\nalias_database =\nlocal_recipient_maps =\nbiff = no\n\
         virtual_mailbox_domains = hospital.example\nvirtual_mailbox_base = {at}/mail\n\
         virtual_mailbox_maps = static:all/\nvirtual_minimum_uid = 1\n\
         virtual_uid_maps = static:{nobody}\nvirtual_gid_maps = static:{nobody}\n\
         smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_security_level = {tls}\n\
         smtpd_sasl_auth_enable = {sasl}\nsmtpd_sasl_type = cyrus\ncyrus_sasl_config_path = {at}/config/sasl\n\
         smtpd_sasl_local_domain = hospital.example\nsmtpd_tls_auth_only = yes\nbroken_sasl_auth_clients = yes\n\
         smtpd_recipient_restrictions = check_recipient_access inline:{{{{{REFUSED} = 550 5.1.1 no such mailbox}}}}, \
         {allowed}, reject\nsmtpd_relay_restrictions = {allowed}, reject\n",
        nobody = user_id("nobody"),
        certificate = certificates.certificate().display(),
        key = certificates.key().display(),
    );
    let services = "\
        pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
        tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
        defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nverify unix - - n - 1 verify\n\
        proxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\nerror unix - - n - - error\n\
        retry unix - - n - - error\ndiscard unix - - n - - discard\nlocal unix - n n - - local\n\
        virtual unix - n n - - virtual\nsmtp unix - - n - - smtp\nrelay unix - - n - - smtp\nanvil unix - - n - 1 anvil\n\
        flush unix n - n 1000? 0 flush\nshowq unix n - n - - showq\nscache unix - - n - 1 scache\n\
        postlog unix-dgram n - n - 1 postlogd\n";
    let master = format!(
        "127.0.0.1:{port} inet n - n - - smtpd\n\
         127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n{services}"
    );
    fs::write(folder.join("config/main.cf"), main).expect("written");
    fs::write(folder.join("config/master.cf"), master).expect("written");
    fs::write(
        folder.join("config/sasl/smtpd.conf"),
        format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {at}/sasl/users\nmech_list: PLAIN LOGIN\n"
        ),
    )
    .expect("written");
}

fn make_login(folder: &Path, user: &str, password: &str) {
    let users = folder.join("sasl/users");
    let program = find("saslpasswd2", "sasl2-bin").expect("it was there before");
    let mut command = Command::new(program)
        .args(["-c", "-p", "-u", "hospital.example", "-f"])
        .arg(&users)
        .arg(user)
        .stdin(Stdio::piped())
        .spawn()
        .expect("saslpasswd2 starts");
    let mut stdin = command.stdin.take().expect("its input");
    stdin.write_all(password.as_bytes()).expect("written");
    drop(stdin);
    assert!(command.wait().expect("it ends").success(), "saslpasswd2 cannot make the login");
    owned_by("postfix", &users);
}

fn owned_by(user: &str, path: &Path) {
    let status = Command::new("chown").arg(user).arg(path).status().expect("chown starts");
    assert!(status.success(), "chown {user} {}", path.display());
}

fn user_id(user: &str) -> String {
    let output = Command::new("id").args(["-u", user]).output().expect("id starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
