//! What somebody may apply for, and what an application must say: pure.

use daicho_rules::approvals::{EXCEPTION_DAYS_MAX, PERMIT_DAYS_MAX};
use daicho_rules::articles;
use daicho_rules::ledger::{ApprovedMedium, Ledger, RowReference, Scope};
use daicho_rules::normal;
use daicho_rules::text::Text;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Application, Row, WORDS_CHARACTERS_MAX, last_allowed};

/// What an applicant hands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The row that is to be in force. Of a prolongation only its last day counts.
    pub row: Row,
    /// Why.
    pub reason: String,
    /// The application that this one prolongs.
    #[serde(default)]
    pub prolongs: Option<u64>,
}

impl Wish {
    /// The wish as it is kept: a prolongation takes everything but the last day from what it prolongs, a medium has a
    /// name, and nobody has approved anything yet.
    pub(super) fn filled(
        self,
        prolonged: Option<&Application>,
        ledger: &Ledger,
        number: u64,
    ) -> Result<Wish, Text> {
        let Wish { mut row, reason, prolongs } = self;
        if let Some(old) = prolonged {
            row = match (row, old.row.clone()) {
                (Row::Exceptions(new), Row::Exceptions(mut old)) => {
                    old.expires_on = new.expires_on;
                    Row::Exceptions(old)
                }
                (Row::Media(new), Row::Media(mut old)) => {
                    old.approved_from = new.approved_from.or(old.approved_from);
                    old.approved_until = new.approved_until;
                    Row::Media(old)
                }
                // Who prolongs names a day: the kind is the old one's.
                (Row::Exceptions(new), Row::Media(mut old)) => {
                    old.approved_until = Some(new.expires_on);
                    old.approved_from = None;
                    Row::Media(old)
                }
                (Row::Media(_), Row::Exceptions(_)) => {
                    return Err(Text::new(
                        "例外の延長に媒体の申請は使えません。",
                        "an exception cannot be prolonged by an application for a medium",
                    ));
                }
            };
        }
        let place =
            RowReference { place: "申請".to_owned(), row: u32::try_from(number).unwrap_or(u32::MAX) };
        match &mut row {
            Row::Exceptions(row) => {
                row.approved_by = String::new();
                row.reason.clone_from(&reason);
                row.row = place;
            }
            Row::Media(row) => {
                row.approved_by = None;
                row.row = place;
                if row.media_id.trim().is_empty() {
                    row.media_id = media_id(row, ledger, number);
                }
            }
        }
        Ok(Wish { row, reason, prolongs })
    }
}

/// The name of the ledger's own row about this medium, else a new one.
fn media_id(wanted: &ApprovedMedium, ledger: &Ledger, number: u64) -> String {
    let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => normal::same(a, b),
        (None, None) => true,
        _ => false,
    };
    let known = ledger.media.iter().find(|row| {
        same(&row.vendor_id, &wanted.vendor_id)
            && same(&row.product_id, &wanted.product_id)
            && same(&row.serial, &wanted.serial)
            && row.device == wanted.device
    });
    known.map_or_else(|| format!("申請{number}"), |row| row.media_id.clone())
}

/// Whether an application says what it must, on the day it was handed in and on the day it is decided.
pub fn check(row: &Row, reason: &str, ledger: &Ledger, applied_on: Date, today: Date) -> Result<(), Text> {
    needed(reason, "理由", "a reason (--reason)")?;
    let (first, last, setting, scope) = match row {
        Row::Exceptions(row) => {
            if articles::rule(&row.rule).is_none() {
                return Err(Text::new(
                    format!(
                        "規則「{}」はありません。`daicho violations` の規則の番号を書いてください。",
                        row.rule
                    ),
                    format!("there is no rule {:?}; name one as in `daicho violations`", row.rule),
                ));
            }
            needed(&row.subject, "対象", "a subject (--subject)")?;
            needed(
                row.measure.as_deref().unwrap_or_default(),
                "代わりの対策",
                "a compensating measure (--measure)",
            )?;
            (applied_on, Some(row.expires_on), &EXCEPTION_DAYS_MAX, &row.device)
        }
        Row::Media(row) => {
            let number = |text: &Option<String>| text.as_deref().is_some_and(is_usb_number);
            if !number(&row.vendor_id) || !number(&row.product_id) || row.serial.as_deref() == Some("*") {
                return Err(Text::new(
                    "一つの媒体を、ベンダー番号:製品番号:シリアル番号（例: 0781:5581:AA01）で書いてください。",
                    "name one medium as VENDOR:PRODUCT:SERIAL, e.g. 0781:5581:AA01",
                ));
            }
            (row.approved_from.unwrap_or(applied_on), row.approved_until, &PERMIT_DAYS_MAX, &row.device)
        }
    };
    known(scope, ledger)?;
    let Some(last) = last else {
        return Err(Text::new("期限 (--until) を書いてください。", "name the last day with --until"));
    };
    if last < first || last < today {
        return Err(Text::new(
            format!("期限 {last} は最初の日より前か、もう過ぎています。"),
            format!("the last day {last} lies before the first one, or is over"),
        ));
    }
    let days = ledger.setting(setting);
    let latest = last_allowed(first, days);
    if last > latest {
        let key = setting.key;
        return Err(Text::new(
            format!("期限 {last} は長すぎます。{latest} まで（台帳の設定 {key} は{days}日）にしてください。"),
            format!(
                "the last day {last} is too far away: {latest} is the latest (setting {key} is {days} days)"
            ),
        ));
    }
    Ok(())
}

fn needed(words: &str, ja: &str, en: &str) -> Result<(), Text> {
    if words.trim().is_empty() {
        return Err(Text::new(
            format!("{ja}が書かれていません。申請を受け付けません。"),
            format!("{en} is missing; the application was not taken"),
        ));
    }
    if words.chars().count() > WORDS_CHARACTERS_MAX {
        return Err(Text::new(
            format!("{ja}は{WORDS_CHARACTERS_MAX}文字までです。"),
            format!("{en} has at most {WORDS_CHARACTERS_MAX} characters"),
        ));
    }
    Ok(())
}

fn known(scope: &Scope, ledger: &Ledger) -> Result<(), Text> {
    let is_known = match scope {
        Scope::All => true,
        Scope::Device(id) => ledger.device(id).is_some(),
        Scope::Group(name) => ledger
            .devices
            .iter()
            .any(|device| device.group.as_deref().is_some_and(|group| normal::same(group, name))),
    };
    if is_known {
        return Ok(());
    }
    Err(Text::new(
        format!("機器「{scope}」は台帳にありません。機器番号か group:グループ名 を書いてください。"),
        format!("the ledger has no device {scope}; name a device_id or group:NAME"),
    ))
}

/// Four hexadecimal digits, as they are printed by every tool.
fn is_usb_number(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
