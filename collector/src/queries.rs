//! Questions and answers, free of gRPC and HTML. Each is a plain function over the collector; only `decisions` write.

use daicho_rules::text::Text;

use crate::store::StoreError;

pub mod decisions;
pub mod devices;
pub mod exceptions;
pub mod filters;
pub mod log;
pub mod status;
pub mod violations;

pub use filters::Filters;

/// A part of a long list, and where the next part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What the part holds.
    pub items: Vec<T>,
    /// To be handed in as `after`; `None`: this was the last.
    pub next: Option<String>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is nothing of that name.
    #[error("{}", .0.en)]
    NotFound(Text),
    /// The question or decision makes no sense as it stands.
    #[error("{}", .0.en)]
    Refused(Text),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
