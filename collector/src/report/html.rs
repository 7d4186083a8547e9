//! A report as a page to read and print: no script, nothing fetched, every word of others escaped.

use std::collections::BTreeMap;

use daicho_rules::text::Language;

use super::comma_separated::{article_of, evidence};
use super::{ARTICLES, BY_PEOPLE, Report, STANDARDS, Standard, Standing, words};

/// Prints on A4; what is grave is told by a word, too, and not by its colour alone.
const STYLE: &str = "\
@page{size:A4;margin:15mm}\
body{font-family:'Noto Sans CJK JP','Yu Gothic','Hiragino Sans',Meiryo,sans-serif;font-size:10.5pt;line-height:1.5;\
max-width:60rem;margin:1.5rem auto;padding:0 1rem;color:#111}\
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:1.6rem 0 .4rem;border-bottom:2px solid #444}\
h3{font-size:1rem;margin:1rem 0 .3rem}\
table{border-collapse:collapse;width:100%;margin:.4rem 0}\
th,td{border:1px solid #999;padding:.2rem .4rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
th{background:#eee}thead{display:table-header-group}tr{break-inside:avoid}\
td.n{text-align:right}.violated{background:#fbd5d5;font-weight:bold}.not_measured{background:#e3e3e3}\
.undetermined{background:#fff2cc}.excepted{background:#dde8fb}.satisfied{background:#e2f3e2}\
.small{font-size:.85em;color:#444}.sign td{height:3.2em;width:25%}\
@media print{body{margin:0;max-width:none;padding:0}}";

/// The page.
pub fn page(report: &Report, language: Language) -> String {
    let say = |ja, en| words::say(language, ja, en);
    let mut page = String::new();
    let title = say("医療情報システム安全管理 点検報告書", "Report on the safety of the information systems");
    let (code, as_of) = (say("ja", "en"), words::time_in_era(language, report.as_of));
    page.push_str(&format!(
        "<!doctype html>\n<html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{}</title><style>{STYLE}</style></head><body>\n<h1>{}</h1>\n",
        escape(&title),
        escape(&title)
    ));
    page.push_str(&format!(
        "<p><strong>{} {}</strong><br>{} {} – {}<br><span class=\"small\">{} {} ({})</span></p>\n",
        escape(&as_of),
        say("現在", "(state at this time)"),
        say("解消を数える期間:", "What ended is counted from"),
        escape(&words::time(report.since)),
        escape(&words::time(report.as_of)),
        say("作成:", "made at"),
        escape(&words::time(report.made_at)),
        escape(&report.made_by)
    ));
    for line in words::grounds(language, report) {
        page.push_str(&format!("<p class=\"small\">{}</p>\n", escape(&line)));
    }
    summary(&mut page, report, language);
    signatures(&mut page, language);
    for article in ARTICLES {
        of_article(&mut page, report, article, language);
    }
    matrix(&mut page, report, language);
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, report: &Report, language: Language) {
    let say = |ja, en| words::say(language, ja, en);
    page.push_str(&format!(
        "<h2>{}</h2>\n<table><thead><tr><th>{}</th>",
        say("まとめ", "Summary"),
        say("条", "article")
    ));
    for state in STANDARDS {
        page.push_str(&format!("<th>{}</th>", words::standard(language, state)));
    }
    page.push_str(&format!("<th>{}</th></tr></thead>\n", say("期間中の解消", "ended in the period")));
    for article in ARTICLES {
        let counts = report.counts(article);
        page.push_str(&format!("<tr><td>{}</td>", escape(&words::article(language, article))));
        for state in STANDARDS {
            let count = counts.get(&state).copied().unwrap_or(0);
            let class = if count == 0 { "n".to_owned() } else { format!("n {}", class(state)) };
            page.push_str(&format!("<td class=\"{class}\">{count}</td>"));
        }
        let ended = report.ended.iter().filter(|ended| ended.article == article).count();
        page.push_str(&format!("<td class=\"n\">{ended}</td></tr>\n"));
    }
    page.push_str("</table>\n");
    let others: Vec<String> = BY_PEOPLE.iter().map(|number| words::article(language, *number)).collect();
    page.push_str(&format!(
        "<p class=\"small\">{}{}</p>\n",
        say(
            "次の条は機械では確かめられません。担当者が書類で示してください: ",
            "What follows no machine can show; the people in charge give account of it: "
        ),
        escape(&others.join(&say("、", "; ")))
    ));
}

fn signatures(page: &mut String, language: Language) {
    let say = |ja, en| words::say(language, ja, en);
    page.push_str(&format!(
        "<table class=\"sign\"><tr><th>{}</th><td></td><th>{}</th><td></td></tr></table>\n",
        say("医療情報システム安全管理責任者 確認（署名・日付）", "Seen by the officer (name, date)"),
        say("管理部門 作成（署名・日付）", "Made by the department (name, date)")
    ));
}

fn of_article(page: &mut String, report: &Report, article: u8, language: Language) {
    let say = |ja, en| words::say(language, ja, en);
    page.push_str(&format!("<h2>{}</h2>\n", escape(&words::article(language, article))));
    let standing: Vec<&Standing> = report.standing.iter().filter(|o| o.article == article).collect();
    if standing.is_empty() {
        page.push_str(&format!(
            "<p>{}</p>\n",
            say("この時点で見つかっている違反はありません。", "No violation had been found at that time.")
        ));
    } else {
        page.push_str(&format!(
            "<table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>\n",
            say("機器・対象", "device, subject"),
            say("内容", "what"),
            say("対応", "state"),
            say("根拠", "evidence")
        ));
        for open in standing {
            let mark = if open.state == daicho_rules::violation::State::Excepted {
                Standard::Excepted
            } else {
                Standard::Violated
            };
            let word = open.word.as_ref().map(|(by, why)| format!("{by}: {why}")).unwrap_or_default();
            page.push_str(&format!(
                "<tr><td>{}<br>{}</td><td>{}<br><span class=\"small\">{} {}</span></td>\
                 <td class=\"{}\">{}<br><span class=\"small\">{}</span></td><td class=\"small\">{}</td></tr>\n",
                escape(&open.device),
                escape(&open.subject),
                escape(open.summary.in_language(language)),
                say("発生", "since"),
                escape(&words::time(open.opened_at)),
                class(mark),
                escape(&words::state(language, open.state)),
                escape(&word),
                escape(&evidence(&open.evidence)),
            ));
        }
        page.push_str("</table>\n");
    }
    untold(page, report, article, language);
    ended(page, report, article, language);
}

/// What could not be told, grouped by its reason: one sentence for three hundred machines.
fn untold(page: &mut String, report: &Report, article: u8, language: Language) {
    let say = |ja, en| words::say(language, ja, en);
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for device in report.devices.iter().filter(|device| device.counts()) {
        for rule in device.rules.iter().filter(|rule| article_of(&rule.rule) == article) {
            for reason in &rule.reasons {
                let devices = reasons.entry(reason.in_language(language).to_owned()).or_default();
                if devices.last() != Some(&device.device.as_str()) {
                    devices.push(&device.device);
                }
            }
        }
    }
    if reasons.is_empty() {
        return;
    }
    page.push_str(&format!(
        "<h3>{}</h3>\n<table><thead><tr><th>{}</th><th>{}</th></tr></thead>\n",
        say("判定できない・未測定の理由", "Why it cannot be told"),
        say("理由", "reason"),
        say("機器", "devices")
    ));
    for (reason, devices) in reasons {
        page.push_str(&format!(
            "<tr><td>{}</td><td>{}</td></tr>\n",
            escape(&reason),
            escape(&devices.join(&say("、", ", ")))
        ));
    }
    page.push_str("</table>\n");
}

fn ended(page: &mut String, report: &Report, article: u8, language: Language) {
    let say = |ja, en| words::say(language, ja, en);
    let ended: Vec<_> = report.ended.iter().filter(|ended| ended.article == article).collect();
    if ended.is_empty() {
        return;
    }
    page.push_str(&format!(
        "<h3>{}</h3>\n<table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>\n",
        say("期間中に解消したもの", "What ended in the period"),
        say("機器・対象", "device, subject"),
        say("内容", "what"),
        say("発生 – 解消", "from – to"),
        say("解消のしかた", "how")
    ));
    for one in ended {
        let how = match &one.reason {
            Some(reason) => format!("{}: {reason}", one.by),
            None => say("状態が直ったことを確認", "seen to be right"),
        };
        page.push_str(&format!(
            "<tr><td>{}<br>{}</td><td>{}</td><td>{}<br>{}</td><td>{}<br><span class=\"small\">{}</span></td></tr>\n",
            escape(&one.device),
            escape(&one.subject),
            escape(one.summary.in_language(language)),
            escape(&words::time(one.opened_at)),
            escape(&words::time(one.ended_at)),
            escape(&how),
            escape(&evidence(&one.evidence)),
        ));
    }
    page.push_str("</table>\n");
}

fn matrix(page: &mut String, report: &Report, language: Language) {
    let say = |ja, en| words::say(language, ja, en);
    page.push_str(&format!(
        "<h2>{}</h2>\n<table><thead><tr><th>{}</th><th>{}</th><th>{}</th>",
        say("機器ごとの状態", "Each device"),
        say("機器", "device"),
        say("部署・場所", "section, place"),
        say("台帳", "ledger")
    ));
    for article in ARTICLES {
        page.push_str(&format!(
            "<th>{}</th>",
            words::say(language, &format!("第{article}条"), &format!("Art. {article}"))
        ));
    }
    page.push_str("</tr></thead>\n");
    for device in &report.devices {
        let place: Vec<&str> =
            [&device.department, &device.location].into_iter().filter_map(|text| text.as_deref()).collect();
        page.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td>",
            escape(&device.device),
            escape(&place.join(" ")),
            escape(&words::status(language, device.status.as_deref()))
        ));
        for article in ARTICLES {
            match device.articles.get(&article) {
                Some(state) => page.push_str(&format!(
                    "<td class=\"{}\">{}</td>",
                    class(*state),
                    words::standard(language, *state)
                )),
                None => page.push_str("<td></td>"),
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn class(state: Standard) -> &'static str {
    match state {
        Standard::Violated => "violated",
        Standard::NotMeasured => "not_measured",
        Standard::Undetermined => "undetermined",
        Standard::Excepted => "excepted",
        Standard::Satisfied => "satisfied",
    }
}

/// Text of others within a page: none of it is markup.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if daicho_proto::text::is_obeyed(c) => escaped.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}
