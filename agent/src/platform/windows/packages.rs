//! Windows itself and its updates that are installed.

use daicho_proto::facts::{Look, Package};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Vec<Package>> {
    Look::Unsupported
}
