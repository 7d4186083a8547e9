//! Machines as files, and systemd's answer joined with them.

use daicho_proto::facts::StartMode;

use super::bus::Loaded;
use super::*;

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        let unit = |program: &str, more: &str| {
            format!("[Unit]\nDescription=The {program}\n[Service]\nExecStart=/usr/sbin/{program}\n{more}")
        };
        let install = "[Install]\nWantedBy=multi-user.target\n";
        machine.write("usr/lib/systemd/system/ssh.service", &unit("sshd", install));
        machine.write("usr/lib/systemd/system/cups.service", &unit("cupsd", install));
        machine.write("usr/lib/systemd/system/dbus.service", &unit("dbus-daemon", ""));
        machine.write("usr/lib/systemd/system/telnet.service", &unit("telnetd", install));
        machine.write("usr/lib/systemd/system/getty@.service", &unit("agetty", install));
        machine.write(
            "usr/lib/systemd/system/telnet.socket",
            "[Socket]\nListenStream=23\n[Install]\nWantedBy=sockets.target\n",
        );
        machine.write("etc/systemd/system/empty.service", "");
        machine.write("etc/init.d/ssh", "#!/bin/sh\n");
        machine.write("etc/init.d/old", "#!/bin/sh\n");
        machine.link(
            "/usr/lib/systemd/system/ssh.service",
            "etc/systemd/system/multi-user.target.wants/ssh.service",
        );
        machine.link("/usr/lib/systemd/system/ssh.service", "etc/systemd/system/sshd.service");
        machine.link(
            "/usr/lib/systemd/system/getty@.service",
            "etc/systemd/system/getty.target.wants/getty@tty1.service",
        );
        machine.link("/dev/null", "etc/systemd/system/telnet.service");
        machine.link("../init.d/old", "etc/rc2.d/S01old");
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    fn root(&self) -> Root {
        Root::at(self.0.path()).unwrap()
    }
}

fn find<'a>(services: &'a [Service], name: &str) -> Option<&'a Service> {
    services.iter().find(|service| service.name == name)
}

#[test]
fn files_tell_what_starts_and_not_what_runs() {
    let machine = Machine::new();
    let seen = look(&machine.root());
    assert!(seen.is_complete(), "{:?}", seen.problems());
    let services = seen.value().unwrap();
    for (name, start) in [
        ("ssh.service", StartMode::Enabled),
        ("cups.service", StartMode::Disabled),
        ("dbus.service", StartMode::Static),
        ("telnet.service", StartMode::Masked),
        ("telnet.socket", StartMode::Disabled),
        ("empty.service", StartMode::Masked),
        ("getty@tty1.service", StartMode::Enabled),
        ("old", StartMode::Enabled),
    ] {
        assert_eq!(find(services, name).map(|service| service.start), Some(start), "{name}");
    }
    assert!(services.iter().all(|service| service.running.is_none()));
    // Other names, templates and scripts behind a unit are not told twice.
    for name in ["sshd.service", "getty@.service", "ssh"] {
        assert_eq!(find(services, name), None);
    }
    assert_eq!(find(services, "ssh.service").unwrap().binary.as_deref(), Some("/usr/sbin/sshd"));
}

#[test]
fn a_machine_without_any_service_file_cannot_tell() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(look(&Root::at(folder.path()).unwrap()), Look::Unsupported);
}

#[test]
fn the_answer_of_systemd_is_joined_with_the_files() {
    let machine = Machine::new();
    let units = units::read(&machine.root(), &mut Vec::new());
    let loaded = |name: &str, load: &str, active: &str, sub: &str| Loaded {
        name: name.to_owned(),
        description: format!("Loaded {name}"),
        load: load.to_owned(),
        active: active.to_owned(),
        sub: sub.to_owned(),
    };
    let answer = vec![
        loaded("ssh.service", "loaded", "active", "running"),
        loaded("apparmor.service", "loaded", "active", "exited"),
        loaded("telnet.socket", "loaded", "active", "listening"),
        loaded("getty@tty1.service", "loaded", "active", "running"),
        loaded("mentioned.service", "not-found", "inactive", "dead"),
        loaded("home.mount", "loaded", "active", "mounted"),
        loaded("run-u3.service", "loaded", "failed", "failed"),
    ];
    let mut services = units::join(&units, &answer);
    let process = |pid: u32, unit: Option<&str>, socket: &str| Process {
        pid,
        name: "x".to_owned(),
        place: unit.map_or(Place::Manager, |unit| Place::Unit(unit.to_owned())),
        listening: vec![socket.to_owned()],
        ..Process::default()
    };
    let processes = [
        process(9, Some("ssh.service"), "tcp/0.0.0.0:22"),
        process(1, None, "tcp/[::]:23"),
        process(8, Some("strange.service"), "udp/0.0.0.0:9"),
    ];
    units::hand_out(&mut services, &units, &processes);
    let names: Vec<_> = services
        .iter()
        .map(|service| (service.name.as_str(), service.running, service.file_state.as_deref()))
        .collect();
    assert_eq!(
        names,
        [
            ("apparmor.service", Some(false), None),
            ("cups.service", Some(false), Some("disabled")),
            ("dbus.service", Some(false), Some("static")),
            ("empty.service", Some(false), Some("masked")),
            ("getty@tty1.service", Some(true), Some("enabled")),
            ("run-u3.service", Some(false), None),
            ("ssh.service", Some(true), Some("enabled")),
            ("telnet.service", Some(false), Some("masked")),
            ("telnet.socket", Some(true), Some("disabled")),
            ("strange.service", Some(true), None),
        ]
    );
    assert_eq!(find(&services, "run-u3.service").unwrap().state.as_deref(), Some("failed (failed)"));
    assert_eq!(find(&services, "telnet.socket").unwrap().triggers, ["telnet.service"]);
    assert_eq!(find(&services, "ssh.service").unwrap().aliases, ["sshd.service"]);
    assert_eq!(find(&services, "ssh.service").unwrap().listening, ["tcp/0.0.0.0:22"]);
    assert_eq!(find(&services, "telnet.socket").unwrap().listening, ["tcp/[::]:23"]);
    assert_eq!(find(&services, "getty@tty1.service").unwrap().binary.as_deref(), Some("/usr/sbin/agetty"));
}

/// What `systemctl --root list-unit-files` and `is-enabled` of Debian 11, 12 and 13 said of the same files.
#[test]
fn states_are_those_that_systemctl_tells() {
    let machine = Machine::new();
    let etc = "etc/systemd/system";
    let wants = format!("{etc}/multi-user.target.wants");
    let plain = "[Service]\nExecStart=/bin/true\n";
    let wanted = format!("{plain}[Install]\nWantedBy=multi-user.target\n");
    let template = format!("{wanted}DefaultInstance=one\n");
    machine.write("opt/x/linked.service", &wanted);
    machine.link("/opt/x/linked.service", &format!("{etc}/linked.service"));
    machine.write("opt/x/pulled.service", &wanted);
    machine.link("/opt/x/pulled.service", &format!("{etc}/pulled.service"));
    machine.link("/opt/x/pulled.service", &format!("{wants}/pulled.service"));
    machine.write(&format!("{etc}/also.service"), &format!("{plain}[Install]\nAlso=linked.service\n"));
    machine.write(&format!("{etc}/plain.service"), plain);
    machine.write(&format!("{etc}/aliased.service"), &format!("{wanted}Alias=other.service\n"));
    machine.link("/etc/systemd/system/aliased.service", &format!("{etc}/other.service"));
    machine.write(&format!("{etc}/odd.service"), &wanted);
    machine.link("odd.service", &format!("{etc}/unknown-name.service"));
    machine.write(&format!("{etc}/a@.service"), &template);
    machine.link("/etc/systemd/system/a@.service", &format!("{wants}/a@two.service"));
    machine.write(&format!("{etc}/b@.service"), &template);
    machine.link("/etc/systemd/system/b@.service", &format!("{wants}/b@one.service"));
    machine.write("run/systemd/system/runtime.service", &wanted);
    machine.link("../runtime.service", "run/systemd/system/multi-user.target.wants/runtime.service");
    machine.link("/dev/null", "run/systemd/system/cups.service");
    machine.write(
        "usr/local/lib/systemd/system/local.timer",
        "[Timer]\nUnit=plain.service\n[Install]\nWantedBy=timers.target\n",
    );
    machine
        .link("/usr/local/lib/systemd/system/local.timer", &format!("{etc}/timers.target.wants/local.timer"));
    machine.write(&format!("{etc}/changed.service"), plain);
    machine.write(&format!("{etc}/changed.service.d/x.conf"), "[Install]\nWantedBy=multi-user.target\n");
    machine.write(&format!("{etc}/needed.service"), &wanted);
    machine.link("../needed.service", &format!("{etc}/multi-user.target.requires/needed.service"));
    machine.link("/lib/systemd/system/gone.service", &format!("{etc}/gone.service"));
    machine.write("run/systemd/generator.late/old.service", plain);
    machine.link("../old.service", "run/systemd/generator.late/multi-user.target.wants/old.service");
    machine.write("run/systemd/generator.late/idle.service", plain);
    machine.write("run/systemd/transient/run-u3.service", plain);
    let mut problems = Vec::new();
    let services = units::as_services(&units::read(&machine.root(), &mut problems));
    assert!(problems.is_empty(), "{problems:?}");
    for (name, state, start) in [
        ("linked.service", "linked", StartMode::Disabled),
        ("pulled.service", "enabled", StartMode::Enabled),
        ("also.service", "indirect", StartMode::Static),
        ("plain.service", "static", StartMode::Static),
        ("aliased.service", "enabled", StartMode::Enabled),
        ("odd.service", "indirect", StartMode::Static),
        ("a@two.service", "enabled", StartMode::Enabled),
        ("b@one.service", "enabled", StartMode::Enabled),
        ("runtime.service", "enabled-runtime", StartMode::Enabled),
        ("cups.service", "masked-runtime", StartMode::Masked),
        ("local.timer", "enabled", StartMode::Enabled),
        ("changed.service", "disabled", StartMode::Disabled),
        ("needed.service", "enabled", StartMode::Enabled),
        ("old.service", "generated", StartMode::Enabled),
        ("idle.service", "generated", StartMode::Static),
        ("run-u3.service", "transient", StartMode::Static),
    ] {
        let service = find(&services, name).unwrap_or_else(|| panic!("{name} is told"));
        assert_eq!((service.file_state.as_deref(), service.start), (Some(state), start), "{name}");
    }
    for name in ["other.service", "unknown-name.service", "gone.service", "a@.service"] {
        assert_eq!(find(&services, name), None);
    }
    assert_eq!(find(&services, "local.timer").unwrap().triggers, ["plain.service"]);
}

#[test]
fn a_source_that_cannot_be_read_is_a_problem() {
    // A folder in the place of a file, a file in the place of a folder: nobody can read them, whoever asks.
    let files = [
        "etc/inetd.conf",
        "etc/xinetd.conf",
        "etc/crontab",
        "etc/anacrontab",
        "etc/passwd",
        "etc/systemd/system/x.service",
        "etc/systemd/system/ssh.service.d/x.conf",
    ];
    let folders = [
        "etc/systemd/system",
        "etc/systemd/system/multi-user.target.wants",
        "etc/systemd/system/ssh.service.d",
        "usr/lib/systemd/system",
        "etc/init.d",
        "etc/rc2.d",
        "etc/xinetd.d",
        "etc/service",
        "etc/cron.d",
        "etc/cron.daily",
        "var/spool/cron/crontabs",
        "etc/systemd/user",
        "var/lib/systemd/linger",
    ];
    for (path, by_folder) in
        files.iter().map(|path| (path, true)).chain(folders.iter().map(|path| (path, false)))
    {
        let machine = Machine::new();
        let place = machine.0.path().join(path);
        let _ = std::fs::remove_dir_all(&place);
        if by_folder {
            std::fs::create_dir_all(&place).unwrap();
        } else {
            machine.write(path, "");
        }
        let seen = look(&machine.root());
        assert!(!seen.is_complete(), "{path}");
        assert!(
            seen.problems().iter().any(|problem| problem.contains(path)),
            "{path}: {:?}",
            seen.problems()
        );
    }
}

#[test]
fn a_machine_that_does_not_tell_what_runs_is_not_said_to_run_nothing() {
    let running = Running::default();
    assert_eq!((running.lives(1), running.runs("init")), (None, None));
    let machine = Machine::new();
    machine.write("etc/init.d/named", "DAEMON=/usr/sbin/named\n");
    machine.write("run/named.pid", "71\n");
    let seen = scripts::system_v(&machine.root(), &running, &mut Vec::new());
    assert!(seen.iter().all(|service| service.running.is_none()), "{seen:?}");
}

#[test]
fn without_systemds_answer_what_has_a_process_runs() {
    let units = units::read(&Machine::new().root(), &mut Vec::new());
    let mut services = units::as_services(&units);
    let process = Process { place: Place::Unit("ssh.service".to_owned()), ..Process::default() };
    units::mark_running(&mut services, &[process]);
    assert_eq!(find(&services, "ssh.service").unwrap().running, Some(true));
    assert_eq!(find(&services, "cups.service").unwrap().running, None);
}

#[test]
fn this_machine_tells_what_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let expected = format!("tcp/127.0.0.1:{}", listener.local_addr().unwrap().port());
    let seen = look(&Root::here());
    let services = seen.value().unwrap();
    assert!(services.iter().any(|service| service.listening.contains(&expected)));
}

#[test]
fn random_unit_files_never_panic() {
    let mut chance = fastrand::Rng::with_seed(5);
    let words = [
        "[Unit]",
        "[Service]",
        "[Socket]",
        "[",
        "]",
        "=",
        "ExecStart=\"",
        "ExecStart=@",
        "ListenStream=:",
        "Description=\u{3042}",
        "}",
        "service x",
        "disable =",
    ];
    for _ in 0..200 {
        let machine = Machine(tempfile::tempdir().unwrap());
        let mut text = || -> String {
            (0..chance.usize(..20)).flat_map(|_| [words[chance.usize(..words.len())], "\n"]).collect()
        };
        machine.write("etc/systemd/system/a@b.service", &text());
        machine.write("etc/systemd/system/@.service", &text());
        machine.write("etc/systemd/system/c.socket", &text());
        machine.write("etc/systemd/system/c.socket.d/x.conf", &text());
        machine.write("etc/inetd.conf", &text());
        machine.write("etc/xinetd.d/x", &text());
        let _ = look(&machine.root());
    }
}
