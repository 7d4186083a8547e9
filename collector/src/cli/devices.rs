//! daicho devices and daicho device: which machines there are and what is known of one.
