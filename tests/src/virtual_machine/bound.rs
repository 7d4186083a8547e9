//! A process that never outlives this one, however this one ends: the kernel kills it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

/// The process, ended when this is dropped.
pub(super) struct Bound {
    child: Mutex<Child>,
    /// The thread that started it waits for the end of this.
    _keeper: Sender<()>,
}

impl Bound {
    /// Starts it; what it says goes to `log`.
    pub(super) fn start(command: &Command, log: &Path) -> Self {
        let mut bound = Command::new("setpriv");
        bound.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
        let output = File::create(log).expect("a temporary folder can be written");
        let errors = output.try_clone().expect("the same file");
        bound.stdin(Stdio::null()).stdout(output).stderr(errors);
        let (started, starting) = channel();
        let (keeper, kept) = channel::<()>();
        // The kernel kills it when the thread that started it ends: so this one lives as long as it is wanted. A test's
        // own thread may end earlier, where tests share a machine.
        std::thread::spawn(move || {
            let child = bound.spawn().expect("setpriv of util-linux starts");
            if started.send(child).is_ok() {
                let _ = kept.recv();
            }
        });
        let child = starting.recv().expect("the thread starts it");
        Bound { child: Mutex::new(child), _keeper: keeper }
    }

    /// Whether it has ended by itself.
    pub(super) fn ended(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}
