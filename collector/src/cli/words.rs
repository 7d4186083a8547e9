//! The words that tables and details have in both languages.

use daicho_proto::time::japan;
use daicho_rules::rule::{Severity, Verdict};
use daicho_rules::violation::{Stage, State, StepKind};
use jiff::Timestamp;

use super::Context;
use crate::identity::Role;

/// How urgent something is, in one word.
pub fn severity(context: &Context, severity: Severity) -> &'static str {
    match severity {
        Severity::High => context.say("高", "high"),
        Severity::Medium => context.say("中", "medium"),
        Severity::Low => context.say("低", "low"),
    }
}

/// Where a violation is in its life, in one word.
pub fn state(context: &Context, state: State) -> &'static str {
    match state {
        State::Open => context.say("未対応", "open"),
        State::Acknowledged => context.say("対応中", "acknowledged"),
        State::Excepted => context.say("例外", "excepted"),
        State::Resolved => context.say("解消", "resolved"),
    }
}

/// Where a violation is in its life, with how far people are.
pub fn stage(context: &Context, state: State, stage: Stage) -> &'static str {
    match (state, stage) {
        (State::Open | State::Acknowledged, Stage::Consulting) => context.say("相談中", "consulting"),
        (State::Open | State::Acknowledged, Stage::Consulted) => context.say("相談済み", "consulted"),
        (State::Open | State::Acknowledged, Stage::ToBeCorrected) => {
            context.say("是正予定", "to be corrected")
        }
        (State::Open | State::Acknowledged, Stage::Overdue) => context.say("是正期限切れ", "overdue"),
        (state, _) => self::state(context, state),
    }
}

/// What happened to a violation, in a few words.
pub fn step(context: &Context, step: StepKind) -> &'static str {
    match step {
        StepKind::Opened => context.say("見つかった", "opened"),
        StepKind::Changed => context.say("内容が変わった", "changed"),
        StepKind::Resolved => context.say("解消した", "resolved"),
        StepKind::Reopened => context.say("再び起きた", "opened again"),
        StepKind::Acknowledged => context.say("対応を始めた", "acknowledged"),
        StepKind::Excepted => context.say("例外になった", "excepted"),
        StepKind::ExceptionEnded => context.say("例外が終わった", "exception ended"),
        StepKind::Closed => context.say("終了した", "closed"),
        StepKind::Consulted => context.say("相談した", "consulted"),
        StepKind::ToBeCorrected => context.say("是正の期限を決めた", "to be corrected by a date"),
        StepKind::Overdue => context.say("是正の期限を過ぎた", "correction overdue"),
    }
}

/// What a rule says, in one word.
pub fn verdict(context: &Context, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Satisfied => context.say("適合", "in order"),
        Verdict::Violated => context.say("違反", "violated"),
        Verdict::Undetermined => context.say("判定できない", "not told"),
    }
}

/// The regulation's name of an article.
pub fn article(context: &Context, number: u8) -> String {
    let (ja, en) = match number {
        4 => ("機器台帳の管理", "The device ledger"),
        8 => ("不要なアカウントの削除または無効化", "Unneeded accounts"),
        9 => ("セキュリティパッチの適用", "Security patches"),
        11 => ("外部記録媒体・情報機器の接続制限", "External media"),
        13 => ("不要なソフトウェア及びサービスの停止", "Unneeded software and services"),
        _ => ("", ""),
    };
    match context.language {
        daicho_rules::text::Language::Japanese => format!("第{number}条　{ja}"),
        daicho_rules::text::Language::English => format!("Article {number}: {en}"),
    }
}

/// A time as clocks in Japan show it, to the minute.
pub fn time(at: Timestamp) -> String {
    at.to_zoned(japan()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A day in Japan.
pub fn day(at: Timestamp) -> String {
    daicho_proto::time::japanese_date(at).to_string()
}

/// How long ago, in the largest unit that fits.
pub fn age(context: &Context, at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let (number, ja, en) = match seconds {
        ..0 => return context.say("時計が進んでいます", "ahead of our clock").to_owned(),
        0..60 => (seconds, "秒前", "s ago"),
        60..3_600 => (seconds / 60, "分前", "min ago"),
        3_600..172_800 => (seconds / 3_600, "時間前", "h ago"),
        _ => (seconds / 86_400, "日前", "days ago"),
    };
    let (ja, en) = (format!("{number}{ja}"), format!("{number} {en}"));
    context.say(&ja, &en).to_owned()
}

/// `text` in the language of the context.
pub fn text<'a>(context: &Context, text: &'a daicho_rules::text::Text) -> &'a str {
    text.in_language(context.language)
}

/// What a person may do: the roles' names for people, with the section of a head of section.
pub fn roles(names: &[String], section: Option<&str>, context: &Context) -> String {
    let mut words: Vec<String> = Vec::new();
    for name in names {
        let word = match name.parse::<Role>() {
            Ok(role) => text(context, &role.text()).to_owned(),
            // A newer collector's: better its own word than none.
            Err(_) => name.clone(),
        };
        words.push(match section {
            Some(section) if name == Role::SectionHead.name() => format!("{word} {section}"),
            _ => word,
        });
    }
    words.join(context.say("、", ", "))
}
