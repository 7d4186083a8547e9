//! Article 8: accounts that nobody needs any more are removed or disabled.

pub(in crate::articles) mod long_unused;
mod owner;
pub(in crate::articles) mod retired_staff;
pub(in crate::articles) mod unlisted_account;
