//! A report as a workbook: a summary, each device, what stood, what cannot be told, what ended. Every cell is text or a
//! number that we counted: nothing of others is a formula.

use daicho_rules::text::Language;
use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};

use super::comma_separated::{article_of, evidence};
use super::{ARTICLES, Report, STANDARDS, Standard, words};

/// Rows of one sheet: Excel's own limit (1 048 576), less the heading.
const ROWS_MAX: usize = 1_048_575;

/// Characters of one cell: Excel's own limit.
const CELL_CHARACTERS_MAX: usize = 32_767;

/// The workbook's bytes.
pub fn bytes(report: &Report, language: Language) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    summary(workbook.add_worksheet(), report, language)?;
    devices(workbook.add_worksheet(), report, language)?;
    standing(workbook.add_worksheet(), report, language)?;
    untold(workbook.add_worksheet(), report, language)?;
    ended(workbook.add_worksheet(), report, language)?;
    workbook.save_to_buffer()
}

fn cell() -> Format {
    Format::new()
        .set_num_format("@")
        .set_text_wrap()
        .set_align(FormatAlign::Top)
        .set_border(FormatBorder::Thin)
}

fn heading() -> Format {
    Format::new().set_bold().set_background_color(Color::RGB(0xEE_EEEE)).set_border(FormatBorder::Thin)
}

fn coloured(state: Standard) -> Format {
    let colour = match state {
        Standard::Violated => 0xFB_D5D5,
        Standard::NotMeasured => 0xE3_E3E3,
        Standard::Undetermined => 0xFF_F2CC,
        Standard::Excepted => 0xDD_E8FB,
        Standard::Satisfied => 0xE2_F3E2,
    };
    cell().set_background_color(Color::RGB(colour))
}

/// A sheet's first row with its widths in characters.
fn begin(sheet: &mut Worksheet, name: &str, columns: &[(String, u16)]) -> Result<(), XlsxError> {
    sheet.set_name(name)?;
    for (place, (title, width)) in (0_u16..).zip(columns) {
        sheet.set_column_width(place, *width)?;
        sheet.write_string_with_format(0, place, title, &heading())?;
    }
    sheet.set_freeze_panes(1, 0)?.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(0, 0)?;
    Ok(())
}

fn write(sheet: &mut Worksheet, row: u32, cells: &[String]) -> Result<(), XlsxError> {
    let format = cell();
    for (place, text) in (0_u16..).zip(cells) {
        let text: String = text.chars().take(CELL_CHARACTERS_MAX).collect();
        sheet.write_string_with_format(row, place, text, &format)?;
    }
    Ok(())
}

fn summary(sheet: &mut Worksheet, report: &Report, language: Language) -> Result<(), XlsxError> {
    let say = |ja, en| words::say(language, ja, en);
    sheet.set_name(say("まとめ", "Summary"))?;
    sheet.set_column_width(0, 44)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    let title = Format::new().set_bold().set_font_size(14);
    let as_of = words::time_in_era(language, report.as_of);
    sheet.write_string_with_format(
        0,
        0,
        say("医療情報システム安全管理 点検報告書", "Report on the safety of the information systems"),
        &title,
    )?;
    sheet.write_string(1, 0, words::say(language, &format!("{as_of} 現在"), &format!("State at {as_of}")))?;
    sheet.write_string(
        2,
        0,
        format!(
            "{} {} – {}",
            say("解消を数える期間:", "What ended is counted from"),
            words::time(report.since),
            words::time(report.as_of)
        ),
    )?;
    sheet.write_string(
        3,
        0,
        format!("{} {} ({})", say("作成:", "made at"), words::time(report.made_at), report.made_by),
    )?;
    let mut row = 4;
    for line in words::grounds(language, report) {
        sheet.write_string(row, 0, line)?;
        row += 1;
    }
    row += 1;
    sheet.write_string_with_format(row, 0, say("条", "article"), &heading())?;
    for (place, state) in (1_u16..).zip(STANDARDS) {
        sheet.set_column_width(place, 14)?;
        sheet.write_string_with_format(row, place, words::standard(language, state), &heading())?;
    }
    sheet.set_column_width(6, 14)?;
    sheet.write_string_with_format(row, 6, say("期間中の解消", "ended in the period"), &heading())?;
    for article in ARTICLES {
        row += 1;
        sheet.write_string_with_format(row, 0, words::article(language, article), &cell())?;
        let counts = report.counts(article);
        for (place, state) in (1_u16..).zip(STANDARDS) {
            let count = counts.get(&state).copied().unwrap_or(0);
            let format = if count == 0 { cell() } else { coloured(state) };
            sheet.write_number_with_format(row, place, number(count), &format.set_num_format("0"))?;
        }
        let ended = report.ended.iter().filter(|ended| ended.article == article).count();
        sheet.write_number_with_format(row, 6, number(ended), &cell().set_num_format("0"))?;
    }
    Ok(())
}

/// Counts of devices stay far below 2^53, where an f64 is exact.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn devices(sheet: &mut Worksheet, report: &Report, language: Language) -> Result<(), XlsxError> {
    let say = |ja, en| words::say(language, ja, en);
    let mut columns = vec![
        (say("機器", "device"), 18),
        (say("ホスト名", "host name"), 18),
        (say("台帳", "ledger"), 12),
        (say("部署", "section"), 16),
        (say("設置場所", "place"), 20),
    ];
    columns.extend(ARTICLES.map(|article| (words::article(language, article), 18)));
    begin(sheet, &say("機器別", "Devices"), &columns)?;
    for (row, device) in (1_u32..).zip(report.devices.iter().take(ROWS_MAX)) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let status = words::status(language, device.status.as_deref());
        let cells = [
            device.device.clone(),
            text(&device.hostname),
            status,
            text(&device.department),
            text(&device.location),
        ];
        write(sheet, row, &cells)?;
        for (place, article) in (5_u16..).zip(ARTICLES) {
            if let Some(state) = device.articles.get(&article) {
                let word = words::standard(language, *state);
                sheet.write_string_with_format(row, place, word, &coloured(*state))?;
            }
        }
    }
    Ok(())
}

fn standing(sheet: &mut Worksheet, report: &Report, language: Language) -> Result<(), XlsxError> {
    let say = |ja, en| words::say(language, ja, en);
    let columns = [
        (say("条", "article"), 8),
        (say("規則", "rule"), 22),
        (say("機器", "device"), 16),
        (say("対象", "subject"), 24),
        (say("対応", "state"), 12),
        (say("内容", "what"), 50),
        (say("発生（日本時間）", "since (Japan time)"), 18),
        (say("だれが、なぜ", "who, why"), 30),
        (say("根拠", "evidence"), 60),
    ];
    begin(sheet, &say("違反と例外", "Violations"), &columns)?;
    for (row, open) in (1_u32..).zip(report.standing.iter().take(ROWS_MAX)) {
        let cells = [
            open.article.to_string(),
            open.rule.clone(),
            open.device.clone(),
            open.subject.clone(),
            words::state(language, open.state),
            open.summary.in_language(language).to_owned(),
            words::time(open.opened_at),
            open.word.as_ref().map(|(by, why)| format!("{by}: {why}")).unwrap_or_default(),
            evidence(&open.evidence),
        ];
        write(sheet, row, &cells)?;
    }
    Ok(())
}

fn untold(sheet: &mut Worksheet, report: &Report, language: Language) -> Result<(), XlsxError> {
    let say = |ja, en| words::say(language, ja, en);
    let columns = [
        (say("条", "article"), 8),
        (say("規則", "rule"), 22),
        (say("機器", "device"), 16),
        (say("判定", "verdict"), 14),
        (say("理由", "reason"), 90),
    ];
    begin(sheet, &say("判定できないもの", "Cannot be told"), &columns)?;
    let mut row = 1;
    for device in &report.devices {
        for rule in &device.rules {
            for reason in &rule.reasons {
                if row > u32::try_from(ROWS_MAX).unwrap_or(u32::MAX) {
                    return Ok(());
                }
                let cells = [
                    article_of(&rule.rule).to_string(),
                    rule.rule.clone(),
                    device.device.clone(),
                    words::standard(language, rule.state),
                    reason.in_language(language).to_owned(),
                ];
                write(sheet, row, &cells)?;
                row += 1;
            }
        }
    }
    Ok(())
}

fn ended(sheet: &mut Worksheet, report: &Report, language: Language) -> Result<(), XlsxError> {
    let say = |ja, en| words::say(language, ja, en);
    let columns = [
        (say("条", "article"), 8),
        (say("規則", "rule"), 22),
        (say("機器", "device"), 16),
        (say("対象", "subject"), 24),
        (say("内容", "what"), 50),
        (say("発生", "from"), 18),
        (say("解消", "to"), 18),
        (say("だれが", "who"), 14),
        (say("理由", "why"), 30),
        (say("根拠", "evidence"), 60),
    ];
    begin(sheet, &say("期間中の解消", "Ended"), &columns)?;
    for (row, one) in (1_u32..).zip(report.ended.iter().take(ROWS_MAX)) {
        let cells = [
            one.article.to_string(),
            one.rule.clone(),
            one.device.clone(),
            one.subject.clone(),
            one.summary.in_language(language).to_owned(),
            words::time(one.opened_at),
            words::time(one.ended_at),
            one.by.clone(),
            one.reason.clone().unwrap_or_default(),
            evidence(&one.evidence),
        ];
        write(sheet, row, &cells)?;
    }
    Ok(())
}
