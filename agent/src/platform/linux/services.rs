//! Services of a Linux machine: `read` touches the machine, `parse` is pure.

use daicho_proto::facts::{Look, Service};

use super::root::Root;

/// What changes when a service is installed, enabled or disabled.
pub(super) const WATCHED: &[&str] =
    &["/etc/systemd/system", "/usr/lib/systemd/system", "/etc/init.d", "/etc/inetd.conf"];

/// Looks at the services.
pub(super) fn look(_root: &Root) -> Look<Vec<Service>> {
    Look::Unsupported
}
