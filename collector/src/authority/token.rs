//! One-time enrolment tokens: 160 random bits, shown once, kept as a hash, gone when used or late.

use daicho_proto::token::{EnrolmentToken, Fingerprint};
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// When it was made.
    pub made_at: Timestamp,
    /// From then on it is refused.
    pub expires_at: Timestamp,
    /// The ledger's device for which it was made, if a person said so.
    pub device: Option<String>,
    /// When it was used: it works once.
    pub used_at: Option<Timestamp>,
    /// By whom.
    pub used_by: Option<daicho_proto::endpoint::EndpointId>,
}

/// A new token: a secret of 160 random bits, with the root's fingerprint.
pub fn make(root: Fingerprint) -> Result<EnrolmentToken, ring::error::Unspecified> {
    let mut bytes = [0_u8; 20];
    SystemRandom::new().fill(&mut bytes)?;
    let secret = data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
    Ok(EnrolmentToken { secret, root })
}

/// Where a secret's row lies: its SHA-256, so that the store gives no token away.
pub fn shelf(secret: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    format!("token/{}", data_encoding::HEXLOWER.encode(digest.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_160_bits_and_is_kept_as_a_hash() {
        let root = Fingerprint([0xab; 32]);
        let token = make(root).unwrap();
        assert_eq!(token.secret.len(), 32);
        assert_eq!(token.to_string().parse(), Ok(token.clone()));
        assert!(!shelf(&token.secret).contains(&token.secret));
        assert_ne!(make(root).unwrap().secret, token.secret);
    }
}
