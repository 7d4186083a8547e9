//! How the agent is told to stop: by a signal, by a key or a closed window, by the manager of services.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::text::Text;

/// The order to stop that a manager of services gives by a call, not by a signal. It is given once and stays given.
#[derive(Default)]
pub struct Halt {
    ordered: Mutex<bool>,
    is_service: bool,
    waiting: Condvar,
    awaited: Notify,
}

impl Halt {
    /// Of a service of Windows, which hears of nothing by a signal: what a console is sent when a person logs off or
    /// Windows ends reaches services, too, and is not meant for them.
    pub fn of_a_service() -> Self {
        Halt { is_service: true, ..Halt::default() }
    }

    /// Whether this order is the only one that counts.
    pub fn is_of_a_service(&self) -> bool {
        self.is_service
    }

    /// Gives the order.
    pub fn order(&self) {
        *self.ordered.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.waiting.notify_all();
        // Remembered if nobody waits yet.
        self.awaited.notify_one();
    }

    /// Whether it was given.
    pub fn is_ordered(&self) -> bool {
        *self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for it, but no longer than this. Answers whether it was given.
    pub fn wait(&self, longest: Duration) -> bool {
        let ordered = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.waiting.wait_timeout_while(ordered, longest, |ordered| !*ordered);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for it.
    pub async fn ordered(&self) {
        while !self.is_ordered() {
            self.awaited.notified().await;
        }
    }
}

/// What the system itself sends: SIGTERM and SIGINT; on Windows Ctrl-C, Ctrl-Break, the closed window, and the end of
/// the system. That a person logs off ends no agent.
pub struct Signals {
    #[cfg(unix)]
    inner: [tokio::signal::unix::Signal; 2],
    #[cfg(windows)]
    inner: (
        tokio::signal::windows::CtrlC,
        tokio::signal::windows::CtrlBreak,
        tokio::signal::windows::CtrlClose,
        tokio::signal::windows::CtrlShutdown,
    ),
}

impl Signals {
    /// Listens from now on; inside a runtime.
    pub fn listen() -> Result<Self, Text> {
        Signals::of_the_system().map_err(|error| {
            Text::new(
                format!("停止の合図を受け取れません（{error}）"),
                format!("cannot listen for the signal to stop ({error}); check the limit of open files"),
            )
        })
    }

    #[cfg(unix)]
    fn of_the_system() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { inner: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?] })
    }

    #[cfg(windows)]
    fn of_the_system() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Signals { inner: (ctrl_c()?, ctrl_break()?, ctrl_close()?, ctrl_shutdown()?) })
    }

    /// Waits for the first of them.
    #[cfg(unix)]
    pub async fn received(&mut self) {
        let [terminate, interrupt] = &mut self.inner;
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    }

    /// Waits for the first of them.
    #[cfg(windows)]
    pub async fn received(&mut self) {
        let (key, stop, close, shutdown) = &mut self.inner;
        tokio::select! {
            _ = key.recv() => (),
            _ = stop.recv() => (),
            _ = close.recv() => (),
            _ = shutdown.recv() => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Far longer than it needs: reached only when the order does not come at all.
    const NEVER: Duration = Duration::from_secs(20);

    #[test]
    fn an_order_that_came_before_anybody_waited_is_heard() {
        let halt = Halt::default();
        assert!(!halt.is_ordered() && !halt.wait(Duration::ZERO));
        halt.order();
        assert!(halt.wait(NEVER));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(NEVER, halt.ordered()).await }).expect("it is heard");
    }

    #[test]
    fn an_order_wakes_whoever_waits() {
        let halt = Arc::new(Halt::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let waits = std::thread::spawn({
            let halt = halt.clone();
            move || halt.wait(NEVER)
        });
        runtime.block_on(async {
            let heard = tokio::spawn({
                let halt = halt.clone();
                async move { halt.ordered().await }
            });
            tokio::task::yield_now().await;
            halt.order();
            tokio::time::timeout(NEVER, heard).await.expect("it is heard").unwrap();
        });
        assert!(waits.join().unwrap());
    }
}
