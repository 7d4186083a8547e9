//! The way to a running collector: operator certificate, address, channel.
