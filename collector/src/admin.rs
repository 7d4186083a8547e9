//! What the administrator orders: tokens, operators, revocations, backups. The same work whether a collector is running
//! (the order goes through its control socket) or not (the store is opened for a moment).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Collector;
use crate::authority::token::{self, TokenRow};
use crate::authority::{Authority, Own};
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::Role;
use crate::store::Batch;

pub mod authority;
pub mod backup;
pub mod control;
pub mod operators;
mod revoke;

/// A token that nobody used for a month was forgotten or stolen.
const TOKEN_VALID_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Who is named in the log for an order: whoever may write in the data folder.
const ADMINISTRATOR: &str = "administrator";

/// A data folder with everything in it, opened.
pub struct House {
    /// The data folder.
    pub data: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// The rooms.
    pub collector: Arc<Collector>,
    /// The authority.
    pub authority: Arc<Authority>,
    /// The collector's own certificate, once it serves.
    pub own: OnceLock<Arc<Own>>,
}

/// An order of the administrator's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "order")]
pub enum Order {
    /// A new enrolment token.
    Token {
        /// How long it can be used.
        valid_for_seconds: i64,
        /// The ledger's device that is to use it.
        device: Option<String>,
    },
    /// An identity for a person, written into the data folder.
    Operator {
        /// Who.
        name: String,
        /// What the person is; none: as before, and of a new one the management department.
        #[serde(default)]
        roles: BTreeSet<Role>,
        /// Of a head of section: the section.
        #[serde(default)]
        section: Option<String>,
    },
    /// An endpoint or operator is no longer welcome.
    Revoke {
        /// An endpoint's id, a hostname, a device of the ledger, or `operator:NAME`.
        who: String,
        /// Why, for whoever asks later.
        reason: String,
    },
    /// The authority: how it stands, and who signs next.
    Authority(authority::Wanted),
    /// A copy of everything, while the collector works.
    Backup {
        /// An absolute path that is not there yet.
        to: PathBuf,
    },
}

/// What became of an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum Done {
    /// The token, shown this once.
    Token {
        /// To be typed on the endpoint.
        token: String,
        /// From then on it is refused.
        expires_at: Timestamp,
    },
    /// The operator's folder.
    Operator {
        /// Where the identity lies.
        folder: PathBuf,
        /// What the person may do.
        #[serde(default)]
        roles: BTreeSet<Role>,
    },
    /// Who was revoked.
    Revoked {
        /// In words for people.
        who: String,
    },
    /// How the authority stands now.
    Authority(Box<authority::Report>),
    /// The backup is whole.
    BackedUp {
        /// Where.
        to: PathBuf,
        /// How many entries of the store it holds.
        entries: u64,
    },
}

/// Why an order was not carried out; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The order itself is wrong.
    #[error("{0}")]
    Wrong(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The writer failed.
    #[error(transparent)]
    Writer(#[from] crate::store::writer::NotWritten),
    /// The authority failed.
    #[error(transparent)]
    Authority(#[from] crate::authority::AuthorityError),
    /// The socket of the running collector failed.
    #[error("running collector cannot be asked through {path}: {reason}")]
    Control {
        /// The socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl House {
    /// Opens the rooms of a data folder. The store is ours until the house is dropped.
    pub fn open(data: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<Self, OrderError> {
        let authority = Arc::new(Authority::open(data)?);
        let collector = Collector::open(crate::store::open(&config.store)?, clock)?;
        Ok(House {
            data: data.to_owned(),
            config,
            collector: Arc::new(collector),
            authority,
            own: OnceLock::new(),
        })
    }

    /// The address that an operator's command is given: the first name, and the port.
    pub fn address_for_operators(&self, port: u16) -> String {
        let name = self.config.names.first().map_or("localhost", String::as_str);
        if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
    }
}

/// Carries out an order on the house.
pub async fn carry_out(house: &House, order: Order) -> Result<Done, OrderError> {
    match order {
        Order::Token { valid_for_seconds, device } => make_token(house, valid_for_seconds, device).await,
        Order::Operator { name, roles, section } => {
            operators::make(house, operators::Wanted { name, roles, section }, house.config.listen.port())
                .await
        }
        Order::Revoke { who, reason } => revoke::revoke(house, &who, &reason).await,
        Order::Authority(wanted) => authority::act(house, wanted).await,
        Order::Backup { to } => backup::back_up(house, &to).await,
    }
}

async fn make_token(house: &House, seconds: i64, device: Option<String>) -> Result<Done, OrderError> {
    let valid_for = SignedDuration::from_secs(seconds);
    if !valid_for.is_positive() || valid_for > TOKEN_VALID_MAX {
        return Err(OrderError::Wrong("a token can be valid for 1 second to 31 days".to_owned()));
    }
    let device = match device {
        None => None,
        Some(id) => match house.collector.ledger().device(&id) {
            Some(device) => Some(device.device_id.clone()),
            None => {
                return Err(OrderError::Wrong(format!(
                    "the ledger lists no device {id:?}; import the ledger first, or leave --device out"
                )));
            }
        },
    };
    let now = house.collector.clock.now();
    let token = token::make(house.authority.root_fingerprint())
        .map_err(|_| OrderError::Wrong("the system gave no random numbers for a token".to_owned()))?;
    let expires_at = now + valid_for;
    let row = TokenRow { made_at: now, expires_at, device, used_at: None, used_by: None };
    let mut batch = Batch::default();
    batch.put_json(&token::shelf(&token.secret), &row);
    house.collector.writer.commit(batch).await?;
    tracing::info!(%expires_at, device = ?row.device, "Enrolment token made.");
    Ok(Done::Token { token: token.to_string(), expires_at })
}
