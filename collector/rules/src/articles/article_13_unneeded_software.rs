//! Article 13: services and programs that nobody needs are stopped.

mod approval;
pub(in crate::articles) mod unneeded_service;
pub(in crate::articles) mod unneeded_software;
mod windows;
