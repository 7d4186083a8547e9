//! Dates as people in Japan write them: ISO 8601, 2026年5月16日, 令和7年5月16日, R7.5.16, 二〇一九年一月一日.
//!
//! What can be meant in two ways is refused: `7/5/16` may be Reiwa 7 or 2016, `070516` anything.

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

/// Names of an era, from the long to the short, and the year before its first.
const ERAS: [(&[&str], i16); 5] = [
    (&["令和", "令", "r"], 2018),
    (&["平成", "平", "h"], 1988),
    (&["昭和", "昭", "s"], 1925),
    (&["大正", "大", "t"], 1911),
    (&["明治", "明", "m"], 1867),
];

/// Years of an era that are believed. Ends are not checked: 平成33年 stood on papers printed before Reiwa came.
const ERA_YEARS_MAX: i16 = 120;

/// The day that `text` names, if it names one and only one. A time of day and a day of the week after it are ignored.
pub fn parse(text: &str) -> Option<Date> {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect();
    let spaced: String = text.trim().nfkc().flat_map(char::to_lowercase).collect();
    // "2026/5/16 0:00:00" and "2026-05-16T00:00:00Z": the day ends at the space or the T.
    let folded = match spaced.split_once([' ', 't']) {
        Some((day, time)) if time.contains(':') && day.chars().any(|c| c.is_ascii_digit()) => day.to_owned(),
        _ => folded,
    };
    let folded = without_day_of_week(&folded);
    let (era, rest) = split_era(folded);
    // 令和7年度末: the fiscal year ends in March of the next.
    if let Some(year) = rest.strip_suffix("年度末") {
        let year: i16 = arabic(year)?.parse().ok()?;
        return Date::new(full_year(era, year)?.checked_add(1)?, 3, 31).ok();
    }
    let rest = arabic(rest)?;
    let (year, month, day) = split_fields(&rest, era.is_some())?;
    Date::new(full_year(era, year)?, month, day).ok()
}

fn full_year(era: Option<i16>, year: i16) -> Option<i16> {
    match era {
        Some(before) => (1..=ERA_YEARS_MAX).contains(&year).then(|| before + year),
        // Fewer digits than four are an era's year, or a century's; which one is not said.
        None => (1000..=9999).contains(&year).then_some(year),
    }
}

/// Whether nothing but the frame of a date stands there: 令和　　年　　月　　日 of a form, `R  .  .`, or a dash.
pub fn is_blank(text: &str) -> bool {
    let frame =
        |c: char| "年月日/.-・".contains(c) || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}');
    let mut rest: String = text.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect();
    let written = !rest.is_empty();
    for name in ERAS.iter().flat_map(|(names, _)| *names) {
        // An era alone is no frame: `R` may be the begin of anything.
        if rest.len() > name.len() {
            rest = rest.replacen(name, "", 1);
        }
    }
    written && rest.chars().all(frame)
}

fn without_day_of_week(text: &str) -> &str {
    for day in "月火水木金土日".chars() {
        if let Some(date) = text.strip_suffix("曜日").and_then(|text| text.strip_suffix(day)) {
            return date;
        }
    }
    match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((date, day))
            if "月火水木金土日".contains(day.trim_end_matches("曜日").trim_end_matches('曜')) =>
        {
            date
        }
        _ => text,
    }
}

fn split_era(text: &str) -> (Option<i16>, &str) {
    for (names, before) in ERAS {
        for name in names {
            if let Some(rest) = text.strip_prefix(name) {
                return (Some(before), rest.strip_prefix('.').unwrap_or(rest));
            }
        }
    }
    (None, text)
}

/// Chinese numerals as digits: 二〇一九 is 2019, 十二 is 12, 元 is 1. `None` for any other letter.
fn arabic(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut run: Vec<char> = Vec::new();
    for character in text.chars().chain([' ']) {
        if "〇一二三四五六七八九十".contains(character) {
            run.push(character);
            continue;
        }
        if !run.is_empty() {
            out.push_str(&kanji_number(&run)?);
            run.clear();
        }
        match character {
            ' ' => {}
            '元' => out.push('1'),
            '年' | '月' | '日' | '/' | '.' | '-' => out.push(character),
            // What people use as a dash.
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' => out.push('-'),
            digit if digit.is_ascii_digit() => out.push(digit),
            _ => return None,
        }
    }
    Some(out)
}

fn kanji_number(run: &[char]) -> Option<String> {
    let digit = |c: char| "〇一二三四五六七八九".chars().position(|known| known == c);
    let Some(ten) = run.iter().position(|c| *c == '十') else {
        return run.iter().map(|c| digit(*c).map(|value| value.to_string())).collect();
    };
    let value_of = |part: &[char], empty: usize| match part {
        [] => Some(empty),
        [one] => digit(*one),
        _ => None,
    };
    Some((value_of(&run[..ten], 1)? * 10 + value_of(&run[ten + 1..], 0)?).to_string())
}

fn split_fields(text: &str, era: bool) -> Option<(i16, i8, i8)> {
    if !era && text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?));
    }
    // R070516: with its era, six digits have one meaning.
    if era && text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((text[..2].parse().ok()?, text[2..4].parse().ok()?, text[4..].parse().ok()?));
    }
    let (year, month, day) = match text.split_once('年') {
        Some((year, rest)) => {
            let (month, day) = rest.split_once('月')?;
            (year, month, day.strip_suffix('日')?)
        }
        None => {
            let separator = ['/', '.', '-'].into_iter().find(|separator| text.contains(*separator))?;
            let mut parts = text.split(separator);
            let fields = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() {
                return None;
            }
            fields
        }
    };
    let short = month.len() <= 2 && day.len() <= 2 && (if era { year.len() <= 3 } else { year.len() == 4 });
    if !short || [year, month, day].iter().any(|field| !field.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(parse(text).map(|date| date.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn western_spellings_are_read() {
        for text in [
            "2026-05-16",
            "2026/5/16",
            "2026.5.16",
            "20260516",
            "2026年5月16日",
            "２０２６／５／１６",
            "2026年 5月16日",
            "2026/05/16 0:00:00",
            "2026-05-16T00:00:00Z",
            "2026年5月16日(土)",
            "二〇二六年五月十六日",
            "2026年5月16日土曜日",
        ] {
            check(text, Some("2026-05-16"));
        }
    }

    #[test]
    fn eras_are_read() {
        for text in [
            "令和7年5月16日",
            "R7.5.16",
            "Ｒ７．５．１６",
            "r7/5/16",
            "令7-5-16",
            "㋿7年5月16日",
            "R.7.5.16",
            "R070516",
        ] {
            check(text, Some("2025-05-16"));
        }
        check("令和元年5月1日", Some("2019-05-01"));
        check("H31.4.30", Some("2019-04-30"));
        check("S64.1.7", Some("1989-01-07"));
        check("平成33年3月31日", Some("2021-03-31"));
    }

    #[test]
    fn the_end_of_a_fiscal_year_is_in_march_of_the_next() {
        for text in ["令和7年度末", "Ｒ７年度末", "2025年度末", "令和七年度末"] {
            check(text, Some("2026-03-31"));
        }
        check("令和元年度末", Some("2020-03-31"));
        check("7年度末", None);
        check("年度末", None);
    }

    #[test]
    fn a_form_that_nobody_filled_in_is_blank_and_half_of_one_is_not() {
        for text in [
            "令和　　年　　月　　日",
            "　年　月　日",
            "R  .  .",
            "平成・令和　　年　　月　　日",
            "－",
            "　/　/　",
        ] {
            assert!(is_blank(text), "{text}");
        }
        for text in ["", "　", "令和7年　　月　　日", "令和　　年　　月　1日", "R", "令和", "未定", "元年"]
        {
            assert!(!is_blank(text), "{text}");
        }
    }

    #[test]
    fn what_can_be_meant_in_two_ways_or_none_is_refused() {
        for text in [
            "",
            "7/5/16",
            "26/5/16",
            "070516",
            "5/16/2026",
            "令和　　年　　月　　日",
            "2026-02-29",
            "令和7年5月",
            "2026年度",
            "未定",
            "R0.1.1",
            "2026/5/16/1",
            "45761",
            "+2026-1-1",
        ] {
            check(text, None);
        }
    }
}
