//! Nudged or due: loads the evidence of a device, reconciles, commits violations with their notices.
