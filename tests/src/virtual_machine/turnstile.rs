//! How many may go on at once: the others wait until one is done.

use std::sync::{Condvar, Mutex, PoisonError};

pub(super) struct Turnstile {
    free: Mutex<usize>,
    changed: Condvar,
}

/// The right to go on; another may when it is dropped.
pub(super) struct Turn {
    of: &'static Turnstile,
}

impl Turnstile {
    pub(super) fn new(at_once: usize) -> Self {
        Turnstile { free: Mutex::new(at_once), changed: Condvar::new() }
    }

    /// Waits for a turn.
    pub(super) fn take(&'static self) -> Turn {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.changed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn { of: self }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.of.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.of.changed.notify_one();
    }
}
