//! One thing seen, with its name and time: `ObservationId` says where, in which life of the spool, and in which order.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::endpoint::EndpointId;
use crate::facts::look::UnknownOutcome;
use crate::facts::media::IncompleteEvent;
use crate::facts::{Fact, Look, Updates};
use crate::{time, wire};

/// What was seen, when, as which number of its incarnation.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Rises by one within an incarnation, from 1 on.
    pub sequence: u64,
    /// When it was seen, by the endpoint's clock.
    pub observed_at: Timestamp,
    /// What was seen.
    pub fact: Fact,
}

/// The name of one observation among all of all endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObservationId {
    /// Who saw it.
    pub endpoint: EndpointId,
    /// One life of that endpoint's spool.
    pub incarnation: u64,
    /// Its place in that life.
    pub sequence: u64,
}

impl fmt::Display for ObservationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{:016x}/{}", self.endpoint, self.incarnation, self.sequence)
    }
}

// === the wire ===

impl Observation {
    /// The bytes of the wire, for whoever keeps an observation as it will be sent.
    pub fn to_bytes(self) -> Vec<u8> {
        prost::Message::encode_to_vec(&wire::Observation::from(self))
    }
}

impl wire::Observation {
    /// The same bytes as [`Observation::to_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        prost::Message::encode_to_vec(self)
    }

    /// What [`Observation::to_bytes`] wrote, not yet parsed any further.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(prost::Message::decode(bytes)?)
    }
}

/// An observation that cannot be understood; nothing of its batch is taken.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It carries no fact, or one of a kind that this version does not know.
    #[error("observation {sequence} carries no fact that this version knows")]
    NoFact {
        /// Which one.
        sequence: u64,
    },
    /// The bytes are no message.
    #[error("the bytes of an observation cannot be read")]
    Bytes(#[from] prost::DecodeError),
    /// The outcome of a look is unknown.
    #[error(transparent)]
    Outcome(#[from] UnknownOutcome),
    /// A medium event is incomplete.
    #[error(transparent)]
    Event(#[from] IncompleteEvent),
    /// A look says that it saw its subject and carries none.
    #[error("look at {0} was a success and carries nothing")]
    NothingSeen(&'static str),
}

impl TryFrom<wire::Observation> for Observation {
    type Error = Malformed;

    fn try_from(wire: wire::Observation) -> Result<Self, Malformed> {
        use wire::observation::Fact as W;
        fn all<A, B: From<A>>(list: Vec<A>) -> Result<Vec<B>, Malformed> {
            Ok(list.into_iter().map(B::from).collect())
        }
        let sequence = wire.sequence;
        let fact = match wire.fact.ok_or(Malformed::NoFact { sequence })? {
            W::Host(look) => Fact::Host(Look::from_wire(look.outcome, look.problems, || {
                look.host.map(Into::into).ok_or(Malformed::NothingSeen("host"))
            })?),
            W::Accounts(look) => {
                Fact::Accounts(Look::from_wire(look.outcome, look.problems, || all(look.accounts))?)
            }
            W::Packages(look) => {
                Fact::Packages(Look::from_wire(look.outcome, look.problems, || all(look.packages))?)
            }
            W::Updates(look) => Fact::Updates(Look::from_wire(look.outcome, look.problems, || {
                Ok(Updates {
                    as_of: look.as_of_us.map(time::from_wire),
                    pending: all(look.updates)?,
                    unlisted: all(look.unlisted)?,
                })
            })?),
            W::Antivirus(look) => {
                Fact::Antivirus(Look::from_wire(look.outcome, look.problems, || all(look.antivirus))?)
            }
            W::Services(look) => {
                Fact::Services(Look::from_wire(look.outcome, look.problems, || all(look.services))?)
            }
            W::Software(look) => {
                Fact::Software(Look::from_wire(look.outcome, look.problems, || all(look.software))?)
            }
            W::Media(look) => Fact::Media(Look::from_wire(look.outcome, look.problems, || all(look.media))?),
            W::MediumEvent(event) => Fact::MediumEvent(event.try_into()?),
            W::Gap(gap) => Fact::Gap(gap.into()),
        };
        Ok(Observation { sequence, observed_at: time::from_wire(wire.observed_at_us), fact })
    }
}

impl From<Observation> for wire::Observation {
    fn from(observation: Observation) -> Self {
        use wire::observation::Fact as W;
        fn all<A, B: From<A>>(list: Option<Vec<A>>) -> Vec<B> {
            list.unwrap_or_default().into_iter().map(B::from).collect()
        }
        let fact = match observation.fact {
            Fact::Host(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Host(wire::HostLook { outcome, problems, host: value.map(Into::into) })
            }
            Fact::Accounts(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Accounts(wire::AccountsLook { outcome, problems, accounts: all(value) })
            }
            Fact::Packages(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Packages(wire::PackagesLook { outcome, problems, packages: all(value) })
            }
            Fact::Updates(look) => {
                let (outcome, problems, value) = look.into_wire();
                let as_of_us = value.as_ref().and_then(|updates| updates.as_of).map(time::to_wire);
                let (updates, unlisted) =
                    value.map(|updates| (updates.pending, updates.unlisted)).unwrap_or_default();
                let (updates, unlisted) = (all(Some(updates)), all(Some(unlisted)));
                W::Updates(wire::UpdatesLook { outcome, problems, updates, as_of_us, unlisted })
            }
            Fact::Antivirus(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Antivirus(wire::AntivirusLook { outcome, problems, antivirus: all(value) })
            }
            Fact::Services(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Services(wire::ServicesLook { outcome, problems, services: all(value) })
            }
            Fact::Software(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Software(wire::SoftwareLook { outcome, problems, software: all(value) })
            }
            Fact::Media(look) => {
                let (outcome, problems, value) = look.into_wire();
                W::Media(wire::MediaLook { outcome, problems, media: all(value) })
            }
            Fact::MediumEvent(event) => W::MediumEvent(event.into()),
            Fact::Gap(gap) => W::Gap(gap.into()),
        };
        wire::Observation {
            sequence: observation.sequence,
            observed_at_us: time::to_wire(observation.observed_at),
            fact: Some(fact),
        }
    }
}
