//! What one caller may ask for at once: requests each second, open requests, and bytes that are not answered yet.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use daicho_proto::endpoint::EndpointId;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::connections::Origin;
use crate::bookkeeping::limits::MESSAGE_BYTES_MAX;
use crate::identity::{Caller, Peer};
use body::Metered;
use purse::{Purse, Rate};

mod body;
pub(super) mod purse;

#[cfg(test)]
mod tests;

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// An agent.
    Endpoint(EndpointId),
    /// A person.
    Operator(String),
    /// Whoever calls from there without a certificate.
    Stranger(Origin),
}

impl Who {
    /// The owner of a certificate.
    pub(super) fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Endpoint { id, .. } => Who::Endpoint(*id),
            Caller::Operator { name, .. } => Who::Operator(name.clone()),
        }
    }

    fn allowance(&self) -> &'static Allowance {
        match self {
            Who::Endpoint(_) => &ENDPOINT,
            Who::Operator(_) => &OPERATOR,
            Who::Stranger(_) => &STRANGER,
        }
    }
}

/// What one caller may have.
#[derive(Debug)]
struct Allowance {
    requests: Rate,
    /// Requests without an answer.
    open_max: usize,
    /// Bytes of these.
    bytes_max: usize,
}

/// An agent sends one report after the other, and another one when it lost patience with the first. A spool of 100 000
/// events is sent in two seconds all the same.
const ENDPOINT: Allowance = Allowance {
    requests: Rate { each_second: 50.0, at_once: 200.0 },
    open_max: 2,
    bytes_max: 2 * super::REPORT_BYTES_MAX,
};

/// A person's scripts ask some questions a second; a ledger is imported one at a time.
const OPERATOR: Allowance = Allowance {
    requests: Rate { each_second: 100.0, at_once: 400.0 },
    open_max: 64,
    bytes_max: MESSAGE_BYTES_MAX + 1024 * 1024,
};

/// All who enrol from one address: a branch's router may stand before a hundred PCs that are installed together.
const STRANGER: Allowance = Allowance {
    requests: Rate { each_second: 20.0, at_once: 100.0 },
    open_max: 16,
    bytes_max: 16 * super::ENROLMENT_BYTES_MAX,
};

/// Strangers' requests in all, wherever they call from: what a signature each leaves to the agents.
const STRANGERS: Rate = Rate { each_second: 500.0, at_once: 1_000.0 };

/// Bytes without an answer in all, of everybody.
const BYTES_MAX: usize = 96 * 1024 * 1024;

/// Callers that are remembered: those who are quiet for some seconds are forgotten before, at no loss.
const CALLERS_MAX: usize = 20_000;

/// Who has too much open is to wait for its answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct Limits {
    accounts: Mutex<Accounts>,
    /// Bytes without an answer.
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Accounts {
    strangers: Purse,
    callers: BTreeMap<Who, Arc<Account>>,
}

/// What one caller has.
#[derive(Debug, Default)]
struct Account {
    purse: Mutex<Purse>,
    open: AtomicUsize,
    bytes: AtomicUsize,
}

/// One request's part; given back when this is dropped.
#[derive(Debug)]
struct Share {
    limits: Arc<Limits>,
    account: Arc<Account>,
    allowance: &'static Allowance,
    bytes: AtomicUsize,
}

impl Limits {
    /// Lets a request in, or says how long its caller is to wait.
    fn admit(self: &Arc<Self>, who: &Who, now: Instant) -> Result<Arc<Share>, Duration> {
        let allowance = who.allowance();
        let account = {
            let accounts = &mut *self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(who, Who::Stranger(_)) {
                accounts.strangers.pay(&STRANGERS, now)?;
            }
            if accounts.callers.len() >= CALLERS_MAX && !accounts.callers.contains_key(who) {
                accounts.callers.retain(|who, account| {
                    Arc::strong_count(account) > 1 || !account.purse().is_full(&who.allowance().requests, now)
                });
                if accounts.callers.len() >= CALLERS_MAX {
                    return Err(PATIENCE);
                }
            }
            Arc::clone(accounts.callers.entry(who.clone()).or_default())
        };
        account.purse().pay(&allowance.requests, now)?;
        if account.open.fetch_add(1, Ordering::Relaxed) >= allowance.open_max {
            account.open.fetch_sub(1, Ordering::Relaxed);
            return Err(PATIENCE);
        }
        Ok(Arc::new(Share { limits: Arc::clone(self), account, allowance, bytes: AtomicUsize::new(0) }))
    }
}

impl Account {
    fn purse(&self) -> std::sync::MutexGuard<'_, Purse> {
        self.purse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// So many bytes more came. False: that is more than the caller, or all together, may have.
    fn take(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let theirs = self.account.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all = self.limits.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        theirs <= self.allowance.bytes_max && all <= BYTES_MAX
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.account.open.fetch_sub(1, Ordering::Relaxed);
        self.account.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.limits.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Asks for patience: the metadata `retry-after-ms` says how much.
pub(super) fn busy(wait: Duration) -> Status {
    let mut status = Status::resource_exhausted("the collector is busy; try again in a moment");
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    status.metadata_mut().insert("retry-after-ms", millis.into());
    status
}

/// A service behind the limits.
#[derive(Clone, Debug)]
pub(super) struct Limited<S> {
    inner: S,
    limits: Arc<Limits>,
}

impl<S> Limited<S> {
    /// Stands before `inner`.
    pub(super) fn new(inner: S) -> Self {
        Limited { inner, limits: Arc::default() }
    }
}

impl<S> Service<http::Request<Body>> for Limited<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // A connection always has its peer: `connections` gives it.
        let who = request.extensions().get::<Peer>().map(|peer| match &peer.caller {
            Some(caller) => Who::of(caller),
            None => Who::Stranger(Origin::from(peer.address.ip())),
        });
        let admitted = who.ok_or(PATIENCE).and_then(|who| self.limits.admit(&who, Instant::now()));
        match admitted {
            Ok(share) => {
                let metered = Arc::clone(&share);
                let answer = self.inner.call(request.map(|body| Body::new(Metered::new(body, metered))));
                Box::pin(async move {
                    let answer = answer.await;
                    drop(share);
                    answer
                })
            }
            Err(wait) => Box::pin(std::future::ready(Ok(busy(wait).into_http()))),
        }
    }
}
