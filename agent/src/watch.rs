//! A change on disk wakes a probe early.
//!
//! Folders are watched, never files: a file that matters is replaced by rename. What is missing is waited for in the
//! nearest folder that is there. The kernel is asked for changes alone: /etc is opened by each program that starts, and
//! /var/log is written all the time, and neither may cost us anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use daicho_proto::facts::Subject;
use notify::{Config, Event, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tracing::{debug, warn};

/// Folders watched at once. Linux gives each user some thousands for all programs together; our probes name some dozen.
const WATCHES_MAX: usize = 128;

/// A path has about this many folders above it; more rounds would chase somebody who plays with us.
const ARRANGEMENTS_MAX: usize = 8;

/// What can change what a probe sees. Reading does not, and our own probes do it; who writes is heard when it closes
/// the file, so that a log that stays open is not heard with each line.
const CHANGES: EventKindMask = EventKindMask::CREATE
    .union(EventKindMask::REMOVE)
    .union(EventKindMask::MODIFY_META)
    .union(EventKindMask::MODIFY_NAME)
    .union(EventKindMask::ACCESS_CLOSE);

/// Subjects that are to be looked at before their time.
#[derive(Default)]
pub struct Wakes {
    subjects: Mutex<BTreeSet<Subject>>,
    woken: Notify,
}

impl Wakes {
    /// Asks for a look.
    pub fn wake(&self, subjects: impl IntoIterator<Item = Subject>) {
        let mut waiting = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.len();
        waiting.extend(subjects);
        if waiting.len() > before {
            self.woken.notify_one();
        }
    }

    /// Waits until somebody asks.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Who is asked for, each once; nobody afterwards.
    pub fn take(&self) -> BTreeSet<Subject> {
        std::mem::take(&mut self.subjects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Watches until it is dropped.
pub struct Watch {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    paths: Vec<(PathBuf, Subject)>,
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Wakes the subject of each of `paths` when something changes at it or, if it is a folder, in it.
    pub fn start(paths: Vec<(PathBuf, Subject)>, wakes: Arc<Wakes>) -> notify::Result<Self> {
        let inner = Arc::new(Mutex::new(Inner { paths, watcher: None, folders: BTreeSet::new() }));
        let weak = Arc::downgrade(&inner);
        // notify calls back on its own thread, one event after the other.
        let (sender, receiver) = std::sync::mpsc::channel();
        let watcher = RecommendedWatcher::new(sender, Config::default().with_event_kinds(CHANGES))?;
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            for event in receiver {
                let Some(inner) = weak.upgrade() else { return };
                let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(event) => wakes.wake(inner.heard(&event)),
                    Err(error) => {
                        // Events may be lost: everything that is watched could have changed.
                        warn!(%error, "Watching failed for a moment.");
                        wakes.wake(inner.paths.iter().map(|(_, subject)| *subject).collect::<Vec<_>>());
                    }
                }
            }
        })?;
        {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.watcher = Some(watcher);
            inner.arrange();
        }
        Ok(Watch { inner })
    }

    /// How many folders are watched.
    pub fn folders(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).folders.len()
    }
}

impl Inner {
    fn heard(&mut self, event: &Event) -> Vec<Subject> {
        let lost = event.need_rescan();
        let concerns = |path: &Path| lost || event.paths.iter().any(|at| is_about(at, path));
        let woken: Vec<Subject> =
            self.paths.iter().filter(|(path, _)| concerns(path)).map(|(_, subject)| *subject).collect();
        // A folder on the way to a path came or went.
        if lost || event.paths.iter().any(|at| self.paths.iter().any(|(path, _)| path.starts_with(at))) {
            self.arrange();
        }
        woken
    }

    /// Watches the folders that are there now.
    fn arrange(&mut self) {
        // A folder may come between the question and the watch: ask until the answer stays.
        for _ in 0..ARRANGEMENTS_MAX {
            let before = self.folders.clone();
            self.arrange_once();
            if self.folders == before {
                return;
            }
        }
    }

    fn arrange_once(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut wanted = folders_for(self.paths.iter().map(|(path, _)| path.as_path()), Path::is_dir);
        if wanted.len() > WATCHES_MAX {
            warn!(wanted = wanted.len(), watched = WATCHES_MAX, "More folders than may be watched.");
            wanted = wanted.into_iter().take(WATCHES_MAX).collect();
        }
        for gone in self.folders.difference(&wanted) {
            // Mostly the kernel has forgotten it already.
            if let Err(error) = watcher.unwatch(gone) {
                debug!(folder = %gone.display(), %error, "Folder is no longer watched.");
            }
        }
        let mut watched = BTreeSet::new();
        for folder in wanted {
            // Again even if it was watched: it may be another folder under the same name.
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) => warn!(folder = %folder.display(), %error, "Folder cannot be watched."),
            }
        }
        self.folders = watched;
    }
}

/// Whether a change at `at` can be one of `path`: at it, in it, or at a folder on the way to it.
fn is_about(at: &Path, path: &Path) -> bool {
    at.starts_with(path) || path.starts_with(at)
}

/// For each path: itself if it is a folder, and the nearest folder above it that is there.
fn folders_for<'a>(
    paths: impl Iterator<Item = &'a Path>,
    is_folder: impl Fn(&Path) -> bool,
) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for path in paths {
        folders.extend(is_folder(path).then(|| path.to_owned()));
        folders.extend(path.ancestors().skip(1).find(|above| is_folder(above)).map(Path::to_owned));
    }
    folders
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    /// Far longer than the kernel needs: reached only when the notice does not come at all.
    const NEVER: Duration = Duration::from_secs(20);

    fn check(watched: &str, prepare: impl Fn(&Path), change: impl Fn(&Path), wakes_up: bool) {
        let folder = TempDir::new().unwrap();
        // A folder of its own, for /tmp is busy.
        let base = folder.path().join("base");
        fs::create_dir(&base).unwrap();
        prepare(&base);
        let wakes = Arc::new(Wakes::default());
        let fence = base.join("fence");
        fs::create_dir(&fence).unwrap();
        let paths = vec![(base.join(watched), Subject::Accounts), (fence.clone(), Subject::Host)];
        let watch = Watch::start(paths, wakes.clone()).unwrap();
        change(&base);
        // Notices come in order: when this one is here, the one before it is, too.
        fs::write(fence.join("now"), b"").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut heard = BTreeSet::new();
        runtime.block_on(async {
            tokio::time::timeout(NEVER, async {
                while !heard.contains(&Subject::Host) {
                    wakes.woken().await;
                    heard.extend(wakes.take());
                }
            })
            .await
            .expect("the fence is heard");
        });
        assert_eq!(heard.contains(&Subject::Accounts), wakes_up, "{watched}");
        drop(watch);
    }

    #[test]
    fn a_file_replaced_by_rename_wakes_its_probe() {
        check(
            "etc/passwd",
            |base| {
                fs::create_dir(base.join("etc")).unwrap();
                fs::write(base.join("etc/passwd"), b"old").unwrap();
                fs::write(base.join("etc/passwd-new"), b"new").unwrap();
            },
            |base| fs::rename(base.join("etc/passwd-new"), base.join("etc/passwd")).unwrap(),
            true,
        );
    }

    #[test]
    fn a_file_in_a_watched_folder_wakes_its_probe() {
        check(
            "units",
            |base| fs::create_dir(base.join("units")).unwrap(),
            |base| fs::write(base.join("units/new.service"), b"").unwrap(),
            true,
        );
    }

    #[test]
    fn reading_and_the_neighbours_wake_nobody() {
        check(
            "etc/passwd",
            |base| {
                fs::create_dir(base.join("etc")).unwrap();
                fs::write(base.join("etc/passwd"), b"old").unwrap();
            },
            |base| {
                fs::read(base.join("etc/passwd")).unwrap();
                fs::write(base.join("etc/hosts"), b"other").unwrap();
            },
            false,
        );
    }

    #[test]
    fn a_record_that_is_written_on_wakes_its_probe_and_a_log_that_stays_open_does_not() {
        let append = |base: &Path| fs::OpenOptions::new().append(true).open(base.join("log/wtmp")).unwrap();
        let prepare = |base: &Path| {
            fs::create_dir(base.join("log")).unwrap();
            fs::write(base.join("log/wtmp"), b"old").unwrap();
        };
        check("log/wtmp", prepare, |base| append(base).write_all(b"new").unwrap(), true);
        let open = std::cell::RefCell::new(Vec::new());
        let keep_open = |base: &Path| {
            let mut log = append(base);
            log.write_all(b"new").unwrap();
            open.borrow_mut().push(log);
        };
        // Windows tells each line, whether the file stays open or not.
        if cfg!(target_os = "linux") {
            check("log/wtmp", prepare, keep_open, false);
        }
    }

    #[test]
    fn a_folder_that_is_replaced_is_watched_again() {
        let folder = TempDir::new().unwrap();
        let (units, fence) = (folder.path().join("units"), folder.path().join("fence"));
        fs::create_dir(&units).unwrap();
        fs::create_dir(&fence).unwrap();
        let wakes = Arc::new(Wakes::default());
        let paths = vec![(units.clone(), Subject::Services), (fence.clone(), Subject::Host)];
        let _watch = Watch::start(paths, wakes.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let heard = |wanted: Subject| {
            let heard = async {
                while !wakes.take().contains(&wanted) {
                    wakes.woken().await;
                }
            };
            runtime.block_on(async { tokio::time::timeout(NEVER, heard).await }).expect("it is heard");
        };
        fs::rename(&units, folder.path().join("old")).unwrap();
        fs::create_dir(&units).unwrap();
        // Notices come in order: when this one is here, what came before it was taken in.
        fs::write(fence.join("now"), b"").unwrap();
        heard(Subject::Host);
        fs::write(units.join("new.service"), b"").unwrap();
        heard(Subject::Services);
    }

    #[test]
    fn what_is_missing_is_waited_for() {
        check(
            "var/lib/rpm/rpmdb.sqlite",
            |_| {},
            |base| {
                fs::create_dir_all(base.join("var/lib/rpm")).unwrap();
                fs::write(base.join("var/lib/rpm/rpmdb.sqlite"), b"").unwrap();
            },
            true,
        );
    }

    #[test]
    fn a_missing_path_is_watched_once_it_appears() {
        let is_folder = |there: &'static [&'static str]| {
            move |path: &Path| there.iter().any(|one| path == Path::new(one))
        };
        let path = [Path::new("/a/b/c")];
        let folders = |there| folders_for(path.into_iter(), is_folder(there)).into_iter().collect::<Vec<_>>();
        assert_eq!(folders(&["/", "/a"]), [Path::new("/a")]);
        assert_eq!(folders(&["/", "/a", "/a/b", "/a/b/c"]), [Path::new("/a/b"), Path::new("/a/b/c")]);
    }
}
