//! The registry of a disk: its hive files.

use std::io;

use jiff::Timestamp;

use super::{Hive, Registry, Value};
use crate::platform::windows::disk::Disk;

/// The hives of a disk.
pub(crate) struct Hives {}

impl Hives {
    /// Reads the hives.
    pub(crate) fn read(_: &Disk) -> io::Result<Self> {
        Ok(Hives {})
    }
}

impl Registry for Hives {
    fn keys(&self, _: &Hive, _: &str) -> io::Result<Option<Vec<String>>> {
        Ok(None)
    }

    fn values(&self, _: &Hive, _: &str) -> io::Result<Option<Vec<(String, Value)>>> {
        Ok(None)
    }

    fn written_at(&self, _: &Hive, _: &str) -> io::Result<Option<Timestamp>> {
        Ok(None)
    }

    fn users(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
