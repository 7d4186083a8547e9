//! Software of a Linux machine: `read` touches the machine, `parse` is pure.

use daicho_proto::facts::{Look, Software};

use super::root::Root;

/// What changes when a program is laid down outside of the package manager.
pub(super) const WATCHED: &[&str] = &["/opt", "/usr/local/bin", "/usr/local/sbin"];

/// Looks at the programs.
pub(super) fn look(_root: &Root) -> Look<Vec<Software>> {
    Look::Unsupported
}
