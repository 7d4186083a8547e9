//! Which Windows it is: name, edition and build, so that the table of support periods and a patch baseline find it.

use super::super::reading::Reading;
use super::super::registry::Hive;

const CURRENT_VERSION: &str = "Microsoft\\Windows NT\\CurrentVersion";

/// The first build of Windows 11, whose `ProductName` still says 10.
const WINDOWS_11: u32 = 22000;

/// The last build whose long-term edition was called LTSB.
const LTSB_LAST: u32 = 14393;

/// What Windows says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Edition {
    /// For people: `Windows 11 Pro`, `Windows 10 IoT Enterprise LTSC 2021`, `Windows Server 2019 Standard`.
    pub(in super::super) name: Option<String>,
    /// `22H2`, `1809`; before Windows 10 the service pack.
    pub(in super::super) version: Option<String>,
    /// Build and revision: `19045.5011`.
    pub(in super::super) build: Option<String>,
    /// `EditionID`, and the kind of installation where it is no client's.
    pub(in super::super) edition: Option<String>,
}

/// Reads what the registry tells of the installed Windows.
pub(in super::super) fn read(reading: &mut Reading<'_>) -> Edition {
    let mut text = |name| reading.text(&Hive::Software, CURRENT_VERSION, name);
    let product = text("ProductName");
    let edition = text("EditionID");
    let installation = text("InstallationType");
    // `ReleaseId` stays at 2009 since the release 20H2; `DisplayVersion` came with that one.
    let version = text("DisplayVersion").or_else(|| text("ReleaseId")).or_else(|| text("CSDVersion"));
    let build = text("CurrentBuildNumber").or_else(|| text("CurrentBuild"));
    let laboratory = text("BuildLabEx");
    let revision = reading.number(&Hive::Software, CURRENT_VERSION, "UBR").map(|number| number.to_string());
    // Windows 7 to Server 2012 R2 keep no revision. Their kernel's stands in the laboratory's name
    // (`7601.17727.x86fre...`): updates without a new kernel are behind it, so it never says more than there is.
    let kernels = || laboratory.as_deref().and_then(|name| revision_of(name, build.as_deref()?));
    let number = build.as_deref().and_then(|build| build.parse::<u32>().ok());
    Edition {
        name: product.map(|product| correct(&product, edition.as_deref().unwrap_or_default(), number)),
        version,
        edition: edition.map(|edition| match installation.as_deref() {
            None | Some("Client") => edition,
            Some(installation) => format!("{edition} ({installation})"),
        }),
        build: number.map(|number| match revision.or_else(kernels) {
            Some(revision) => format!("{number}.{revision}"),
            None => number.to_string(),
        }),
    }
}

/// The kernel's revision, if the name is about this build.
fn revision_of(laboratory: &str, build: &str) -> Option<String> {
    let revision = laboratory.strip_prefix(build)?.strip_prefix('.')?.split('.').next()?;
    (!revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit())).then(|| revision.to_owned())
}

/// The product's name, made true: 11 instead of 10, and a long-term edition, which lives longer, says that it is one.
fn correct(product: &str, edition: &str, build: Option<u32>) -> String {
    let mut name = product.strip_prefix("Microsoft ").unwrap_or(product).to_owned();
    if build.is_some_and(|build| build >= WINDOWS_11)
        && let Some(rest) = name.strip_prefix("Windows 10")
    {
        name = format!("Windows 11{rest}");
    }
    if is_long_term(edition) {
        if edition.starts_with("IoT") && !name.contains("IoT") {
            name = name.replacen("Enterprise", "IoT Enterprise", 1);
        }
        if !name.contains("LTSC") && !name.contains("LTSB") {
            let channel = if build.is_some_and(|build| build <= LTSB_LAST) { "LTSB" } else { "LTSC" };
            name = format!("{name} {channel}");
        }
    }
    name
}

/// `EnterpriseS`, `EnterpriseSN`, `EnterpriseSEval`, `IoTEnterpriseS`, `IoTEnterpriseSK`.
fn is_long_term(edition: &str) -> bool {
    let kind = edition.strip_prefix("IoT").unwrap_or(edition).strip_prefix("EnterpriseS");
    kind.is_some_and(|rest| ["", "N", "K", "Eval", "NEval"].contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_windows_it_is() {
        let check = |product: &str, edition: &str, build: u32, name: &str| {
            assert_eq!(correct(product, edition, Some(build)), name);
        };
        check("Windows 10 Pro", "Professional", 19045, "Windows 10 Pro");
        check("Windows 10 Pro", "Professional", 22631, "Windows 11 Pro");
        check("Windows 10 Enterprise LTSC 2024", "EnterpriseS", 26100, "Windows 11 Enterprise LTSC 2024");
        check("Windows 10 Enterprise", "EnterpriseS", 17763, "Windows 10 Enterprise LTSC");
        check("Windows 10 Enterprise 2016 LTSB", "EnterpriseS", 14393, "Windows 10 Enterprise 2016 LTSB");
        check("Windows 10 Enterprise", "EnterpriseSN", 14393, "Windows 10 Enterprise LTSB");
        let iot = "Windows 10 IoT Enterprise LTSC 2021";
        check("Windows 10 Enterprise LTSC 2021", "IoTEnterpriseS", 19044, iot);
        check(iot, "IoTEnterpriseS", 19044, iot);
        check("Windows 10 Enterprise", "Enterprise", 19044, "Windows 10 Enterprise");
        check("Windows Server 2025 Standard", "ServerStandard", 26100, "Windows Server 2025 Standard");
        check("Windows 7 Ultimate", "Ultimate", 7601, "Windows 7 Ultimate");
    }

    #[test]
    fn the_kernels_revision_is_of_the_same_build() {
        let name = "7601.17727.x86fre.win7sp1_gdr.111118-2330";
        assert_eq!(revision_of(name, "7601").as_deref(), Some("17727"));
        assert_eq!(revision_of(name, "760"), None);
        assert_eq!(revision_of("7601", "7601"), None);
        assert_eq!(revision_of("7601.x86fre", "7601"), None);
    }
}
