//! Updates that wait.

use daicho_proto::facts::{Look, Updates};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Updates> {
    Look::Unsupported
}
