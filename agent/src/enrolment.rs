//! Joining: a key made here, a certificate from the collector, the authority's root remembered.

use std::path::Path;
use std::sync::Arc;

use daicho_proto::facts::Host;
use daicho_proto::token::{EnrolmentToken, Fingerprint};
use daicho_proto::wire::enrolment_client::EnrolmentClient;
use daicho_proto::wire::{EnrolAnswer, EnrolRequest, RenewRequest};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::identity::Identity;
use crate::text::Text;
use crate::uplink::backoff::Backoff;
use crate::uplink::connection::{Connection, connect};
use crate::uplink::trouble::Trouble;

mod verifier;

/// How often a busy collector is asked, within about a minute: where a hundred PCs are installed at once, each has its turn.
const TRIES_MAX: u32 = 8;

/// What a person gave us to join with.
pub struct Invitation {
    /// Where to.
    pub collector: Address,
    /// The permission, and whom to trust.
    pub token: EnrolmentToken,
}

impl Invitation {
    /// Reads what was typed. A fingerprint that was given beside the token has to be the token's.
    pub fn read(collector: &str, token: &str, fingerprint: Option<&str>) -> Result<Self, Text> {
        let collector = collector.parse().map_err(|error| {
            Text::new(
                format!(
                    "--collector {collector:?} は HOST:PORT の形ではありません（例 daicho.example.jp:7443）"
                ),
                format!("cannot read --collector {collector:?}: {error}"),
            )
        })?;
        // Not repeated: a mistyped token still holds most of a secret.
        let token: EnrolmentToken = token.parse().map_err(|error| {
            Text::new(
                "登録トークンの形が正しくありません。daicho-collector token が表示した daicho1- で始まる文字列をそのまま渡してください",
                format!("cannot read the token ({error}); give it as daicho-collector token printed it, beginning with daicho1-"),
            )
        })?;
        if let Some(text) = fingerprint {
            let given: Fingerprint = text.parse().map_err(|error| {
                Text::new(
                    format!("--ca-fingerprint {text:?} は SHA-256（16進64桁）ではありません"),
                    format!("cannot read --ca-fingerprint {text:?}: {error}"),
                )
            })?;
            if given != token.root {
                return Err(Text::new(
                    "--ca-fingerprint とトークンの指紋が違います。どちらが正しいか管理部門に確認してください",
                    "--ca-fingerprint is not the fingerprint in the token; ask the management department which one is right",
                ));
            }
        }
        Ok(Invitation { collector, token })
    }
}

/// Joins. Nothing is written: that is the caller's, once all went well. `host` gives hints for people.
/// A collector that asks for patience is asked again, some times.
pub async fn enrol(
    invitation: &Invitation,
    host: Option<&Host>,
    chance: fn() -> f64,
) -> Result<Identity, Text> {
    let Invitation { collector, token } = invitation;
    let told = |trouble: Trouble| tell(&trouble, collector);
    let tls = verifier::trusting_only(token.root).map_err(|error| told(Trouble::Tls(error.to_string())))?;
    let tls = Arc::new(tls);
    let (key, certificate_request) = new_key().map_err(|error| told(Trouble::Failed(error.to_string())))?;
    let request = EnrolRequest {
        token: token.to_string(),
        certificate_request,
        hostname: host.and_then(|host| host.hostname.clone()).unwrap_or_default(),
        serial_number: host.and_then(|host| host.serial_number.clone()),
        hardware_uuid: host.and_then(|host| host.hardware_uuid.clone()),
        machine_id: host.and_then(|host| host.machine_id.clone()),
    };
    let mut backoff = Backoff::default();
    let mut tries = 1;
    let answer = loop {
        // Each time anew: a connection without a certificate takes a place from somebody else, and does not live long.
        match ask(collector, Arc::clone(&tls), request.clone()).await {
            Ok(answer) => break answer,
            Err(trouble @ (Trouble::Busy(_) | Trouble::CannotWrite(_))) if tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(backoff.wait(trouble.pace(), chance())).await;
            }
            Err(trouble) => return Err(told(trouble)),
        }
    };
    let identity = accept(answer, collector.clone(), key).map_err(|what| told(Trouble::Failed(what)))?;
    if !identity.roots.iter().any(|root| fingerprint(root) == token.root) {
        return Err(told(Trouble::WrongAuthority));
    }
    Ok(identity)
}

async fn ask(
    collector: &Address,
    tls: Arc<rustls::ClientConfig>,
    request: EnrolRequest,
) -> Result<EnrolAnswer, Trouble> {
    let connection = connect(collector, tls).await?;
    let answer = EnrolmentClient::new(connection.channel.clone()).enrol(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| connection.trouble(&status))
}

/// The next certificate for a new key, over a connection that shows the present one.
pub async fn renew(connection: &Connection, present: &Identity) -> Result<Identity, Trouble> {
    let (key, certificate_request) = new_key().map_err(|error| Trouble::Failed(error.to_string()))?;
    let answer =
        EnrolmentClient::new(connection.channel.clone()).renew(RenewRequest { certificate_request }).await;
    let answer = answer.map_err(|status| connection.trouble(&status))?.into_inner();
    let next = accept(answer, present.collector.clone(), key).map_err(Trouble::Failed)?;
    if next.endpoint != present.endpoint {
        return Err(Trouble::Failed(format!("the new certificate is for {}", next.endpoint)));
    }
    Ok(next)
}

/// Writes an identity where none was: joining twice would leave an endpoint behind that nobody answers for.
pub fn settle(identity: &Identity, data: &Path) -> Result<(), Text> {
    identity.write(data).map_err(|error| error.text())
}

/// Refuses before anything is asked when this machine has joined already.
pub fn refuse_second_joining(data: &Path) -> Result<(), Text> {
    let folder = crate::identity::folder(data);
    if folder.join("credential.pem").exists() {
        let folder = folder.display();
        return Err(Text::new(
            format!("この端末は登録済みです。登録し直すには {folder} を退避してください"),
            format!("this machine has joined already; to join anew, move {folder} aside first"),
        ));
    }
    Ok(())
}

/// ECDSA P-256 and PKCS#10 (RFC 2986). The collector chooses every name in the certificate, so the request has none.
fn new_key() -> Result<(PrivateKeyDer<'static>, Vec<u8>), rcgen::Error> {
    let key = Zeroizing::new(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?);
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let request = parameters.serialize_request(&*key)?.der().to_vec();
    Ok((PrivateKeyDer::Pkcs8(key.serialize_der().into()), request))
}

fn accept(answer: EnrolAnswer, collector: Address, key: PrivateKeyDer<'static>) -> Result<Identity, String> {
    let endpoint = answer.endpoint_id.parse().map_err(|_| "its answer names no endpoint".to_owned())?;
    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect();
    Identity::new(
        endpoint,
        collector,
        certificates(answer.certificate_chain),
        certificates(answer.roots),
        key,
    )
    .map_err(|what| format!("its answer is unusable: {what}"))
}

fn fingerprint(certificate: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, certificate).as_ref());
    Fingerprint(bytes)
}

fn tell(trouble: &Trouble, collector: &Address) -> Text {
    let Trouble::Refused { reason: Some(reason), .. } = trouble else { return trouble.text(collector) };
    match reason.as_str() {
        "token_unknown" => Text::new(
            format!(
                "{collector} はこの登録トークンを知りません。daicho-collector token で新しいトークンを作ってください"
            ),
            format!("{collector} does not know this token; make a new one with daicho-collector token"),
        ),
        "token_used" => Text::new(
            "この登録トークンは使用済みです。端末ごとに daicho-collector token で新しいトークンを作ってください",
            "this token has been used; each machine needs its own, made with daicho-collector token",
        ),
        "token_expired" => Text::new(
            "この登録トークンは期限切れです。daicho-collector token で新しいトークンを作ってください",
            "this token has expired; make a new one with daicho-collector token",
        ),
        "token_for_another" => Text::new(
            "この登録トークンは別の機器のためのものです。台帳の製造番号か UUID がこの端末と違います。台帳を直すか、daicho-collector token で新しいトークンを作ってください",
            "this token is for another device: serial number or UUID in the ledger are not this machine's; correct the ledger, or make another token with daicho-collector token",
        ),
        _ => trouble.text(collector),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_that_contradicts_the_token_is_refused() {
        let token = format!("daicho1-{}-{}", "a".repeat(32), Fingerprint([1; 32]));
        let other = Fingerprint([2; 32]).to_string();
        assert!(Invitation::read("h:1", &token, Some(&Fingerprint([1; 32]).to_string())).is_ok());
        assert!(Invitation::read("h:1", &token, Some(&other)).is_err());
        assert!(Invitation::read("h", &token, None).is_err());
    }

    #[test]
    fn a_mistyped_token_is_not_repeated() {
        let secret = "geheimgeheimgeheim";
        let refused = Invitation::read("h:1", &format!("daicho1-{secret}"), None).err().unwrap();
        assert!(!refused.en.contains(secret) && !refused.ja.contains(secret));
    }
}
