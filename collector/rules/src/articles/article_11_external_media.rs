//! Article 11: external media are used only with approval, scanned, and inside the hospital.

mod approval;
pub(in crate::articles) mod taken_outside;
pub(in crate::articles) mod unapproved_use;
pub(in crate::articles) mod unscanned_use;
