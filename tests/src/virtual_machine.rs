//! A real machine for tests: Debian 12 with systemd under software emulation, booted for one story and gone with it.
//!
//! Debian packages: qemu-system-x86, debootstrap, e2fsprogs, openssh-client. Only root can prepare its disk. A disk is
//! made once for each recipe and kept (see `disk.rs`); what a story changes on it is forgotten when the machine ends.
//! From inside, this host's loopback is [`HOST`]; nothing else can be reached.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemons::{find, free_port};
use crate::programs::{Running, until_within};

mod agent;
mod bound;
mod disk;
mod monitor;
mod shell;
mod turnstile;
pub mod usb;

use bound::Bound;
use disk::Disk;
use monitor::Monitor;
use shell::Shell;
use turnstile::{Turn, Turnstile};

/// This host's loopback, as the machine sees it.
pub const HOST: &str = "10.0.2.2";

/// How long a boot, or anything else inside, may take: emulated, on a processor that is shared with other tests.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// As many machines at a time in a process as there are cores, two at most: each emulates one core on one core.
static TURN: LazyLock<Turnstile> = LazyLock::new(|| {
    Turnstile::new(std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2)))
});

/// A booted machine. Its commands panic with all that was said if they fail: it is there for tests.
pub struct VirtualMachine {
    shell: Mutex<Shell>,
    monitor: Mutex<Monitor>,
    qemu: Bound,
    folder: TempDir,
    _turn: Turn,
}

impl VirtualMachine {
    /// Boots one and waits until it can be logged in to. `None`: this host cannot, the test says that it was skipped.
    pub fn boot() -> Option<Self> {
        Self::boot_with(&[])
    }

    /// Boots one with more arguments for qemu; its controller for USB is `xhci.0`, with ports 1 to 15.
    pub fn boot_with(arguments: &[&str]) -> Option<Self> {
        let qemu = find("qemu-system-x86_64", "qemu-system-x86")?;
        find("ssh", "openssh-client")?;
        let turn = TURN.take();
        let disk = Disk::prepared()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ssh_port = free_port();
        let shell = Shell::prepare(folder.path(), ssh_port);
        let mut command = Command::new(qemu);
        command.args(["-machine", "pc", "-cpu", "max", "-smp", "1", "-m", "768", "-display", "none"]);
        command.args(["-device", "qemu-xhci,id=xhci,p2=15,p3=15", "-rtc", "base=utc,clock=host"]);
        command.arg("-kernel").arg(disk.kernel()).arg("-initrd").arg(disk.initrd());
        // no_timer_check: on a busy host the emulated timer may miss the kernel's trial of it, which then gives up.
        command.args(["-append", "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 no_timer_check"]);
        let image = disk.image();
        command
            .args(["-drive", &format!("file={},if=virtio,format=raw,snapshot=on", text(&image))])
            .args(["-netdev", &format!("user,id=lan,hostfwd=tcp:127.0.0.1:{ssh_port}-:22")])
            .args(["-device", "virtio-net-pci,netdev=lan,romfile="])
            .args(["-qmp", &format!("unix:{},server=on,wait=off", text(&folder.path().join("monitor")))])
            .args(["-serial", "chardev:console", "-chardev"])
            .arg(format!(
                "socket,id=console,path={},server=on,wait=off,logfile={}",
                text(&folder.path().join("console")),
                text(&folder.path().join("console.log"))
            ))
            .args(["-smbios", &format!("type=11,value={}", shell.credential())])
            .args(arguments);
        let qemu = Bound::start(&command, &folder.path().join("qemu.log"));
        let monitor = Mutex::new(Monitor::connect(&folder.path().join("monitor"), &qemu));
        let machine = VirtualMachine { shell: Mutex::new(shell), monitor, qemu, folder, _turn: turn };
        machine.wait_until_reachable();
        Some(machine)
    }

    /// Runs a shell command as root and answers what it printed; panics unless it ends with 0.
    pub fn run(&self, command: &str) -> String {
        let output = self.try_run(command);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\nends with {}:\n{printed}{complaint}", output.status);
        printed
    }

    /// Runs a shell command as root, however it ends.
    pub fn try_run(&self, command: &str) -> Output {
        self.shell().command(command).output().expect("ssh starts")
    }

    /// Runs a shell command as root with this on its standard input.
    pub fn feed(&self, command: &str, input: &[u8]) -> String {
        self.shell().feed(command, input)
    }

    /// Starts a shell command as root and reads what it prints line by line, until it is dropped.
    pub fn follow(&self, command: &str) -> Running {
        Running::start(self.shell().command(&format!("exec 1>&2; {command}")))
    }

    /// A command line for `ssh` into the machine as this user, who has root's key in their `authorized_keys`.
    pub fn login(&self, user: &str, command: &str) -> Command {
        self.shell().login(user, command)
    }

    /// The public half of the key that opens the machine, for another user's `authorized_keys`.
    pub fn public_key(&self) -> String {
        self.shell().public_key()
    }

    /// Asks `command` again and again until it ends with 0, and answers what it printed.
    pub fn until(&self, what: &str, command: &str) -> String {
        until_within(PATIENCE, what, || {
            let output = self.try_run(command);
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        })
    }

    /// Copies a file of the host in, in one step, with this mode.
    pub fn copy_in(&self, from: &Path, to: &str, mode: u32) {
        let bytes = fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        self.write(to, &bytes, mode);
    }

    /// Writes a file inside, in one step, with this mode.
    pub fn write(&self, to: &str, bytes: &[u8], mode: u32) {
        let command = format!(
            "mkdir -p \"$(dirname '{to}')\" && cat >'{to}.new' && chmod {mode:o} '{to}.new' && mv '{to}.new' '{to}'"
        );
        self.feed(&command, bytes);
    }

    /// Gives qemu's monitor a command; panics if it is refused.
    pub fn monitor(&self, command: &str, arguments: &Value) -> Value {
        self.try_monitor(command, arguments).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Gives qemu's monitor a command.
    pub fn try_monitor(&self, command: &str, arguments: &Value) -> Result<Value, String> {
        self.locked_monitor().execute(command, arguments)
    }

    /// Waits for an event of qemu's monitor that fits.
    pub fn wait_for_event(&self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.locked_monitor().wait_for(event, fits)
    }

    /// What the serial console showed so far.
    pub fn console(&self) -> String {
        let bytes = fs::read(self.folder.path().join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the serial console shows this, after the first `after` bytes.
    pub fn wait_for_console(&self, after: usize, part: &str) {
        until_within(PATIENCE, &format!("{part:?} on the console"), || {
            self.console().get(after..).is_some_and(|text| text.contains(part)).then_some(())
        });
    }

    /// Opens the serial console for typing; what it answers is in [`VirtualMachine::console`]. It is closed by
    /// `shutdown`: until then nobody else can open it.
    pub fn open_console(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("console")).expect("qemu listens there");
        let mut answers = stream.try_clone().expect("another handle");
        // Somebody has to read, or the machine waits with some hundred letters on the line.
        std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
        stream
    }

    /// Types into the serial console.
    pub fn type_in(&self, console: &mut UnixStream, text: &str) {
        console.write_all(text.as_bytes()).expect("qemu reads what is typed");
    }

    /// Restarts it as its administrator does, and waits until it can be logged in to again.
    pub fn reboot(&self) {
        let before = self.boot_id();
        self.try_run("systemctl --no-block reboot");
        self.wait_for_event("RESET", |_| true);
        self.shell().forget_connection();
        self.wait_until_reachable();
        let after = self.boot_id();
        assert_ne!(before, after, "it is another boot");
    }

    /// Names one boot.
    pub fn boot_id(&self) -> String {
        self.run("cat /proc/sys/kernel/random/boot_id").trim().to_owned()
    }

    /// A folder on the host that lives as long as the machine.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn wait_until_reachable(&self) {
        until_within(PATIENCE, &format!("the machine to boot; see {}", self.folder.path().display()), || {
            assert!(!self.qemu.ended(), "qemu ended: {}\n{}", self.qemu_log(), self.console());
            self.shell().greets().then_some(())
        });
        self.shell().connect();
        // "degraded" is also an end of booting.
        self.until(
            "the boot to end",
            "systemctl is-system-running --wait; systemctl is-system-running | grep -qE 'running|degraded'",
        );
    }

    fn qemu_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("qemu.log")).unwrap_or_default()
    }

    fn shell(&self) -> MutexGuard<'_, Shell> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for VirtualMachine {
    fn drop(&mut self) {
        // Its disk is forgotten, so nothing has to be shut down in order.
        let _ = self.try_monitor("quit", &json!({}));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}
