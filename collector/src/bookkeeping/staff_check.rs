//! Who left against what is left of them (退職者突合): the accounts on every machine, the ledger, the electronic record.
//!
//! Proposes and decides nothing. What fits two people is told as such; what could not be seen is told, too. Pure.

use std::collections::BTreeMap;

use daicho_rules::ledger::{AccountKind, Ledger, Staff, StaffStatus};
use daicho_rules::normal;
use daicho_rules::text::Text;
use jiff::civil::Date;
use serde::Serialize;

pub mod kana;
pub mod people;
#[cfg(test)]
mod tests;

pub use people::{People, Person};

/// How sure a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Part of a name fits.
    Possible,
    /// A whole name fits.
    Likely,
    /// The number of the member of staff fits.
    Certain,
}

/// Where something is left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Where {
    /// An account on a machine.
    Machine { device: String, enabled: Option<bool> },
    /// A row of the ledger's sheet of accounts.
    LedgerAccount { device: String, row: String },
    /// A row of the ledger's sheet of staff that says something else than the list of leavers.
    LedgerStaff { row: String },
    /// An account of the electronic record.
    Record { place: String, enabled: Option<bool> },
}

/// Something that is left of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Where.
    #[serde(rename = "where")]
    pub place: Where,
    /// The account, or the staff_id.
    pub account: String,
    /// How sure.
    pub strength: Strength,
    /// What fits.
    pub grounds: Text,
    /// Others whom it fits as well; with one of them nothing is proposed but to ask.
    pub also: Vec<String>,
    /// What to do.
    pub proposal: Text,
}

/// One who left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaver {
    /// As the list has it.
    pub person: Person,
    /// What is left, the surest first.
    pub matches: Vec<Match>,
}

/// The accounts of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its device_id, or what it calls itself.
    pub device: String,
    /// The accounts; `None`: there is no list.
    pub accounts: Option<Vec<Account>>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// An account on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Account {
    pub name: String,
    pub full_name: Option<String>,
    pub enabled: Option<bool>,
    pub interactive: Option<bool>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Everybody who left.
    pub leavers: Vec<Leaver>,
    /// Rows of the list that were not taken for somebody who left, and why.
    pub left_out: Vec<Text>,
    /// What could not be told: machines without a list of accounts, devices without an agent.
    pub untold: Vec<Text>,
}

/// Compares. `record`: the accounts of the electronic record, where there is an export of them.
pub fn check(
    list: &People,
    ledger: &Ledger,
    machines: &[Machine],
    record: Option<&People>,
    today: Date,
) -> Answer {
    let mut answer = Answer::default();
    let mut leavers: Vec<Person> = Vec::new();
    for person in &list.people {
        match not_left(person, list) {
            Some(reason) => answer.left_out.push(reason),
            None => leavers.push(person.clone()),
        }
    }
    let everybody: Vec<Who> = ledger
        .staff
        .iter()
        .filter(|member| member.status != StaffStatus::Retired)
        .map(Who::of_staff)
        .chain(leavers.iter().map(Who::of_person))
        .collect();
    let things = things(ledger, machines, record);
    for person in leavers {
        let who = Who::of_person(&person);
        let mut matches: Vec<Match> = Vec::new();
        for (known, places) in &things {
            let Some((strength, grounds)) = who.fits(known) else { continue };
            let also: Vec<String> = everybody
                .iter()
                .filter(|other| !other.is(&who))
                .filter(|other| other.fits(known).is_some_and(|(theirs, _)| theirs >= strength))
                .map(Who::label)
                .collect();
            for place in places {
                let weak = strength == Strength::Possible;
                if weak && place.is_program {
                    continue;
                }
                let proposal = proposal(&place.place, &known.account, strength, &also);
                let (account, grounds, also) = (known.account.clone(), grounds.clone(), also.clone());
                let place = place.place.clone();
                matches.push(Match { place, account, strength, grounds, also, proposal });
            }
        }
        matches.extend(of_staff_sheet(&person, ledger, today));
        matches.sort_by(|a, b| b.strength.cmp(&a.strength).then_with(|| a.place.cmp(&b.place)));
        answer.leavers.push(Leaver { person, matches });
    }
    answer.untold = untold(ledger, machines);
    answer
}

/// The staff sheet with those who left marked as such: only where the number fits and says who it is.
pub fn draft(ledger: &Ledger, answer: &Answer, today: Date) -> (Ledger, usize) {
    let mut drafted = ledger.clone();
    let mut count = 0;
    for leaver in &answer.leavers {
        let rows = leaver.matches.iter().filter(|one| matches!(one.place, Where::LedgerStaff { .. }));
        for row in rows.filter(|row| row.strength == Strength::Certain && row.also.is_empty()) {
            let found = drafted.staff.iter_mut().find(|member| normal::same(&member.staff_id, &row.account));
            if let Some(member) = found {
                member.retired_on = leaver.person.retired_on.or(member.retired_on);
                if member.retired_on.is_none_or(|last| last <= today) {
                    member.status = StaffStatus::Retired;
                }
                count += 1;
            }
        }
    }
    (drafted, count)
}

/// Why a row is of nobody who left; `None`: it is of one.
fn not_left(person: &Person, list: &People) -> Option<Text> {
    let place = &person.place;
    let said = person.status.is_some_and(|status| status != StaffStatus::Retired);
    if said && person.retired_on.is_none() {
        return Some(Text::new(format!("{place}: 在職または休職"), format!("{place}: active or on leave")));
    }
    let known = person.status == Some(StaffStatus::Retired) || person.retired_on.is_some();
    if !known && (list.has_dates || list.has_status) {
        return Some(Text::new(
            format!("{place}: 退職日も退職の記載もない"),
            format!("{place}: neither a last day nor the word retired"),
        ));
    }
    None
}

/// A person, as far as accounts can be compared.
struct Who {
    staff_id: Option<String>,
    name: Option<String>,
    kana: Option<String>,
    /// Family and given name in Latin letters, and the letters with which each can begin.
    latin: Option<Latin>,
    label: String,
}

struct Latin {
    family: String,
    given: String,
    initials: Vec<char>,
}

/// An account with what tells whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    account: String,
    name: Option<String>,
    kana: Option<String>,
    staff_id: Option<String>,
}

struct Place {
    place: Where,
    /// A program's account or one of the system's: part of a name says nothing there.
    is_program: bool,
}

fn things(ledger: &Ledger, machines: &[Machine], record: Option<&People>) -> BTreeMap<Known, Vec<Place>> {
    let mut things: BTreeMap<Known, Vec<Place>> = BTreeMap::new();
    for machine in machines {
        for account in machine.accounts.iter().flatten() {
            let known =
                Known { account: account.name.clone(), name: account.full_name.clone(), ..Known::default() };
            let place = Where::Machine { device: machine.device.clone(), enabled: account.enabled };
            things
                .entry(known)
                .or_default()
                .push(Place { place, is_program: account.interactive == Some(false) });
        }
    }
    for row in &ledger.accounts {
        let known =
            Known { account: row.account.clone(), staff_id: row.staff_id.clone(), ..Known::default() };
        let place = Where::LedgerAccount { device: row.device.to_string(), row: row.row.to_string() };
        let is_program = !matches!(row.kind, AccountKind::Personal | AccountKind::Vendor);
        things.entry(known).or_default().push(Place { place, is_program });
    }
    for row in record.into_iter().flat_map(|record| &record.people) {
        let login = row.login.clone().or_else(|| row.staff_id.clone()).or_else(|| row.name.clone());
        let known = Known {
            account: login.unwrap_or_default(),
            name: row.name.clone(),
            kana: row.kana.clone(),
            staff_id: row.staff_id.clone(),
        };
        let place = Where::Record { place: row.place.clone(), enabled: row.enabled };
        things.entry(known).or_default().push(Place { place, is_program: false });
    }
    things
}

impl Who {
    fn of_person(person: &Person) -> Self {
        let id = person.staff_id.as_ref().or(person.login.as_ref());
        Who::new(id.map(String::as_str), person.name.as_deref(), person.kana.as_deref())
    }

    fn of_staff(member: &Staff) -> Self {
        let is_kana = |heading: &str| {
            let heading = kana::key(heading);
            ["フリガナ", "カナ", "ヨミ"].iter().any(|word| heading.contains(word))
        };
        let kana = member.extra.iter().find(|(heading, _)| is_kana(heading)).map(|(_, value)| value.as_str());
        Who::new(Some(&member.staff_id), member.name.as_deref(), kana)
    }

    fn new(staff_id: Option<&str>, name: Option<&str>, reading: Option<&str>) -> Self {
        let latin = reading.and_then(kana::parts).map(|(family, given)| Latin {
            family: kana::latin(&family),
            given: kana::latin(&given),
            initials: kana::initials(&given),
        });
        let label = [staff_id, name].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Who {
            staff_id: staff_id.map(normal::key).filter(|id| !id.is_empty()),
            name: name.map(name_key).filter(|name| !name.is_empty()),
            kana: reading.map(kana::key).filter(|kana| !kana.is_empty()),
            latin,
            label,
        }
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    /// Whether the two are one person: the same number, or neither has one and all else is the same.
    fn is(&self, other: &Who) -> bool {
        match (&self.staff_id, &other.staff_id) {
            (Some(own), Some(others)) => own == others,
            _ => self.name == other.name && self.kana == other.kana,
        }
    }

    /// How sure this account is this person's, and why.
    fn fits(&self, known: &Known) -> Option<(Strength, Text)> {
        let login = login_of(&known.account);
        if let Some(id) = &self.staff_id {
            if known.staff_id.as_ref().is_some_and(|theirs| normal::key(theirs) == *id) {
                return Some((Strength::Certain, Text::new("職員番号が同じ", "the same staff_id")));
            }
            if login == *id {
                return Some((
                    Strength::Certain,
                    Text::new("アカウント名が職員番号", "the account is named by the staff_id"),
                ));
            }
            if same_number(&login, id) {
                return Some((
                    Strength::Likely,
                    Text::new(
                        "先頭の文字や0を除くと職員番号",
                        "the staff_id, but for letters or zeros in front",
                    ),
                ));
            }
        }
        if self.name.is_some() && known.name.as_deref().map(name_key) == self.name {
            return Some((Strength::Likely, Text::new("氏名が同じ", "the same name")));
        }
        let readings = [known.kana.as_deref(), known.name.as_deref()];
        if let Some(own) = &self.kana
            && readings.into_iter().flatten().any(|reading| kana::key(reading) == *own)
        {
            return Some((Strength::Likely, Text::new("フリガナが同じ", "the same reading in kana")));
        }
        self.latin.as_ref()?.fits(&login)
    }
}

impl Latin {
    fn fits(&self, login: &str) -> Option<(Strength, Text)> {
        let numbered = login.ends_with(|c: char| c.is_ascii_digit());
        let letters = login.trim_end_matches(|c: char| c.is_ascii_digit());
        let parts: Vec<&str> = letters.split(['.', '_', '-', ' ']).filter(|part| !part.is_empty()).collect();
        let (family, given) = (&self.family, &self.given);
        if family.len() < 2 || given.is_empty() {
            return None;
        }
        let initial = |part: &str| {
            let mut letters = part.chars();
            letters.next().is_some_and(|c| self.initials.contains(&c)) && letters.next().is_none()
        };
        let whole = |strength| {
            let strength = if numbered { Strength::Possible } else { strength };
            (strength, Text::new("フリガナの姓と名のつづり", "family and given name as spelled"))
        };
        let short = (
            Strength::Possible,
            Text::new("フリガナの姓と名の頭文字のつづり", "the family name and an initial, as spelled"),
        );
        match parts.as_slice() {
            [one, other] => {
                let (a, b) = (kana::fold(one), kana::fold(other));
                if (a == *family && b == *given) || (a == *given && b == *family) {
                    return Some(whole(Strength::Likely));
                }
                ((a == *family && initial(other)) || (b == *family && initial(one))).then_some(short)
            }
            [one] => {
                let folded = kana::fold(one);
                let together = |a: &str, b: &str| kana::fold(&format!("{a}{b}")) == folded;
                if together(family, given) || together(given, family) {
                    return Some(whole(Strength::Likely));
                }
                let of_initial = self.initials.iter().any(|letter| {
                    let letter = letter.to_string();
                    let family_first =
                        one.strip_suffix(letter.as_str()).is_some_and(|rest| kana::fold(rest) == *family);
                    let initial_first =
                        one.strip_prefix(letter.as_str()).is_some_and(|rest| kana::fold(rest) == *family);
                    family_first || initial_first
                });
                if of_initial {
                    return Some(short);
                }
                (family.len() > 2 && folded == *family).then(|| {
                    (Strength::Possible, Text::new("フリガナの姓のつづり", "the family name as spelled"))
                })
            }
            _ => None,
        }
    }
}

/// `HOSP\tanaka`, `tanaka@hosp.local`: without the directory.
fn login_of(account: &str) -> String {
    let key = normal::key(account);
    let key = key.rsplit_once('\\').map_or(key.as_str(), |(_, name)| name);
    key.split_once('@').map_or(key, |(name, _)| name).to_owned()
}

fn name_key(name: &str) -> String {
    normal::key(name).chars().filter(|c| !c.is_whitespace() && *c != '・').collect()
}

/// Digits of a staff number that name somebody: fewer are anybody's.
const NUMBER_DIGITS_MIN: usize = 4;

/// `s01234`, `1234` and `01234` are one number.
fn same_number(login: &str, id: &str) -> bool {
    let number = |text: &str| {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let long = digits.len() >= NUMBER_DIGITS_MIN && text.len() - digits.len() <= 2;
        (plain && long).then(|| digits.trim_start_matches('0').to_owned())
    };
    match (number(login), number(id)) {
        (Some(login), Some(id)) => !id.is_empty() && login == id,
        _ => false,
    }
}

fn of_staff_sheet(person: &Person, ledger: &Ledger, today: Date) -> Vec<Match> {
    let who = Who::of_person(person);
    let mut matches = Vec::new();
    for member in &ledger.staff {
        let known = Known {
            account: member.staff_id.clone(),
            name: member.name.clone(),
            staff_id: Some(member.staff_id.clone()),
            ..Known::default()
        };
        let Some((strength, grounds)) =
            who.fits(&known).filter(|(strength, _)| *strength > Strength::Possible)
        else {
            continue;
        };
        let due = person.retired_on.is_none_or(|last| last <= today);
        let told = person.retired_on.is_none() || member.retired_on == person.retired_on;
        if told && (member.status == StaffStatus::Retired || !due) {
            continue;
        }
        // The list has a number and the ledger another one: a namesake, not this person.
        let namesake = person.staff_id.is_some() && strength < Strength::Certain;
        let also = if namesake { vec![Who::of_staff(member).label()] } else { Vec::new() };
        let place = Where::LedgerStaff { row: member.row.to_string() };
        let proposal = if strength == Strength::Certain {
            let day = person.retired_on.map_or_else(String::new, |day| format!("（退職日 {day}）"));
            Text::new(
                format!("職員シートを退職に直す{day}"),
                "set the staff sheet to retired, with the last day of employment",
            )
        } else {
            ask()
        };
        matches.push(Match { place, account: member.staff_id.clone(), strength, grounds, also, proposal });
    }
    matches
}

fn ask() -> Text {
    Text::new("だれのものか確かめる", "find out whose it is")
}

fn proposal(place: &Where, account: &str, strength: Strength, also: &[String]) -> Text {
    let off = matches!(
        place,
        Where::Machine { enabled: Some(false), .. } | Where::Record { enabled: Some(false), .. }
    );
    if off {
        return Text::new("無効になっている。記録だけでよい", "disabled already; only note it");
    }
    if strength == Strength::Possible || !also.is_empty() {
        return ask();
    }
    match place {
        Where::Machine { device, .. } => Text::new(
            format!("機器 {device} のアカウント {account} を無効にする"),
            format!("disable the account {account} on device {device}"),
        ),
        Where::LedgerAccount { row, .. } => Text::new(
            format!("アカウントシートの行（{row}）を、無効にしたあとで消す"),
            format!("remove the row {row} of the sheet of accounts, once the account is disabled"),
        ),
        Where::LedgerStaff { .. } => ask(),
        Where::Record { .. } => Text::new(
            format!("電子カルテの利用者 {account} を停止する"),
            format!("stop the user {account} of the electronic record"),
        ),
    }
}

fn untold(ledger: &Ledger, machines: &[Machine]) -> Vec<Text> {
    let mut untold = Vec::new();
    for machine in machines {
        let device = &machine.device;
        let why = machine.problems.join("; ");
        if machine.accounts.is_none() {
            untold.push(Text::new(
                format!("{device}: アカウントの一覧がない（{why}）"),
                format!("{device}: there is no list of its accounts ({why})"),
            ));
        } else if !machine.problems.is_empty() {
            untold.push(Text::new(
                format!("{device}: アカウントの一部を読み取れなかった（{why}）"),
                format!("{device}: not all of its accounts could be read ({why})"),
            ));
        }
    }
    let reporting = |id: &str| machines.iter().any(|machine| normal::same(&machine.device, id));
    let in_use = ledger.devices.iter().filter(|row| row.status == daicho_rules::ledger::DeviceStatus::InUse);
    for row in in_use.filter(|row| !reporting(&row.device_id)) {
        let id = &row.device_id;
        untold.push(Text::new(
            format!("{id}: エージェントの報告がなく、アカウントがわからない"),
            format!("{id}: no agent reports, so its accounts are not known"),
        ));
    }
    untold
}
