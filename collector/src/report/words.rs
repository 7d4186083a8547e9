//! The words of a report, in both languages, and dates as an inspector in Japan reads them.

use daicho_proto::time::japan;
use daicho_rules::text::{Language, Text};
use daicho_rules::violation::State;
use jiff::Timestamp;

use super::{Report, Standard};

/// One of two texts.
pub fn say(language: Language, ja: &str, en: &str) -> String {
    match language {
        Language::Japanese => ja.to_owned(),
        Language::English => en.to_owned(),
    }
}

/// A state in one word.
pub fn standard(language: Language, state: Standard) -> String {
    match state {
        Standard::Violated => say(language, "違反", "violated"),
        Standard::NotMeasured => say(language, "未測定", "not measured"),
        Standard::Undetermined => say(language, "判定できない", "cannot be told"),
        Standard::Excepted => say(language, "例外承認中", "excepted"),
        Standard::Satisfied => say(language, "適合", "in order"),
    }
}

/// Where a violation stood, in one word.
pub fn state(language: Language, state: State) -> String {
    match state {
        State::Open => say(language, "未対応", "open"),
        State::Acknowledged => say(language, "対応中", "acknowledged"),
        State::Excepted => say(language, "例外承認中", "excepted"),
        State::Resolved => say(language, "解消", "resolved"),
    }
}

/// An article of the regulation with its heading.
pub fn article(language: Language, number: u8) -> String {
    let (ja, en) = match number {
        4 => ("機器台帳", "device ledger"),
        5 => ("リモートメンテナンスの確認", "remote maintenance"),
        6 => ("MDS/SDSの提出", "security disclosure (MDS/SDS)"),
        7 => ("アクセス利用権限", "access rights"),
        8 => ("不要なアカウント", "unneeded accounts"),
        9 => ("セキュリティパッチ", "security patches"),
        10 => ("パスワード管理", "passwords"),
        11 => ("外部記録媒体", "external media"),
        12 => ("アクセスログ", "access logs"),
        13 => ("不要なソフトウェア・サービス", "unneeded software and services"),
        14 => ("接続元制限", "limits on where connections come from"),
        15 => ("連絡体制図", "whom to call"),
        16 => ("バックアップと復旧", "backup and recovery"),
        17 => ("事業継続計画", "business continuity"),
        _ => ("", ""),
    };
    say(language, &format!("第{number}条 {ja}"), &format!("Article {number}, {en}"))
}

/// The ledger's status of a device.
pub fn status(language: Language, status: Option<&str>) -> String {
    match status {
        None => say(language, "台帳にない", "not listed"),
        Some("in_use") => say(language, "使用中", "in use"),
        Some("spare") => say(language, "予備機", "spare"),
        Some("retired") => say(language, "廃棄・引退", "retired"),
        Some(other) => other.to_owned(),
    }
}

/// A moment in Japan: `2026-11-23 12:00`.
pub fn time(at: Timestamp) -> String {
    at.to_zoned(japan()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A moment in Japan, with the year of the era in Japanese: `令和8年11月23日 12:00`.
pub fn time_in_era(language: Language, at: Timestamp) -> String {
    let zoned = at.to_zoned(japan());
    match (language, zoned.year() - 2018) {
        (Language::Japanese, year @ 1..) => {
            let year = if year == 1 { "元".to_owned() } else { year.to_string() };
            format!("令和{year}年{}月{}日 {}", zoned.month(), zoned.day(), zoned.strftime("%H:%M"))
        }
        _ => time(at),
    }
}

/// The sentences above everything else: on what the report rests, and what it cannot say.
pub fn grounds(language: Language, report: &Report) -> Vec<String> {
    let text = |text: Text| text.in_language(language).to_owned();
    let mut lines = Vec::new();
    lines.push(match &report.ledger {
        Some(version) => text(Text::new(
            format!(
                "台帳は第{}版（{} に {} が取り込み）です。",
                version.number,
                time(version.imported_at),
                version.imported_by
            ),
            format!(
                "The ledger is version {}, imported by {} at {}.",
                version.number,
                version.imported_by,
                time(version.imported_at)
            ),
        )),
        None => {
            text(Text::new("この時点で台帳は取り込まれていません。", "No ledger had been imported then."))
        }
    });
    lines.push(match &report.log {
        Some(head) => text(Text::new(
            format!(
                "記録簿の {} 番までによります。照合するには `daicho verify --head {}:{}`。",
                head.number, head.number, head.hash
            ),
            format!(
                "It rests on the log up to entry {}; `daicho verify --head {}:{}` checks it.",
                head.number, head.number, head.hash
            ),
        )),
        None => text(Text::new(
            "この時点の記録はありません。何も確かめられていません。",
            "There is no record of that time. Nothing was verified.",
        )),
    });
    if let Some(begins) = report.log_begins.filter(|begins| *begins > report.since) {
        lines.push(text(Text::new(
            format!("記録は {} からです。それより前のことはわかりません。", time(begins)),
            format!("The record begins at {}; of what was before, nothing is known.", time(begins)),
        )));
    }
    if let Some(why) = &report.not_running {
        lines.push(text(why.clone()));
    }
    lines.push(text(Text::new(
        "「未測定」と「判定できない」は適合ではありません。件数は使用中の機器と台帳にない機器についてです。",
        "What was not measured or cannot be told is not in order. Counts are of devices in use and of devices that are not listed.",
    )));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_in_japans_calendar() {
        let at: Timestamp = "2026-11-22T15:00:00Z".parse().unwrap();
        assert_eq!(time_in_era(Language::Japanese, at), "令和8年11月23日 00:00");
        assert_eq!(time_in_era(Language::English, at), "2026-11-23 00:00");
        let first: Timestamp = "2019-12-31T00:00:00Z".parse().unwrap();
        assert_eq!(time_in_era(Language::Japanese, first), "令和元年12月31日 09:00");
    }
}
