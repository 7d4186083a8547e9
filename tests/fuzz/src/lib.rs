//! What our programs read that others wrote, one hostile file at a time: the targets of the fuzzer and of the replay.

pub mod central;
pub mod judged;
pub mod kept;
pub mod laid;
mod small;
pub mod targets;

pub use laid::Laid;
pub use targets::{TARGETS, Target};
