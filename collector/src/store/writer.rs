//! One thread that writes: what waits is merged into one commit, so that one flush serves many requests.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::{Batch, Store, StoreError};

/// Requests that may wait: at some milliseconds for a commit, the last one waits about a second.
const WAITING_MAX: usize = 1_024;

/// Bytes that may wait: bounds the collector's memory while the disk is slow.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of one commit: a larger one saves no flush and makes everybody wait.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Hands batches to the writing thread.
#[derive(Debug)]
pub struct Writer {
    sender: Option<mpsc::Sender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    load: Arc<Load>,
}

/// How much waits and how it went, for metrics and health.
#[derive(Debug, Default)]
pub struct Load {
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    commits: AtomicU64,
    commit_micros: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Load {
    /// Requests that wait for their commit.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Commits so far, and the microseconds that they took together.
    pub fn commits(&self) -> (u64, u64) {
        (self.commits.load(Ordering::Relaxed), self.commit_micros.load(Ordering::Relaxed))
    }

    /// What the last commit said, if it failed.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why a batch was not written. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// Too much waits already.
    #[error("the collector is busy; try again in a moment")]
    Busy,
    /// The store refused.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// The collector is stopping.
    #[error("the collector is stopping; try again in a moment")]
    Stopping,
}

type Exclusive = Box<dyn FnOnce(&dyn Store) + Send>;

enum Job {
    Commit { batch: Batch, bytes: usize, done: oneshot::Sender<Result<(), NotWritten>> },
    Alone(Exclusive),
}

impl Writer {
    /// Starts the thread.
    pub fn start(store: Arc<dyn Store>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let load = Arc::new(Load::default());
        let shared = Arc::clone(&load);
        let builder = std::thread::Builder::new().name("writer".to_owned());
        let thread = builder.spawn(move || write_all(store.as_ref(), receiver, &shared))?;
        Ok(Writer { sender: Some(sender), thread: Mutex::new(Some(thread)), load })
    }

    /// How much waits.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Commits a batch together with what else waits; durable when it returns.
    pub async fn commit(&self, batch: Batch) -> Result<(), NotWritten> {
        let bytes = batch.bytes();
        if self.load.waiting_bytes.load(Ordering::Relaxed) + bytes > WAITING_BYTES_MAX {
            return Err(NotWritten::Busy);
        }
        let (done, answer) = oneshot::channel();
        let sender = self.sender.as_ref().ok_or(NotWritten::Stopping)?;
        // Counted first: the thread may be done with it before `try_send` returns.
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        self.load.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Err(error) = sender.try_send(Job::Commit { batch, bytes, done }) {
            self.load.waiting.fetch_sub(1, Ordering::Relaxed);
            self.load.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(match error {
                mpsc::error::TrySendError::Full(_) => NotWritten::Busy,
                mpsc::error::TrySendError::Closed(_) => NotWritten::Stopping,
            });
        }
        answer.await.unwrap_or(Err(NotWritten::Stopping))
    }

    /// Does `work` on the writing thread while nothing else is written through it: for a backup.
    pub async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> T + Send + 'static,
    ) -> Result<T, NotWritten> {
        let (done, answer) = oneshot::channel();
        let sender = self.sender.as_ref().ok_or(NotWritten::Stopping)?;
        let job = Job::Alone(Box::new(move |store| {
            // Who asked may have gone: then nobody wants the answer.
            let _ = done.send(work(store));
        }));
        sender.send(job).await.map_err(|_| NotWritten::Stopping)?;
        answer.await.map_err(|_| NotWritten::Stopping)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("Writing thread ended in a panic.");
        }
    }
}

fn write_all(store: &dyn Store, mut jobs: mpsc::Receiver<Job>, load: &Load) {
    let mut next = None;
    while let Some(job) = next.take().or_else(|| jobs.blocking_recv()) {
        let (mut merged, mut total, mut waiting) = (Batch::default(), 0, Vec::new());
        match job {
            Job::Alone(work) => {
                work(store);
                continue;
            }
            Job::Commit { batch, bytes, done } => {
                merged.append(batch);
                total += bytes;
                waiting.push(done);
            }
        }
        while total < COMMIT_BYTES_MAX {
            match jobs.try_recv() {
                Ok(Job::Commit { batch, bytes, done }) => {
                    merged.append(batch);
                    total += bytes;
                    waiting.push(done);
                }
                Ok(alone) => {
                    next = Some(alone);
                    break;
                }
                Err(_) => break,
            }
        }
        let begun = std::time::Instant::now();
        let changes = merged.changes.len();
        let outcome = store.commit(merged).map_err(Arc::new);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        load.commits.fetch_add(1, Ordering::Relaxed);
        load.commit_micros.fetch_add(micros, Ordering::Relaxed);
        load.waiting.fetch_sub(waiting.len(), Ordering::Relaxed);
        load.waiting_bytes.fetch_sub(total, Ordering::Relaxed);
        match &outcome {
            Ok(()) => tracing::debug!(requests = waiting.len(), changes, micros, "Batch committed."),
            Err(error) => tracing::error!(requests = waiting.len(), changes, %error, "Batch not committed."),
        }
        *load.failure.lock().unwrap_or_else(PoisonError::into_inner) =
            outcome.as_ref().err().map(ToString::to_string);
        for done in waiting {
            // Who asked may have gone; the observations are kept all the same, and sending them again is safe.
            let _ = done.send(outcome.clone().map_err(NotWritten::Store));
        }
    }
}
