//! Stories on a real machine: Debian 12 with systemd, emulated, and a real collector and mail server on the host.
//!
//! Each story boots a machine of its own, one at a time. What they need and where the disk is kept:
//! `tests/src/virtual_machine.rs`.

mod agreement;
mod hospital;
mod idle;
mod kinds;
mod package;
mod plugging;
mod sticks;
