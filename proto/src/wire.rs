//! The code generated from `schema/`, and the only file that includes it.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::semicolon_if_nothing_returned,
    reason = "generated"
)]

tonic::include_proto!("daicho.v1");
