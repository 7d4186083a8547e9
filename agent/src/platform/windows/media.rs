//! Media.

use daicho_proto::facts::{Look, Medium};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Vec<Medium>> {
    Look::Unsupported
}
