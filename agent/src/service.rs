//! The agent's life under the operating system: readiness, watchdog, stop.
