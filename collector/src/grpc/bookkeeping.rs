//! The Bookkeeping service over bookkeeping.rs.

use std::sync::Arc;

use daicho_proto::facts::{Account, Look};
use daicho_proto::time::to_wire;
use daicho_proto::wire as w;
use daicho_proto::wire::bookkeeping_server::{Bookkeeping, BookkeepingServer};
use daicho_rules::record::Held;
use daicho_rules::text::Text;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use super::told;
use crate::bookkeeping::importing::{self, ImportError, MergeError};
use crate::bookkeeping::limits::MESSAGE_BYTES_MAX;
use crate::bookkeeping::proposal::{self, Asked, ProposalError};
use crate::bookkeeping::remembered::{self, Remembered};
use crate::evaluation::links::Links;
use crate::store::StoreError;
use crate::{Collector, identity};

mod comparing;
pub mod wire;

/// The service, behind the check of the caller's certificate.
pub fn service(
    collector: &Arc<Collector>,
) -> InterceptedService<BookkeepingServer<BookkeepingService>, impl Interceptor + Clone + Send + Sync + 'static>
{
    let service = BookkeepingServer::new(BookkeepingService { collector: Arc::clone(collector) })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    InterceptedService::new(service, identity::operators_only(Arc::clone(collector)))
}

/// Answers people with an operator certificate.
pub struct BookkeepingService {
    collector: Arc<Collector>,
}

impl BookkeepingService {
    /// Runs what reads the store or a whole ledger away from the threads that serve connections.
    async fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Collector) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let collector = self.collector.clone();
        let done = tokio::task::spawn_blocking(move || work(&collector)).await;
        done.map_err(|error| Status::internal(format!("the request was broken off: {error}")))?
    }
}

fn failed(error: &StoreError) -> Status {
    tracing::error!(%error, "The ledger could not be read or written.");
    Status::internal(error.to_string())
}

#[tonic::async_trait]
impl Bookkeeping for BookkeepingService {
    async fn versions(
        &self,
        request: Request<w::LedgerVersionsRequest>,
    ) -> Result<Response<w::LedgerVersionsAnswer>, Status> {
        identity::operator(&request)?;
        let versions = self
            .away(|collector| collector.shelves.ledger_versions().map_err(|error| failed(&error)))
            .await?;
        let versions = versions.into_iter().map(wire::version_to_wire).collect();
        Ok(Response::new(w::LedgerVersionsAnswer { versions }))
    }

    async fn content(
        &self,
        request: Request<w::LedgerContentRequest>,
    ) -> Result<Response<w::LedgerContentAnswer>, Status> {
        identity::operator(&request)?;
        let wanted = request.into_inner().number;
        let answer = self.away(move |collector| content(collector, wanted)).await?;
        Ok(Response::new(answer))
    }

    async fn import(
        &self,
        request: Request<w::LedgerImportRequest>,
    ) -> Result<Response<w::LedgerImportAnswer>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let submission = wire::submission(request.into_inner()).map_err(|text| told::refused(&text))?;
        let (collector, runtime) = (self.collector.clone(), tokio::runtime::Handle::current());
        // Reading a large ledger takes seconds of a processor: not on a thread that serves connections.
        let imported = tokio::task::spawn_blocking(move || {
            runtime.block_on(importing::import(&collector, submission, &operator))
        });
        let imported = imported
            .await
            .map_err(|error| Status::internal(format!("the import was broken off: {error}")))?;
        match imported {
            Ok(imported) => Ok(Response::new(w::LedgerImportAnswer {
                version: Some(wire::version_to_wire(imported.version)),
                changes_json: wire::json(&imported.changes)?,
                merged_with: imported.merged_with,
                ..w::LedgerImportAnswer::default()
            })),
            Err(ImportError::Merge(MergeError::Conflicts(conflicts))) => {
                let conflicts_json = wire::json(&conflicts)?;
                Ok(Response::new(w::LedgerImportAnswer {
                    conflicts_json,
                    ..w::LedgerImportAnswer::default()
                }))
            }
            Err(ImportError::Merge(error)) => Err(told::refused(&error.text())),
            Err(ImportError::Faults(faults)) => Ok(Response::new(w::LedgerImportAnswer {
                faults: faults.0.into_iter().map(wire::fault_to_wire).collect(),
                ..w::LedgerImportAnswer::default()
            })),
            Err(ImportError::Newer(meanwhile)) => Err(told::refused(&meanwhile.text())),
            Err(ImportError::Store(error)) => Err(failed(&error)),
        }
    }

    async fn mappings(
        &self,
        request: Request<w::LedgerMappingsRequest>,
    ) -> Result<Response<w::LedgerMappingsAnswer>, Status> {
        identity::operator(&request)?;
        let known = self.away(|collector| {
            let known = collector.shelves.all::<Remembered>(remembered::SHELF);
            known.map_err(|error| failed(&error))
        });
        Ok(Response::new(w::LedgerMappingsAnswer { mappings_json: wire::json(&known.await?)? }))
    }

    async fn forget_mapping(
        &self,
        request: Request<w::LedgerForgetMappingRequest>,
    ) -> Result<Response<w::LedgerForgetMappingAnswer>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let sheet = request.into_inner().sheet;
        let forgotten = importing::forget(&self.collector, &sheet, &operator).await;
        if forgotten.map_err(|error| failed(&error))? {
            return Ok(Response::new(w::LedgerForgetMappingAnswer {}));
        }
        Err(told::not_found(&Text::new(
            format!("シート「{sheet}」の対応付けは覚えていません。一覧: daicho ledger mappings"),
            format!("no mapping is remembered for the sheet {sheet}; the list: daicho ledger mappings"),
        )))
    }

    async fn propose(
        &self,
        request: Request<w::LedgerProposeRequest>,
    ) -> Result<Response<w::LedgerProposeAnswer>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::LedgerProposeRequest { device, group, at_least } = request.into_inner();
        let at_least = at_least.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let asked = group.map_or(Asked::Device(device), |name| Asked::Group { name, at_least });
        let answer = self.away(move |collector| {
            let proposal = proposal::propose(collector, &asked).map_err(|error| match error {
                ProposalError::Unknown => told::not_found(&nobody(&asked)),
                ProposalError::Store(error) => failed(&error),
            })?;
            let versions = collector.shelves.ledger_versions().map_err(|error| failed(&error))?;
            Ok(w::LedgerProposeAnswer {
                common_json: wire::json(&proposal.common)?,
                rare_json: wire::json(&proposal.rare)?,
                devices: proposal.devices,
                unseen: proposal.unseen,
                made_by: operator,
                made_at_us: to_wire(collector.clock.now()),
                version: versions.last().map(|version| version.number),
            })
        });
        Ok(Response::new(answer.await?))
    }

    type AccountsStream = tokio_stream::Iter<std::vec::IntoIter<Result<w::SeenAccounts, Status>>>;

    async fn accounts(
        &self,
        request: Request<w::SeenAccountsRequest>,
    ) -> Result<Response<Self::AccountsStream>, Status> {
        identity::operator(&request)?;
        let seen = self.away(|collector| seen_accounts(collector).map_err(|error| failed(&error))).await?;
        let seen: Vec<Result<w::SeenAccounts, Status>> = seen.into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(seen)))
    }

    type CompareStream = tokio_stream::Iter<std::vec::IntoIter<Result<w::LedgerCompareAnswer, Status>>>;

    async fn compare(
        &self,
        request: Request<w::LedgerCompareRequest>,
    ) -> Result<Response<Self::CompareStream>, Status> {
        identity::operator(&request)?;
        let request = request.into_inner();
        let answers = self.away(move |collector| comparing::answers(collector, request)).await?;
        let answers: Vec<Result<w::LedgerCompareAnswer, Status>> = answers.into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(answers)))
    }
}

fn nobody(asked: &Asked) -> Text {
    match asked {
        Asked::Device(device) => Text::new(
            format!("報告のある機器「{device}」が見つかりません。`daicho devices` で確かめてください。"),
            format!("no device that reports is called {device}; `daicho devices` lists them"),
        ),
        Asked::Group { name, .. } => Text::new(
            format!(
                "グループ「{name}」に報告のある機器がありません。台帳のグループと `daicho devices` を確かめてください。"
            ),
            format!(
                "no device of the group {name} reports; look at the ledger's groups and at `daicho devices`"
            ),
        ),
    }
}

/// The accounts of every endpoint, and where there is no list, why.
fn seen_accounts(collector: &Collector) -> Result<Vec<w::SeenAccounts>, StoreError> {
    let links = Links::make(collector)?;
    let mut all = Vec::new();
    for endpoint in collector.shelves.endpoints()?.iter().filter(|endpoint| endpoint.revoked_at.is_none()) {
        let held: Option<Held<Vec<Account>>> =
            collector.shelves.get(&format!("record/{}/accounts", endpoint.id))?;
        let look = held.as_ref().map(|held| &held.look);
        let accounts = look.and_then(Look::value);
        let problems = match look {
            Some(Look::Seen { problems, .. } | Look::Unreadable { problems }) => problems.clone(),
            Some(Look::Unsupported) | None => Vec::new(),
        };
        all.push(w::SeenAccounts {
            device: links.device(endpoint.id).unwrap_or(&endpoint.hostname).to_owned(),
            endpoint: endpoint.id.to_string(),
            problems,
            listed: accounts.is_some(),
            accounts: accounts.into_iter().flatten().map(seen_account).collect(),
            observed_at_us: held.as_ref().map(|held| to_wire(held.observed_at)),
        });
    }
    Ok(all)
}

fn seen_account(account: &Account) -> w::SeenAccount {
    w::SeenAccount {
        name: account.name.clone(),
        full_name: account.full_name.clone(),
        enabled: account.enabled,
        interactive: account.interactive,
    }
}

fn content(collector: &Collector, wanted: Option<u64>) -> Result<w::LedgerContentAnswer, Status> {
    let versions = collector.shelves.ledger_versions().map_err(|error| failed(&error))?;
    let version = match wanted {
        Some(number) => versions.iter().find(|version| version.number == number),
        None => versions.last(),
    };
    let ledger = match (version, wanted) {
        (Some(version), _) => collector.shelves.ledger(version.number).map_err(|error| failed(&error))?,
        (None, None) => None,
        (None, Some(number)) => {
            return Err(told::not_found(&Text::new(
                format!("台帳の第 {number} 版はありません。`daicho ledger versions` で確かめてください。"),
                format!("there is no version {number} of the ledger; `daicho ledger versions` lists them"),
            )));
        }
    };
    Ok(w::LedgerContentAnswer {
        version: version.cloned().map(wire::version_to_wire),
        ledger_json: wire::json(&ledger.unwrap_or_default())?,
    })
}
