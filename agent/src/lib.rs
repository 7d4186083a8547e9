//! The agent: sees what is really on an endpoint, spools it, sends it. It judges nothing and changes nothing.

pub mod address;
pub mod clock;
pub mod collect;
pub mod config;
pub mod enrolment;
pub mod files;
pub mod identity;
pub mod locale;
pub mod log;
pub mod platform;
pub mod probes;
pub mod run;
pub mod service;
pub mod spool;
pub mod status;
pub mod text;
pub mod trial;
pub mod uplink;
pub mod watch;
