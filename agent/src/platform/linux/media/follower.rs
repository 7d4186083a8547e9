//! The thread that listens to the kernel: thin, because `tracker` decides.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use daicho_proto::facts::MediumEvent;
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with, sockopt};

use super::super::antivirus::scan_log;
use super::super::root::Root;
use super::tracker::Tracker;
use super::uevent::Uevent;
use super::uses::Uses;
use super::{Remembered, boot_time, sysfs};
use crate::clock;

/// The kernel's own messages (MONITOR_GROUP_KERNEL of libudev, a bit each).
const KERNEL_GROUP: u32 = 1;

/// udev's, after it has done with a device (MONITOR_GROUP_UDEV). They are not believed: they only ask for a look.
const UDEV_GROUP: u32 = 2;

/// A uevent holds at most 2 KiB of values (UEVENT_BUFFER_SIZE) and its header.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// Room for a docking station full of devices while a look is made: each costs the kernel about 1 KiB. What overflows is
/// made good by a look.
const WAITING_BYTES: usize = 1024 * 1024;

/// Listens until `tell` answers `false`.
pub(super) fn follow(
    root: &Root,
    uses: &Mutex<Uses>,
    remembered: &Remembered,
    tell: &mut dyn FnMut(Timestamp, MediumEvent) -> bool,
) -> io::Result<()> {
    let socket = listen()?;
    let mounts = File::open("/proc/self/mountinfo")?;
    let record = |since: Timestamp, is_ours: &dyn Fn(&str) -> bool| scan_log::read(root, since, is_ours);
    let uses_now = || uses.lock().unwrap_or_else(PoisonError::into_inner);
    // After the socket is bound: what arrives during the look waits there.
    let mut snapshot = sysfs::snapshot(root, boot_time())?;
    uses_now().writes.see(&mut snapshot, clock::now());
    uses_now().begin(&snapshot);
    remembered.learn(&snapshot);
    let mut tracker = Tracker::starting_with(snapshot);
    loop {
        let settling = uses_now().writes.is_settling();
        let (heard, remounted) = wait(&socket, &mounts, settling)?;
        let now = clock::now();
        let mut events = Vec::new();
        let mut look = (remounted || settling) && tracker.is_watching();
        if heard {
            tracker.tell_scans(|key| uses_now().scan(key, now, &record));
            look |= drain(&socket, &mut tracker, &mut events)?;
        }
        if look {
            let mut snapshot = sysfs::snapshot(root, boot_time())?;
            uses_now().see(&snapshot, now, &record);
            remembered.learn(&snapshot);
            super::tell_scans(root, now, uses, &mut snapshot);
            events.extend(tracker.media_now(snapshot));
        }
        for event in events {
            if !tell(now, event) {
                return Ok(());
            }
        }
    }
}

fn listen() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(KOBJECT_UEVENT))?;
    sockopt::set_socket_recv_buffer_size(&socket, WAITING_BYTES)?;
    bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP | UDEV_GROUP))?;
    Ok(socket)
}

/// What is written after an unmount is looked at again so soon: nothing announces that the last of it is on the medium.
const SETTLING: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Sleeps until something happened: whether on the socket, and whether to the mounts (which poll as an exception). Of
/// what settles nothing tells: then for a moment at most.
fn wait(socket: &OwnedFd, mounts: &File, settling: bool) -> io::Result<(bool, bool)> {
    let mut watched = [PollFd::new(socket, PollFlags::IN), PollFd::new(mounts, PollFlags::PRI)];
    loop {
        match poll(&mut watched, settling.then_some(&SETTLING)) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [heard, remounted] = &watched;
    Ok((!heard.revents().is_empty(), !remounted.revents().is_empty()))
}

/// Takes in all that waits on the socket; answers whether it asks for a look.
fn drain(socket: &OwnedFd, tracker: &mut Tracker, events: &mut Vec<MediumEvent>) -> io::Result<bool> {
    let mut look = false;
    let mut message = [0; MESSAGE_BYTES_MAX];
    loop {
        match recvfrom(socket, &mut message[..], RecvFlags::empty()) {
            Ok((length, _, sender)) => {
                // Only the kernel's own port is 0; only who administers the network can write to a group.
                let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
                let message = &message[..length.min(MESSAGE_BYTES_MAX)];
                let (port, groups) = sender.map_or((1, 0), |sender| (sender.pid(), sender.groups()));
                if port == 0
                    && let Some(event) = Uevent::parse(message).filter(Uevent::matters)
                {
                    events.extend(tracker.uevent(&event));
                    look = true;
                }
                look |= groups == UDEV_GROUP
                    && Uevent::parse_settled(message).is_some_and(|event| event.matters());
            }
            Err(Errno::AGAIN) => return Ok(look),
            Err(Errno::INTR) => {}
            // The kernel had more to say than the socket holds.
            Err(Errno::NOBUFS) => look = true,
            Err(error) => return Err(error.into()),
        }
    }
}
