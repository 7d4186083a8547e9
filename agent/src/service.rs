//! The agent's life under the operating system: readiness, watchdog, stop.

use std::time::Duration;

pub mod outcome;
pub mod persist;
pub mod plan;
pub mod stop;
#[cfg(windows)]
pub mod windows;

/// What the service manager is told. Without one, nobody is told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The agent works.
    Ready,
    /// The agent is alive.
    Alive,
    /// The agent is about to end.
    Stopping,
}

/// Tells the service manager.
pub fn tell(word: Word) {
    #[cfg(target_os = "linux")]
    {
        let state = match word {
            Word::Ready => sd_notify::NotifyState::Ready,
            Word::Alive => sd_notify::NotifyState::Watchdog,
            Word::Stopping => sd_notify::NotifyState::Stopping,
        };
        if let Err(error) = sd_notify::notify(&[state]) {
            tracing::debug!(%error, ?word, "Service manager did not listen.");
        }
    }
    #[cfg(windows)]
    windows::tell(word);
}

/// How often the service manager wants to hear that we are alive: half of what it allows.
pub fn watchdog_interval() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return sd_notify::watchdog_enabled().map(|allowed| allowed / 2);
    #[cfg(not(target_os = "linux"))]
    None
}

/// Asks the kernel for small pages. Where it hands out big ones unasked (`always`, Debian's and Ubuntu's choice), the
/// program's sparse tables alone weigh many times what is used of them.
pub fn stay_small() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "Kernel may use big pages.");
    }
}

/// The one agent that may work in a data folder. The system lets go of it when the agent ends, however it ends.
pub struct Only {
    #[expect(dead_code, reason = "held for its lock")]
    file: std::fs::File,
}

impl Only {
    /// Takes the place; `None` if another agent has it.
    pub fn take(data: &std::path::Path) -> std::io::Result<Option<Self>> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(data.join("agent.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Only { file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether an agent works in a data folder; changes nothing.
    pub fn is_taken(data: &std::path::Path) -> bool {
        let lock = std::fs::File::open(data.join("agent.lock"));
        lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn no_big_pages_are_handed_out_unasked() {
        stay_small();
        assert!(rustix::thread::transparent_huge_pages_are_disabled().unwrap());
    }

    #[test]
    fn there_is_one_agent_in_a_folder() {
        let data = tempfile::TempDir::new().unwrap();
        assert!(!Only::is_taken(data.path()));
        let first = Only::take(data.path()).unwrap();
        assert!(first.is_some() && Only::is_taken(data.path()));
        assert!(Only::take(data.path()).unwrap().is_none());
        drop(first);
        assert!(!Only::is_taken(data.path()));
    }
}
