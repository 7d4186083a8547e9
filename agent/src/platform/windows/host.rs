//! The machine itself.

use daicho_proto::facts::{Host, Look};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Host> {
    Look::Unsupported
}
