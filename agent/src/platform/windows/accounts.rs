//! Local accounts.

use daicho_proto::facts::{Account, Look};
use jiff::Timestamp;

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine, _: Timestamp) -> Look<Vec<Account>> {
    Look::Unsupported
}
