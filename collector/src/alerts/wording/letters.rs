//! What letters say: reminders, escalations, the end of maintenance, channels, what ends soon, the daily word.

use daicho_rules::text::Language;

use super::{VALUE_MAX, article, articles, japanese_time, plain, severity_of};
use crate::alerts::channels::Message;
use crate::alerts::daily_word::DailyWord;
use crate::alerts::ending::{Ending, EndingKind};
use crate::alerts::letters::Topic;

/// Between `【台帳・` and `】`, and the words behind it.
pub(super) fn subject(topic: &Topic, message: &Message, japanese: bool) -> (&'static str, String) {
    let say = |ja: String, en: String| if japanese { ja } else { en };
    let total: usize = message.counts.values().sum();
    let which = match message.notices.as_slice() {
        [one] if total == 1 => {
            let violation = &one.violation;
            let language = if japanese { Language::Japanese } else { Language::English };
            let summary = violation.summary.in_language(language);
            format!(" {} {}: {summary}", article(violation.article, japanese), violation.device)
        }
        _ => say(
            format!(" {total}件（{}）", articles(message, true)),
            format!(" {total} ({})", articles(message, false)),
        ),
    };
    let severity = severity_of(message, japanese);
    match topic {
        Topic::DailyWord(word) => (if japanese { "日報" } else { "daily" }, in_short(word, japanese)),
        Topic::Reminder => (severity, say(format!("未対応のまま{which}"), format!("Still open:{which}"))),
        Topic::Escalation { after_hours } => (
            severity,
            say(
                format!("{after_hours}時間たっても確認されていません{which}"),
                format!("Nobody acknowledged for {after_hours} h:{which}"),
            ),
        ),
        Topic::MaintenanceOver => (
            severity,
            say(format!("保守が終わりました。残る違反{which}"), format!("Open after maintenance:{which}")),
        ),
        Topic::Channels { failing, mended } => {
            let words = match (failing.first(), mended.first()) {
                (Some(first), _) => say(
                    format!("お知らせが届いていません: {}", first.recipient),
                    format!("Alerts do not arrive: {}", first.recipient),
                ),
                (None, first) => {
                    let name = first.map_or("", String::as_str);
                    say(format!("お知らせが再び届きます: {name}"), format!("Alerts arrive again: {name}"))
                }
            };
            (if japanese { "注意" } else { "attention" }, words)
        }
        Topic::Ending { endings, more } => {
            let total = endings.len() + more;
            (
                if japanese { "期限" } else { "ending" },
                say(format!("まもなく期限が切れるもの {total}件"), format!("{total} end soon")),
            )
        }
    }
}

/// What comes before the list of violations, or is the whole text.
pub(super) fn beginning(topic: &Topic, message: &Message, japanese: bool) -> String {
    let say = |ja: String, en: String| if japanese { ja } else { en };
    let total: usize = message.counts.values().sum();
    let of = articles(message, japanese);
    match topic {
        Topic::DailyWord(word) => daily_word(word, message, japanese),
        Topic::Reminder => say(
            format!(
                "規程に反する状態が {total} 件、未対応のまま残っています（{of}）。\n\
                 対応したもの、対応中のものは次のコマンドで記録してください:\n  daicho acknowledge 番号\n"
            ),
            format!(
                "{total} that differ from the regulation are still open ({of}).\n\
                 Say with this command that somebody works on one:\n  daicho acknowledge KEY\n"
            ),
        ),
        Topic::Escalation { after_hours } => say(
            format!(
                "見つかってから {after_hours} 時間たっても、だれも確認していない違反が {total} 件あります（{of}）。\n\
                 担当者に連絡し、確認したら次のコマンドで記録してください:\n  daicho acknowledge 番号\n"
            ),
            format!(
                "For {after_hours} hours nobody has acknowledged {total} violations ({of}).\n\
                 Call whoever is in charge, and say with this command that somebody works on it:\n  \
                 daicho acknowledge KEY\n"
            ),
        ),
        Topic::MaintenanceOver => say(
            format!(
                "保守のあいだに見つかり、保守が終わっても残っている違反が {total} 件あります（{of}）。\n"
            ),
            format!("Maintenance is over. {total} violations began in it and are still open ({of}).\n"),
        ),
        Topic::Channels { failing, mended } => {
            let mut text = String::new();
            for one in failing {
                let (name, reason) = (plain(&one.recipient, VALUE_MAX), plain(&one.reason, 400));
                let since = japanese_time(one.since);
                text.push_str(&say(
                    format!(
                        "■ お知らせが届いていません\n  宛先: {name}\n  いつから: {since}\n  理由: {reason}\n  \
                         対応: メールサーバーなどの担当者に連絡し、直したら `daicho alerts test` で確かめてください。\n"
                    ),
                    format!(
                        "■ Alerts do not arrive\n  Recipient: {name}\n  Since: {since}\n  Why: {reason}\n  \
                         What to do: call whoever runs that server, then try `daicho alerts test`.\n"
                    ),
                ));
            }
            for name in mended {
                let name = plain(name, VALUE_MAX);
                text.push_str(&say(
                    format!(
                        "■ お知らせが再び届くようになりました\n  宛先: {name}\n  待っていたお知らせも届きました。\n"
                    ),
                    format!("■ Alerts arrive again\n  Recipient: {name}\n  What waited has arrived, too.\n"),
                ));
            }
            text
        }
        Topic::Ending { endings, more } => {
            let mut text = say(
                "まもなく期限が切れます。続ける必要があるものは、期限までに承認を取り直してください。\n\n"
                    .to_owned(),
                "These end soon. What is still needed has to be approved again before that.\n\n".to_owned(),
            );
            for one in endings {
                text.push_str(&ending(one, japanese));
            }
            if *more > 0 {
                text.push_str(&say(
                    format!("このほかに {more} 件あります。\n"),
                    format!("There are {more} more.\n"),
                ));
            }
            text
        }
    }
}

fn ending(ending: &Ending, japanese: bool) -> String {
    let (ja, en, ja_next, en_next) = match ending.kind {
        EndingKind::Exception => ("例外", "exception", "daicho exceptions", "daicho exceptions"),
        EndingKind::Medium => {
            ("外部記録媒体の承認", "approval of a medium", "台帳の「外部記録媒体」", "the ledger's media")
        }
        EndingKind::Correction => {
            ("是正の期限", "date of correction", "daicho violations", "daicho violations")
        }
        EndingKind::Operator => (
            "操作者の証明書",
            "operator's certificate",
            "daicho-collector operator 名前",
            "daicho-collector operator NAME",
        ),
        EndingKind::Endpoint => (
            "端末の証明書（自動で更新されていません）",
            "agent's certificate (it was not renewed by itself)",
            "端末の電源と daicho-agent status",
            "the machine's power and daicho-agent status",
        ),
        EndingKind::Issuing => (
            "発行用認証局の証明書（切れるとどの端末も接続できません）",
            "issuing authority's certificate (after it no machine gets in)",
            "daicho-collector authority rotate --root-key ファイル",
            "daicho-collector authority rotate --root-key FILE",
        ),
        EndingKind::Root => (
            "ルート認証局の証明書（切れるとどの端末も接続できません）",
            "root authority's certificate (after it no machine gets in)",
            "daicho-collector authority prepare-root",
            "daicho-collector authority prepare-root",
        ),
        EndingKind::Server => (
            "コレクターの証明書",
            "collector's certificate",
            "systemctl restart daicho-collector",
            "systemctl restart daicho-collector",
        ),
    };
    // The last minute in which it holds is the one that a person knows as its end.
    let last = ending.ends_at.checked_sub(jiff::SignedDuration::from_mins(1)).unwrap_or(ending.ends_at);
    let (until, name) = (japanese_time(last), plain(&ending.name, VALUE_MAX));
    let place = ending.place.as_deref().map(|place| plain(place, VALUE_MAX));
    if japanese {
        let place = place.map(|place| format!("  機器: {place}\n")).unwrap_or_default();
        format!("■ {until} まで\n  {ja}: {name}\n{place}  確認先: {ja_next}\n")
    } else {
        let place = place.map(|place| format!("  Device: {place}\n")).unwrap_or_default();
        format!("■ until {until}\n  {en}: {name}\n{place}  See: {en_next}\n")
    }
}

/// The daily word in a few words: `異常なし` is said only where everything was seen.
fn in_short(word: &DailyWord, japanese: bool) -> String {
    if word.is_well() {
        return if japanese {
            format!("異常なし（{}台すべて確認）", word.machines)
        } else {
            format!("all is well ({} machines seen)", word.machines)
        };
    }
    let silent = word.machines - word.heard.min(word.machines);
    let counts = [
        (word.open_in_all(), "違反", "件", "open"),
        (word.undetermined, "判定不能", "台", "undetermined"),
        (silent, "応答なし", "台", "silent"),
        (word.without_agent, "未測定", "台", "not measured"),
        (word.unjudged, "未判定", "台", "not judged"),
        (word.failing.len(), "お知らせ不達", "件", "alert channels failing"),
        (word.maintenance.len(), "保守中", "件", "in maintenance"),
        (word.applications.unwrap_or_default(), "承認待ち", "件", "applications waiting"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let mut parts: Vec<String> = counts
        .map(
            |(count, ja, unit, en)| {
                if japanese { format!("{ja}{count}{unit}") } else { format!("{count} {en}") }
            },
        )
        .collect();
    if word.ledger.is_none() {
        parts.push(if japanese { "台帳なし".to_owned() } else { "no ledger".to_owned() });
    }
    if word.machines == 0 {
        parts.push(if japanese { "登録端末なし".to_owned() } else { "no machine enrolled".to_owned() });
    }
    parts.join(if japanese { "、" } else { ", " })
}

fn daily_word(word: &DailyWord, message: &Message, japanese: bool) -> String {
    let say = |ja: String, en: String| if japanese { ja } else { en };
    let between = if japanese { "、" } else { ", " };
    let names = |names: &[String], count: usize| {
        let mut listed: Vec<String> = names.iter().map(|name| plain(name, VALUE_MAX)).collect();
        if count > listed.len() {
            let more = count - listed.len();
            listed.push(say(format!("ほか{more}台"), format!("{more} more")));
        }
        listed.join(between)
    };
    let none = || say("なし".to_owned(), "none".to_owned());
    let at = japanese_time(message.at);
    let mut lines = vec![say(
        format!("{at}（日本時間）の台帳（Daicho）です。"),
        format!("This is Daicho, {at} (Japan time)."),
    )];
    lines.push(if word.is_well() {
        say(
            "異常なし: すべての機器を確認でき、違反はありません。".to_owned(),
            "All is well: every machine was seen, and nothing was found.".to_owned(),
        )
    } else {
        say(
            format!("確認が必要です: {}", in_short(word, true)),
            format!("Please look at: {}", in_short(word, false)),
        )
    });
    lines.push(String::new());
    let (heard, machines) = (word.heard, word.machines);
    lines.push(say(
        format!("■ 応答した端末: {machines}台中 {heard}台（24時間以内）"),
        format!("■ Heard of: {heard} of {machines} machines (within 24 h)"),
    ));
    if heard < machines {
        let silent = names(&word.silent, machines - heard);
        lines.push(say(format!("  応答なし: {silent}"), format!("  Silent: {silent}")));
    }
    let [high, medium, low] = word.open;
    let excepted = word.excepted;
    lines.push(say(
        format!("■ 違反: 高 {high}件、中 {medium}件、低 {low}件（このほか例外として承認済み {excepted}件）"),
        format!("■ Open: {high} high, {medium} medium, {low} low (and {excepted} excepted)"),
    ));
    let undetermined = word.undetermined;
    lines.push(say(
        format!("■ 判定できない規則がある機器: {undetermined}台"),
        format!("■ Devices of which a rule cannot tell: {undetermined}"),
    ));
    for (rule, count) in &word.undetermined_rules {
        lines.push(say(format!("  {rule}: {count}台"), format!("  {rule}: {count}")));
    }
    lines.push(say("■ 測っていないもの".to_owned(), "■ Not measured".to_owned()));
    if word.without_agent > 0 {
        let listed = names(&word.without_agent_names, word.without_agent);
        let count = word.without_agent;
        lines.push(say(
            format!("  エージェントのない機器 {count}台: {listed}"),
            format!("  {count} devices without an agent: {listed}"),
        ));
    }
    if word.unjudged > 0 {
        let count = word.unjudged;
        lines.push(say(
            format!("  3時間以上判定されていない機器 {count}台"),
            format!("  {count} devices that were not judged for 3 h"),
        ));
    }
    if word.ledger.is_none() {
        lines.push(say(
            "  台帳がまだ取り込まれていないため、何も照合していません".to_owned(),
            "  no ledger was imported yet, so nothing was compared".to_owned(),
        ));
    }
    let articles: Vec<String> = word.measured.iter().map(|number| article(*number, japanese)).collect();
    let articles = articles.join(between);
    lines.push(say(
        format!("  測っているのは規程の{articles}だけです。ほかの条は人が確認してください"),
        format!("  only {articles} of the regulation are measured, all others are for people to check"),
    ));
    if let Some(waiting) = word.applications {
        lines.push(say(
            format!("■ 承認を待つ申請: {waiting}件"),
            format!("■ Applications that wait: {waiting}"),
        ));
    }
    let shown = |list: &[String]| if list.is_empty() { none() } else { names(list, list.len()) };
    let (maintenance, failing) = (shown(&word.maintenance), shown(&word.failing));
    lines.push(say(
        format!("■ 保守中（お知らせを止めている）: {maintenance}"),
        format!("■ In maintenance (alerts wait): {maintenance}"),
    ));
    lines
        .push(say(format!("■ 届いていない宛先: {failing}"), format!("■ Alerts do not arrive at: {failing}")));
    if let Some(anchor) = &word.log {
        lines.push(say(
            format!("■ 記録簿の末尾（このメールを保存してください）: {anchor}"),
            format!("■ The log's end (keep this mail): {anchor}"),
        ));
    }
    lines.join("\n") + "\n"
}
