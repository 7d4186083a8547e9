//! What the agent reads from a machine's files, one hostile file at a time: the targets of the fuzzer and of the replay.

pub mod laid;
pub mod targets;

pub use laid::Laid;
pub use targets::{TARGETS, Target};
