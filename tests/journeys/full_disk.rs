//! A full disk under the collector or the agent, a read-only one, a folder that goes: the program keeps running and says so,
//! takes nothing half, and goes on where it was.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, command, expect, run, until};
use daicho_tests::site::Site;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

/// The disk: room for the store and the reserve that the collector leaves alone.
const DISK: &str = "size=96m";

/// What fills it below that reserve.
const FILLER_BYTES: u64 = 80 * 1024 * 1024;

/// A small disk, in memory, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// Puts a small disk in the place of a folder, with what the folder held.
    fn mount(at: &Path) -> Option<Self> {
        let before = at.with_extension("before");
        fs::rename(at, &before).expect("a temporary folder can be written");
        fs::create_dir(at).expect("a temporary folder can be written");
        let options = std::ffi::CString::new(DISK).expect("no zero in it");
        match mount("tmpfs", at, "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => {
                let disk = Disk(at.to_owned());
                copy(&before, at);
                Some(disk)
            }
            Err(error) => {
                assert!(
                    std::env::var("CI").as_deref() != Ok("true"),
                    "CI=true, and no disk can be mounted: {error}"
                );
                println!("skipped: a small disk can be mounted only by root");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a temporary folder can be read") {
        let entry = entry.expect("its entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a temporary folder can be written");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a temporary folder can be written");
        }
    }
}

fn health(telemetry: SocketAddr) -> String {
    let mut stream = TcpStream::connect(telemetry).expect("the collector tells its health");
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again() {
    let mut site = Site::prepare("");
    let Some(_disk) = Disk::mount(&site.data().join("store")) else { return };
    site.start_collector();
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let mut serve = command("daicho-agent");
    serve.arg("run").arg("--data").arg(&data).arg("--root").arg(machine.root());
    let mut agent = Running::start(serve);
    site.wait_for("04.unlisted_device", "sv-01", "open");
    assert!(health(site.telemetry).starts_with("HTTP/1.1 200"));

    let filler = site.data().join("store/filler");
    fs::write(&filler, vec![1; usize::try_from(FILLER_BYTES).expect("it fits")]).expect("there is room");
    machine.add_account("suzuki", 1002);
    until("the agent to say that the collector cannot write", || {
        let folder = data.to_str().expect("a temporary path is text");
        let status = run("daicho-agent", &["status", "--format", "json", "--data", folder]);
        String::from_utf8_lossy(&status.stdout).contains("cannot write").then_some(())
    });
    let told = health(site.telemetry);
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert_eq!(
        site.violation("08.unlisted_account", "suzuki"),
        None,
        "nothing was taken, and questions are answered"
    );

    fs::remove_file(&filler).expect("our own file");
    site.wait_for("08.unlisted_account", "suzuki", "open");
    until("the collector to be well again", || {
        health(site.telemetry).starts_with("HTTP/1.1 200").then_some(())
    });
    assert_eq!(agent.stop(), Some(0));
    site.stop_collector();
}

fn agent_status(data: &Path) -> String {
    let folder = data.to_str().expect("a temporary path is text");
    let status = run("daicho-agent", &["status", "--format", "json", "--data", folder]);
    String::from_utf8_lossy(&status.stdout).into_owned()
}

fn device(site: &Site) -> String {
    let shown = site.daicho(&["device", "sv-01"]);
    String::from_utf8_lossy(&shown.stdout).into_owned()
}

#[test]
fn an_agent_whose_disk_takes_nothing_lives_and_tells_and_goes_on_when_it_does() {
    let site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let spool = data.join("spool");
    fs::create_dir(&spool).expect("a temporary folder can be written");
    let Some(disk) = Disk::mount(&spool) else { return };
    let start = || {
        let mut serve = command("daicho-agent");
        serve.arg("run").arg("--data").arg(&data).arg("--root").arg(machine.root());
        Running::start(serve)
    };
    let mut agent = start();
    site.wait_for("04.unlisted_device", "sv-01", "open");

    let filler = spool.join("filler");
    let mut file = fs::File::create(&filler).expect("there is room");
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    // More than fits into the last block of the spool's own file.
    for number in 0..200 {
        machine.add_account(&format!("clerk{number}"), 2000 + number);
    }
    machine.add_account("suzuki", 1002);
    until("the agent to say that its disk is full", || {
        agent_status(&data).contains("its disk is full").then_some(())
    });
    until("the collector to say it, too", || device(&site).contains("its disk is full").then_some(()));
    fs::remove_file(&filler).expect("our own file");
    site.wait_for("08.unlisted_account", "suzuki", "open");
    until("the collector to be told that it is well again", || {
        (!device(&site).contains("its disk is full")).then_some(())
    });

    assert_eq!(agent.stop(), Some(0));
    mount_remount(&spool, MountFlags::RDONLY, c"").expect("our own disk");
    machine.add_account("sato", 1003);
    let mut agent = start();
    until("the agent to say that its disk is read-only", || {
        agent_status(&data).contains("read-only").then_some(())
    });
    until("the collector to say it, too", || device(&site).contains("read-only").then_some(()));
    mount_remount(&spool, MountFlags::empty(), c"").expect("our own disk");
    site.wait_for("08.unlisted_account", "sato", "open");

    drop(disk);
    fs::remove_dir_all(&spool).expect("our own folder");
    assert!(!spool.exists());
    machine.add_account("kato", 1004);
    site.wait_for("08.unlisted_account", "kato", "open");
    until("the folder to be there again", || spool.is_dir().then_some(()));
    assert!(!agent_status(&data).contains("cannot use the spool"));
    assert_eq!(agent.stop(), Some(0));
}
