//! Who is calling: from a client certificate to an endpoint or an operator. The only place that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use daicho_proto::endpoint::EndpointId;
use jiff::Timestamp;
use tonic::{Request, Status};
use x509_parser::extensions::GeneralName;

use crate::authority::Life;
use crate::chronicle::refusals::{Attempt, Refusals};
use crate::shelves::{EndpointRow, OperatorRow, Shelves};
use crate::store::StoreError;

pub mod permissions;
pub mod roles;

pub use roles::{Operator, Role};

/// The reason for a program when a certificate has ended or has not begun: an agent then renews it.
pub const CERTIFICATE_ENDED: &str = "certificate_ended";

/// The owner of a certificate that our authority signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// An agent.
    Endpoint {
        /// Who.
        id: EndpointId,
        /// The certificate's serial, hexadecimal.
        serial: String,
    },
    /// A person of the management department.
    Operator {
        /// Who.
        name: String,
        /// The certificate's serial, hexadecimal.
        serial: String,
    },
}

/// The other end of a connection. Lies in the extensions of each request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where it calls.
    pub address: SocketAddr,
    /// Who it is, where it showed a certificate of ours.
    pub caller: Option<Arc<Caller>>,
    /// From when to when that certificate holds.
    pub life: Option<Life>,
}

impl Caller {
    /// Reads a certificate whose chain was already checked. `None`: it names neither an endpoint nor an operator.
    pub fn from_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let serial = data_encoding::HEXLOWER.encode(certificate.tbs_certificate.raw_serial());
        let names = certificate.subject_alternative_name().ok()??;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        // Two names would be two callers: our authority never signs that.
        let (Some(uri), None) = (uris.next(), uris.next()) else { return None };
        if let Some(id) = uri.strip_prefix("urn:daicho:endpoint:") {
            return Some(Caller::Endpoint { id: id.parse().ok()?, serial });
        }
        let name = uri.strip_prefix("urn:daicho:operator:")?;
        Some(Caller::Operator { name: name.to_owned(), serial })
    }
}

/// The certificates that are welcome, in memory, asked on each request: revocation bites at once.
#[derive(Debug, Default)]
pub struct Gate {
    known: RwLock<Known>,
    /// Who was refused, until the log has it.
    pub refusals: Refusals,
}

#[derive(Debug, Default)]
struct Known {
    /// Of each endpoint the serials, the newest last.
    endpoints: BTreeMap<EndpointId, Vec<String>>,
    operators: BTreeMap<String, Person>,
}

/// An operator as the gate knows it.
#[derive(Debug)]
struct Person {
    certificates: BTreeSet<String>,
    operator: Operator,
}

impl Gate {
    /// The gate as the store has it.
    pub fn load(shelves: &Shelves) -> Result<Self, StoreError> {
        let gate = Gate::default();
        for row in shelves.endpoints()? {
            gate.set_endpoint(&row);
        }
        for row in shelves.operators()? {
            gate.set_operator(&row);
        }
        Ok(gate)
    }

    /// Takes over an endpoint's row that was committed: enrolled, renewed or revoked.
    pub fn set_endpoint(&self, row: &EndpointRow) {
        let welcome = if row.revoked_at.is_some() { Vec::new() } else { row.certificates.clone() };
        self.known.write().unwrap_or_else(PoisonError::into_inner).endpoints.insert(row.id, welcome);
    }

    /// Takes over an operator's row that was committed.
    pub fn set_operator(&self, row: &OperatorRow) {
        let certificates = if row.revoked_at.is_some() {
            BTreeSet::new()
        } else {
            row.certificates.iter().cloned().collect()
        };
        let operator =
            Operator { name: row.name.clone(), roles: row.roles.clone(), section: row.section.clone() };
        let person = Person { certificates, operator };
        self.known.write().unwrap_or_else(PoisonError::into_inner).operators.insert(row.name.clone(), person);
    }

    /// Whether a request shows an endpoint's newest certificate while older ones are still welcome; its serial.
    pub fn newest_beside_older<T>(&self, request: &Request<T>) -> Option<String> {
        let peer = request.extensions().get::<Peer>()?;
        let Caller::Endpoint { id, serial } = peer.caller.as_deref()? else { return None };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let all = known.endpoints.get(id)?;
        (all.len() > 1 && all.last() == Some(serial)).then(|| serial.clone())
    }

    /// Whether a certificate is welcome at this moment.
    pub(crate) fn welcomes(&self, caller: &Caller) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match caller {
            Caller::Endpoint { id, serial } => {
                known.endpoints.get(id).is_some_and(|all| all.contains(serial))
            }
            Caller::Operator { name, serial } => {
                known.operators.get(name).is_some_and(|person| person.certificates.contains(serial))
            }
        }
    }

    /// Whoever calls with a certificate that is welcome, and that holds `now`: a connection outlives it, and our clock may
    /// have stood later when it was made.
    fn caller<'a, T>(&self, request: &'a Request<T>, now: Timestamp) -> Result<&'a Caller, Status> {
        let caller = self.known_caller(request)?;
        let life = request.extensions().get::<Peer>().and_then(|peer| peer.life);
        if life.is_none_or(|life| !life.holds(now)) {
            let mut status = Status::permission_denied(
                "this certificate has ended, or has not begun by this collector's clock; an agent renews it by itself, \
                 a person needs a new one from `daicho-collector operator NAME`",
            );
            let reason = tonic::metadata::MetadataValue::from_static(CERTIFICATE_ENDED);
            status.metadata_mut().insert("daicho-reason", reason);
            return Err(self.refused(request, status));
        }
        Ok(caller)
    }

    fn known_caller<'a, T>(&self, request: &'a Request<T>) -> Result<&'a Caller, Status> {
        let peer = request.extensions().get::<Peer>();
        let Some(caller) = peer.and_then(|peer| peer.caller.as_deref()) else {
            return Err(self.refused(
                request,
                Status::unauthenticated(
                    "this service needs a client certificate of this collector; an agent gets one with \
                     `daicho-agent enrol`, a person with `daicho-collector operator NAME`",
                ),
            ));
        };
        if !self.welcomes(caller) {
            let status = Status::permission_denied(
                "this certificate was revoked or is not known here; an agent has to enrol again, a person needs a \
                 new certificate from `daicho-collector operator NAME`",
            );
            return Err(self.refused(request, status));
        }
        Ok(caller)
    }

    /// The endpoint that calls; anybody else is refused.
    pub fn endpoint<T>(&self, request: &Request<T>, now: Timestamp) -> Result<EndpointId, Status> {
        let caller = self.caller(request, now)?;
        self.endpoint_of(request, caller)
    }

    /// The endpoint that calls to have its certificate renewed, which may have ended or not begun: TLS let in whom the grace covers.
    pub fn endpoint_to_renew<T>(&self, request: &Request<T>) -> Result<EndpointId, Status> {
        let caller = self.known_caller(request)?;
        self.endpoint_of(request, caller)
    }

    fn endpoint_of<T>(&self, request: &Request<T>, caller: &Caller) -> Result<EndpointId, Status> {
        match caller {
            Caller::Endpoint { id, .. } => Ok(*id),
            Caller::Operator { .. } => Err(self.refused(
                request,
                Status::permission_denied(
                    "this service takes the reports of agents; an operator's certificate does not fit here",
                ),
            )),
        }
    }

    /// The person who calls; anybody else is refused, and who lacks the role that the method needs.
    pub fn operator<T>(&self, request: &Request<T>, now: Timestamp) -> Result<Operator, Status> {
        let operator = match self.caller(request, now)? {
            Caller::Operator { name, .. } => {
                let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
                known.operators.get(name).map(|person| person.operator.clone()).unwrap_or_default()
            }
            Caller::Endpoint { .. } => {
                return Err(self.refused(
                    request,
                    Status::permission_denied(
                        "this service answers people of the management department; an agent's certificate does not fit here",
                    ),
                ));
            }
        };
        let path = request.extensions().get::<CalledPath>().map_or("", |path| path.0.as_str());
        match permissions::allowed(path, &operator) {
            Ok(()) => Ok(operator),
            Err(text) => {
                Err(self.refused(request, crate::grpc::told::with_text(tonic::Code::PermissionDenied, &text)))
            }
        }
    }

    fn refused<T>(&self, request: &Request<T>, status: Status) -> Status {
        let peer = request.extensions().get::<Peer>();
        let (address, caller) = (peer.map(|peer| peer.address), peer.and_then(|peer| peer.caller.as_ref()));
        let path = request.extensions().get::<CalledPath>().map(|path| path.0.as_str());
        tracing::warn!(?address, ?caller, path, reason = status.message(), "Request refused.");
        let who = caller.map(|caller| match caller.as_ref() {
            Caller::Endpoint { id, .. } => format!("endpoint:{id}"),
            Caller::Operator { name, .. } => name.clone(),
        });
        let path = path.unwrap_or_default();
        let (method, needed) = match permissions::needed(path) {
            Some(needed) => (path.trim_start_matches("/daicho.v1.").to_owned(), needed.to_vec()),
            // The path is the caller's own text: only what is ours is kept.
            None => (String::new(), Vec::new()),
        };
        self.refusals.add(Attempt {
            who,
            method,
            needed,
            address: address.map(|address| address.ip().to_string()),
        });
        status
    }
}

/// The path of a request, `/daicho.v1.Query/Violations`: put into its extensions before it reaches its service.
#[derive(Clone, Debug)]
pub struct CalledPath(pub String);

/// The person who calls, in a service that stands behind [`operators_only`].
pub fn person<T>(request: &Request<T>) -> Result<&Operator, Status> {
    request.extensions().get::<Operator>().ok_or_else(|| Status::unauthenticated("no operator is calling"))
}

/// The name of the person who calls, in a service that stands behind [`operators_only`].
pub fn operator<T>(request: &Request<T>) -> Result<&str, Status> {
    person(request).map(|operator| operator.name.as_str())
}

/// Stands before a service that only people may call, each method by those whose role allows it.
pub fn operators_only(
    collector: Arc<crate::Collector>,
) -> impl FnMut(Request<()>) -> Result<Request<()>, Status> + Clone + Send + Sync + 'static {
    move |mut request| {
        let operator = collector.gate.operator(&request, collector.clock.now())?;
        request.extensions_mut().insert(operator);
        Ok(request)
    }
}

/// Stands before a service that only agents may call.
pub fn endpoints_only(
    collector: Arc<crate::Collector>,
) -> impl FnMut(Request<()>) -> Result<Request<()>, Status> + Clone + Send + Sync + 'static {
    move |mut request| {
        let id = collector.gate.endpoint(&request, collector.clock.now())?;
        request.extensions_mut().insert(id);
        Ok(request)
    }
}
