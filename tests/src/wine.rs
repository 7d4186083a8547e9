//! Windows for tests: Wine 8 in win10 mode, with a prefix of its own for each story, ended and gone with it.
//!
//! Debian packages: wine, wine64, gcc-mingw-w64-x86-64. Any user will do; no display is used. The Windows programs lie
//! in `DAICHO_WINDOWS_PROGRAMS`, else where `deploy/windows/build` puts them. What Wine proves and what it does not is
//! said in the README.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::daemons::{installed, missing};

mod prefix;
pub mod processes;
pub mod registry;
pub mod scm;

pub use processes::Process;

/// How long one of Windows' own commands may take, where two cores are shared with other stories.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Where the agent lies, as its installer puts it.
pub const AGENT: &str = r"C:\Program Files\Daicho\daicho-agent.exe";

/// The folders of machines that are gone, open until the tests' process ends, so that none of their inodes is given out
/// again: Wine finds the server of a prefix by its folder's inode, and the next machine would meet what is left of an
/// earlier one.
static GONE: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// One Windows machine.
pub struct Wine {
    folder: TempDir,
    programs: PathBuf,
    /// Somebody is logged on: without any program of theirs Wine would end its services. It ends with its input.
    keeper: Option<Child>,
}

impl Wine {
    /// A fresh machine with the agent's program on its disk, and nothing of it installed. `None`: this host cannot, and
    /// the test says that it was skipped.
    pub fn open() -> Option<Self> {
        installed("wine", "wine wine64")?;
        installed("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64")?;
        let programs = programs()?;
        let template = prefix::template();
        let folder = tempfile::tempdir_in(template.parent().expect("it lies on the shelf"))
            .expect("the target folder can be written");
        let mut wine = Wine { folder, programs, keeper: None };
        prefix::copy(template, &wine.prefix());
        fs::create_dir_all(wine.home()).expect("a temporary folder can be written");
        let mut keeper = wine.command(template.with_file_name(prefix::KEEPER));
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        wine.keeper = Some(keeper.spawn().expect("wine starts"));
        let home = wine.place(AGENT).parent().expect("it lies in a folder").to_owned();
        wine.furnish(&home, "daicho-agent.exe");
        Some(wine)
    }

    /// Puts one of our Windows programs into a folder of the host, with the library beside it that Wine 8 lacks.
    pub fn furnish(&self, folder: &Path, name: &str) {
        fs::create_dir_all(folder).expect("a temporary folder can be written");
        fs::copy(self.programs.join(name), folder.join(name)).expect("the program can be read");
        let library = folder.join(prefix::LIBRARY);
        fs::copy(prefix::template().with_file_name(prefix::LIBRARY), library)
            .expect("made with the template");
    }

    /// Where a path of drive C lies on the host.
    pub fn place(&self, path: &str) -> PathBuf {
        let below = path.strip_prefix(r"C:\").unwrap_or_else(|| panic!("{path} does not begin with C:\\"));
        below.split('\\').fold(self.prefix().join("drive_c"), |place, name| place.join(name))
    }

    /// A path of the host, as Windows names it.
    pub fn name(path: &Path) -> String {
        format!("Z:{}", path.to_str().expect("a temporary path is text").replace('/', "\\"))
    }

    /// A command of this Windows: one of its own programs by name, another by its path.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.bare("wine");
        command.arg(program);
        command
    }

    /// A command of the installed agent, in English.
    pub fn agent(&self) -> Command {
        let mut command = self.command(AGENT);
        command.args(["--lang", "en"]);
        command
    }

    /// Runs a command to its end, which has to come within [`PATIENCE`].
    pub fn run(&self, command: &Command) -> Output {
        // `timeout` of coreutils ends the program and not only our waiting.
        let mut bounded = self.bare("timeout");
        bounded.arg("--kill-after=5").arg(PATIENCE.as_secs().to_string());
        bounded.arg(command.get_program()).args(command.get_args());
        bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // Into files: Wine's own processes inherit a pipe, and keep it open for as long as they live.
        let said = || tempfile::tempfile().expect("a temporary folder can be written");
        let (mut out, mut errors) = (said(), said());
        bounded.stdout(out.try_clone().expect("the same file"));
        bounded.stderr(errors.try_clone().expect("the same file"));
        let status = bounded.status().expect("coreutils are there");
        let output = Output { status, stdout: whole(&mut out), stderr: whole(&mut errors) };
        assert_ne!(output.status.code(), Some(124), "{command:?} does not end: {output:?}");
        output
    }

    /// Runs one of Windows' own programs, however it ends, and answers what it printed.
    pub fn said(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program);
        let output = self.run(command.args(arguments));
        String::from_utf8_lossy(&output.stdout).replace('\r', "")
    }

    /// The processes of this Windows, by what the host's kernel tells of them.
    pub fn processes(&self) -> Vec<Process> {
        processes::of_prefix(&self.prefix())
    }

    /// The folder of this Windows on the host.
    pub fn prefix(&self) -> PathBuf {
        self.folder.path().join("prefix")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn bare(&self, program: &str) -> Command {
        prefix::command(program, &self.prefix(), &self.home())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        if let Ok(folder) = File::open(self.prefix()) {
            GONE.lock().unwrap_or_else(PoisonError::into_inner).push(folder);
        }
        // Ends every process of this prefix and of no other, and waits for them.
        let _ = self.bare("timeout").args(["30", "wineserver", "-k"]).status();
        // One that does not listen to its server any more would keep the folder.
        for process in self.processes() {
            process.kill();
        }
        if let Some(keeper) = &mut self.keeper {
            let _ = keeper.wait();
        }
    }
}

/// All that was written to a file.
fn whole(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("our own file");
    bytes
}

/// Where the Windows programs lie.
fn programs() -> Option<PathBuf> {
    let folder = match std::env::var_os("DAICHO_WINDOWS_PROGRAMS") {
        Some(folder) => PathBuf::from(folder),
        None => target().join("windows/x86_64-pc-windows-gnu/windows"),
    };
    if folder.join("daicho-agent.exe").is_file() {
        return Some(folder);
    }
    missing(&format!("{} has no daicho-agent.exe: run deploy/windows/build", folder.display()))
}

/// The target folder that the running test was built in.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    test.ancestors().nth(3).expect("target/PROFILE/deps").to_owned()
}

/// What every process of a test gets and nothing more: neither a display nor the tester's own settings.
fn environment(command: &mut Command, prefix: &Path, home: &Path) {
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", home)
        .env("WINEPREFIX", prefix)
        .env("WINEARCH", "win64")
        // Wine tells of all that it lacks, thousands of lines of it.
        .env("WINEDEBUG", "-all")
        // Without these two a new prefix asks for Mono and Gecko.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
        .stdin(Stdio::null());
}
