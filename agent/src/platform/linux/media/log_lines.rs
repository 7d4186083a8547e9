//! Lines of the files in which syslog daemons keep the kernel's messages. Pure.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::kernel_log::KernelLog;

/// A daemon that starts with the machine writes the messages of the first seconds with its own, later time. For as long
/// the kernel's clock is the better one; later the machine may have slept, and that clock with it.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// Clocks differ, and a line may be a moment ahead of us.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Messages of one boot's first minutes that are held until its beginning is known: a server prints some 2 000.
const EARLY_LINES_MAX: usize = 10_000;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// One line that the kernel spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line<'a> {
    at: Timestamp,
    /// The kernel's own clock, since the machine started.
    uptime: Option<SignedDuration>,
    message: &'a str,
}

/// Takes lines in, oldest first, and hands the kernel's messages on.
pub(super) struct LogLines {
    zone: TimeZone,
    now: Timestamp,
    since: Timestamp,
    early: Vec<(Timestamp, SignedDuration, String)>,
}

impl LogLines {
    /// `zone` is the machine's: old daemons write neither it nor the year. Lines before `since` are passed over.
    pub(super) fn new(zone: TimeZone, now: Timestamp, since: Timestamp) -> Self {
        LogLines { zone, now, since, early: Vec::new() }
    }

    /// One line, of whoever.
    pub(super) fn take(&mut self, line: &str, log: &mut KernelLog) {
        let Some(line) = parse(line, &self.zone, self.now) else {
            return;
        };
        if line.at < self.since {
            return;
        }
        if line.message.starts_with("Linux version ") {
            self.finish(log);
        }
        match line.uptime {
            Some(uptime) if uptime < EARLY && self.early.len() < EARLY_LINES_MAX => {
                self.early.push((line.at, uptime, line.message.to_owned()));
            }
            _ => {
                self.finish(log);
                log.take(line.at, line.message);
            }
        }
    }

    /// Hands on what was held. The line that was written least late says when the machine started.
    pub(super) fn finish(&mut self, log: &mut KernelLog) {
        let started = self.early.iter().filter_map(|(at, uptime, _)| at.checked_sub(*uptime).ok()).min();
        for (at, uptime, message) in self.early.drain(..) {
            let at = started.and_then(|started| started.checked_add(uptime).ok()).unwrap_or(at);
            log.take(at, &message);
        }
    }
}

/// `Nov  2 20:00:00 host kernel: [   12.345678] usb 1-2: ...`, the same with RFC 3339's time, with a priority before
/// `kernel` (busybox), with the number of a thread after the clock. Other speakers are `None`, whatever they say.
fn parse<'a>(line: &'a str, zone: &TimeZone, now: Timestamp) -> Option<Line<'a>> {
    let (at, rest) = if line.as_bytes().first()?.is_ascii_digit() {
        let (time, rest) = line.split_once(' ')?;
        (time.parse::<Timestamp>().ok()?, rest)
    } else {
        traditional(line, zone, now)?
    };
    let (_host, rest) = rest.split_once(' ')?;
    let (speaker, message) = rest.split_once(": ")?;
    let mut speaker = speaker.rsplit(' ');
    let is_kernel = speaker.next() == Some("kernel");
    // Before it stands nothing, or busybox's facility and level.
    let priority = speaker.next().is_none_or(|priority| priority.starts_with("kern."));
    if !is_kernel || !priority || speaker.next().is_some() || at > now.checked_add(AHEAD).ok()? {
        return None;
    }
    let mut message = message.trim_start();
    let mut uptime = None;
    while let Some((clock, rest)) = message.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        uptime = uptime.or_else(|| seconds(clock));
        message = rest.trim_start();
    }
    Some(Line { at, uptime, message })
}

/// `Nov  2 20:00:00 `: local time, of the last year in which it is not ahead of us.
fn traditional<'a>(line: &'a str, zone: &TimeZone, now: Timestamp) -> Option<(Timestamp, &'a str)> {
    let month = line.get(..3)?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let day: i8 = line.get(4..6)?.trim_start().parse().ok()?;
    let time = line.get(7..15)?;
    let mut parts = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let time = Time::new(hour, minute, second, 0).ok()?;
    let limit = now.checked_add(AHEAD).ok()?;
    let this_year = zone.to_datetime(now).year();
    // Eight years back is the longest that a 29th of February is away.
    let at = (this_year.saturating_sub(8)..=this_year.saturating_add(1)).rev().find_map(|year| {
        let date = Date::new(year, i8::try_from(month + 1).ok()?, day).ok()?;
        let at = zone.to_ambiguous_timestamp(DateTime::from_parts(date, time)).compatible().ok()?;
        (at <= limit).then_some(at)
    })?;
    Some((at, line.get(15..)?.strip_prefix(' ')?))
}

/// `   12.345678`.
fn seconds(clock: &str) -> Option<SignedDuration> {
    let (whole, part) = clock.trim().split_once('.')?;
    let micros: i64 = (part.len() == 6).then(|| part.parse().ok())??;
    let whole: i64 = whole.parse().ok()?;
    Some(SignedDuration::from_micros(whole.checked_mul(1_000_000)?.checked_add(micros)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tokyo() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(9))
    }

    const NOW: &str = "2026-01-03T00:00:00Z";

    #[test]
    fn each_daemons_time_is_read() {
        let message = "usb 1-2: USB disconnect, device number 5";
        for (head, moment) in [
            ("Jan  3 08:00:01 sv01 kernel: ", "2026-01-02T23:00:01Z"),
            ("Dec 31 20:00:00 sv01 kernel: [  812.123456] ", "2025-12-31T11:00:00Z"),
            (
                "2026-01-02T08:00:00.250000+09:00 sv01 kernel: [  812.123456][   T23] ",
                "2026-01-01T23:00:00.25Z",
            ),
            ("Jan  2 09:00:00 alpine kern.info kernel: [  812.123456] ", "2026-01-02T00:00:00Z"),
        ] {
            let line = format!("{head}{message}");
            let read = parse(&line, &tokyo(), at(NOW)).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((read.at, read.message), (at(moment), message), "{line}");
        }
    }

    #[test]
    fn other_speakers_do_not_count() {
        for line in [
            "Jan  2 08:00:01 sv01 tanaka: kernel: usb 1-2: USB disconnect, device number 5",
            "Jan  2 08:00:01 sv01 kernel[12]: usb 1-2: USB disconnect, device number 5",
            "Jan  2 08:00:01 sv01 app kernel: usb 1-2: USB disconnect, device number 5",
            "Jan  2 08:00:01 sv01 user.notice kernel: usb 1-2: USB disconnect, device number 5",
            "Jan 33 08:00:01 sv01 kernel: usb 1-2: x",
            "2027-01-02T08:00:00+09:00 sv01 kernel: usb 1-2: x",
            "外科  2 08:00:01 sv01 kernel: usb 1-2: x",
            "",
        ] {
            assert_eq!(parse(line, &tokyo(), at(NOW)), None, "{line}");
        }
    }

    #[test]
    fn what_was_said_before_the_daemon_ran_is_dated_by_the_kernels_clock() {
        let mut lines = LogLines::new(tokyo(), at(NOW), at("2025-12-01T00:00:00Z"));
        let mut log = KernelLog::default();
        for line in [
            "2026-01-02T08:00:30+09:00 a kernel: [    0.000000] Linux version 6.1.0-30-amd64",
            "2026-01-02T08:00:30+09:00 a kernel: [    2.000000] usb 1-2: new high-speed USB device number 2 using xhci_hcd",
            "2026-01-02T08:00:30+09:00 a kernel: [    2.100000] usb 1-2: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00",
            "2026-01-02T08:00:30+09:00 a kernel: [   20.000000] systemd[1]: started",
            "2026-01-02T08:10:10+09:00 a kernel: [  600.000000] usb 1-2: USB disconnect, device number 2",
        ] {
            lines.take(line, &mut log);
        }
        lines.finish(&mut log);
        let connections = log.finish();
        let times: Vec<_> = connections.iter().map(|it| (it.from, it.until)).collect();
        assert_eq!(times, [(at("2026-01-01T23:00:12Z"), Some(at("2026-01-01T23:10:10Z")))]);
    }

    #[test]
    fn no_line_makes_the_reader_panic() {
        let mut chance = fastrand::Rng::with_seed(13);
        let seeds: [&[u8]; 2] = [
            b"Feb 29 20:00:00 sv01 kernel: [    2.000000] usb 1-2: x",
            b"2026-01-02T08:00:30+09:00 a kernel: [    2.000000] usb 1-2: x",
        ];
        for _ in 0..5_000 {
            let mut bytes = seeds[chance.usize(..2)].to_vec();
            for _ in 0..chance.usize(1..5) {
                let place = chance.usize(..bytes.len());
                bytes[place] = chance.u8(..);
            }
            let mut lines = LogLines::new(tokyo(), at(NOW), Timestamp::UNIX_EPOCH);
            lines.take(&String::from_utf8_lossy(&bytes), &mut KernelLog::default());
        }
    }
}
