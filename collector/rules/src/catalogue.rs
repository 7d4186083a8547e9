//! What a stock system runs, and what is risky wherever it runs: data for Article 13.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use daicho_proto::facts::{Host, Software};

use crate::normal;
use crate::rule::Severity;
use crate::table;

/// A service that a stock installation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Its name, or a pattern.
    pub name: &'static str,
    /// What it is for, in Japanese and in English.
    pub why: (&'static str, &'static str),
    /// `all` Linux systems, `debian`, `ubuntu`, `rhel`, `suse`, `alpine`, `windows`, `windows-server`.
    families: Vec<&'static str>,
    /// The package that ships it.
    pub source: &'static str,
}

/// Something that is risky wherever it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risky {
    /// Its name, or a pattern.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// Why, in Japanese and in English.
    pub why: (&'static str, &'static str),
    /// Who says what it is.
    pub source: &'static str,
}

/// A program that comes with a stock installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockProgram {
    /// Its name, or a pattern.
    name: &'static str,
    /// Its publisher, or a pattern; of a package of the store the mark of its signature.
    publisher: &'static str,
    /// How it comes: a word of [`Software::source`], or a pattern.
    way: &'static str,
}

/// The stock service of this name on such a machine. Of a machine whose system is not known, any family's counts.
pub fn stock_service(name: &str, host: Option<&Host>) -> Option<&'static Stock> {
    let family = host.and_then(family);
    let fits = |entry: &&Stock| {
        let of = |known: &[&str]| {
            let linux = !known.contains(&WINDOWS);
            entry.families.iter().any(|one| (*one == "all" && linux) || known.contains(one))
        };
        family.is_none_or(of)
    };
    STOCK.find(started(name)).find(fits)
}

/// The family of every Windows.
const WINDOWS: &str = "windows";

/// Whether a program comes with Windows itself.
pub fn is_stock_software(program: &Software) -> bool {
    let covers =
        |pattern: &str, text: Option<&str>| normal::pattern_covers(pattern, text.unwrap_or_default());
    STOCK_SOFTWARE.iter().any(|stock| {
        covers(stock.name, Some(&program.name))
            && covers(stock.publisher, program.publisher.as_deref())
            && covers(stock.way, program.source.as_deref())
    })
}

/// The risky service of this name. Whose it is (`tanaka:`, `docker:`) does not make it less so.
pub fn risky_service(name: &str) -> Option<&'static Risky> {
    let own = name.rsplit(':').next().unwrap_or(name);
    RISKY_SERVICES.find(started(own)).next().or_else(|| RISKY_SERVICES.find(own).next())
}

/// What a timer or a path starts is mostly the service of its name.
fn started(name: &str) -> &str {
    name.strip_suffix(".timer").or_else(|| name.strip_suffix(".path")).unwrap_or(bare(name))
}

/// The risky program of this name.
pub fn risky_software(name: &str) -> Option<&'static Risky> {
    RISKY_SOFTWARE.find(name).next()
}

/// `sshd.service` and `sshd` are one; a socket or timer keeps its suffix.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_suffix(".service").unwrap_or(name)
}

fn family(host: &Host) -> Option<&'static [&'static str]> {
    match host.os_id.as_deref()? {
        "debian" | "raspbian" => Some(&["debian"]),
        "ubuntu" | "linuxmint" => Some(&["debian", "ubuntu"]),
        "rhel" | "centos" | "rocky" | "almalinux" | "ol" | "fedora" | "amzn" => Some(&["rhel"]),
        "sles" | "sled" | "sle-micro" | "opensuse-leap" | "opensuse-tumbleweed" => Some(&["suse"]),
        "alpine" | "postmarketos" => Some(&["alpine"]),
        "windows" if host.os_name.as_deref().is_some_and(|name| name.contains("Server")) => {
            Some(&[WINDOWS, "windows-server"])
        }
        "windows" => Some(&[WINDOWS]),
        _ => None,
    }
}

/// Entries by name, and those with a `*`.
struct Index<T> {
    named: BTreeMap<String, Vec<T>>,
    patterns: Vec<(String, T)>,
}

impl<T: 'static> Index<T> {
    fn new(entries: impl Iterator<Item = (&'static str, T)>) -> Self {
        let mut index = Index { named: BTreeMap::new(), patterns: Vec::new() };
        for (name, entry) in entries {
            if name.contains('*') {
                index.patterns.push((normal::key(name), entry));
            } else {
                index.named.entry(normal::key(name)).or_default().push(entry);
            }
        }
        index
    }

    fn find(&'static self, name: &str) -> impl Iterator<Item = &'static T> + use<T> {
        let key = normal::key(name);
        let named = self.named.get(&key).into_iter().flatten();
        let covering = self.patterns.iter().filter(move |(pattern, _)| normal::covers(pattern, &key));
        named.chain(covering.map(|(_, entry)| entry))
    }
}

static STOCK: LazyLock<Index<Stock>> = LazyLock::new(|| {
    let entry = |cells: Vec<&'static str>| {
        let [name, ja, en, families, source] = cells.try_into().ok()?;
        let families = families.split_whitespace().collect();
        Some((name, Stock { name, why: (ja, en), families, source }))
    };
    Index::new(table::rows(STOCK_TEXT).chain(table::rows(STOCK_WINDOWS_TEXT)).filter_map(entry))
});

static STOCK_SOFTWARE: LazyLock<Vec<StockProgram>> = LazyLock::new(|| {
    let entry = |cells: Vec<&'static str>| {
        let [name, publisher, way, _, _, _] = cells.try_into().ok()?;
        Some(StockProgram { name, publisher, way })
    };
    table::rows(STOCK_SOFTWARE_TEXT).filter_map(entry).collect()
});

static RISKY_SERVICES: LazyLock<Index<Risky>> =
    LazyLock::new(|| Index::new(table::rows(RISKY_SERVICES_TEXT).filter_map(risky)));

static RISKY_SOFTWARE: LazyLock<Index<Risky>> =
    LazyLock::new(|| Index::new(table::rows(RISKY_SOFTWARE_TEXT).filter_map(risky)));

const STOCK_TEXT: &str = include_str!("../data/catalogue/stock.csv");
const STOCK_WINDOWS_TEXT: &str = include_str!("../data/catalogue/stock_windows.csv");
const STOCK_SOFTWARE_TEXT: &str = include_str!("../data/catalogue/stock_software.csv");
const RISKY_SERVICES_TEXT: &str = include_str!("../data/catalogue/risky_services.csv");
const RISKY_SOFTWARE_TEXT: &str = include_str!("../data/catalogue/risky_software.csv");

fn risky(cells: Vec<&'static str>) -> Option<(&'static str, Risky)> {
    let [name, severity, ja, en, source] = cells.try_into().ok()?;
    let severity = match severity {
        "high" => Severity::High,
        "medium" => Severity::Medium,
        "low" => Severity::Low,
        _ => return None,
    };
    Some((name, Risky { name, severity, why: (ja, en), source }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_catalogue_is_understood() {
        let size =
            |index: &Index<Stock>| index.named.values().map(Vec::len).sum::<usize>() + index.patterns.len();
        assert_eq!(size(&STOCK), table::rows(STOCK_TEXT).count() + table::rows(STOCK_WINDOWS_TEXT).count());
        assert_eq!(STOCK_SOFTWARE.len(), table::rows(STOCK_SOFTWARE_TEXT).count());
        assert!(size(&STOCK) >= 250, "{}", size(&STOCK));
        for text in [RISKY_SERVICES_TEXT, RISKY_SOFTWARE_TEXT] {
            assert_eq!(table::rows(text).filter_map(risky).count(), table::rows(text).count());
        }
    }

    #[test]
    fn a_stock_service_of_one_family_is_a_stranger_in_another() {
        let host = |os_id: &str| Host { os_id: Some(os_id.to_owned()), ..Host::default() };
        assert!(stock_service("apt-daily.service", Some(&host("debian"))).is_some());
        assert!(stock_service("apt-daily.service", Some(&host("rocky"))).is_none());
        assert!(stock_service("getty@tty1.service", Some(&host("rocky"))).is_some());
        assert!(stock_service("apt-daily", None).is_some());
        assert!(stock_service("apt-daily.timer", Some(&host("rocky"))).is_none());
        assert!(stock_service("backdoor.service", None).is_none());
    }

    #[test]
    fn timers_and_sockets_of_a_stock_installation_are_stock() {
        let debian = Host { os_id: Some("debian".to_owned()), ..Host::default() };
        // All that Debian 12 enables or starts before anybody installs anything.
        for name in [
            "apt-daily-upgrade.timer",
            "apt-daily.timer",
            "dbus.socket",
            "dpkg-db-backup.timer",
            "e2scrub_all.timer",
            "fstrim.timer",
            "syslog.socket",
            "systemd-fsckd.socket",
            "systemd-initctl.socket",
            "systemd-journald-audit.socket",
            "systemd-journald-dev-log.socket",
            "systemd-journald.socket",
            "systemd-networkd.socket",
            "systemd-rfkill.socket",
            "systemd-tmpfiles-clean.timer",
            "systemd-udevd-control.socket",
            "systemd-udevd-kernel.socket",
        ] {
            assert!(stock_service(name, Some(&debian)).is_some(), "{name}");
        }
        for name in ["backdoor.timer", "backdoor.socket", "systemd-journal-remote.socket", "telnet.socket"] {
            assert!(stock_service(name, Some(&debian)).is_none(), "{name}");
        }
    }

    #[test]
    fn telnet_is_risky_under_each_of_its_names() {
        for name in ["telnet.socket", "telnetd", "in.telnetd", "inetutils-telnetd.service"] {
            assert_eq!(risky_service(name).map(|risky| risky.severity), Some(Severity::High), "{name}");
        }
        assert!(risky_service("sshd.service").is_none());
    }

    #[test]
    fn a_stock_service_of_linux_is_a_stranger_on_windows_and_one_of_a_server_on_a_terminal() {
        let host = |name: &str| Host {
            os_id: Some("windows".to_owned()),
            os_name: Some(name.to_owned()),
            ..Host::default()
        };
        let (terminal, server) = (host("Windows 11 Pro"), host("Windows Server 2022 Standard"));
        assert!(stock_service("Spooler", Some(&terminal)).is_some());
        assert!(stock_service("spooler", Some(&server)).is_some());
        assert!(stock_service("cron", Some(&terminal)).is_none());
        assert!(stock_service("WinRM", Some(&terminal)).is_none());
        assert!(stock_service("WinRM", Some(&server)).is_some());
        let debian = Host { os_id: Some("debian".to_owned()), ..Host::default() };
        assert!(stock_service("Spooler", Some(&debian)).is_none());
    }

    #[test]
    fn the_doors_of_windows_are_risky() {
        for name in
            ["TlntSvr", "FTPSVC", "RemoteRegistry", "LanmanServer-SMB1", "mrxsmb10", "TermService-RDP"]
        {
            assert!(risky_service(name).is_some(), "{name}");
        }
        for name in ["startup:tanaka:AnyDesk.lnk", "run:tanaka:AnyDesk", "task:AnyDesk"] {
            assert!(risky_service(name).is_some(), "{name}");
        }
        assert!(risky_service("LanmanServer").is_none() && risky_service("Spooler").is_none());
    }
}
