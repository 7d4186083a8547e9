//! Observing the collector itself: log lines, metrics, health.
