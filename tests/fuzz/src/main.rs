//! The fuzzer: libFuzzer's loop around one target, which the environment names (see tests/fuzz/run).
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError};

use daicho_fuzz::{Laid, TARGETS};
use libfuzzer_sys::fuzz_target;

/// Holds the target's name.
const TARGET: &str = "DAICHO_FUZZ_TARGET";

static LAID: OnceLock<Laid> = OnceLock::new();

/// What the last panic said.
static SAID: Mutex<String> = Mutex::new(String::new());

fuzz_target!(|bytes: &[u8]| {
    let laid = LAID.get_or_init(|| {
        // A panic of a library that our code catches is no finding; libFuzzer's own hook would end the program at once.
        std::panic::set_hook(Box::new(|panic| {
            *SAID.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
        }));
        let name = std::env::var(TARGET).unwrap_or_default();
        let target = TARGETS.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("{TARGET}={name} names no target"));
        Laid::new(target).expect("the target's files can be written")
    });
    let looked = catch_unwind(AssertUnwindSafe(|| laid.look(bytes)));
    if !matches!(looked, Ok(Ok(()))) {
        eprintln!("{}", SAID.lock().unwrap_or_else(PoisonError::into_inner));
        std::process::abort();
    }
});
