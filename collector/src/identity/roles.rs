//! What a person is in the hospital (regulation, Articles 3 and 13(2)): it decides what the person may ask and decide.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use daicho_rules::text::Text;
use serde::{Deserialize, Serialize};

/// A role of a person. One person may have several: a small hospital has one pair of hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 医療情報システム安全管理責任者 (Article 3(1)): approves exceptions and media.
    Officer,
    /// The management department, 企画管理者 (Article 3(2)): keeps the ledger, works on violations.
    Department,
    /// 所属長, the head of a section: is consulted on what concerns the section's devices (Article 13(2)).
    SectionHead,
    /// Reads everything and decides nothing: an inspector, an internal audit.
    Auditor,
}

/// Every role, as listed in help texts and errors.
pub const ROLES: [Role; 4] = [Role::Officer, Role::Department, Role::SectionHead, Role::Auditor];

impl Role {
    /// The word of the command line, of the wire and of certificates.
    pub fn name(self) -> &'static str {
        match self {
            Role::Officer => "officer",
            Role::Department => "department",
            Role::SectionHead => "section_head",
            Role::Auditor => "auditor",
        }
    }

    /// What people call it.
    pub fn text(self) -> Text {
        match self {
            Role::Officer => Text::new("医療情報システム安全管理責任者", "the officer"),
            Role::Department => Text::new("管理部門（企画管理者）", "the management department"),
            Role::SectionHead => Text::new("所属長", "a head of section"),
            Role::Auditor => Text::new("監査者", "an auditor"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.replace('-', "_");
        ROLES.into_iter().find(|role| role.name() == word).ok_or_else(|| {
            let known: Vec<&str> = ROLES.into_iter().map(Role::name).collect();
            format!("{text:?} is no role, expected one of {}", known.join(", "))
        })
    }
}

/// What an operator had before there were roles: everything. A one-person hospital's operator has it, too.
pub fn of_one_person() -> BTreeSet<Role> {
    BTreeSet::from([Role::Officer, Role::Department])
}

/// The person behind a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// The name in the certificate.
    pub name: String,
    /// What the person is.
    pub roles: BTreeSet<Role>,
    /// Of a head of section: the section, as in the ledger's column 部署.
    pub section: Option<String>,
}

impl Operator {
    /// Whether the person has this role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for role in ROLES {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("section-head".parse(), Ok(Role::SectionHead));
        let error = "chief".parse::<Role>().unwrap_err();
        assert!(error.contains("chief") && error.contains("officer, department"), "{error}");
    }
}
