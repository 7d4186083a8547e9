//! Parts of looks that are asked of a running machine alone, each by itself: what /proc tells, what a program asks for, the
//! antivirus' record. They read the files of whatever machine this is, so that a disk with hostile ones can be laid
//! before them.

use std::io;

use daicho_proto::facts::{RestartReason, Service};
use jiff::Timestamp;

use super::host::restart;
use super::{Linux, antivirus, services};

impl Linux {
    /// What the antivirus' own record tells of scans below `folder` from `since` on: how many files, where it would show any.
    /// The follower of media asks it for what is mounted; a disk of another machine has no follower.
    pub fn scans(&self, folder: &str, since: Timestamp) -> Option<u64> {
        let scanned = antivirus::scan_log::read(&self.root, since, &|path| path.starts_with(folder));
        scanned.complete.then_some(scanned.files)
    }

    /// What runs, by /proc: the containers, and the programs by their names with what they listen on.
    pub fn running(&self) -> Vec<Service> {
        services::running(&self.root)
    }

    /// Why a machine that runs the kernel of this release since `booted` waits for a restart.
    pub fn restart_reasons(&self, release: &str, booted: Timestamp) -> Vec<RestartReason> {
        restart::look(&self.root, Some(release), Some(booted)).reasons
    }

    /// The file names of the libraries that a program's file asks for; an error where it is no program.
    pub fn libraries_of(&self, path: &str) -> io::Result<Vec<String>> {
        restart::elf::needed(&self.root.open(path)?)
    }
}
