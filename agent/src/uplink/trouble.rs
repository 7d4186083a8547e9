//! Why the collector could not be talked to, told so that a person knows what to do.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};
use tonic::{Code, Status};

use super::backoff::Pace;
use crate::address::Address;
use crate::text::{Text, chain, escape};

/// A busy collector that names no time is given this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or it broke.
    Unreachable(String),
    /// Whoever answers does not belong to our authority.
    WrongAuthority,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate is not valid yet: one of the two clocks is wrong.
    NotYetValid,
    /// Its certificate is past its end, or our clock is wrong.
    Expired,
    /// Our own certificate is past its end.
    OwnExpired,
    /// It refuses our certificate.
    CertificateRefused(String),
    /// TLS failed in another way.
    Tls(String),
    /// It asks for patience.
    Busy(Duration),
    /// It cannot write, for a full disk mostly, and asks for patience.
    CannotWrite(Duration),
    /// It understood us and said no.
    Refused {
        /// Its reason for a program: the metadata `daicho-reason`.
        reason: Option<String>,
        /// Its sentence, escaped.
        message: String,
    },
    /// It could not do it, or does not speak as expected.
    Failed(String),
}

impl Trouble {
    /// What an error of a TLS connection means, during the handshake or later. `io::Error` is what tokio-rustls gives.
    pub fn of_connection(error: &io::Error) -> Self {
        tls_error(error).map_or_else(|| Trouble::Unreachable(chain(error)), Trouble::of_tls)
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(reason) => match reason {
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Trouble::NotYetValid
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Trouble::Expired,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Trouble::WrongName
                }
                CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::ApplicationVerificationFailure => Trouble::WrongAuthority,
                other => Trouble::Tls(other.to_string()),
            },
            // Later than it grants: renewing is over, too.
            rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => Trouble::OwnExpired,
            // TLS 1.3: the collector's word about our certificate comes after our side is done.
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::CertificateRequired
                | AlertDescription::DecryptError),
            ) => Trouble::CertificateRefused(format!("{alert:?}")),
            other => Trouble::Tls(other.to_string()),
        }
    }

    /// What a gRPC status means.
    pub fn of_status(status: &Status) -> Self {
        let metadata = |name: &str| status.metadata().get(name).and_then(|value| value.to_str().ok());
        // Only a status that was made on this side has a cause: the connection broke, or took too long.
        if let Some(cause) = status.source() {
            return Trouble::Unreachable(escape(&chain(cause)));
        }
        let message = escape(status.message());
        let asked =
            metadata("retry-after-ms").and_then(|value| value.parse().ok()).map(Duration::from_millis);
        match (status.code(), asked) {
            (Code::ResourceExhausted, asked) => return Trouble::Busy(asked.unwrap_or(PATIENCE)),
            // Its disk takes nothing now: it says itself when to come again.
            (Code::Unavailable, Some(asked)) => return Trouble::CannotWrite(asked),
            _ => {}
        }
        match status.code() {
            Code::PermissionDenied
            | Code::Unauthenticated
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => {
                Trouble::Refused { reason: metadata("daicho-reason").map(str::to_owned), message }
            }
            Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => {
                Trouble::Unreachable(chain(status))
            }
            _ => Trouble::Failed(message),
        }
    }

    /// How soon it is worth another attempt.
    pub fn pace(&self) -> Pace {
        match self {
            Trouble::Unreachable(_) | Trouble::Failed(_) | Trouble::Tls(_) => Pace::Soon,
            Trouble::Busy(asked) | Trouble::CannotWrite(asked) => Pace::Asked(*asked),
            Trouble::WrongAuthority
            | Trouble::WrongName
            | Trouble::NotYetValid
            | Trouble::Expired
            | Trouble::OwnExpired
            | Trouble::CertificateRefused(_)
            | Trouble::Refused { .. } => Pace::Slow,
        }
    }

    /// The sentence for a person.
    pub fn text(&self, collector: &Address) -> Text {
        match self {
            Trouble::Unreachable(why) => Text::new(
                format!(
                    "{collector} に接続できません（{why}）。アドレス、ネットワーク、集約サーバーの稼働を確認してください"
                ),
                format!(
                    "cannot reach {collector} ({why}); check the address, the network and that the collector runs"
                ),
            ),
            Trouble::WrongAuthority => Text::new(
                format!(
                    "{collector} の認証局が登録時のもの（指紋）と一致しません。接続先が正しいか管理部門に確認してください"
                ),
                format!(
                    "{collector} does not belong to the authority with the expected fingerprint; ask the management department whether the address is right"
                ),
            ),
            Trouble::WrongName => Text::new(
                format!(
                    "{collector} の証明書に「{}」という名前がありません。証明書にある名前で接続してください",
                    collector.host
                ),
                format!(
                    "the certificate of {collector} is not for the name {}; connect by a name that it carries",
                    collector.host
                ),
            ),
            Trouble::NotYetValid => Text::new(
                format!("{collector} の証明書はまだ有効期間前です。この端末の時計を確認してください"),
                format!("the certificate of {collector} is not valid yet; check this machine's clock"),
            ),
            Trouble::Expired => Text::new(
                format!(
                    "{collector} の証明書の期限が切れています。この端末の時計が正しければ、集約サーバーの証明書を更新してください"
                ),
                format!(
                    "the certificate of {collector} has expired; if this machine's clock is right, renew the collector's certificate"
                ),
            ),
            Trouble::OwnExpired => Text::new(
                "この端末の証明書は期限切れのまま更新の猶予も過ぎています。集約サーバーの時計が正しければ、identity フォルダーを退避して登録し直してください",
                "this machine's own certificate ended longer ago than the collector lets it be renewed; if the collector's clock is right, move the identity folder aside and enrol again",
            ),
            Trouble::CertificateRefused(why) => Text::new(
                format!(
                    "{collector} がこの端末の証明書を拒否しました（{why}）。失効していないか管理部門に確認してください"
                ),
                format!(
                    "{collector} refuses this machine's certificate ({why}); ask the management department whether it was revoked"
                ),
            ),
            Trouble::Tls(why) => Text::new(
                format!(
                    "{collector} と TLS 1.3 で通信できません（{why}）。接続先が Daicho の集約サーバーか確認してください"
                ),
                format!(
                    "cannot speak TLS 1.3 with {collector} ({why}); check that a Daicho collector answers there"
                ),
            ),
            Trouble::Busy(_) => Text::new(
                format!("{collector} が混雑しています。しばらくして自動で再送します"),
                format!("{collector} is busy; it will be tried again by itself"),
            ),
            Trouble::CannotWrite(_) => Text::new(
                format!(
                    "{collector} は今、書き込めません（ディスクの空き容量など）。記録は手元に残し、自動で再送します"
                ),
                format!(
                    "{collector} cannot write at this moment (its disk may be full); everything is kept here and sent again by itself"
                ),
            ),
            Trouble::Refused { message, .. } => Text::new(
                format!("{collector} に拒否されました（{message}）。管理部門に確認してください"),
                format!("{collector} refused ({message}); ask the management department"),
            ),
            Trouble::Failed(message) => Text::new(
                format!(
                    "{collector} で処理に失敗しました（{message}）。集約サーバーのログを確認してください"
                ),
                format!("{collector} could not do it ({message}); see the collector's log"),
            ),
        }
    }
}

/// The TLS error at the bottom of another one. An `io::Error` hides its inner error from `source`.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tls_error_is_found_below_others() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateExpired);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(Trouble::of_connection(&wrapped), Trouble::OwnExpired);
        let lost = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(matches!(Trouble::of_connection(&lost), Trouble::Unreachable(_)));
    }

    #[test]
    fn a_busy_collector_names_its_patience() {
        let mut status = Status::resource_exhausted("full");
        status.metadata_mut().insert("retry-after-ms", "2500".parse().unwrap());
        assert_eq!(Trouble::of_status(&status).pace(), Pace::Asked(Duration::from_millis(2_500)));
        let mut status = Status::unavailable("its disk is full");
        status.metadata_mut().insert("retry-after-ms", "10000".parse().unwrap());
        assert_eq!(Trouble::of_status(&status).pace(), Pace::Asked(Duration::from_secs(10)));
    }

    #[test]
    fn a_refusal_is_tried_slowly_and_its_words_are_escaped() {
        let trouble = Trouble::of_status(&Status::permission_denied("revoked\u{1b}[2J"));
        assert_eq!(trouble.pace(), Pace::Slow);
        assert!(trouble.text(&"h:1".parse().unwrap()).en.contains("revoked\\u{1b}[2J"));
    }
}
