//! The real programs: where they are, and how they are run and ended. Only processes started here are ended, by their id.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a journey waits for an event before it says what is missing. Far above what any event takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The built program of this name: in `DAICHO_PROGRAMS`, else beside the running test.
pub fn program(name: &str) -> PathBuf {
    let folder = match std::env::var_os("DAICHO_PROGRAMS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let test = std::env::current_exe().expect("the test's own path");
            test.ancestors().nth(2).expect("target/PROFILE").to_owned()
        }
    };
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: run `cargo build` first", path.display());
    path
}

/// A command for one of our programs, in English and without the environment of who runs the test.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// Runs one of our programs to its end.
pub fn run<S: AsRef<OsStr>>(name: &str, arguments: &[S]) -> Output {
    command(name).args(arguments).output().expect("the program starts")
}

/// What a finished program printed; panics with all of it unless the exit status is `expected`.
pub fn expect(output: &Output, expected: i32) -> String {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "stdout:\n{out}\nstderr:\n{err}");
    out
}

/// A program that runs in the background, ended when this is dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts it; its standard error is read line by line.
    pub fn start(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let reader = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { child, lines, seen: Vec::new() }
    }

    /// Waits for a line of its log that contains `part`.
    pub fn wait_for_line(&mut self, part: &str) -> String {
        self.wait_for_line_within(PATIENCE, part)
    }

    /// The same, for what may take longer.
    pub fn wait_for_line_within(&mut self, patience: Duration, part: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(part)) {
            return line.clone();
        }
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(reason) => {
                    let ended = matches!(reason, RecvTimeoutError::Disconnected);
                    let how = if ended { "ended" } else { "still runs" };
                    panic!("no line with {part:?}; the program {how}; its log:\n{}", self.seen.join("\n"));
                }
            }
        }
    }

    /// All lines of its log so far.
    pub fn log(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would: no chance to say anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("our own process");
        self.child.wait().expect("our own process");
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) {
        self.child.wait().expect("our own process");
    }

    /// Asks it to stop, and waits for its exit status.
    pub fn stop(&mut self) -> Option<i32> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("our own process");
        self.child.wait().expect("our own process").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks `look` again and again until it gives a value: for states that only a question shows.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// As [`until`], for what may take longer or shorter.
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + patience;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < give_up, "waited {} s in vain for: {what}", patience.as_secs());
        // Between two questions, so that a question does not take the processor from the answer.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
