//! Questions to Windows that may never be answered: each is asked on a thread of its own, and waited for only so long.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Questions whose thread has not come back. The same one is not asked again meanwhile: hung threads would pile up.
static ASKED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// What the thread needs at most: COM's own frames are deep.
const STACK_BYTES: usize = 1 << 20;

/// The answer, or why there is none. `what` names the question.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    what: &'static str,
    question: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    {
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.contains(&what) {
            return Err(format!("{what} has not answered since it was last asked"));
        }
        asked.push(what);
    }
    let (tell, told) = mpsc::channel();
    let thread = thread::Builder::new().name("windows-question".to_owned()).stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        let _done = Done(what);
        // Who asked may have gone: then nobody wants to know.
        let _ = tell.send(question());
    });
    if let Err(error) = started {
        drop(Done(what));
        return Err(format!("no thread could be started to ask {what}: {error}"));
    }
    told.recv_timeout(limit).unwrap_or_else(|error| match error {
        mpsc::RecvTimeoutError::Timeout => {
            Err(format!("{what} did not answer within {} seconds", limit.as_secs()))
        }
        mpsc::RecvTimeoutError::Disconnected => Err(format!("{what} broke off")),
    })
}

/// Crosses the question off, also when it panics.
struct Done(&'static str);

impl Drop for Done {
    fn drop(&mut self) {
        ASKED.lock().unwrap_or_else(PoisonError::into_inner).retain(|what| *what != self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_hangs_is_not_waited_for_and_not_asked_twice() {
        assert_eq!(within(Duration::from_secs(60), "one", || Ok(1)), Ok(1));
        let (release, held) = mpsc::channel::<()>();
        let hangs = move || Ok(held.recv().is_ok());
        assert!(within(Duration::ZERO, "two", hangs).unwrap_err().contains("did not answer"));
        assert!(within(Duration::from_secs(60), "two", || Ok(2)).unwrap_err().contains("not answered since"));
        release.send(()).unwrap();
        assert_eq!(within(Duration::from_secs(60), "three", || Ok(3)), Ok(3));
    }
}
