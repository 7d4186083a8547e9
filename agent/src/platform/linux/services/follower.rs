//! systemd's word that a unit changed: its signals over D-Bus, org.freedesktop.systemd1(5).
//!
//! A unit that is started by hand, stops or fails changes no file. logind has asked systemd for the same signals
//! already, so that they cost PID 1 nothing more; the bus gives us those alone that can be of a service.

use std::io;

use futures_util::StreamExt as _;
use futures_util::stream::select_all;
use zbus::message::Type;
use zbus::proxy::MethodFlags;
use zbus::zvariant::ObjectPath;
use zbus::{MatchRule, Message, MessageStream};

use super::units::is_service;
use crate::platform::linux::root::Root;

/// systemd's name on the bus.
const SYSTEMD: &str = "org.freedesktop.systemd1";

/// Signals of the manager: a unit is loaded or forgotten, unit files were changed, all of them are read anew.
const OF_THE_MANAGER: [&str; 4] = ["UnitNew", "UnitRemoved", "UnitFilesChanged", "Reloading"];

/// Signals that wait for us. After more of them zbus stops reading, and the bus keeps what follows.
const WAITING_MAX: usize = 64;

/// Calls `changed` for each signal that can be of a service, until it answers `false`.
pub(in super::super) fn follow(root: &Root, changed: &mut dyn FnMut() -> bool) -> io::Result<()> {
    // sd_booted(3). Files below another root change as files do.
    if !root.is_live() || !root.exists("/run/systemd/system") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(listen(changed)).map_err(io::Error::other)
}

async fn listen(changed: &mut dyn FnMut() -> bool) -> zbus::Result<()> {
    let connection = zbus::Connection::system().await?;
    let mut streams = Vec::new();
    for rule in rules()? {
        streams.push(MessageStream::for_match_rule(rule, &connection, Some(WAITING_MAX)).await?);
    }
    let manager = zbus::proxy::Builder::<zbus::Proxy<'_>>::new(&connection)
        .destination(SYSTEMD)?
        .path("/org/freedesktop/systemd1")?
        .interface("org.freedesktop.systemd1.Manager")?
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await?;
    let _: Option<()> = manager.call_with_flags("Subscribe", MethodFlags::NoAutoStart.into(), &()).await?;
    let mut signals = select_all(streams);
    // What changed before we listened.
    let mut goes_on = changed();
    while goes_on {
        match signals.next().await {
            Some(Ok(signal)) if is_of_a_service(&signal) => goes_on = changed(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Err(zbus::Error::Failure("the bus closed the connection".to_owned())),
        }
    }
    Ok(())
}

fn rules() -> zbus::Result<Vec<MatchRule<'static>>> {
    let mut rules = Vec::new();
    for member in OF_THE_MANAGER {
        let rule = MatchRule::builder().msg_type(Type::Signal).sender(SYSTEMD)?;
        rules.push(rule.interface("org.freedesktop.systemd1.Manager")?.member(member)?.build());
    }
    // Each change of a unit's state is told twice: for all kinds of units, and for its own kind.
    let rule = MatchRule::builder().msg_type(Type::Signal).sender(SYSTEMD)?;
    let rule = rule.interface("org.freedesktop.DBus.Properties")?.member("PropertiesChanged")?;
    let rule = rule.path_namespace("/org/freedesktop/systemd1/unit")?;
    rules.push(rule.arg(0, "org.freedesktop.systemd1.Unit")?.build());
    Ok(rules)
}

fn is_of_a_service(signal: &Message) -> bool {
    let header = signal.header();
    match header.member().map(zbus::names::MemberName::as_str) {
        Some("PropertiesChanged") => header.path().is_some_and(|path| is_path_of_a_service(path)),
        Some("UnitNew" | "UnitRemoved") => {
            let body = signal.body();
            let named = body.deserialize::<(&str, ObjectPath<'_>)>();
            named.is_ok_and(|(name, _)| is_service(name))
        }
        _ => true,
    }
}

/// `/org/freedesktop/systemd1/unit/ssh_2eservice`: the bus allows letters and digits, and the rest is written as bytes.
fn is_path_of_a_service(path: &str) -> bool {
    path.rsplit_once("_2e").is_some_and(|(_, kind)| is_service(&format!(".{kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(path: &str, interface: &str, member: &str) -> zbus::message::Builder<'static> {
        let path = path.to_owned();
        let builder = Message::signal(path, interface.to_owned(), member.to_owned()).unwrap();
        builder.sender(":1.1").unwrap()
    }

    #[test]
    fn a_mount_that_comes_is_no_news_of_a_service() {
        let unit = |name: &str| {
            let path = format!("/org/freedesktop/systemd1/unit/{name}");
            let signal = signal(&path, "org.freedesktop.DBus.Properties", "PropertiesChanged");
            is_of_a_service(&signal.build(&("org.freedesktop.systemd1.Unit",)).unwrap())
        };
        for name in ["ssh_2eservice", "getty_40tty1_2eservice", "dbus_2esocket", "fstrim_2etimer"] {
            assert!(unit(name), "{name}");
        }
        for name in ["media_2dusb_2emount", "dev_2dsda_2edevice", "session_2d3_2escope", "_2e", "service"] {
            assert!(!unit(name), "{name}");
        }
    }

    #[test]
    fn units_that_are_loaded_or_forgotten_are_told_by_their_names() {
        let told = |member: &str, name: &str| {
            let signal = signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", member);
            let path = ObjectPath::try_from("/org/freedesktop/systemd1/unit/x").unwrap();
            is_of_a_service(&signal.build(&(name, path)).unwrap())
        };
        assert!(told("UnitNew", "ssh.service") && told("UnitRemoved", "run-u5.service"));
        assert!(!told("UnitNew", "dev-sda.device") && !told("UnitRemoved", "session-3.scope"));
        assert!(told("UnitFilesChanged", "") && told("Reloading", ""));
    }

    #[test]
    fn a_folder_of_files_has_no_bus() {
        let folder = tempfile::tempdir().unwrap();
        let mut called = false;
        let followed = follow(&Root::at(folder.path()).unwrap(), &mut || {
            called = true;
            true
        });
        assert!(followed.is_ok() && !called);
    }
}
