//! A machine whose clock was wrong says nothing of when a medium was used on it: neither how long ago, nor before or after
//! its use on another one.

use crate::articles::words;
use crate::linking::Elsewhere;
use crate::record::Sighting;
use crate::record::clock::WrongClock;
use crate::text::Text;

/// Why it cannot be told how long ago it was seen here, where that is so.
pub(super) fn distance(sighting: &Sighting) -> Option<Text> {
    let clock = sighting.wrong_clock?;
    Some(doubt(
        sighting,
        None,
        clock,
        "どれだけの間確認されていないか、わかりません",
        "how long it has not been seen cannot be told",
    ))
}

/// Why it cannot be told whether another machine saw it later, where that is so.
pub(super) fn order(sighting: &Sighting, elsewhere: &[&Elsewhere]) -> Option<Text> {
    let own = sighting.wrong_clock;
    let device = |seen: &&&Elsewhere| match (own, seen.wrong_clock) {
        (None, None) => false,
        // It was heard of there before it was seen here.
        (None, Some(clock)) => clock.received_at > sighting.last_at,
        (Some(_), _) => true,
    };
    let seen = elsewhere.iter().find(device)?;
    let (place, clock) = match (own, seen.wrong_clock) {
        (Some(clock), _) => (None, clock),
        (None, clock) => (Some(seen.device.as_str()), clock?),
    };
    let (ja, en) = (
        format!("「{}」での使用との前後がわかりません", seen.device),
        format!("whether it was used on {} before or after that cannot be told", seen.device),
    );
    Some(doubt(sighting, place, clock, &ja, &en))
}

/// `place`: the device whose clock was wrong; `None`: this one.
fn doubt(sighting: &Sighting, place: Option<&str>, clock: WrongClock, ja: &str, en: &str) -> Text {
    let subject = sighting.medium.subject();
    let (place_ja, place_en) = match place {
        None => ("この機器".to_owned(), "this device".to_owned()),
        Some(device) => (format!("「{device}」"), device.to_owned()),
    };
    let minutes = clock.ahead_seconds.unsigned_abs() / 60;
    let (side_ja, side_en) = if clock.ahead_seconds < 0 { ("遅れ", "behind") } else { ("進み", "ahead") };
    Text::new(
        format!(
            "媒体「{subject}」の使用を知らせた{place_ja}の時計が、{minutes}分以上の{side_ja}でした（{}に受信）。{ja}。時計を合わせ、媒体の所在を確かめてください。",
            words::moment_ja(clock.received_at)
        ),
        format!(
            "The clock of {place_en} was {side_en} by at least {minutes} minutes when it told of medium {subject} (received at {}): {en}. Set the clock right, and find out where the medium is.",
            words::moment_en(clock.received_at)
        ),
    )
}
