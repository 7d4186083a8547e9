//! The language that agents and collector both speak: what can be seen, by whom, when and in which order.

pub mod codec;
pub mod document;
pub mod endpoint;
pub mod facts;
pub mod observation;
pub mod spool_trouble;
pub mod text;
pub mod time;
pub mod token;
pub mod versions;
pub mod wire;
