//! Listening sockets, as /proc/net tells: proc_net(5). Only this network namespace is seen.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::platform::linux::root::Root;

/// TCP_LISTEN and, for UDP, "not connected" of the kernel's `tcp_states.h`.
const LISTENING: &str = "0A";
const UNCONNECTED: &str = "07";

/// By inode, what listens: `tcp/0.0.0.0:22`. `None`: the tables could not be read.
pub(super) fn listening(root: &Root) -> Option<HashMap<u64, String>> {
    let mut sockets = HashMap::new();
    let mut read = false;
    for (protocol, table) in [("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6")] {
        // A kernel without IPv6 has no tables of it.
        if let Ok(text) = root.read_text(&format!("/proc/net/{table}")) {
            read = true;
            sockets.extend(parse(protocol, &text));
        }
    }
    read.then_some(sockets)
}

fn parse<'a>(protocol: &'a str, text: &'a str) -> impl Iterator<Item = (u64, String)> + 'a {
    text.lines().skip(1).filter_map(move |line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (local, remote, state) = (columns.next()?, columns.next()?, columns.next()?);
        let listens = match protocol {
            "tcp" => state == LISTENING,
            _ => state == UNCONNECTED && remote.bytes().all(|byte| matches!(byte, b'0' | b':')),
        };
        let inode = columns.nth(5)?.parse().ok()?;
        let address = address(local).filter(|_| listens && inode != 0)?;
        Some((inode, format!("{protocol}/{address}")))
    })
}

/// `0100007F:0016` is 127.0.0.1:22: 32-bit words in the machine's byte order, the port in the network's.
fn address(text: &str) -> Option<String> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(host.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match host.len() {
        8 => Some(format!("{}:{port}", Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at * 8)?);
            }
            Some(format!("[{}]:{port}", Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn check(protocol: &str, line: &str, expected: Option<(u64, &str)>) {
        let seen = parse(protocol, &format!("{HEAD}{line}\n")).next();
        assert_eq!(seen, expected.map(|(inode, text)| (inode, text.to_owned())));
    }

    #[test]
    fn listening_sockets_have_protocol_address_and_port() {
        let tail =
            "00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0";
        check("tcp", &format!("0: 00000000:0016 00000000:0000 0A {tail}"), Some((12345, "tcp/0.0.0.0:22")));
        check("tcp", &format!("0: 0100007F:1F90 0100007F:C350 01 {tail}"), None);
        let any = "0".repeat(32);
        check("tcp", &format!("0: {any}:0016 {any}:0000 0A {tail}"), Some((12345, "tcp/[::]:22")));
        check(
            "udp",
            &format!("0: 00000000000000000000000001000000:007B {any}:0000 07 {tail}"),
            Some((12345, "udp/[::1]:123")),
        );
        check("udp", &format!("0: 00000000:0044 0200A8C0:0043 07 {tail}"), None);
        check("udp", "0: x:y z 07 nonsense", None);
    }
}
