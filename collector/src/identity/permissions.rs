//! Which role a method of the services for people needs. What is not listed here, nobody may call.

use daicho_rules::text::Text;

use super::roles::{Operator, Role};

/// Whoever has a certificate of a person.
const EVERYBODY: &[Role] = &[Role::Officer, Role::Department, Role::SectionHead, Role::Auditor];

/// Who works on violations and keeps the ledger.
const DECIDERS: &[Role] = &[Role::Officer, Role::Department];

/// Whom Article 13(2) names: the head of section and the officer.
const CONSULTED: &[Role] = &[Role::SectionHead, Role::Officer];

/// Who keeps the ledger (Article 4).
const KEEPERS: &[Role] = &[Role::Department];

/// Who may apply for an exception or a medium.
const APPLICANTS: &[Role] = &[Role::Officer, Role::Department, Role::SectionHead];

/// Who approves exceptions and media (Articles 3 and 11(1)).
const APPROVERS: &[Role] = &[Role::Officer];

/// Service and method, as in the path of a request, with the roles of which one is needed.
pub static PERMISSIONS: &[(&str, &[Role])] = &[
    ("Query/Violations", EVERYBODY),
    ("Query/Verdicts", EVERYBODY),
    ("Query/History", EVERYBODY),
    ("Query/Devices", EVERYBODY),
    ("Query/Device", EVERYBODY),
    ("Query/Exceptions", EVERYBODY),
    ("Query/Status", EVERYBODY),
    ("Query/Operators", EVERYBODY),
    ("Query/Alerts", EVERYBODY),
    ("Query/AlertsTest", DECIDERS),
    ("Query/AlertsPreview", EVERYBODY),
    ("Query/Maintenance", EVERYBODY),
    ("Query/MaintenanceAdd", DECIDERS),
    ("Query/MaintenanceEnd", DECIDERS),
    ("Query/Close", DECIDERS),
    ("Query/Acknowledge", DECIDERS),
    ("Query/Consult", CONSULTED),
    ("Query/CorrectBy", DECIDERS),
    ("Query/Log", EVERYBODY),
    ("Bookkeeping/Versions", EVERYBODY),
    ("Bookkeeping/Content", EVERYBODY),
    ("Bookkeeping/Propose", EVERYBODY),
    ("Bookkeeping/Import", KEEPERS),
    ("Bookkeeping/Accounts", EVERYBODY),
    ("Bookkeeping/Mappings", EVERYBODY),
    ("Bookkeeping/ForgetMapping", KEEPERS),
    ("Bookkeeping/Compare", EVERYBODY),
    ("Swaps/List", EVERYBODY),
    ("Swaps/Accept", KEEPERS),
    ("Swaps/Decline", KEEPERS),
    ("Applications/List", EVERYBODY),
    ("Applications/One", EVERYBODY),
    ("Applications/Apply", APPLICANTS),
    ("Applications/Withdraw", APPLICANTS),
    ("Applications/Decide", APPROVERS),
    ("Applications/Revoke", APPROVERS),
    ("Reports/Make", EVERYBODY),
];

/// Our services' package: `/daicho.v1.Query/Violations`.
const PACKAGE: &str = "/daicho.v1.";

/// The roles of which one is needed for `path`, or for the `Service/Method` within it.
pub fn needed(path: &str) -> Option<&'static [Role]> {
    let method = path.strip_prefix(PACKAGE).unwrap_or(path);
    PERMISSIONS.iter().find(|(known, _)| *known == method).map(|(_, roles)| *roles)
}

/// Whether the operator may call `path`; else the sentence that says who may.
pub fn allowed(path: &str, operator: &Operator) -> Result<(), Text> {
    let Some(needed) = needed(path) else {
        return Err(Text::new(
            "この操作には権限の定めがないため、だれも実行できません。コレクターと daicho の版が同じか確かめてください。",
            "Nobody may do this: no role is named for it. Check that the collector and this command have the same version.",
        ));
    };
    if needed.iter().any(|role| operator.is(*role)) {
        return Ok(());
    }
    let (ja, en) = (words(needed, |text| text.ja), words(needed, |text| text.en));
    let own: Vec<Role> = operator.roles.iter().copied().collect();
    Err(Text::new(
        format!(
            "{} さんの証明書（{}）ではこの操作はできません。できるのは{}です。役割は `daicho-collector operator 名前 --role 役割` で定めます。",
            operator.name,
            words(&own, |text| text.ja).join("、"),
            ja.join("、")
        ),
        format!(
            "The certificate of {} ({}) does not allow this; it takes {}. Roles are given by `daicho-collector operator NAME --role ROLE`.",
            operator.name,
            words(&own, |text| text.en).join(", "),
            en.join(" or ")
        ),
    ))
}

fn words(roles: &[Role], language: fn(Text) -> String) -> Vec<String> {
    roles.iter().map(|role| language(role.text())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every `rpc` of the services for people, read from the schemas.
    fn methods() -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/schema/daicho/v1");
        let mut methods = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut service = "";
            for line in text.lines() {
                let mut words = line.trim().split([' ', '(', '{']).filter(|word| !word.is_empty());
                match words.next() {
                    Some("service") => service = words.next().unwrap(),
                    Some("rpc") => methods.push(format!("{service}/{}", words.next().unwrap())),
                    _ => {}
                }
            }
        }
        methods.retain(|method| !method.starts_with("Intake/") && !method.starts_with("Enrolment/"));
        methods
    }

    #[test]
    fn every_method_for_people_names_its_roles_and_nothing_else_is_listed() {
        let methods = methods();
        for method in &methods {
            assert!(needed(method).is_some(), "{method} has no row in PERMISSIONS");
        }
        for (method, roles) in PERMISSIONS {
            assert!(methods.iter().any(|known| known == method), "{method} is in no schema");
            assert!(!roles.is_empty(), "{method}");
        }
    }

    #[test]
    fn an_auditor_changes_nothing() {
        let auditor =
            Operator { name: "kansa".to_owned(), roles: BTreeSet::from([Role::Auditor]), section: None };
        for path in ["/daicho.v1.Query/Close", "/daicho.v1.Bookkeeping/Import", "/daicho.v1.Query/Nothing"] {
            assert!(allowed(path, &auditor).is_err(), "{path}");
        }
        assert_eq!(allowed("/daicho.v1.Query/Violations", &auditor), Ok(()));
        let told = allowed("/daicho.v1.Bookkeeping/Import", &auditor).unwrap_err();
        assert!(told.ja.contains("管理部門") && told.en.contains("kansa (an auditor)"), "{told:?}");
    }
}
