//! daicho alerts: what was told to whom, and a test of each channel.
