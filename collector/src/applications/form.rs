//! An application on one page of A4, to print and sign: no script, nothing fetched, every word of others escaped.

use daicho_proto::time::japanese_date;
use daicho_rules::ledger::MediumPurpose;
use jiff::civil::Date;

use super::{Application, Row};
use crate::report::html::escape;

/// What a form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 例外.
    Exception,
    /// 外部記録媒体の使用 (Article 11).
    Permit,
}

const STYLE: &str = "\
@page{size:A4;margin:14mm}\
body{font-family:'Noto Sans CJK JP','Yu Gothic','Hiragino Sans',Meiryo,sans-serif;font-size:10.5pt;line-height:1.45;\
max-width:182mm;margin:8mm auto;color:#111}\
h1{font-size:15pt;text-align:center;margin:0 0 4mm;letter-spacing:.15em}\
table{border-collapse:collapse;width:100%;margin:0 0 4mm;table-layout:fixed}\
th,td{border:1px solid #333;padding:1.5mm 2mm;text-align:left;vertical-align:top;overflow-wrap:anywhere;\
white-space:pre-line}\
th{width:34mm;background:#eee;font-weight:normal}.tall td{height:22mm}.long{max-height:44mm;overflow:hidden}\
.sign th{width:auto;text-align:center}.sign td{height:24mm;color:#999;text-align:right;vertical-align:bottom}\
p{margin:0 0 3mm}.right{text-align:right}.small{font-size:8.5pt}\
@media print{body{margin:0;max-width:none}}";

/// Characters of a reason that the page has room for; the whole text is in the record.
const WORDS_SHOWN_MAX: usize = 420;

/// The page: of an application, or empty to be filled in by hand.
pub fn page(kind: Kind, application: Option<&Application>) -> String {
    let title = match kind {
        Kind::Exception => "例外承認申請書",
        Kind::Permit => "外部記録媒体 使用許可申請書",
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    );
    let number = application.map_or("　　　　".to_owned(), |one| one.number.to_string());
    let applied = day(application.map(|one| japanese_date(one.at)));
    page.push_str(&format!("<p class=\"right\">申請番号 {number}<br>申請日 {applied}</p>\n"));
    page.push_str("<p>医療情報システム安全管理責任者 殿</p>\n<table>\n");
    line(&mut page, "申請者", &application.map(|one| one.by.clone()).unwrap_or_default());
    line(&mut page, "所属・連絡先", "");
    match (kind, application.map(|one| &one.row)) {
        (Kind::Exception, row) => exception(&mut page, row, application),
        (Kind::Permit, row) => permit(&mut page, row, application),
    }
    page.push_str("</table>\n");
    page.push_str(match kind {
        Kind::Exception => {
            "<p class=\"small\">期限が来るか、事実が変われば、例外は効力を失い、違反として扱われます。</p>\n"
        }
        Kind::Permit => {
            "<table>\n<tr><th>守ること</th><td>□ 使う前にウイルススキャンをする（規程第11条第2項）\n\
             □ 院内だけで使い、外部に持ち出さない（同条第3項）\n\
             □ 使い終わったら内容を消し、定めた場所に返す</td></tr>\n\
             <tr><th>使用前のスキャン</th><td>実施日　　　年　　月　　日　　ソフトウェア　　　　　　　　結果　　　　　</td></tr>\n</table>\n"
        }
    });
    decision(&mut page, application);
    page.push_str("</body></html>\n");
    page
}

fn exception(page: &mut String, row: Option<&Row>, application: Option<&Application>) {
    let row = match row {
        Some(Row::Exceptions(row)) => Some(row),
        _ => None,
    };
    line(page, "規則", &row.map(|row| rule(&row.rule)).unwrap_or_default());
    line(page, "機器", &row.map(|row| row.device.to_string()).unwrap_or_default());
    line(page, "対象", &row.map(|row| row.subject.clone()).unwrap_or_default());
    line(page, "期限（最後の日）", &day(row.map(|row| row.expires_on)));
    tall(page, "理由", &application.map(|one| one.reason.clone()).unwrap_or_default());
    tall(page, "代わりの対策", &row.and_then(|row| row.measure.clone()).unwrap_or_default());
}

fn permit(page: &mut String, row: Option<&Row>, application: Option<&Application>) {
    let row = match row {
        Some(Row::Media(row)) => Some(row),
        _ => None,
    };
    let part = |text: Option<&Option<String>>| text.cloned().flatten().unwrap_or_default();
    line(page, "媒体の管理番号", &row.map(|row| row.media_id.clone()).unwrap_or_default());
    let numbers = row.map(|row| {
        let (vendor, product) = (part(Some(&row.vendor_id)), part(Some(&row.product_id)));
        format!("{vendor}:{product}  シリアル {}", part(Some(&row.serial)))
    });
    line(page, "USB番号・シリアル", &numbers.unwrap_or_default());
    let tick = |wanted| if row.map(|row| row.purpose) == Some(wanted) { "■" } else { "□" };
    let (backup, business) = (tick(MediumPurpose::Backup), tick(MediumPurpose::Business));
    line(page, "目的", &format!("{backup} バックアップ　　{business} 業務上やむを得ない使用（第11条第1項）"));
    line(page, "使う機器", &row.map(|row| row.device.to_string()).unwrap_or_default());
    let from = day(row.and_then(|row| row.approved_from));
    let until = day(row.and_then(|row| row.approved_until));
    line(page, "期間", &format!("{from} から {until} まで"));
    tall(page, "理由", &application.map(|one| one.reason.clone()).unwrap_or_default());
}

/// Who decided, and the places to sign and seal.
fn decision(page: &mut String, application: Option<&Application>) {
    let words = application.and_then(|one| one.decisions.last()).map(|decision| {
        let state = super::words::state_ja(decision.to);
        let own = if decision.own { "（申請者本人による決裁）" } else { "" };
        let at = day(Some(japanese_date(decision.at)));
        format!("{at} {} {state}{own} {}", decision.by, cut(&decision.reason))
    });
    page.push_str("<table>\n");
    let choice = "□ 承認する　　□ 承認しない　　理由:".to_owned();
    line(page, "決裁", &words.unwrap_or(choice));
    page.push_str("</table>\n<table class=\"sign\">\n<tr><th>申請者</th><th>所属長</th><th>管理部門（企画管理者）</th><th>医療情報システム<br>安全管理責任者</th></tr>\n<tr>");
    for _ in 0..4 {
        page.push_str("<td>署名・押印</td>");
    }
    page.push_str("</tr>\n<tr>");
    for _ in 0..4 {
        page.push_str("<th>　　年　　月　　日</th>");
    }
    page.push_str("</tr>\n</table>\n");
}

fn line(page: &mut String, heading: &str, text: &str) {
    page.push_str(&format!("<tr><th>{heading}</th><td>{}</td></tr>\n", escape(&cut(text))));
}

fn tall(page: &mut String, heading: &str, text: &str) {
    let text = escape(&cut(text));
    page.push_str(&format!("<tr class=\"tall\"><th>{heading}</th><td>{text}</td></tr>\n"));
}

/// The page has one side: what is too long for it ends with where the rest is.
fn cut(text: &str) -> String {
    if text.chars().count() <= WORDS_SHOWN_MAX {
        return text.split(['\r', '\n']).filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" ");
    }
    let shown: String = text.chars().take(WORDS_SHOWN_MAX).collect();
    format!("{}…（全文は記録にあります）", shown.replace(['\r', '\n'], " "))
}

fn rule(id: &str) -> String {
    let summary = daicho_rules::articles::rule(id).map_or("", |rule| rule.summary.0);
    format!("{id} {summary}")
}

fn day(day: Option<Date>) -> String {
    day.map_or("　　　　年　　月　　日".to_owned(), |day| {
        format!("{}年{}月{}日", day.year(), day.month(), day.day())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::applications::tests::application;

    #[test]
    fn hostile_words_are_no_markup_and_no_page_has_anything_to_fetch() {
        let mut one = application();
        one.by = "<img src=x onerror=1>".to_owned();
        one.reason = format!("</td><script>alert(1)</script>{}", "長い".repeat(900));
        for kind in [Kind::Exception, Kind::Permit] {
            for page in [page(kind, Some(&one)), page(kind, None)] {
                assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
                assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("url("));
                assert_eq!(page.matches("署名・押印").count(), 4);
            }
        }
        assert!(page(Kind::Exception, Some(&one)).contains("全文は記録にあります"));
    }

    #[test]
    fn a_permits_form_asks_what_article_11_asks() {
        let page = page(Kind::Permit, None);
        for asked in [
            "バックアップ",
            "業務上やむを得ない",
            "ウイルススキャン",
            "持ち出さない",
            "期間",
            "安全管理責任者",
        ] {
            assert!(page.contains(asked), "{asked}");
        }
    }
}
