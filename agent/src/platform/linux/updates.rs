//! Updates of a Linux machine: `read` touches the machine, `parse` is pure.

use daicho_proto::facts::{Look, Updates};

use super::root::Root;

/// What changes when package lists are fetched or updates are installed.
pub(super) const WATCHED: &[&str] = &["/var/lib/apt/lists"];

/// Looks at the package lists.
pub(super) fn look(_root: &Root) -> Look<Updates> {
    Look::Unsupported
}
