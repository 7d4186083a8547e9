//! What Windows Update remembers of its own last search (Windows Update Agent, by COM). It is told not to search.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use windows::Win32::Foundation::VARIANT_FALSE;
use windows::Win32::System::UpdateAgent::{
    AutomaticUpdates, IAutomaticUpdates2, IUpdate, IUpdateSession, UpdateSession, orcSucceeded,
};
use windows::Win32::System::Variant::{VARIANT, VT_DATE};
use windows::core::BSTR;

use super::com::Com;
use super::limited::within;
use crate::platform::windows::updates::{Answer, Remembered, SERVICE, Way, ole_date, way};

/// Other looks wait meanwhile. A weak PC may need longer: its answer is kept, and told by the next look.
const LIMIT: Duration = Duration::from_secs(60);

/// Updates that are told; a machine that was never updated has some hundred.
const UPDATES_MAX: i32 = 1_000;

/// Articles and categories of one update: each has a few.
const PARTS_MAX: i32 = 16;

/// Characters of a title that are told.
const TITLE_CHARS_MAX: usize = 300;

static LAST: Mutex<Option<Kept>> = Mutex::new(None);

struct Kept {
    stamp: String,
    at: Timestamp,
    answer: Answer,
}

/// The last answer while it holds; else a new one, if the service of Windows Update runs anyway.
pub(in crate::platform::windows) fn ask(stamp: &str, now: Timestamp) -> Result<Answer, String> {
    let kept = last().as_ref().filter(|kept| kept.stamp == stamp).map(|kept| (kept.at, kept.answer.clone()));
    match way(kept.as_ref().map(|(at, _)| now.duration_since(*at)), runs()) {
        Way::Kept => return kept.map(|(_, answer)| answer).ok_or_else(String::new),
        Way::Leave(reason) => return Err(reason),
        Way::Ask => {}
    }
    let stamp = stamp.to_owned();
    within(LIMIT, "Windows Update", move || {
        let answer = remember().map_err(|error| error.to_string())?;
        *last() = Some(Kept { stamp, at: now, answer: answer.clone() });
        Ok(answer)
    })
}

/// Whether the service runs; `None`: nobody says.
fn runs() -> Option<bool> {
    super::services::states(&[SERVICE.to_owned()]).ok()?.remove(SERVICE)
}

fn last() -> MutexGuard<'static, Option<Kept>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember() -> windows::core::Result<Answer> {
    let com = Com::begin()?;
    let session: IUpdateSession = com.make(&UpdateSession)?;
    #[expect(unsafe_code, reason = "Windows Update is a COM object")]
    // SAFETY: the object is made for this thread and outlives the block; only owned text and numbers go in.
    let updates = unsafe {
        session.SetClientApplicationID(&BSTR::from("daicho-agent"))?;
        let searcher = session.CreateUpdateSearcher()?;
        searcher.SetOnline(VARIANT_FALSE)?;
        let result = searcher.Search(&BSTR::from("IsInstalled=0 and Type='Software'"))?;
        if result.ResultCode()? != orcSucceeded {
            // Half a list would be taken for a whole one.
            return Err(windows::core::Error::new(E_INCOMPLETE, "the list was answered in part"));
        }
        result.Updates()?
    };
    #[expect(unsafe_code, reason = "a list of updates is a COM object")]
    // SAFETY: the list is alive; indices are below its own count.
    let (count, found) = unsafe {
        let count = updates.Count()?;
        let found = (0..count.min(UPDATES_MAX)).map(|index| describe(&updates.get_Item(index)?));
        (count, found.collect::<windows::core::Result<Vec<_>>>()?)
    };
    let more = usize::try_from(count).unwrap_or_default().saturating_sub(found.len());
    Ok(Answer { searched_at: searched_at(&com), updates: found, more })
}

/// `E_FAIL` (winerror.h).
const E_INCOMPLETE: windows::core::HRESULT = windows::core::HRESULT(0x8000_4005_u32.cast_signed());

fn describe(update: &IUpdate) -> windows::core::Result<Remembered> {
    #[expect(unsafe_code, reason = "an update is a COM object")]
    // SAFETY: the object is alive, each function only answers, and indices are below each list's own count.
    unsafe {
        let articles = update.KBArticleIDs()?;
        let categories = update.Categories()?;
        let article = |index| articles.get_Item(index).map(|article| article.to_string());
        let category = |index| categories.get_Item(index)?.CategoryID().map(|identity| identity.to_string());
        Ok(Remembered {
            title: update.Title()?.to_string().chars().take(TITLE_CHARS_MAX).collect(),
            articles: (0..articles.Count()?.min(PARTS_MAX)).map(article).collect::<Result<_, _>>()?,
            severity: update.MsrcSeverity()?.to_string(),
            categories: (0..categories.Count()?.min(PARTS_MAX)).map(category).collect::<Result<_, _>>()?,
            hidden: update.IsHidden()?.as_bool(),
        })
    }
}

/// When it last searched with success; unknown where it does not say.
fn searched_at(com: &Com) -> Option<Timestamp> {
    let automatic: IAutomaticUpdates2 = com.make(&AutomaticUpdates).ok()?;
    #[expect(unsafe_code, reason = "Windows Update is a COM object")]
    // SAFETY: the object is alive and only answers.
    let date = unsafe { automatic.Results().ok()?.LastSearchSuccessDate().ok()? };
    days(&date).and_then(ole_date)
}

fn days(date: &VARIANT) -> Option<f64> {
    #[expect(unsafe_code, reason = "a VARIANT is a union")]
    // SAFETY: the union's tag is read first, and its date only where the tag says that there is one.
    unsafe {
        let tagged = &date.Anonymous.Anonymous;
        (tagged.vt == VT_DATE).then(|| tagged.Anonymous.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_or_a_reason_is_answered_and_nothing_hangs() {
        let answer = ask("stamp", Timestamp::UNIX_EPOCH);
        assert!(
            answer.as_ref().is_ok_and(|answer| answer.more == 0)
                || answer.is_err_and(|reason| !reason.is_empty())
        );
    }
}
