//! The agent on an endpoint.

fn main() {}
