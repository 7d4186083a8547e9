//! The Windows that every story begins with: made once, kept below the target folder, never changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

/// The library that Wine 8 lacks.
pub(super) const LIBRARY: &str = "bcryptprimitives.dll";

/// Its source.
const PROCESS_PRNG: &str = include_str!("process_prng.c");

/// A service that nobody approved.
pub(super) const STRANGER: &str = "stranger.exe";
const STRANGER_SOURCE: &str = include_str!("stranger.c");

/// A program that only waits.
pub(super) const KEEPER: &str = "keeper.exe";
const KEEPER_SOURCE: &str = include_str!("keeper.c");

/// What else decides how the template looks: raised when the steps below change.
const RECIPE: u32 = 1;

/// A command for the programs of this prefix.
pub(super) fn command(program: &str, prefix: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    super::environment(&mut command, prefix, home);
    command
}

/// The prefix to copy; makes it if it is not there.
pub(super) fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(prepared)
}

/// Looks for it under a lock, because another test's process may be making it.
fn prepared() -> PathBuf {
    let shelf = super::target().join("wine");
    fs::create_dir_all(&shelf).expect("the target folder can be written");
    let lock = File::create(shelf.join("lock")).expect("the target folder can be written");
    lock.lock().expect("a lock that is given back when its holder ends");
    let folder = shelf.join(recipe(&shelf));
    if !folder.exists() {
        let making = shelf.join("making");
        // What is left of a making that was broken off.
        let _ = fs::remove_dir_all(&making);
        make(&making);
        fs::rename(&making, &folder).expect("the same file system");
    }
    folder.join("prefix")
}

/// Copies it in no time: what Wine wrote there once and never changes is linked. Its registry is rewritten in place.
pub(super) fn copy(template: &Path, to: &Path) {
    succeed(Command::new("cp").arg("--archive").arg("--link").arg(template).arg(to));
    for entry in fs::read_dir(template).expect("it was made") {
        let entry = entry.expect("an entry of it");
        if entry.file_type().expect("its kind").is_file() {
            let copy = to.join(entry.file_name());
            fs::remove_file(&copy).expect("it was linked");
            fs::copy(entry.path(), copy).expect("a temporary folder can be written");
        }
    }
}

fn make(making: &Path) {
    let (prefix, home) = (making.join("prefix"), making.join("home"));
    fs::create_dir_all(&home).expect("the target folder can be written");
    let wine = |arguments: &[&str]| {
        succeed(command("timeout", &prefix, &home).args(["--kill-after=5", "300"]).args(arguments));
    };
    wine(&["wine", "wineboot", "--init"]);
    wine(&["wine", "winecfg", "-v", "win10"]);
    // Its registry is on disk once its server has ended: it may have by itself, and is then not found (1).
    let _ = command("timeout", &prefix, &home).args(["60", "wineserver", "-k"]).status();
    // The folders of people are links to the host's; no story may meet another there.
    for person in fs::read_dir(prefix.join("drive_c/users")).expect("wineboot made it").flatten() {
        for folder in fs::read_dir(person.path()).expect("a person's folder").flatten() {
            if folder.file_type().is_ok_and(|kind| kind.is_symlink()) {
                fs::remove_file(folder.path()).expect("our own link");
                fs::create_dir(folder.path()).expect("the target folder can be written");
            }
        }
    }
    compile(making, LIBRARY, PROCESS_PRNG, &["-shared"]);
    compile(making, STRANGER, STRANGER_SOURCE, &[]);
    compile(making, KEEPER, KEEPER_SOURCE, &[]);
}

fn compile(making: &Path, name: &str, source: &str, options: &[&str]) {
    let file = making.join(name).with_extension("c");
    fs::write(&file, source).expect("the target folder can be written");
    let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
    compiler.args(["-O2", "-s"]).args(options).arg("-o").arg(making.join(name)).arg(&file).arg("-ladvapi32");
    succeed(&mut compiler);
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ends with {}:\n{said}", output.status);
    output
}

/// Everything that decides what lies in it, in one name.
fn recipe(shelf: &Path) -> String {
    let version = succeed(command("wine", &shelf.join("none"), shelf).arg("--version"));
    let text = format!(
        "{RECIPE}\n{}\n{PROCESS_PRNG}{STRANGER_SOURCE}{KEEPER_SOURCE}",
        String::from_utf8_lossy(&version.stdout)
    );
    HEXLOWER.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..6])
}
