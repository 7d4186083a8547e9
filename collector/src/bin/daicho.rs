//! The management department's command.

fn main() {}
