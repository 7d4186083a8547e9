//! What stands in each kind of certificate (RFC 5280): names, life, permitted uses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use daicho_proto::endpoint::EndpointId;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::{AuthorityError, Life};
use crate::identity::Role;

/// A certificate is valid from an hour before it was made, for endpoints whose clocks are late.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

/// The root outlives the machines that trust it.
const ROOT_DAYS: u32 = 20 * 365;

/// The issuing authority: made anew from the root before it ends.
const ISSUING_DAYS: u32 = 10 * 365;

/// A server's certificate; `serve` makes a new one when a third is left.
const SERVER_DAYS: u32 = 365;

/// An operator's certificate; `daicho-collector operator NAME` makes a new one.
const OPERATOR_DAYS: u32 = 365;

type Profile = (CertificateParams, String, Timestamp);

/// Whether a text can stand in a server's certificate: an address, or a DNS name (RFC 1123).
pub fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

pub(super) fn root(now: Timestamp) -> Result<Profile, AuthorityError> {
    authority("Daicho root authority", now, ROOT_DAYS, BasicConstraints::Constrained(1))
}

pub(super) fn issuing(now: Timestamp) -> Result<Profile, AuthorityError> {
    authority("Daicho issuing authority", now, ISSUING_DAYS, BasicConstraints::Constrained(0))
}

pub(super) fn server(names: &[String], now: Timestamp, within: Life) -> Result<Profile, AuthorityError> {
    let first = names.first().ok_or_else(|| AuthorityError::Name(String::new()))?;
    let alternatives = names.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) if is_host_name(name) => Ok(SanType::DnsName(ascii(name)?)),
        Err(_) => Err(AuthorityError::Name(name.clone())),
    });
    let alternatives = alternatives.collect::<Result<Vec<_>, _>>()?;
    leaf(first, alternatives, ExtendedKeyUsagePurpose::ServerAuth, now, within, SERVER_DAYS)
}

/// Where it takes the place of one that ends `before`, it does not end earlier: a collector whose clock is years late
/// would else sign what ended years ago once the clock is right, and with that lock its owner out.
pub(super) fn endpoint(
    id: EndpointId,
    now: Timestamp,
    within: Life,
    days: u32,
    before: Option<Timestamp>,
) -> Result<Profile, AuthorityError> {
    let uri = ascii(&format!("urn:daicho:endpoint:{id}"))?;
    let (mut params, serial, not_after) = leaf(
        &id.to_string(),
        vec![SanType::URI(uri)],
        ExtendedKeyUsagePurpose::ClientAuth,
        now,
        within,
        days,
    )?;
    let not_after = before.map_or(not_after, |before| not_after.max(before.min(within.until)));
    params.not_after = moment(not_after)?;
    Ok((params, serial, not_after))
}

/// Operators' names are file names and parts of a URI: letters, digits, `-`, `_` and `.` inside.
/// The roles stand in the subject as organizational units: who looks at a certificate sees what it is for.
pub(super) fn operator(
    name: &str,
    roles: &BTreeSet<Role>,
    now: Timestamp,
    within: Life,
) -> Result<Profile, AuthorityError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(AuthorityError::Name(name.to_owned()));
    }
    let uri = ascii(&format!("urn:daicho:operator:{name}"))?;
    let alternatives = vec![SanType::URI(uri)];
    let (mut params, serial, not_after) =
        leaf(name, alternatives, ExtendedKeyUsagePurpose::ClientAuth, now, within, OPERATOR_DAYS)?;
    // A distinguished name of rcgen keeps one value of each kind.
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    params.distinguished_name.push(DnType::OrganizationalUnitName, roles.join("+"));
    Ok((params, serial, not_after))
}

fn authority(
    name: &str,
    now: Timestamp,
    days: u32,
    depth: BasicConstraints,
) -> Result<Profile, AuthorityError> {
    let always = Life { from: Timestamp::MIN, until: Timestamp::MAX };
    let (mut params, serial, not_after) = common(name, now, always, days)?;
    params.is_ca = IsCa::Ca(depth);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params, serial, not_after))
}

fn leaf(
    name: &str,
    alternatives: Vec<SanType>,
    purpose: ExtendedKeyUsagePurpose,
    now: Timestamp,
    within: Life,
    days: u32,
) -> Result<Profile, AuthorityError> {
    let (mut params, serial, not_after) = common(name, now, within, days)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.subject_alt_names = alternatives;
    Ok((params, serial, not_after))
}

/// It ends after so many days, and lies `within` its authority's life: what outlived that, or began before it where a
/// clock went back, would be refused unseen.
fn common(name: &str, now: Timestamp, within: Life, days: u32) -> Result<Profile, AuthorityError> {
    let not_after = within.until.min(now + SignedDuration::from_hours(24 * i64::from(days)));
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut serial = [0_u8; 16];
    SystemRandom::new().fill(&mut serial).map_err(|_| rcgen::Error::RemoteKeyError)?;
    // RFC 5280 4.1.2.2: a positive number; with this bit set it is always written in 16 bytes.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = moment(within.from.max(now - BACKDATED))?;
    params.not_after = moment(not_after)?;
    params.use_authority_key_identifier_extension = true;
    Ok((params, data_encoding::HEXLOWER.encode(&serial), not_after))
}

fn moment(at: Timestamp) -> Result<time::OffsetDateTime, AuthorityError> {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| rcgen::Error::Time.into())
}

fn ascii(text: &str) -> Result<rcgen::string::Ia5String, AuthorityError> {
    text.try_into().map_err(|_| AuthorityError::Name(text.to_owned()))
}
