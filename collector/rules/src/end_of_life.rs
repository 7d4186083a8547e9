//! Until when an operating system gets security updates: a dated table, kept as data.

use std::sync::LazyLock;

use daicho_proto::facts::Host;
use jiff::civil::Date;

use crate::normal;
use crate::table;

/// How long a system is supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The system's name.
    pub name: &'static str,
    /// The last day of security updates that need no contract.
    pub ends_on: Date,
    /// The last day of those for money.
    pub paid_until: Option<Date>,
    /// Who says so.
    pub source: &'static str,
}

struct Row {
    os_id: &'static str,
    version: &'static str,
    edition: &'static str,
    support: Support,
}

/// The support of a machine's system; `None`: the table does not know it.
pub fn support(host: &Host) -> Option<Support> {
    let os_id = normal::key(host.os_id.as_deref()?);
    // Windows names its releases by build; the build's revision behind the dot is no other release.
    let version = if os_id == "windows" { &host.os_build } else { &host.os_version };
    let version = version.as_deref()?.trim();
    let name = host.os_name.as_deref().unwrap_or_default();
    let fits = |row: &&Row| {
        let rest = version.strip_prefix(row.version);
        row.os_id == os_id
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            && normal::pattern_covers(row.edition, name)
    };
    ROWS.iter().find(fits).map(|row| row.support.clone())
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |cells: Vec<&'static str>| {
        let [os_id, version, edition, name, ends_on, paid_until, source] = cells.try_into().ok()?;
        let support =
            Support { name, ends_on: ends_on.parse().ok()?, paid_until: paid_until.parse().ok(), source };
        Some(Row { os_id, version, edition, support })
    };
    table::rows(include_str!("../data/end_of_life.csv")).filter_map(row).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_understood() {
        assert_eq!(ROWS.len(), table::rows(include_str!("../data/end_of_life.csv")).count());
        assert!(ROWS.len() > 100);
    }

    #[track_caller]
    fn check(os_id: &str, version: &str, build: &str, name: &str, expected: &str) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let host = Host {
            os_id: some(os_id),
            os_version: some(version),
            os_build: some(build),
            os_name: some(name),
            ..Host::default()
        };
        let ends_on = support(&host).map_or("unknown".to_owned(), |support| support.ends_on.to_string());
        assert_eq!(ends_on, expected);
    }

    #[test]
    fn a_minor_release_belongs_to_its_major_one_and_a_longer_number_does_not() {
        check("rocky", "9.4", "", "Rocky Linux 9.4", "2032-05-31");
        check("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)", "2028-06-30");
        check("debian", "1", "", "Debian", "unknown");
        check("alpine", "3.20.3", "", "Alpine Linux v3.20", "2026-04-01");
        check("alpine", "3.2", "", "Alpine Linux v3.2", "unknown");
        check("ubuntu", "", "", "Ubuntu", "unknown");
    }

    #[test]
    fn the_edition_of_windows_matters() {
        check("windows", "21H2", "19044.5011", "Windows 10 Enterprise LTSC 2021", "2027-01-12");
        check("windows", "21H2", "19044.5011", "Windows 10 IoT Enterprise LTSC 2021", "2032-01-13");
        check("windows", "21H2", "19044.5011", "Windows 10 Pro", "2023-06-13");
        check("windows", "", "7601.1", "Windows Server 2008 R2 Standard", "2020-01-14");
        check("centos", "8", "", "CentOS Stream 8", "2024-05-31");
        check("centos", "8", "", "CentOS Linux 8", "2021-12-31");
    }
}
