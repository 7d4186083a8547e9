//! A sentence for people, in Japanese and in English: the same type that the agent speaks.

pub use daicho_proto::text::{Language, Text};
