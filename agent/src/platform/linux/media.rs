//! Media of a Linux machine: `read` touches the machine, `parse` is pure.

use daicho_proto::facts::{Look, Medium, MediumEvent};
use jiff::Timestamp;

use super::root::Root;

/// Looks at what is plugged in.
pub(super) fn look(_root: &Root, _now: Timestamp) -> Look<Vec<Medium>> {
    Look::Unsupported
}

/// Follows what comes and goes.
pub(super) fn follow(
    _root: &Root,
    _tell: &mut dyn FnMut(Timestamp, MediumEvent) -> bool,
) -> std::io::Result<()> {
    Ok(())
}
