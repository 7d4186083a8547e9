//! The way to the collector: the operator's folder, TLS with both certificates, and plain sentences when it fails.

use daicho_proto::wire::bookkeeping_client::BookkeepingClient;
use daicho_proto::wire::query_client::QueryClient;
use tonic::Status;
use tonic::transport::Channel;

use super::Context;

/// A connection to the collector that was asked for.
pub struct Connection {
    channel: Channel,
    /// `HOST:PORT`, for sentences.
    pub address: String,
}

impl Connection {
    /// Connects as the operator of `context`'s folder.
    pub async fn open(context: &Context) -> anyhow::Result<Self> {
        let address = context.collector.clone().unwrap_or_default();
        let channel = Channel::from_shared(format!("https://{address}"))?.connect().await?;
        Ok(Connection { channel, address })
    }

    /// The questions about violations, devices and alerts.
    pub fn query(&self) -> QueryClient<Channel> {
        QueryClient::new(self.channel.clone())
    }

    /// The ledger.
    pub fn bookkeeping(&self) -> BookkeepingClient<Channel> {
        BookkeepingClient::new(self.channel.clone())
    }

    /// What a refusal means to a person.
    pub fn explain(&self, status: &Status) -> anyhow::Error {
        anyhow::anyhow!("the collector at {} answered: {}", self.address, status.message())
    }
}
