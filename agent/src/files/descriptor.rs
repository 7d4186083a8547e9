//! What Windows is told about who may use the agent's files (SDDL, the text form of a security descriptor).

/// The local system, as which the service works.
pub const SYSTEM: &str = "S-1-5-18";

/// The group of administrators.
pub const ADMINISTRATORS: &str = "S-1-5-32-544";

/// The service that installs Windows' own files.
const TRUSTED_INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// Full rights for SYSTEM and the administrators, whose it is; nothing is taken over from the folder around it (`P`), and
/// all that lies in a folder takes over the same (`OICI`). A person who is no administrator and tries the agent in a
/// folder of their own (`own`: their SID) keeps what they made.
pub fn private(is_folder: bool, own: Option<&str>) -> String {
    let passed_on = if is_folder { "OICI" } else { "" };
    let owner = own.unwrap_or("BA");
    let mut text = format!("O:{owner}D:P(A;{passed_on};FA;;;SY)(A;{passed_on};FA;;;BA)");
    if let Some(own) = own {
        text.push_str(&format!("(A;{passed_on};FA;;;{own})"));
    }
    text
}

/// Whether what belongs to `owner` can only have been laid there by the system, an administrator, or ourselves. In
/// ProgramData everybody may make folders: one that a stranger made before us may hold anything.
pub fn is_trusted(owner: &str, own: &str) -> bool {
    [SYSTEM, ADMINISTRATORS, TRUSTED_INSTALLER, own].contains(&owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_folder_is_for_the_system_and_the_administrators_and_so_is_what_lies_in_it() {
        assert_eq!(private(true, None), "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)");
        assert_eq!(private(false, None), "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)");
    }

    #[test]
    fn whoever_is_no_administrator_keeps_what_they_made() {
        assert_eq!(
            private(true, Some("S-1-5-21-1-2-3-1001")),
            "O:S-1-5-21-1-2-3-1001D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;S-1-5-21-1-2-3-1001)"
        );
    }

    #[test]
    fn a_folder_of_another_person_is_not_trusted() {
        assert!(is_trusted(SYSTEM, SYSTEM) && is_trusted(ADMINISTRATORS, SYSTEM));
        assert!(is_trusted("S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1001"));
        assert!(!is_trusted("S-1-5-21-1-2-3-1001", SYSTEM) && !is_trusted("S-1-5-32-545", SYSTEM));
    }
}
