//! Article 4: every device is in the ledger, and every device in the ledger is there.

pub(in crate::articles) mod cloned_device;
pub(in crate::articles) mod retired_device;
mod signs;
pub(in crate::articles) mod silent_device;
pub(in crate::articles) mod unlisted_device;
