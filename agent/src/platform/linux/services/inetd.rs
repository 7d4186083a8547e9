//! Services that inetd or xinetd starts on demand: telnet, tftp, finger and what else inspectors look for.

use std::io;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

const INETD: &str = "/etc/inetd.conf";
const XINETD: &str = "/etc/xinetd.conf";
const XINETD_FOLDER: &str = "/etc/xinetd.d";

/// What is configured; whether the super-server runs is not told here.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Vec<Service> {
    let mut services = Vec::new();
    match root.read_text(INETD) {
        Ok(text) => services.extend(parse_inetd(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push(unreadable("inetd's configuration", INETD, &error)),
    }
    match root.read_text(XINETD) {
        Ok(text) => services.extend(parse_xinetd(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push(unreadable("xinetd's configuration", XINETD, &error)),
    }
    match root.list(XINETD_FOLDER) {
        Ok(names) => {
            // xinetd skips names with a dot or a tilde at the end.
            for name in names.iter().filter(|name| !name.contains('.') && !name.ends_with('~')) {
                let path = format!("{XINETD_FOLDER}/{name}");
                match root.read_text(&path) {
                    Ok(text) => services.extend(parse_xinetd(&text)),
                    Err(error) => problems.push(unreadable("xinetd's configuration", &path, &error)),
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push(unreadable("xinetd's folder", XINETD_FOLDER, &error)),
    }
    services
}

fn service(name: &str, start: StartMode, binary: Option<String>, description: &str) -> Service {
    Service {
        name: name.to_owned(),
        manager: ServiceManager::Sysv,
        start,
        description: Some(description.to_owned()),
        binary,
        ..Service::default()
    }
}

/// `telnet stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.telnetd`, inetd.conf(5).
fn parse_inetd(text: &str) -> Vec<Service> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let each = lines.filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let name = columns.first()?.rsplit(':').next()?;
        let mut binary = *columns.get(5)?;
        if binary.ends_with("/tcpd") {
            binary = columns.get(6).copied().unwrap_or(binary);
        }
        Some(service(name, StartMode::Enabled, Some(binary.to_owned()), "started on demand by inetd"))
    });
    each.collect()
}

/// `service telnet { disable = no ... }`, xinetd.conf(5).
fn parse_xinetd(text: &str) -> Vec<Service> {
    let mut services = Vec::new();
    let mut open: Option<Service> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("service ") {
            let name = name.trim().trim_end_matches('{').trim();
            open = Some(service(name, StartMode::Enabled, None, "started on demand by xinetd"));
        } else if line == "}" {
            services.extend(open.take());
        } else if let (Some(service), Some((field, value))) = (&mut open, line.split_once('=')) {
            match field.trim() {
                "disable" if value.trim() == "yes" => service.start = StartMode::Disabled,
                "server" => service.binary = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    // A block without its end is a service all the same.
    services.extend(open);
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telnet_of_inetd_is_seen() {
        let text = "#ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd\n\
                    telnet\tstream tcp nowait telnetd /usr/sbin/tcpd /usr/sbin/in.telnetd\n\
                    127.0.0.1:tftp dgram udp wait root /usr/sbin/in.tftpd in.tftpd\nshort line\n";
        let services = parse_inetd(text);
        assert_eq!(services.len(), 2);
        assert_eq!((services[0].name.as_str(), services[0].start), ("telnet", StartMode::Enabled));
        assert_eq!(services[0].binary.as_deref(), Some("/usr/sbin/in.telnetd"));
        assert_eq!(services[1].name, "tftp");
    }

    #[test]
    fn xinetd_says_what_is_disabled() {
        let text = "service telnet\n{\n disable = no\n server = /usr/sbin/in.telnetd\n}\n\
                    service tftp {\n disable = yes\n}\nservice rsh\n{\n";
        let services = parse_xinetd(text);
        let seen: Vec<_> = services.iter().map(|service| (service.name.as_str(), service.start)).collect();
        assert_eq!(
            seen,
            [("telnet", StartMode::Enabled), ("tftp", StartMode::Disabled), ("rsh", StartMode::Enabled)]
        );
    }
}
