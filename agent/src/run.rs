//! The agent at work: looks, spools, sends, until it is told to stop.
