//! The way to the collector: the operator's folder, TLS with both certificates, and plain sentences when it fails.

use std::time::Duration;

use daicho_proto::wire::applications_client::ApplicationsClient;
use daicho_proto::wire::bookkeeping_client::BookkeepingClient;
use daicho_proto::wire::query_client::QueryClient;
use daicho_proto::wire::reports_client::ReportsClient;
use daicho_proto::wire::swaps_client::SwapsClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use super::{Context, failure};
use crate::grpc::told;

mod folder;
mod trouble;

#[cfg(test)]
mod tests;

/// A hospital's network answers within milliseconds; ten seconds of a busy one are enough to know that nobody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer is the import of a large ledger with everything judged anew.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// A page of violations is 1 MB, an exported ledger of 10 000 machines some 10 MB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection to the collector that was asked for.
pub struct Connection {
    channel: Channel,
    /// `HOST:PORT`, for sentences.
    pub address: String,
    folder: String,
}

impl Connection {
    /// Connects as the operator of `context`'s folder.
    pub async fn open(context: &Context) -> anyhow::Result<Self> {
        let folder = folder::find(context)?;
        let operator = folder::read(&folder, context.clock.now())?;
        let address = folder::address(context, &folder)?;
        let shown = folder.display().to_string();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&operator.roots))
            .identity(Identity::from_pem(&operator.certificate, &operator.key));
        let endpoint = Endpoint::from_shared(format!("https://{address}"))
            .and_then(|endpoint| endpoint.tls_config(tls))
            .map_err(|error| trouble::connecting(&error, &address, &shown))?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT);
        let channel =
            endpoint.connect().await.map_err(|error| trouble::connecting(&error, &address, &shown))?;
        Ok(Connection { channel, address, folder: shown })
    }

    /// The questions about violations, devices and alerts.
    pub fn query(&self) -> QueryClient<Channel> {
        QueryClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// What was so on a day.
    pub fn reports(&self) -> ReportsClient<Channel> {
        ReportsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The ledger.
    pub fn bookkeeping(&self) -> BookkeepingClient<Channel> {
        BookkeepingClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
            .max_encoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Swaps with the spare PC.
    pub fn swaps(&self) -> SwapsClient<Channel> {
        SwapsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Applications for exceptions and media.
    pub fn applications(&self) -> ApplicationsClient<Channel> {
        ApplicationsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// What a refusal means to a person.
    pub fn explain(&self, status: &Status) -> anyhow::Error {
        let address = &self.address;
        if let Some(text) = told::text(status) {
            return failure(text.ja, text.en);
        }
        let message = status.message();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => failure(
                format!(
                    "コレクター {address} は {} の証明書による操作を認めません（{message}）。管理者に新しい操作者フォルダーを頼んでください。",
                    self.folder
                ),
                format!(
                    "the collector at {address} does not allow this to the certificate in {} ({message}); ask its \
                     administrator for a new operator folder",
                    self.folder
                ),
            ),
            Code::Unimplemented => failure(
                format!(
                    "コレクター {address} はこの質問を知りません。コレクターと daicho の版をそろえてください。"
                ),
                format!(
                    "the collector at {address} does not know this question; use a daicho of its version"
                ),
            ),
            Code::Cancelled => trouble::broken_off(address, &self.folder),
            Code::DeadlineExceeded => failure(
                format!(
                    "コレクター {address} から時間内に返事がありません（{message}）。しばらくしてからもう一度お試しください。"
                ),
                format!(
                    "the collector at {address} did not answer in time ({message}); try again in a while"
                ),
            ),
            _ => trouble::asking(status, address, &self.folder),
        }
    }
}
