//! Swaps with the spare PC (予備機交換): what the reports suggest, and what a person answers.
//!
//! Nothing is decided here. A yes makes a new version of the ledger in that person's name; a no is remembered until the
//! facts change. Both go into the log.

use std::collections::BTreeMap;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::Host;
use daicho_rules::ledger::Device;
use daicho_rules::text::Text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Collector;
use crate::bookkeeping::difference::Change;
use crate::bookkeeping::importing::{self, ImportError};
use crate::chronicle::{Chronicle, Digest, What};
use crate::evaluation::links::{Links, Standing};
use crate::shelves::LedgerVersion;
use crate::store::{Batch, StoreError};

pub mod settling;

use settling::Fate;

/// Where the refusals lie.
const DECLINED: &str = "swap/declined/";

/// Where lies which endpoints were left behind, and when.
const LEFT: &str = "swap/left/";

/// Hexadecimal digits of a swap's name: nobody has so many swaps at once that two are the same.
const ID_DIGITS: usize = 8;

/// Characters of a reason: a page.
const REASON_CHARACTERS_MAX: usize = 2_000;

/// One answer at a time: the second of two is told what the first one changed.
static ANSWERING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A swap that the reports suggest.
#[derive(Clone, Debug, Serialize)]
pub struct Proposed {
    /// The name by which it is settled.
    pub id: String,
    /// The row of the machine that stood there.
    pub broken: Device,
    /// The row of the machine that stands there now, where it has one.
    pub spare: Option<Device>,
    /// What the machine that stands there now is called.
    pub newcomer: String,
    /// Its endpoint.
    pub endpoint: EndpointId,
    /// What it says that it is.
    pub host: Host,
    /// Since when it runs on that hardware, as far as is known.
    pub since: Timestamp,
    /// Whether a person said no.
    pub declined: Option<Declined>,
}

/// A no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// Of which swap.
    pub id: String,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What became of a yes.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The ledger's new version.
    pub version: LedgerVersion,
    /// What changed.
    pub changes: Vec<Change>,
    /// Rows about the two devices that only the officer may move: exceptions and media, by their place.
    pub left: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// There is no such swap, or not any more.
    #[error("{}", .0.en)]
    NotFound(Text),
    /// It makes no sense as things stand.
    #[error("{}", .0.en)]
    Refused(Text),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the reports suggest now; those to which a person said no only where they are asked for.
pub fn proposed(collector: &Collector, with_declined: bool) -> Result<Vec<Proposed>, SwapError> {
    let ledger = collector.ledger();
    let refusals = declined(collector)?;
    let links = Links::make(collector)?;
    let mut all = Vec::new();
    for Standing { swap, endpoint, host, since } in links.swaps(collector)? {
        let declined = refusals.iter().find(|refusal| refusal.id == swap.id).cloned();
        let Some(broken) = ledger.device(&swap.broken).cloned() else { continue };
        let spare = swap.spare.as_ref().and_then(|id| ledger.device(id)).cloned();
        if with_declined || declined.is_none() {
            let (id, newcomer) = (swap.id, swap.newcomer);
            all.push(Proposed { id, broken, spare, newcomer, endpoint, host, since, declined });
        }
    }
    Ok(all)
}

/// Yes, they were swapped: the ledger's rows say so from now on.
pub async fn accept(
    collector: &Collector,
    id: &str,
    fate: Fate,
    note: Option<&str>,
    operator: &str,
) -> Result<Settled, SwapError> {
    check_length(note.unwrap_or_default())?;
    let _answering = ANSWERING.lock().await;
    let based_on = collector.shelves.ledger_versions()?.last().map(|version| version.number);
    let ledger = collector.ledger();
    let swap = find(collector, id)?;
    let today = daicho_proto::time::japanese_date(collector.clock.now());
    let settled = settling::settle(&ledger, &swap, fate, today);
    let mut details = BTreeMap::from([
        ("broken".to_owned(), swap.broken.device_id.clone()),
        ("newcomer".to_owned(), swap.newcomer.clone()),
        ("endpoint".to_owned(), swap.endpoint.to_string()),
        ("broken_becomes".to_owned(), fate.word().to_owned()),
    ]);
    details.extend(swap.spare.iter().map(|spare| ("spare".to_owned(), spare.device_id.clone())));
    let decision = What::Decision {
        on: "swap".to_owned(),
        subject: swap.id.clone(),
        decision: "accepted".to_owned(),
        note: note.map(str::to_owned),
        details,
    };
    let entry = importing::Entry {
        source: format!("daicho swap accept {}", swap.id),
        note: note.map(str::to_owned),
        based_on,
        operator: operator.to_owned(),
        decision: Some(decision),
        beside: left_behind(&swap, collector)?,
    };
    match importing::adopt(collector, settled.ledger, entry).await {
        Ok((version, changes)) => Ok(Settled { version, changes, left: settled.left }),
        Err(ImportError::Store(error)) => Err(error.into()),
        Err(error @ (ImportError::Newer(_) | ImportError::Faults(_) | ImportError::Merge(_))) => {
            Err(SwapError::Refused(Text::new(
                "台帳がこの間に変更されました。`daicho swaps` で確かめて、もう一度答えてください。何も変更していません。",
                format!(
                    "the ledger changed meanwhile ({error}); look at `daicho swaps` and answer again. Nothing was changed"
                ),
            )))
        }
    }
}

/// No, they were not swapped: it is not asked again until the facts change.
pub async fn decline(
    collector: &Collector,
    id: &str,
    reason: &str,
    operator: &str,
) -> Result<Declined, SwapError> {
    check_length(reason)?;
    if reason.trim().is_empty() {
        return Err(SwapError::Refused(Text::new(
            "断る理由を `--reason` で書いてください。何も変更していません。",
            "say why with `--reason`; nothing was changed",
        )));
    }
    let _answering = ANSWERING.lock().await;
    let swap = find(collector, id)?;
    let now = collector.clock.now();
    let declined =
        Declined { id: swap.id.clone(), by: operator.to_owned(), at: now, reason: reason.to_owned() };
    let what = What::Decision {
        on: "swap".to_owned(),
        subject: swap.id,
        decision: "declined".to_owned(),
        note: Some(reason.to_owned()),
        details: BTreeMap::from([
            ("broken".to_owned(), swap.broken.device_id),
            ("newcomer".to_owned(), swap.newcomer),
            ("endpoint".to_owned(), swap.endpoint.to_string()),
        ]),
    };
    let _judging = collector.judging.lock().await;
    let mut batch = Batch::default();
    batch.put_json(&format!("{DECLINED}{}", declined.id), &declined);
    Chronicle::open(&collector.shelves)?.append(&mut batch, now, operator, what);
    collector.shelves.commit(batch)?;
    collector.nudge_all();
    Ok(declined)
}

/// The endpoints of a machine whose row another one takes over. They are not asked for: what is left of them is nobody's,
/// until they are heard of again.
fn left_behind(
    swap: &Proposed,
    collector: &Collector,
) -> Result<Vec<(String, serde_json::Value)>, SwapError> {
    if swap.spare.is_some() {
        return Ok(Vec::new());
    }
    let at = collector.clock.now().to_string();
    let links = Links::make(collector)?;
    let endpoints = links.endpoints(&swap.broken.device_id);
    Ok(endpoints.map(|id| (format!("{LEFT}{id}"), serde_json::json!({ "endpoint": id, "at": at }))).collect())
}

/// An endpoint whose machine was swapped out.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Left {
    endpoint: EndpointId,
    at: Timestamp,
}

/// The endpoints whose machines were swapped out, and when.
pub(crate) fn left(collector: &Collector) -> Result<BTreeMap<EndpointId, Timestamp>, StoreError> {
    let all: Vec<Left> = collector.shelves.all(LEFT)?;
    Ok(all.into_iter().map(|left| (left.endpoint, left.at)).collect())
}

/// Every no.
pub fn declined(collector: &Collector) -> Result<Vec<Declined>, StoreError> {
    collector.shelves.all(DECLINED)
}

/// A swap's name: of all that it rests on, so that other facts make another question.
pub(crate) fn id_of(broken: &Device, newcomer: &Host, spare: Option<&str>) -> String {
    let facts = (
        [&broken.device_id, &broken.hostname.clone().unwrap_or_default()],
        [&broken.serial_number, &broken.hardware_uuid, &broken.mac_address],
        [&newcomer.serial_number, &newcomer.hardware_uuid],
        spare,
    );
    // Texts and nothing else: this cannot fail.
    let facts = serde_json::to_vec(&facts).unwrap_or_default();
    Digest::of(&facts).to_string().chars().take(ID_DIGITS).collect()
}

fn find(collector: &Collector, id: &str) -> Result<Proposed, SwapError> {
    let wanted = daicho_rules::normal::key(id);
    let found = proposed(collector, true)?.into_iter().find(|swap| swap.id == wanted);
    found.ok_or_else(|| {
        SwapError::NotFound(Text::new(
            format!("交換の候補「{id}」はありません。台帳か報告が変わったかもしれません。`daicho swaps` で確かめてください。"),
            format!("there is no swap {id}; the ledger or the reports may have changed. `daicho swaps` lists them"),
        ))
    })
}

fn check_length(words: &str) -> Result<(), SwapError> {
    if words.chars().count() <= REASON_CHARACTERS_MAX {
        return Ok(());
    }
    Err(SwapError::Refused(Text::new(
        format!("理由やメモは{REASON_CHARACTERS_MAX}文字までです。何も変更していません。"),
        format!("a reason or note has at most {REASON_CHARACTERS_MAX} characters; nothing was changed"),
    )))
}
