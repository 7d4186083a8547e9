//! All that we ask of an operating system. Each default answers that the platform cannot tell.

use std::path::{Path, PathBuf};

use daicho_proto::facts::{
    Account, Antivirus, Host, Look, Medium, MediumEvent, Package, Service, Software, Subject, Updates,
};
use jiff::Timestamp;

#[cfg(target_os = "linux")]
pub mod linux;
mod makers;
mod media;
pub mod windows;

/// One operating system, live or as files below another root. It only reads.
pub trait Platform: Send + Sync {
    /// The machine itself.
    fn host(&self) -> Look<Host> {
        Look::Unsupported
    }
    /// Local accounts.
    fn accounts(&self) -> Look<Vec<Account>> {
        Look::Unsupported
    }
    /// Installed packages.
    fn packages(&self) -> Look<Vec<Package>> {
        Look::Unsupported
    }
    /// Pending updates, from local lists only: no network.
    fn updates(&self) -> Look<Updates> {
        Look::Unsupported
    }
    /// Antivirus products that can be read.
    fn antivirus(&self) -> Look<Vec<Antivirus>> {
        Look::Unsupported
    }
    /// Services, and programs that listen without one.
    fn services(&self) -> Look<Vec<Service>> {
        Look::Unsupported
    }
    /// Programs.
    fn software(&self) -> Look<Vec<Software>> {
        Look::Unsupported
    }
    /// Media that are plugged in, or that the system's records remember.
    fn media(&self) -> Look<Vec<Medium>> {
        Look::Unsupported
    }

    /// Files and folders whose change is a reason to look again at a subject before its time.
    fn watched_paths(&self) -> Vec<(PathBuf, Subject)> {
        Vec::new()
    }

    /// Calls `tell` for each medium that comes, goes or is mounted, until it answers `false`. Blocks; run it on its
    /// own thread. Answers at once where the platform has no such events.
    fn follow_media(&self, _tell: &mut dyn FnMut(Timestamp, MediumEvent) -> bool) -> std::io::Result<()> {
        Ok(())
    }

    /// Calls `changed` when a service may have started, ended or changed without a file that tells, until it answers
    /// `false`. Blocks; run it on its own thread. Answers at once where the platform has no such word.
    fn follow_services(&self, _changed: &mut dyn FnMut() -> bool) -> std::io::Result<()> {
        Ok(())
    }
}

/// This machine.
pub fn here() -> Box<dyn Platform> {
    #[cfg(target_os = "linux")]
    {
        Box::new(linux::Linux::here())
    }
    #[cfg(windows)]
    {
        Box::new(windows::Windows::here())
    }
}

/// The machine whose files lie below `root`: a mounted image, an unpacked backup. Only files are read.
pub fn at_root(root: &Path) -> std::io::Result<Box<dyn Platform>> {
    if let Some(disk) = windows::Windows::at_root(root)? {
        return Ok(Box::new(disk));
    }
    #[cfg(target_os = "linux")]
    {
        Ok(Box::new(linux::Linux::at_root(root)?))
    }
    #[cfg(windows)]
    {
        let sentence = "no Windows/System32/config in it; a Linux disk is read on Linux";
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, sentence))
    }
}
