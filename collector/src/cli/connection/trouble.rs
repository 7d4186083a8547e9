//! What went wrong on the way to the collector, from a chain of causes to one sentence.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};

use crate::cli::failure;

/// Why no connection came to be.
pub(super) fn connecting(error: &(dyn Error + 'static), address: &str, folder: &str) -> anyhow::Error {
    tell(error, address, folder).unwrap_or_else(|| {
        let chain = chain(error);
        failure(
            format!(
                "コレクター {address} につながりません（{chain}）。住所とネットワークを確かめてください。"
            ),
            format!(
                "cannot connect to the collector at {address} ({chain}); check the address and the network"
            ),
        )
    })
}

/// Why a question got no answer of ours.
pub(super) fn asking(status: &tonic::Status, address: &str, folder: &str) -> anyhow::Error {
    tell(status, address, folder).unwrap_or_else(|| {
        let message = status.message();
        failure(
            format!("コレクター {address} が答えられません（{message}）。コレクターの記録を見てください。"),
            format!("the collector at {address} could not answer ({message}); its log tells more"),
        )
    })
}

/// The sentence for a cause that is understood.
fn tell(error: &(dyn Error + 'static), address: &str, folder: &str) -> Option<anyhow::Error> {
    if let Some(tls) = find(error, as_tls) {
        return tell_tls(tls, address, folder);
    }
    let kind = find(error, |cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)?;
    match kind {
        ErrorKind::ConnectionRefused => Some(failure(
            format!(
                "コレクター {address} は応答しません（そのポートで動いているものがありません）。`daicho-collector serve` が動いているか確かめてください。"
            ),
            format!(
                "no collector answers at {address}: nothing listens there; is `daicho-collector serve` running?"
            ),
        )),
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(failure(
            format!(
                "コレクター {address} に届きません。住所、ネットワーク、ファイアウォールを確かめてください。"
            ),
            format!(
                "the collector at {address} cannot be reached; check the address, the network and the firewall"
            ),
        )),
        ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionAborted => Some(broken_off(address, folder)),
        _ => None,
    }
}

/// The connection ended before an answer came: with TLS 1.3 that is also how a refused certificate looks.
pub(super) fn broken_off(address: &str, folder: &str) -> anyhow::Error {
    failure(
        format!(
            "コレクター {address} が接続を切りました。コレクターが止まったか、{folder} の証明書が認められていません。コレクターの記録を見てください。"
        ),
        format!(
            "the collector at {address} broke the connection off: it stopped, or does not accept the certificate in {folder}; its log tells more"
        ),
    )
}

fn tell_tls(error: &rustls::Error, address: &str, folder: &str) -> Option<anyhow::Error> {
    use AlertDescription as Alert;
    match error {
        rustls::Error::InvalidMessage(_) => Some(failure(
            format!(
                "{address} で応答した相手はコレクターではありません（TLS を話しません）。住所とポートを確かめてください。"
            ),
            format!(
                "what answers at {address} is no collector (it does not speak TLS); check the address and the port"
            ),
        )),
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => Some(failure(
            format!(
                "{address} で応答した相手は、{folder} の roots.pem が信頼する認証局のコレクターではありません。住所を確かめ、正しければ管理者に操作者フォルダーを作り直してもらってください。"
            ),
            format!(
                "whoever answers at {address} has no certificate of the authority in {folder}/roots.pem; check the address, and if it is right have the operator folder made anew"
            ),
        )),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some(failure(
            format!(
                "コレクター {address} の証明書は今の時刻では有効ではありません。双方の時計を確かめ、正しければコレクターを再起動して証明書を更新してください。"
            ),
            format!(
                "the certificate of the collector at {address} is not valid now; check both clocks, and if they are right restart the collector, which renews it"
            ),
        )),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(failure(
            format!(
                "コレクターの証明書に {address} の名前がありません。証明書にある名前で指定するか、コレクターの設定 names に加えて再起動してください。"
            ),
            format!(
                "the collector's certificate does not hold the name in {address}; use a name that it holds, or add this one to `names` in the collector's configuration and restart it"
            ),
        )),
        rustls::Error::AlertReceived(Alert::CertificateExpired) => Some(failure(
            format!(
                "コレクター {address} は {folder} の証明書を期限切れとみなしています。双方の時計を確かめるか、新しい操作者フォルダーを作ってもらってください。"
            ),
            format!(
                "to the collector at {address} the certificate in {folder} has ended; check both clocks, or have a new operator folder made"
            ),
        )),
        rustls::Error::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::DecryptError
            | Alert::CertificateUnknown
            | Alert::AccessDenied,
        ) => Some(failure(
            format!(
                "コレクター {address} は {folder} の証明書を認めません（別の認証局のものです）。このコレクターの管理者に操作者フォルダーを作ってもらってください。"
            ),
            format!(
                "the collector at {address} does not accept the certificate in {folder}: it is of another authority; have this collector's administrator make an operator folder"
            ),
        )),
        _ => None,
    }
}

fn as_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inside = inside.and_then(|inside| inside.downcast_ref::<rustls::Error>());
    cause.downcast_ref::<rustls::Error>().or(inside)
}

/// The first of the causes that `pick` takes.
fn find<'a, T>(
    error: &'a (dyn Error + 'static),
    pick: impl Fn(&'a (dyn Error + 'static)) -> Option<&'a T>,
) -> Option<&'a T> {
    causes(error).find_map(pick)
}

fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An error, its cause, the cause of that, and so on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}
