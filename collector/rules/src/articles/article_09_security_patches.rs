//! Article 9: security patches and pattern files are kept up to date.

pub(in crate::articles) mod below_baseline;
pub(in crate::articles) mod missing_update;
pub(in crate::articles) mod restart_pending;
pub(in crate::articles) mod stale_patterns;
pub(in crate::articles) mod unsupported_os;
