//! Updates that wait, as Windows Update remembers them from its own last search. Nothing is searched for: a search is the
//! hospital's to allow, and takes a weak PC's breath.

use daicho_proto::facts::{Look, Update, Updates};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::reading::Reading;
use super::registry::{Hive, Value};
use super::{Machine, host};

#[cfg(any(windows, test))]
mod asking;
mod policy;
mod remembered;

#[cfg(windows)]
pub(super) use asking::{SERVICE, Way, way};
pub(super) use remembered::Answer;
#[cfg(any(windows, test))]
pub(super) use remembered::{Remembered, ole_date};

const RESULTS: &str = "Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\Results";

/// Of `Start`: `SERVICE_DISABLED` (winsvc.h).
const DISABLED: u64 = 4;

/// Looks at the machine.
pub(super) fn look(machine: &Machine, now: Timestamp) -> Look<Updates> {
    let mut reading = Reading::of(machine);
    let start = reading.number(&Hive::System, "CurrentControlSet\\Services\\wuauserv", "Start");
    let answer = match start {
        None if reading.failures > 0 => {
            Err("whether the service Windows Update (wuauserv) may run could not be read".to_owned())
        }
        None => Err("this Windows has no service Windows Update (wuauserv)".to_owned()),
        Some(DISABLED) => Err("the service Windows Update (wuauserv) is disabled".to_owned()),
        Some(_) if machine.live => ask(&stamp(&mut reading), now),
        Some(_) => {
            Err("only a running Windows tells which updates wait; judge a disk by its build".to_owned())
        }
    };
    see(reading, answer)
}

/// What changes when an update was installed or searched for: until then the last answer holds.
fn stamp(reading: &mut Reading<'_>) -> String {
    let windows = "Microsoft\\Windows\\CurrentVersion";
    let servicing = format!("{windows}\\Component Based Servicing\\Packages");
    let update = format!("{windows}\\WindowsUpdate\\Auto Update");
    let build = host::edition(reading).build;
    let [servicing, update] = [servicing, update].map(|path| reading.written_at(&Hive::Software, &path));
    format!("{build:?} {servicing:?} {update:?}")
}

#[cfg(windows)]
fn ask(stamp: &str, now: Timestamp) -> Result<Answer, String> {
    super::live::updates::ask(stamp, now)
}

#[cfg(not(windows))]
fn ask(_: &str, _: Timestamp) -> Result<Answer, String> {
    Err("this is no running Windows".to_owned())
}

fn see(mut reading: Reading<'_>, answer: Result<Answer, String>) -> Look<Updates> {
    let policy = policy::read(&mut reading);
    let origin = policy.origin.as_str();
    let told = policy.told.join(", ");
    let told = if told.is_empty() { String::new() } else { format!(" ({told})") };
    let recorded = |reading: &mut Reading<'_>, what: &str| {
        let value = reading.value(&Hive::Software, &format!("{RESULTS}\\{what}"), "LastSuccessTime");
        value.as_ref().and_then(time)
    };
    let (searched, installed) = (recorded(&mut reading, "Detect"), recorded(&mut reading, "Install"));
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            let day =
                |at: Option<Timestamp>| at.map_or("unknown".to_owned(), |at| at.strftime("%F").to_string());
            let last = format!("last search {}, last installation {}", day(searched), day(installed));
            return reading.unreadable(&format!("which updates wait is not known: {reason}; {last}{told}"));
        }
    };
    let as_of = answer.searched_at.max(searched);
    if as_of.is_none() {
        let sentence = "Windows Update does not tell when it last searched, so its list may be old or empty";
        reading.problems.push(format!("{sentence}{told}"));
    }
    if answer.more > 0 {
        let more = answer.more;
        reading.problems.push(format!("Windows Update names {more} more updates, which are not told"));
    }
    let mut pending = answer.updates.iter().flat_map(|update| update.told(origin)).collect::<Vec<Update>>();
    pending.sort_by(|a, b| a.name.cmp(&b.name));
    reading.finish(Updates { as_of, pending, ..Updates::default() })
}

/// `2012-04-07 09:38:31`, in UTC.
fn time(value: &Value) -> Option<Timestamp> {
    let Value::Text(text) = value else { return None };
    let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", text.trim()).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests;
