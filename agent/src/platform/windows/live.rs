//! What only a running Windows answers. The house's unsafe code lies in this folder: each block says why it is sound,
//! and what leaves a file is safe, owned and whole.

pub(crate) mod accounts;
pub(crate) mod antivirus;
mod com;
pub(crate) mod host;
mod limited;
pub(crate) mod registry;
pub(crate) mod services;
mod sockets;
pub(crate) mod updates;
