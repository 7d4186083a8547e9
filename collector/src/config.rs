//! The collector's configuration: one TOML file, each room with its own part.
