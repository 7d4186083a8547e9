//! Host of a Linux machine: `read` touches the machine, `parse` is pure.

use daicho_proto::facts::{Host, Look};

use super::root::Root;

/// What changes when the host does.
pub(super) const WATCHED: &[&str] = &["/boot", "/etc/hostname", "/run/reboot-required"];

/// Looks at the machine itself.
pub(super) fn look(_root: &Root) -> Look<Host> {
    Look::Unsupported
}
