//! Journeys of the real programs, the house's own rules, load and kill tests. Here: what they share.

pub mod abuse;
pub mod agreement;
pub mod calendar;
pub mod daemons;
pub mod drill;
pub mod fleet;
pub mod hostile;
pub mod machine;
pub mod measured;
pub mod packages;
pub mod power;
pub mod programs;
pub mod published;
pub mod site;
pub mod virtual_machine;
pub mod windows_disk;
pub mod wine;
