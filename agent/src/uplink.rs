//! Sends what is spooled, oldest first, and forgets it once the collector says that it is durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use daicho_proto::time::to_wire;
use daicho_proto::wire::ReportRequest;
use daicho_proto::wire::intake_client::IntakeClient;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::Channel;
use tracing::{info, warn};

use crate::address::Address;
use crate::clock;
use crate::enrolment;
use crate::identity::Identity;
use crate::spool::keeper::Keeper;
use crate::spool::{Settled, Spool, SpoolError};
use crate::status::Health;
use crate::text::chain;
use backoff::Backoff;
use connection::Connection;
use trouble::Trouble;

pub mod backoff;
pub mod connection;
pub mod trouble;

/// Observations in one report: about as many as one flush of the collector is worth.
const BATCH_COUNT_MAX: usize = 1_000;

/// Bytes in one report: with one observation of the largest size on top it stays below gRPC's usual 4 MiB.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// An agent that has nothing to say says so this often: the collector tells silence from calm by it.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(900);

/// A renewal that failed is tried again after this long, on a connection that works otherwise.
const RENEWAL_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The collector's reason for a program when our certificate has ended by its clock.
const CERTIFICATE_ENDED: &str = "certificate_ended";

/// The line to the collector.
pub struct Uplink {
    /// Where the identity lies.
    pub data: PathBuf,
    /// Who we are now; a renewal replaces it.
    pub identity: Identity,
    /// Where to: the configuration's word, else the identity's.
    pub collector: Address,
    /// How a line there is opened.
    pub dial: connection::Dial,
    /// What is sent.
    pub keeper: Arc<Keeper>,
    /// Where `status` finds how it goes.
    pub health: Arc<Health>,
    /// Every subject is to be looked at anew.
    pub look_again: Arc<Notify>,
    /// Evenly distributed in 0..1.
    pub chance: fn() -> f64,
    /// New incarnations.
    pub incarnation: fn() -> u64,
    /// How far the collector's clock was before ours when it last told it, in microseconds.
    pub collector_ahead_us: AtomicI64,
}

/// Why a connection was left.
enum Left {
    Trouble(Trouble),
    Spool(SpoolError),
    Renewed(Box<Identity>),
}

impl From<Trouble> for Left {
    fn from(trouble: Trouble) -> Self {
        Left::Trouble(trouble)
    }
}

impl From<SpoolError> for Left {
    fn from(error: SpoolError) -> Self {
        Left::Spool(error)
    }
}

impl Uplink {
    /// Sends until `stop` says so. Never gives up, never enrols by itself.
    pub async fn follow(mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::default();
        let mut renewal_due = Instant::now();
        loop {
            let left = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                left = self.talk(&mut backoff, &mut renewal_due) => left,
            };
            let trouble = match left {
                Left::Renewed(identity) => {
                    self.identity = *identity;
                    self.health.certificate(self.identity.life);
                    info!(until = %self.identity.life.until, "Certificate renewed.");
                    continue;
                }
                Left::Spool(error) => {
                    self.keeper.failed(&error, clock::now());
                    Trouble::Failed("its own spool cannot be read".to_owned())
                }
                Left::Trouble(trouble) => {
                    self.tell(&trouble);
                    trouble
                }
            };
            let wait = backoff.wait(trouble.pace(), (self.chance)());
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(wait) => {}
            }
        }
    }

    fn tell(&self, trouble: &Trouble) {
        let text = trouble.text(&self.collector);
        if self.health.failed(text.clone(), clock::now()) {
            warn!(collector = %self.collector, trouble = %text, "Collector cannot be reached.");
        }
    }

    /// One connection, until it fails. The first word is a question: how far are we durable?
    async fn talk(&self, backoff: &mut Backoff, renewal_due: &mut Instant) -> Left {
        let result = async {
            let tls = self.identity.tls(clock::system()).map_err(|error| Trouble::Tls(error.to_string()))?;
            let connection = connection::connect_over(self.dial, &self.collector, Arc::new(tls)).await?;
            let mut client = IntakeClient::new(connection.channel.clone());
            let left = self.report_on(&connection, &mut client, backoff, renewal_due).await;
            // The collector's clock counts: within the grace it lets an ended certificate be renewed, and nothing else.
            if matches!(&left, Left::Trouble(Trouble::Refused { reason: Some(reason), .. }) if reason == CERTIFICATE_ENDED)
                && let Some(identity) = self.renew(&connection).await
            {
                return Ok(Left::Renewed(Box::new(identity)));
            }
            Ok(left)
        };
        result.await.unwrap_or_else(|left: Left| left)
    }

    /// Reports over a connection until that fails, or until there is a new certificate.
    async fn report_on(
        &self,
        connection: &Connection,
        client: &mut IntakeClient<Channel>,
        backoff: &mut Backoff,
        renewal_due: &mut Instant,
    ) -> Left {
        let reporting = async {
            self.report_patiently(connection, client, None, backoff).await?;
            info!(collector = %self.collector, "Collector reached.");
            let mut silent_since = Instant::now();
            loop {
                backoff.reset();
                if self.identity.life.is_to_be_renewed(self.collector_now()) && Instant::now() >= *renewal_due
                {
                    *renewal_due = Instant::now() + RENEWAL_RETRY_AFTER;
                    if let Some(identity) = self.renew(connection).await {
                        return Ok(Left::Renewed(Box::new(identity)));
                    }
                }
                let filled = self.keeper.filled.notified();
                if self.report_patiently(connection, client, Some(()), backoff).await? {
                    silent_since = Instant::now();
                    continue;
                }
                let due = silent_since + SIGN_OF_LIFE_EVERY;
                if timeout_at(due, filled).await.is_err() {
                    self.report_patiently(connection, client, None, backoff).await?;
                    silent_since = Instant::now();
                }
            }
        };
        reporting.await.unwrap_or_else(|left: Left| left)
    }

    /// The time by the collector's clock, as far as it told it: a certificate's life is counted by that one.
    fn collector_now(&self) -> Timestamp {
        let ahead = SignedDuration::from_micros(self.collector_ahead_us.load(Ordering::Relaxed));
        let now = clock::now();
        now.checked_add(ahead).unwrap_or(now)
    }

    /// As `report`, and as often as the collector asks for patience. The connection stays: to leave it would make a busy
    /// collector shake hands anew with everybody.
    async fn report_patiently(
        &self,
        connection: &Connection,
        client: &mut IntakeClient<Channel>,
        batch: Option<()>,
        backoff: &mut Backoff,
    ) -> Result<bool, Left> {
        loop {
            match self.report(connection, client, batch).await {
                Err(Left::Trouble(trouble @ (Trouble::Busy(_) | Trouble::CannotWrite(_)))) => {
                    self.tell(&trouble);
                    sleep(backoff.wait(trouble.pace(), (self.chance)())).await;
                }
                reported => return reported,
            }
        }
    }

    /// Sends the next batch, or an empty report. Answers whether there was anything to send.
    async fn report(
        &self,
        connection: &Connection,
        client: &mut IntakeClient<Channel>,
        batch: Option<()>,
    ) -> Result<bool, Left> {
        let Some(spool) = self.keeper.spool() else {
            self.tell_trouble(connection, client).await?;
            return Err(Left::Trouble(Trouble::Failed("its own spool cannot be opened".to_owned())));
        };
        let (incarnation, observations) = match batch {
            None => (spool.incarnation(), Vec::new()),
            Some(()) => match on_disk(&spool, |spool| spool.pending(BATCH_BYTES_MAX, BATCH_COUNT_MAX)).await?
            {
                None => return Ok(false),
                Some(batch) => (batch.incarnation, batch.observations),
            },
        };
        let (count, empty) = (observations.len(), observations.is_empty());
        let now = clock::now();
        let request = ReportRequest {
            incarnation,
            observations,
            agent_time_us: to_wire(now),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            spool_trouble: self.keeper.trouble_for_collector().into(),
        };
        let answer = client.report(request).await.map_err(|status| connection.trouble(&status))?.into_inner();
        self.health.reached(clock::now());
        if answer.collector_time_us != 0 {
            let ahead = answer.collector_time_us.saturating_sub(to_wire(now));
            self.collector_ahead_us.store(ahead, Ordering::Relaxed);
        }
        let (durable_to, fresh) = (answer.durable_to, (self.incarnation)());
        match on_disk(&spool, move |spool| spool.settle(durable_to, fresh, now)).await? {
            // An answer that moves nothing would be asked for again at once, and for ever.
            Settled::Acknowledged(0) if !empty => {
                return Err(
                    Trouble::Failed(format!("{count} observations were sent and none was taken")).into()
                );
            }
            Settled::Acknowledged(_) => {}
            settled => {
                warn!(
                    ?settled,
                    durable_to, "Spool and collector do not fit together; a new incarnation began."
                );
                self.look_again.notify_one();
            }
        }
        Ok(!empty)
    }

    /// Without a spool nothing can be sent, but that we live and why we are silent.
    async fn tell_trouble(
        &self,
        connection: &Connection,
        client: &mut IntakeClient<Channel>,
    ) -> Result<(), Left> {
        let request = ReportRequest {
            incarnation: 0,
            observations: Vec::new(),
            agent_time_us: to_wire(clock::now()),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            spool_trouble: self.keeper.trouble_for_collector().into(),
        };
        client.report(request).await.map_err(|status| connection.trouble(&status))?;
        self.health.reached(clock::now());
        Ok(())
    }

    async fn renew(&self, connection: &Connection) -> Option<Identity> {
        let renewed = enrolment::renew(connection, &self.identity)
            .await
            .map_err(|trouble| trouble.text(&self.collector));
        let written = renewed.and_then(|identity| {
            identity.write(&self.data).map_err(|error| error.text())?;
            Ok(identity)
        });
        written
            .inspect_err(|text| {
                self.health.renewal_failed(text.clone());
                warn!(error = %text, "Certificate renewal failed.");
            })
            .ok()
    }
}

/// The disk may take its time; the runtime must not.
async fn on_disk<T: Send + 'static>(
    spool: &Arc<Spool>,
    work: impl FnOnce(&Spool) -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    let spool = spool.clone();
    tokio::task::spawn_blocking(move || work(&spool))
        .await
        .unwrap_or_else(|error| Err(SpoolError::Damaged(chain(&error))))
}

#[cfg(test)]
mod tests;
