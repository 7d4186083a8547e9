//! Identities for people: a certificate, a key, and what its owner may do.

use std::collections::BTreeSet;

use super::{ADMINISTRATOR, Done, House, OrderError};
use crate::authority::init;
use crate::chronicle::What;
use crate::identity::Role;
use crate::shelves::OperatorRow;
use crate::store::Batch;

/// Whose identity is to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The name: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// What the person is; none: as before, and of a new one the management department.
    pub roles: BTreeSet<Role>,
    /// Of a head of section: the section, as in the ledger's column 部署.
    pub section: Option<String>,
}

/// The longest name of a section.
const SECTION_CHARACTERS_MAX: usize = 100;

/// Makes an identity; its folder says that the collector answers on `port`. Where the roles are others than before,
/// the earlier certificates of that name are no longer welcome: none says what its owner is not.
pub async fn make(house: &House, wanted: Wanted, port: u16) -> Result<Done, OrderError> {
    let Wanted { name, roles, section } = wanted;
    let now = house.collector.clock.now();
    let _one_at_a_time = house.collector.enrolling.lock().await;
    let known = house.collector.shelves.operator(&name)?.filter(|row| row.revoked_at.is_none());
    let roles = match (&known, roles.is_empty()) {
        (_, false) => roles,
        (Some(row), true) => row.roles.clone(),
        (None, true) => BTreeSet::from([Role::Department]),
    };
    let section = section.or_else(|| known.as_ref().and_then(|row| row.section.clone()));
    let section = section.filter(|_| roles.contains(&Role::SectionHead));
    if roles.contains(&Role::SectionHead) && section.as_deref().is_none_or(|name| name.trim().is_empty()) {
        return Err(OrderError::Wrong(
            "a head of section needs the section, as in the ledger's column 部署: --section 放射線科"
                .to_owned(),
        ));
    }
    if section.as_deref().is_some_and(|name| name.chars().count() > SECTION_CHARACTERS_MAX) {
        return Err(OrderError::Wrong(format!(
            "the section's name is longer than {SECTION_CHARACTERS_MAX} characters"
        )));
    }
    let (issued, key) = house.authority.make_operator(&name, &roles, now)?;
    let unchanged = known.filter(|row| row.roles == roles && row.section == section);
    let mut certificates = unchanged.map(|row| row.certificates).unwrap_or_default();
    certificates.push(issued.serial.clone());
    let row = OperatorRow {
        name: name.clone(),
        certificates,
        not_after: issued.not_after,
        newest_root: Some(house.authority.newest_root()),
        revoked_at: None,
        roles: roles.clone(),
        section,
    };
    let mut batch = Batch::default();
    batch.put_operator(&row);
    batch.put_waiting(now, ADMINISTRATOR, What::of_operator(&row));
    house.collector.writer.commit(batch).await?;
    house.collector.chronicle_filled.notify_one();
    house.collector.gate.set_operator(&row);
    let address = house.address_for_operators(port);
    let folder = init::write_operator(&house.data, &name, &house.authority, &issued, &key, &address)?;
    tracing::info!(operator = name, ?roles, not_after = %issued.not_after, "Operator's identity made.");
    Ok(Done::Operator { folder, roles })
}
