//! The fuzzer: libFuzzer's loop around one target, which the environment names (see tests/fuzz/run).
#![no_main]

use std::sync::OnceLock;

use daicho_fuzz::{Laid, TARGETS};
use libfuzzer_sys::fuzz_target;

/// Holds the target's name.
const TARGET: &str = "DAICHO_FUZZ_TARGET";

static LAID: OnceLock<Laid> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let laid = LAID.get_or_init(|| {
        let name = std::env::var(TARGET).unwrap_or_default();
        let target = TARGETS.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("{TARGET}={name} names no target"));
        Laid::new(target).expect("the target's files can be written")
    });
    laid.look(bytes).expect("the fuzzed file can be written");
});
