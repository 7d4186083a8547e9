//! What a message says to a person, in Japanese and in English.
//!
//! Names and labels come from endpoints and are hostile: everything passes through [`plain`], so that no text can
//! break a line, become a header, or turn the direction of what follows.

use daicho_proto::text::is_obeyed;
use daicho_proto::time::japan;
use daicho_rules::rule::{Proof, Severity};
use daicho_rules::text::{Language, Text};
use daicho_rules::violation::StepKind;
use jiff::Timestamp;

use super::channels::{Message, Occasion};
use super::templates::Templates;
use crate::queries::filters::short_key;
use crate::shelves::Notice;

mod letters;

/// Characters of one sentence: a summary is one line; what is longer came from a name that means harm.
const SENTENCE_MAX: usize = 300;
/// Characters of one name or value.
const VALUE_MAX: usize = 120;
/// Characters of a subject: about what a list of mails shows.
const SUBJECT_MAX: usize = 70;
/// Pieces of evidence in one entry; the rest is one command away.
const PROOFS_MAX: usize = 4;

/// `text` in one line of visible characters, at most `most` of them: what a terminal, a mail program or a log would
/// obey (control, direction and invisible characters, line ends of any kind) stands there as `\u{...}`.
pub fn plain(text: &str, most: usize) -> String {
    let mut visible = String::with_capacity(text.len().min(most.saturating_mul(4)));
    for (count, c) in text.chars().enumerate() {
        if count == most {
            visible.push('…');
            break;
        }
        if is_obeyed(c) {
            visible.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            visible.push(c);
        }
    }
    visible
}

/// A server's answer, for logs and people.
pub fn answer(text: &str) -> String {
    plain(text.trim(), SENTENCE_MAX)
}

/// `2026-11-22 09:12`, in Japan.
pub fn japanese_time(at: Timestamp) -> String {
    at.to_zoned(japan()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The subject, in the first language: the hospital's own where it has one.
pub fn subject(message: &Message, languages: &[Language], templates: &Templates) -> String {
    let language = languages.first().copied().unwrap_or(Language::Japanese);
    let value = |name: &str| value(message, language, name);
    templates
        .subject(message.occasion.name(), language, &value)
        .unwrap_or_else(|| our_subject(message, language))
}

/// The severity, article and device first: a list of mails shows little more.
fn our_subject(message: &Message, language: Language) -> String {
    let japanese = language == Language::Japanese;
    let total: usize = message.counts.values().sum();
    let severity = severity_of(message, japanese);
    let articles = articles(message, japanese);
    let (mark, words) = match (&message.occasion, message.notices.as_slice(), japanese) {
        (Occasion::Letter(topic), _, _) => letters::subject(topic, message, japanese),
        (Occasion::Test { .. }, _, true) => ("", "試験送信です（対応は不要です）".to_owned()),
        (Occasion::Test { .. }, _, false) => ("", "This is a test, nothing to do".to_owned()),
        (Occasion::News, [one], _) if total == 1 => {
            let violation = &one.violation;
            let over = matches!(one.what, StepKind::Resolved | StepKind::Closed);
            let what = if over { format!("[{}] ", what(one.what, japanese)) } else { String::new() };
            let summary = violation.summary.in_language(language);
            let article = article(violation.article, japanese);
            (severity, format!("{what}{article} {}: {summary}", violation.device))
        }
        (Occasion::Start, _, true) => (severity, format!("未解決の違反 {total}件（{articles}）")),
        (Occasion::Start, _, false) => (severity, format!("{total} open violations ({articles})")),
        (Occasion::News, notices, true) if only_wrong(notices) => {
            (severity, format!("違反 {total}件（{articles}）{}", devices(message, true)))
        }
        (Occasion::News, notices, false) if only_wrong(notices) => {
            (severity, format!("{total} violations ({articles}){}", devices(message, false)))
        }
        (Occasion::News, _, true) => {
            (severity, format!("違反の動き {total}件（{articles}）{}", devices(message, true)))
        }
        (Occasion::News, _, false) => {
            (severity, format!("{total} changes of violations ({articles}){}", devices(message, false)))
        }
    };
    let mark = match (japanese, mark) {
        (true, "") => "【台帳】".to_owned(),
        (true, mark) => format!("【台帳・{mark}】"),
        (false, "") => "[Daicho] ".to_owned(),
        (false, mark) => format!("[Daicho, {mark}] "),
    };
    format!("{mark}{}", plain(&words, SUBJECT_MAX))
}

/// The most urgent of the message, as a subject says it.
fn severity_of(message: &Message, japanese: bool) -> &'static str {
    match (message.notices.iter().map(|notice| notice.violation.severity).max(), japanese) {
        (None, _) => "",
        (Some(Severity::High), true) => "至急",
        (Some(Severity::High), false) => "urgent",
        (Some(severity), _) => self::severity(severity, japanese),
    }
}

/// ` SV-01`, ` SV-01ほか`: where, in a subject.
fn devices(message: &Message, japanese: bool) -> String {
    let Some(first) = message.notices.first() else { return String::new() };
    let device = &first.violation.device;
    // Of what is not listed, the devices are not known here.
    let others = message.more > 0 || message.notices.iter().any(|notice| notice.violation.device != *device);
    match (others, japanese) {
        (false, _) => format!(" {device}"),
        (true, true) => format!(" {device}ほか"),
        (true, false) => format!(" {device} and others"),
    }
}

/// What stands for a name in braces of the hospital's own text.
fn value(message: &Message, language: Language, name: &str) -> String {
    let japanese = language == Language::Japanese;
    let first = message.notices.first().map(|notice| &notice.violation);
    match name {
        "subject" => our_subject(message, language),
        "text" => in_words(message, japanese),
        "count" => message.counts.values().sum::<usize>().to_string(),
        "articles" => articles(message, japanese),
        "severity" => severity_of(message, japanese).to_owned(),
        "article" => first.map(|violation| article(violation.article, japanese)).unwrap_or_default(),
        "device" => first.map(|violation| plain(&violation.device, VALUE_MAX)).unwrap_or_default(),
        "summary" => {
            let summary = first.map(|violation| violation.summary.in_language(language));
            summary.map(|summary| plain(summary, SENTENCE_MAX)).unwrap_or_default()
        }
        "time" => japanese_time(message.at),
        _ => String::new(),
    }
}

/// Everything listed is wrong now.
fn only_wrong(notices: &[Notice]) -> bool {
    use StepKind::{ExceptionEnded, Opened, Overdue, Reopened};
    notices.iter().all(|notice| matches!(notice.what, Opened | Reopened | ExceptionEnded | Overdue))
}

/// The whole text, one language after the other: the hospital's own where it has one.
pub fn body(message: &Message, languages: &[Language], templates: &Templates) -> String {
    let in_language = |language: &Language| {
        let value = |name: &str| value(message, *language, name);
        let own = templates.body(message.occasion.name(), *language, &value);
        own.unwrap_or_else(|| in_words(message, *language == Language::Japanese))
    };
    let parts: Vec<String> = languages.iter().map(in_language).collect();
    parts.join("\n\n------------------------------------------------------------\n\n")
}

fn in_words(message: &Message, japanese: bool) -> String {
    let say = |ja: &str, en: &str| if japanese { ja.to_owned() } else { en.to_owned() };
    let total: usize = message.counts.values().sum();
    let mut text = match &message.occasion {
        Occasion::Test { asked_by } => {
            let who = plain(asked_by, VALUE_MAX);
            let at = japanese_time(message.at);
            return say(
                &format!(
                    "これは台帳（Daicho）の試験送信です。対応は不要です。\n\
                     {at}（日本時間）に {who} が送りました。\n\
                     これが読めれば、違反のお知らせもこの宛先に届きます。\n"
                ),
                &format!(
                    "This is a test message of Daicho. There is nothing to do.\n\
                     {who} asked for it at {at} (Japan time).\n\
                     If you can read this, news of violations will reach you here, too.\n"
                ),
            );
        }
        Occasion::Letter(topic) => letters::beginning(topic, message, japanese),
        Occasion::Start => say(
            &format!(
                "台帳（Daicho）からのお知らせが、この宛先に届くようになりました。\n\
                 現在、規程に反する状態が {total} 件あります（{}）。\n",
                articles(message, true)
            ),
            &format!(
                "From now on, Daicho tells you here where machines differ from the regulation.\n\
                 At present {total} violations are open ({}).\n",
                articles(message, false)
            ),
        ),
        Occasion::News if only_wrong(&message.notices) => say(
            &format!("規程に反する状態が {total} 件見つかりました（{}）。\n", articles(message, true)),
            &format!("{total} found that differ from the regulation ({}).\n", articles(message, false)),
        ),
        Occasion::News => say(
            &format!("規程に反する状態に {total} 件の動きがありました（{}）。\n", articles(message, true)),
            &format!("{total} changes of what differs from the regulation ({}).\n", articles(message, false)),
        ),
    };
    for notice in &message.notices {
        text.push('\n');
        text.push_str(&entry(notice, japanese));
    }
    if message.more > 0 {
        text.push_str(&say(
            &format!(
                "\nこのほかに {} 件あります。全件は次のコマンドで確認できます:\n  daicho violations\n",
                message.more
            ),
            &format!(
                "\nThere are {} more. This command lists them all:\n  daicho violations\n",
                message.more
            ),
        ));
    }
    text.push_str(&say(
        "\n時刻は日本時間です。このメールは台帳（Daicho）が自動で送りました。\n",
        "\nTimes are Japan time. Daicho sent this message by itself.\n",
    ));
    text
}

fn entry(notice: &Notice, japanese: bool) -> String {
    let say = |ja: &'static str, en: &'static str| if japanese { ja } else { en };
    let language = if japanese { Language::Japanese } else { Language::English };
    let violation = &notice.violation;
    let sentence = |text: &Text| plain(text.in_language(language), SENTENCE_MAX);
    let title = article_title(violation.article)
        .map(|title| format!("{}{}", say("　", " "), title.in_language(language)))
        .unwrap_or_default();
    let mut lines = vec![
        format!(
            "■ {}{title} [{}{}{}]",
            article(violation.article, japanese),
            what(notice.what, japanese),
            say("・重要度 ", ", "),
            severity(violation.severity, japanese),
        ),
        format!("  {}: {}", say("機器", "Device"), plain(&violation.device, VALUE_MAX)),
        format!("  {}: {}", say("内容", "What"), sentence(&violation.summary)),
        format!("  {}: {}", say("いつから", "Since"), japanese_time(violation.first_seen)),
    ];
    for (position, proof) in violation.evidence.iter().take(PROOFS_MAX).enumerate() {
        let label = if position == 0 { say("根拠", "Evidence") } else { say("　　", "        ") };
        let mark = if position == 0 { ":" } else { " " };
        lines.push(format!("  {label}{mark} {}", evidence(proof, japanese)));
    }
    if !matches!(notice.what, StepKind::Resolved | StepKind::Closed) {
        lines.push(format!("  {}: {}", say("対応", "Remedy"), sentence(&violation.remedy)));
    }
    lines.push(format!("  {}: {}", say("番号", "Key"), plain(&violation.key, SENTENCE_MAX)));
    let short = short_key(&violation.key);
    lines.push(format!("  {}: daicho violation {short}", say("詳しく", "More")));
    lines.join("\n") + "\n"
}

fn evidence(proof: &Proof, japanese: bool) -> String {
    let fact = if japanese { fact_in_japanese(&proof.fact) } else { proof.fact.as_str() };
    let mut text = format!(
        "{} {} = {}",
        plain(fact, VALUE_MAX),
        plain(&proof.field, VALUE_MAX),
        plain(&proof.value, VALUE_MAX)
    );
    let mut origin: Vec<String> = proof.source.iter().map(|source| plain(source, VALUE_MAX)).collect();
    origin.extend(proof.observed_at.map(japanese_time));
    if let Some(row) = &proof.ledger_row {
        origin.push(format!("{} {}", if japanese { "台帳" } else { "ledger" }, plain(row, VALUE_MAX)));
    }
    if !origin.is_empty() {
        let (open, between, close) = if japanese { ("（", "、", "）") } else { (" (", ", ", ")") };
        text.push_str(open);
        text.push_str(&origin.join(between));
        text.push_str(close);
    }
    text
}

fn fact_in_japanese(fact: &str) -> &str {
    match fact {
        "accounts" => "アカウント",
        "packages" => "パッケージ",
        "updates" => "更新プログラム",
        "antivirus" => "ウイルス対策",
        "services" => "サービス",
        "software" => "ソフトウェア",
        "media" => "外部記録媒体",
        "host" => "機器",
        "ledger" => "台帳",
        other => other,
    }
}

/// `第8条 3件、第11条 9件`
fn articles(message: &Message, japanese: bool) -> String {
    let one = |(number, count): (&u8, &usize)| {
        if japanese {
            format!("{} {count}件", article(*number, japanese))
        } else {
            format!("{}: {count}", article(*number, japanese))
        }
    };
    message.counts.iter().map(one).collect::<Vec<_>>().join(if japanese { "、" } else { ", " })
}

fn article(number: u8, japanese: bool) -> String {
    if japanese { format!("第{number}条") } else { format!("Article {number}") }
}

/// The headings of the regulation's articles that have rules.
fn article_title(number: u8) -> Option<Text> {
    Some(match number {
        4 => Text::new("機器台帳の管理", "device ledger"),
        8 => Text::new("不要なアカウント", "unneeded accounts"),
        9 => Text::new("セキュリティパッチの適用", "security patches"),
        11 => Text::new("外部記録媒体の接続制限", "external media"),
        13 => Text::new("不要なソフトウェア・サービス", "unneeded software and services"),
        _ => return None,
    })
}

/// What happened, in a word.
pub fn what(what: StepKind, japanese: bool) -> &'static str {
    let (ja, en) = match what {
        StepKind::Opened => ("新規", "new"),
        StepKind::Changed => ("変化", "changed"),
        StepKind::Resolved => ("解消", "resolved"),
        StepKind::Reopened => ("再発", "again"),
        StepKind::Acknowledged => ("確認済み", "acknowledged"),
        StepKind::Excepted => ("例外承認", "excepted"),
        StepKind::ExceptionEnded => ("例外の終了", "exception ended"),
        StepKind::Closed => ("完了", "closed"),
        StepKind::Consulted => ("相談", "consulted"),
        StepKind::ToBeCorrected => ("是正予定", "to be corrected"),
        StepKind::Overdue => ("是正の期限切れ", "correction overdue"),
    };
    if japanese { ja } else { en }
}

fn severity(severity: Severity, japanese: bool) -> &'static str {
    let (ja, en) = match severity {
        Severity::High => ("高", "high"),
        Severity::Medium => ("中", "medium"),
        Severity::Low => ("低", "low"),
    };
    if japanese { ja } else { en }
}

#[cfg(test)]
mod tests;
