//! Programs.

use daicho_proto::facts::{Look, Software};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Vec<Software>> {
    Look::Unsupported
}
