//! The agent as a service of Windows: made, removed and asked by an administrator, run by the service control manager.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Word;
use super::outcome::{BROKE, HANGS, Message, outcome};
use super::persist::{RETRY_AFTER, persist};
use super::plan::{Event, NAME, STOP_TIME_MAX, Standing, command_line};
use super::stop::Halt;
use crate::files::private_folder;
use crate::platform::windows::live::service_manager::{self, Stage};
use crate::platform::windows::live::{acl, event_log, service_setup};
use crate::text::Text;

/// A service that was told to stop is waited for no longer than this: its own limit, and some more.
const REMOVAL_TIME_MAX: Duration = Duration::from_secs(30);

/// Tells the service control manager.
pub(super) fn tell(word: Word) {
    match word {
        Word::Ready => service_manager::report(Stage::Running),
        Word::Stopping => service_manager::report(Stage::Stopping),
        Word::Alive => {}
    }
}

/// Writes to the event log. Where that fails there is nobody left to tell but the log.
pub fn report(event: &Event) {
    if let Err(error) = event_log::report(event.severity(), event.number(), &event.text()) {
        tracing::warn!(%error, ?event, "Event log takes nothing.");
    }
}

/// Whether the service control manager started this process.
pub fn is_started_by_manager() -> bool {
    service_setup::is_parent().unwrap_or(false)
}

/// Works as a service until told to stop. `false`: it was no service control manager that started this process, and
/// nothing was done.
pub fn serve(attempt: impl Fn(&Halt) -> Result<(), Text> + Send + 'static) -> Result<bool, Text> {
    let halt = Arc::new(Halt::of_a_service());
    let (sender, messages) = channel();
    let stop = {
        let (halt, sender) = (halt.clone(), Mutex::new(sender.clone()));
        move || {
            halt.order();
            // Whoever no longer listens has ended already.
            sender.lock().unwrap_or_else(PoisonError::into_inner).send(Message::Ordered).ok();
        }
    };
    let work = move || {
        let worker = std::thread::Builder::new().name("work".to_owned()).spawn(move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&halt, attempt)));
            sender.send(Message::Ended(ended.is_ok())).ok();
        });
        if worker.is_err() {
            return BROKE;
        }
        let failure = outcome(&messages, STOP_TIME_MAX);
        match failure {
            0 => report(&Event::Stopped),
            // Windows would start again what ends with a failure, and this one was told to stop.
            HANGS => {
                report(&Event::Trouble("the agent did not stop in time and was left behind".to_owned()));
                return 0;
            }
            _ => report(&Event::Trouble("the agent's work broke off; Windows starts it again".to_owned())),
        }
        failure
    };
    service_manager::serve(stop, work).map_err(|error| {
        Text::new(
            format!("サービスとして開始できません（{error}）"),
            format!("cannot start as a service ({error}); see the system's event log"),
        )
    })
}

fn work(halt: &Halt, attempt: impl Fn(&Halt) -> Result<(), Text>) {
    report(&Event::Started);
    persist(
        halt,
        RETRY_AFTER,
        || attempt(halt),
        |text| {
            // It waits, and that is work: a service that stayed 'starting' would be ended.
            tell(Word::Ready);
            tracing::warn!(error = %text, "Agent waits for a person.");
            report(&Event::Waits(text.clone()));
        },
    );
}

/// What `service install` is told.
pub struct Wish<'a> {
    /// The configuration to run with, if not the default one.
    pub config: Option<&'a Path>,
    /// The data folder to run with, if the configuration does not decide.
    pub data: Option<&'a Path>,
    /// The folder that it comes to.
    pub data_folder: &'a Path,
    /// Whether to start it at once.
    pub start: bool,
}

/// What a person should hear of a service that was made.
pub struct Installed {
    /// Settings that this system does not know.
    pub unknown: Vec<&'static str>,
    /// Whether the program lies where only administrators may change it, by Windows' own rule for that.
    pub is_safe_place: bool,
}

/// Makes the service, or changes the one that is there.
pub fn install(wish: &Wish<'_>) -> Result<Installed, Text> {
    let failed = |error: io::Error| explain("登録", "install", &error);
    if !acl::is_administrator().map_err(failed)? {
        return Err(explain("登録", "install", &io::Error::from_raw_os_error(ACCESS_DENIED)));
    }
    let program = std::env::current_exe().map_err(failed)?;
    let line = command_line(&program, wish.config, wish.data)?;
    for folder in folders(wish.data_folder) {
        private_folder(&folder).map_err(|error| {
            let folder = folder.display();
            Text::new(
                format!("{folder} を管理者専用のフォルダーにできません（{error}）"),
                format!("cannot make {folder} a folder of the administrators alone ({error}); mend that and install again"),
            )
        })?;
    }
    event_log::register().map_err(failed)?;
    let (service, unknown) = service_setup::install(&line).map_err(failed)?;
    if wish.start {
        service.start().map_err(|error| explain("開始", "start", &error))?;
    }
    let is_safe_place = ["ProgramFiles", "SystemRoot"]
        .iter()
        .filter_map(std::env::var_os)
        .any(|folder| !folder.is_empty() && program.starts_with(folder));
    Ok(Installed { unknown, is_safe_place })
}

/// The data folder, and the one around it where the configuration lies: in ProgramData everybody may make files.
fn folders(data: &Path) -> Vec<PathBuf> {
    let around = crate::config::default_path().parent().map(Path::to_owned);
    around.into_iter().filter(|around| data.starts_with(around)).chain([data.to_owned()]).collect()
}

/// Stops and removes the service. Answers whether there was one.
pub fn remove() -> Result<bool, Text> {
    let failed = |error: io::Error| explain("削除", "remove", &error);
    let service = service_setup::find_to_remove().map_err(failed)?;
    if let Some(service) = &service {
        if !service.stop(REMOVAL_TIME_MAX).map_err(failed)? {
            return Err(Text::new(
                format!(
                    "サービス {NAME} が {} 秒以内に停止しません。しばらく待ってもう一度実行してください",
                    REMOVAL_TIME_MAX.as_secs()
                ),
                format!(
                    "cannot remove the service {NAME}: it did not stop within {} s; wait a moment and try again",
                    REMOVAL_TIME_MAX.as_secs()
                ),
            ));
        }
        service.delete().map_err(failed)?;
    }
    event_log::forget().map_err(failed)?;
    Ok(service.is_some())
}

/// How the service is.
pub fn standing() -> Result<Standing, Text> {
    let failed = |error: io::Error| explain("確認", "ask for", &error);
    match service_setup::find().map_err(failed)? {
        Some(service) => service.standing().map_err(failed),
        None => Ok(Standing::default()),
    }
}

/// `ERROR_ACCESS_DENIED` and `ERROR_SERVICE_MARKED_FOR_DELETE` (winerror.h).
const ACCESS_DENIED: i32 = 5;
const MARKED_FOR_DELETE: i32 = 1072;

fn explain(ja: &str, en: &str, error: &io::Error) -> Text {
    let (next_ja, next_en) = match error.raw_os_error() {
        Some(ACCESS_DENIED) => ("管理者として実行してください", "run this as an administrator"),
        Some(MARKED_FOR_DELETE) => (
            "「サービス」の画面とタスクマネージャーを閉じてから、もう一度実行してください",
            "it is being removed: close the windows that show services and try again",
        ),
        _ => ("イベントビューアーのシステムログを確認してください", "see the log System in the Event Viewer"),
    };
    Text::new(
        format!("サービス {NAME} を{ja}できません（{error}）。{next_ja}"),
        format!("cannot {en} the service {NAME} ({error}); {next_en}"),
    )
}
