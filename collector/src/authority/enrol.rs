//! The service that gives endpoints their certificates: first for a token, then for the certificate before.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::Host;
use daicho_proto::time;
use daicho_proto::token::EnrolmentToken;
use daicho_proto::wire::enrolment_server::Enrolment;
use daicho_proto::wire::{EnrolAnswer, EnrolRequest, RenewRequest};
use daicho_rules::linking::{self, Names};
use tonic::{Request, Response, Status};

use super::token::{self, TokenRow};
use super::{Authority, Issued};
use crate::Collector;
use crate::chronicle::What;
use crate::identity::Peer;
use crate::shelves::EndpointRow;
use crate::store::Batch;

/// Certificates of one endpoint that are welcome at once: the new one, and the one before until the agent has the new.
const CERTIFICATES_MAX: usize = 3;

/// Signs of a hostname that are kept: RFC 1035 allows 253.
const HOSTNAME_SIGNS_MAX: usize = 253;

/// Enrols and renews.
pub struct Enrolling {
    collector: Arc<Collector>,
    authority: Arc<Authority>,
    days: u32,
    /// Tokens whose row is being written: nobody else may use them meanwhile.
    in_use: Mutex<BTreeSet<String>>,
}

impl Enrolling {
    /// The service over a collector and its authority; `days` is the life of a certificate.
    pub fn new(collector: Arc<Collector>, authority: Arc<Authority>, days: u32) -> Self {
        Enrolling { collector, authority, days, in_use: Mutex::default() }
    }

    fn answer(&self, id: EndpointId, issued: &Issued) -> EnrolAnswer {
        let mut chain: Vec<Vec<u8>> =
            self.authority.chain(issued.certificate.clone()).iter().map(|der| der.to_vec()).collect();
        chain.truncate(2);
        let roots = self.authority.roots_to_give().iter().map(|der| der.to_vec()).collect();
        EnrolAnswer {
            endpoint_id: id.to_string(),
            certificate_chain: chain,
            roots,
            not_after_us: time::to_wire(issued.not_after),
        }
    }

    async fn enrol_with(&self, shelf: &str, asked: EnrolRequest) -> Result<EnrolAnswer, Status> {
        let now = self.collector.clock.now();
        let row: Option<TokenRow> = self.collector.shelves.get(shelf).map_err(unavailable)?;
        let Some(row) = row else {
            return Err(refusal(
                "token_unknown",
                "this token is not known here; make one with `daicho-collector token`",
            ));
        };
        if row.used_at.is_some() {
            return Err(refusal(
                "token_used",
                "this token was used already; make another with `daicho-collector token`",
            ));
        }
        if row.expires_at <= now {
            return Err(refusal(
                "token_expired",
                "this token is too old; make another with `daicho-collector token`",
            ));
        }
        if let Some((device, column)) = self.another_device(&row, &asked) {
            return Err(another(&device, column));
        }
        let id = EndpointId(uuid::Uuid::new_v4());
        let issued = self
            .authority
            .sign_endpoint(id, &asked.certificate_request, now, self.days)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let endpoint = EndpointRow {
            certificates: vec![issued.serial.clone()],
            not_after: issued.not_after,
            newest_root: Some(self.authority.newest_root()),
            device: row.device.clone(),
            ..EndpointRow::joined(
                id,
                asked
                    .hostname
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(HOSTNAME_SIGNS_MAX)
                    .collect::<String>(),
                now,
            )
        };
        let mut batch = Batch::default();
        batch.put_endpoint(&endpoint);
        batch.put_waiting(now, &format!("endpoint:{id}"), What::of_endpoint(&endpoint));
        batch.put_json(shelf, &TokenRow { used_at: Some(now), used_by: Some(id), ..row });
        self.collector.writer.commit(batch).await.map_err(unavailable)?;
        self.collector.chronicle_filled.notify_one();
        self.collector.gate.set_endpoint(&endpoint);
        self.collector.nudge(id);
        tracing::info!(endpoint = %id, hostname = ?endpoint.hostname, not_after = %issued.not_after, "Endpoint enrolled.");
        Ok(self.answer(id, &issued))
    }
}

impl Enrolling {
    /// The device of a token that is not the machine which uses it, and what tells so: the serial number or the UUID that
    /// ledger and machine both name. The token stays unused, for the right machine.
    fn another_device(&self, row: &TokenRow, asked: &EnrolRequest) -> Option<(String, &'static str)> {
        let device = row.device.as_ref()?;
        let ledger = self.collector.ledger();
        let listed = ledger.device(device)?;
        let host = Host {
            serial_number: asked.serial_number.clone(),
            hardware_uuid: asked.hardware_uuid.clone(),
            ..Host::default()
        };
        let column = linking::differs(listed, &Names::of(&host, &[]))?;
        Some((listed.device_id.clone(), column))
    }
}

#[tonic::async_trait]
impl Enrolment for Enrolling {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolAnswer>, Status> {
        let address = request.extensions().get::<Peer>().map(|peer| peer.address);
        let asked = request.into_inner();
        let Ok(token) = asked.token.parse::<EnrolmentToken>() else {
            tracing::warn!(?address, "Enrolment refused: the token has not the form of one.");
            return Err(refusal("token_unknown", "this is no token; make one with `daicho-collector token`"));
        };
        let shelf = token::shelf(&token.secret);
        if !self.in_use.lock().unwrap_or_else(PoisonError::into_inner).insert(shelf.clone()) {
            return Err(refusal("token_used", "this token is being used by somebody else at this moment"));
        }
        let outcome = self.enrol_with(&shelf, asked).await;
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).remove(&shelf);
        if let Err(status) = &outcome {
            tracing::warn!(?address, reason = status.message(), "Enrolment refused.");
        }
        outcome.map(Response::new)
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<EnrolAnswer>, Status> {
        let id = self.collector.gate.endpoint_to_renew(&request)?;
        let now = self.collector.clock.now();
        let before = request.extensions().get::<Peer>().and_then(|peer| peer.life).map(|life| life.until);
        let request = request.into_inner().certificate_request;
        let issued = self
            .authority
            .sign_next(id, &request, now, self.days, before)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let _one_at_a_time = self.collector.enrolling.lock().await;
        let row = self.collector.shelves.endpoint(id).map_err(unavailable)?;
        let Some(mut row) = row.filter(|row| row.revoked_at.is_none()) else {
            return Err(Status::permission_denied("this endpoint was revoked; it has to enrol again"));
        };
        row.certificates.push(issued.serial.clone());
        let excess = row.certificates.len().saturating_sub(CERTIFICATES_MAX);
        row.certificates.drain(..excess);
        row.not_after = issued.not_after;
        row.newest_root = Some(self.authority.newest_root());
        let mut batch = Batch::default();
        batch.put_endpoint(&row);
        self.collector.writer.commit(batch).await.map_err(unavailable)?;
        self.collector.gate.set_endpoint(&row);
        tracing::info!(endpoint = %id, not_after = %issued.not_after, "Certificate renewed.");
        Ok(Response::new(self.answer(id, &issued)))
    }
}

/// The endpoint used its newest certificate: it is on its disk, and those before it are welcome no more.
pub async fn settle(collector: &Collector, id: EndpointId, serial: &str) -> Result<(), Status> {
    let _one_at_a_time = collector.enrolling.lock().await;
    let row = collector.shelves.endpoint(id).map_err(unavailable)?;
    let Some(mut row) = row.filter(|row| row.certificates.last().is_some_and(|newest| newest == serial))
    else {
        return Ok(());
    };
    row.certificates.drain(..row.certificates.len() - 1);
    let mut batch = Batch::default();
    batch.put_endpoint(&row);
    collector.writer.commit(batch).await.map_err(unavailable)?;
    collector.gate.set_endpoint(&row);
    Ok(())
}

/// Whoever holds the token learns for which device it is; neither of the two numbers.
fn another(device: &str, column: &'static str) -> Status {
    let device = device.escape_debug();
    refusal(
        "token_for_another",
        &format!(
            "this token is for {device}, whose {column} in the ledger is not this machine's; correct the ledger, or make \
             another token with `daicho-collector token`"
        ),
    )
}

fn refusal(reason: &'static str, message: &str) -> Status {
    let mut status = Status::permission_denied(message);
    status.metadata_mut().insert("daicho-reason", tonic::metadata::MetadataValue::from_static(reason));
    status
}

fn unavailable(error: impl std::fmt::Display) -> Status {
    tracing::error!(%error, "Enrolment could not be kept.");
    Status::unavailable("the collector cannot write at this moment; try again in a minute")
}
