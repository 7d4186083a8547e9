//! Antivirus of a Linux machine: `read` touches the machine, `parse` is pure.

use daicho_proto::facts::{Antivirus, Look};

use super::root::Root;

/// What changes when patterns do.
pub(super) const WATCHED: &[&str] = &["/var/lib/clamav"];

/// Looks at the antivirus products that are known here.
pub(super) fn look(_root: &Root) -> Look<Vec<Antivirus>> {
    Look::Unsupported
}
