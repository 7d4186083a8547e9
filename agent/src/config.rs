//! The agent's configuration: one TOML file.
