//! A hospital in one process, from one seed: machines with the agent's own spool and backoff, the collector's own intake,
//! judge and log over a disk of ours, a network and clocks that fail, and an oracle that knows what truly happened.
//!
//! Time is a number, and whatever happens next is taken from one queue: nothing sleeps, and a seed replays byte by byte.

mod clock;
mod disk;
mod happening;
mod house;
mod machine;
mod misfortune;
mod oracle;
mod uplink;
mod world;

pub(crate) use disk::{Disk, Fate};
pub(crate) use machine::{PEOPLE, SUBJECTS, Truth, arrival};
pub(crate) use misfortune::Harm;
pub(crate) use world::{Account, World};
