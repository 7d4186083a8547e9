//! Whose a listening socket is, where /proc does not let us see: the kernel's answer over netlink, sock_diag(7).
//!
//! Since Linux 5.7 it names the control group in which a socket was made, to everybody, by the number of the group's
//! folder. That tells the service without any privilege over its processes. The question is the one that ss(8) asks; as
//! for ss, a kernel whose part for it is a module may load that module.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recvfrom, sendto, socket_with,
};

use crate::platform::linux::root::Root;

/// The kernel answers at once or not at all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// The kernel fills at most 32 KiB at a time (netlink's `max_recvmsg_len`).
const PART_BYTES_MAX: usize = 64 * 1024;

/// Sockets that listen on one machine: more is no machine of a hospital, or somebody who plays with us.
const SOCKETS_MAX: usize = 65_536;

/// Folders of control groups that are looked at, and how deep. A busy server has some hundreds, at most 8 deep.
const GROUPS_MAX: usize = 20_000;
const DEPTH_MAX: usize = 16;

/// Of `linux/netlink.h` and `linux/inet_diag.h`.
const HEADER_BYTES: usize = 16;
const MESSAGE_BYTES: usize = 72;
const INODE_AT: usize = 68;
const KIND_ERROR: u16 = 2;
const KIND_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_AND_DUMP: u16 = 0x301;
const ATTRIBUTE_GROUP: u16 = 21;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A bit for each state of `tcp_states.h`: TCP_LISTEN; of UDP, "not connected".
const LISTENING: u32 = 1 << 10;
const UNCONNECTED: u32 = 1 << 7;

/// The path of the control group of each listening socket, by the socket's inode. Empty where the kernel, or the layout
/// of the control groups, cannot tell.
pub(super) fn groups(root: &Root) -> HashMap<u64, String> {
    let Some((top, tree)) = tree(root) else { return HashMap::new() };
    let mut sockets = Vec::new();
    for (protocol, states) in [(TCP, LISTENING), (UDP, UNCONNECTED)] {
        for family in [AF_INET, AF_INET6] {
            // What is not answered stays unknown, and the caller tells it.
            sockets.extend(ask(family, protocol, states).unwrap_or_default());
        }
    }
    let path = |group: &u64| Some(tree.get(group)?.strip_prefix(&top)?.to_owned());
    let path = |group: &u64| path(group).map(|path| if path.is_empty() { "/".to_owned() } else { path });
    sockets.iter().filter_map(|(inode, group)| Some((*inode, path(group)?))).collect()
}

/// Where the second version of the control groups lies, and each of its folders by its number. `None` where systemd
/// does not keep its services in it: then every socket seems to be the kernel's.
fn tree(root: &Root) -> Option<(String, HashMap<u64, String>)> {
    let top = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].into_iter().find(|top| {
        root.exists(&format!("{top}/cgroup.procs")) && root.exists(&format!("{top}/system.slice"))
    })?;
    let mut tree = HashMap::new();
    let mut waiting = vec![(top.to_owned(), 0)];
    while let Some((path, depth)) = waiting.pop() {
        let Ok(metadata) = root.metadata(&path) else { continue };
        if !metadata.is_dir() || tree.len() >= GROUPS_MAX {
            continue;
        }
        if depth < DEPTH_MAX {
            // The kernel's files of a group have a dot in their names and a prefix of one word: `memory.max`.
            let is_folder = |name: &String| !is_file_of_kernel(name);
            let names = root.list(&path).unwrap_or_default().into_iter().filter(is_folder);
            waiting.extend(names.map(|name| (format!("{path}/{name}"), depth + 1)));
        }
        tree.insert(metadata.ino(), path);
    }
    Some((top.to_owned(), tree))
}

fn is_file_of_kernel(name: &str) -> bool {
    const CONTROLLERS: [&str; 10] =
        ["cgroup", "memory", "cpu", "cpuset", "io", "pids", "rdma", "hugetlb", "misc", "irq"];
    name.split_once('.').is_some_and(|(first, rest)| {
        CONTROLLERS.contains(&first)
            && !["slice", "service", "scope", "socket", "mount", "swap"]
                .iter()
                .any(|kind| rest.ends_with(kind))
    })
}

/// Inode and control group of each socket of this kind.
fn ask(family: u8, protocol: u8, states: u32) -> io::Result<Vec<(u64, u64)>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIME_MAX))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&socket, &question(family, protocol, states), SendFlags::empty(), &kernel)?;
    let mut sockets = Vec::new();
    let mut part = vec![0; PART_BYTES_MAX];
    loop {
        let (length, sender) = match recvfrom(&socket, &mut part[..], RecvFlags::empty()) {
            Ok((length, _, sender)) => (length, sender),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        // Any process may write to our port; only the kernel's is 0.
        let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
        if sender.is_none_or(|sender| sender.pid() != 0) {
            continue;
        }
        let end = parse(part.get(..length).unwrap_or_default(), &mut sockets);
        if end || sockets.len() > SOCKETS_MAX {
            return Ok(sockets);
        }
    }
}

/// `nlmsghdr` and `inet_diag_req_v2`.
fn question(family: u8, protocol: u8, states: u32) -> Vec<u8> {
    const LENGTH: u32 = 16 + 56;
    let mut bytes = Vec::with_capacity(LENGTH as usize);
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_AND_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, protocol, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.resize(LENGTH as usize, 0);
    bytes
}

/// Takes inode and control group of each socket from one part of the answer; whether it was the last.
pub(super) fn parse(part: &[u8], sockets: &mut Vec<(u64, u64)>) -> bool {
    let mut rest = part;
    while let (Some(length), Some(kind)) = (number(rest, 0), half(rest, 4)) {
        let length = length as usize;
        let Some(message) = rest.get(HEADER_BYTES..length) else { return true };
        match kind {
            KIND_DONE | KIND_ERROR => return true,
            SOCK_DIAG_BY_FAMILY => sockets.extend(socket(message)),
            _ => {}
        }
        rest = rest.get(padded(length)..).unwrap_or_default();
    }
    false
}

fn socket(message: &[u8]) -> Option<(u64, u64)> {
    let inode = u64::from(number(message, INODE_AT)?);
    let mut rest = message.get(MESSAGE_BYTES..)?;
    while let (Some(length), Some(kind)) = (half(rest, 0), half(rest, 2)) {
        let value = rest.get(4..usize::from(length))?;
        if kind == ATTRIBUTE_GROUP {
            return Some((inode, u64::from_ne_bytes(value.try_into().ok()?)));
        }
        rest = rest.get(padded(usize::from(length))..).unwrap_or_default();
    }
    None
}

/// Messages and attributes begin at multiples of four.
fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(inode: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0; MESSAGE_BYTES];
        body[INODE_AT..].copy_from_slice(&inode.to_ne_bytes());
        for (kind, value) in attributes {
            let length = u16::try_from(4 + value.len()).unwrap();
            body.extend(length.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(padded(body.len()), 0);
        }
        let mut bytes = u32::try_from(HEADER_BYTES + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn each_socket_is_told_with_its_group() {
        let mut part = message(71, &[(8, &[0]), (ATTRIBUTE_GROUP, &0x1_0000_0042_u64.to_ne_bytes())]);
        part.extend(message(72, &[(8, &[0])]));
        part.extend(message(73, &[(ATTRIBUTE_GROUP, &5_u64.to_ne_bytes())]));
        let mut sockets = Vec::new();
        assert!(!parse(&part, &mut sockets));
        assert_eq!(sockets, [(71, 0x1_0000_0042), (73, 5)]);
        let mut end = 20_u32.to_ne_bytes().to_vec();
        end.extend(KIND_DONE.to_ne_bytes());
        end.extend([0; 14]);
        assert!(parse(&end, &mut sockets));
    }

    #[test]
    fn no_answer_panics_or_never_ends() {
        let whole = message(71, &[(8, &[0]), (ATTRIBUTE_GROUP, &1_u64.to_ne_bytes())]);
        let mut chance = fastrand::Rng::with_seed(9);
        for round in 0..5000 {
            let mut part = whole.repeat(chance.usize(1..4));
            for _ in 0..chance.usize(0..6) {
                let at = chance.usize(..part.len());
                part[at] = chance.u8(..);
            }
            part.truncate(chance.usize(..=part.len()));
            let mut sockets = Vec::new();
            parse(&part, &mut sockets);
            assert!(sockets.len() <= part.len() / 16, "round {round}");
        }
        // A length of nothing would stand still.
        assert!(parse(&[0; 64], &mut Vec::new()));
    }

    #[test]
    fn this_kernel_tells_the_socket_of_this_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        use std::os::fd::AsFd as _;
        let inode = rustix::fs::fstat(listener.as_fd()).unwrap().st_ino;
        match ask(AF_INET, TCP, LISTENING) {
            Ok(sockets) if sockets.is_empty() => println!("skipped: a kernel before 5.7"),
            Ok(sockets) => assert!(sockets.iter().any(|(one, _)| *one == inode), "{inode} {sockets:?}"),
            Err(error) => println!("skipped: no sock_diag here: {error}"),
        }
    }

    #[test]
    fn groups_are_known_by_the_number_of_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("sys/fs/cgroup");
        let unit = top.join("system.slice/ssh.service");
        std::fs::create_dir_all(&unit).unwrap();
        let root = Root::at(folder.path()).unwrap();
        // Version 1 has no such file in the place where version 2 has its top.
        assert!(tree(&root).is_none());
        std::fs::write(top.join("cgroup.procs"), "").unwrap();
        let (above, tree) = tree(&root).unwrap();
        let number = std::fs::metadata(&unit).unwrap().ino();
        assert_eq!(above, "/sys/fs/cgroup");
        assert_eq!(tree.get(&number).unwrap(), "/sys/fs/cgroup/system.slice/ssh.service");
        assert_eq!(tree.len(), 3);
    }

    #[test]
    fn the_folders_of_groups_are_told_from_the_kernels_files() {
        for name in ["memory.max", "cgroup.procs", "cpu.stat", "io.pressure", "irq.pressure"] {
            assert!(is_file_of_kernel(name), "{name}");
        }
        for name in ["system.slice", "user.slice", "cpu.service", "init.scope", "lxc.payload.web", "docker"] {
            assert!(!is_file_of_kernel(name), "{name}");
        }
    }
}
