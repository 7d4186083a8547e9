//! systemd's own answer over D-Bus: org.freedesktop.systemd1(5). One question; nothing is started or changed.

use std::time::Duration;

use zbus::proxy::MethodFlags;
use zbus::zvariant::OwnedObjectPath;

/// A manager that does not answer in this time is busy booting or broken; the next look asks again. Half of what a look
/// may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// A unit that systemd has loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) description: String,
    /// `loaded`, `not-found`, `masked`, ...
    pub(super) load: String,
    /// `active`, `inactive`, `failed`, ...
    pub(super) active: String,
    /// `running`, `exited`, `listening`, ...
    pub(super) sub: String,
}

/// The kinds that are services or start one: a third of all units. The states of unit files are not asked for: systemd
/// would read every file for them, which took it 6 s on an emulated processor.
const PATTERNS: [&str; 4] = ["*.service", "*.socket", "*.timer", "*.path"];

/// Asks the running systemd for the units that it has loaded. The error is a reason, as a part of a sentence.
pub(super) fn ask() -> Result<Vec<Loaded>, String> {
    // A thread of its own: the caller may stand in an asynchronous task, where a second runtime cannot be entered.
    let asking = std::thread::Builder::new().name("systemd".to_owned()).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime to ask with: {error}"))?;
        runtime.block_on(async {
            match tokio::time::timeout(ANSWER_TIME_MAX, question()).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer within {} seconds", ANSWER_TIME_MAX.as_secs())),
            }
        })
    });
    let asking = asking.map_err(|error| format!("no thread to ask from: {error}"))?;
    asking.join().unwrap_or_else(|_| Err("the question failed".to_owned()))
}

/// `a(ssssssouso)`: name, description, load, active and sub state, followed unit, path, job, its type, its path.
type Unit = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

async fn question() -> zbus::Result<Vec<Loaded>> {
    let connection = zbus::Connection::system().await?;
    let manager = zbus::proxy::Builder::<zbus::Proxy<'_>>::new(&connection)
        .destination("org.freedesktop.systemd1")?
        .path("/org/freedesktop/systemd1")?
        .interface("org.freedesktop.systemd1.Manager")?
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await?;
    let quietly = MethodFlags::NoAutoStart.into();
    let no_states: [&str; 0] = [];
    let units: Option<Vec<Unit>> =
        manager.call_with_flags("ListUnitsByPatterns", quietly, &(&no_states[..], &PATTERNS[..])).await?;
    let loaded = units.unwrap_or_default().into_iter().map(|unit| Loaded {
        name: unit.0,
        description: unit.1,
        load: unit.2,
        active: unit.3,
        sub: unit.4,
    });
    Ok(loaded.collect())
}
