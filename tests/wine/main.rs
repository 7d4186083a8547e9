//! Stories of the Windows program under Wine, with a real collector on the host. What they need: `tests/src/wine.rs`.

mod enrol;
mod hospital;
mod installer;
mod kill;
mod probes;
mod program;
mod rules;
mod service;
