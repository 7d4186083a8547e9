//! A stick is plugged in: the officer has a mail about it. How long that takes, and whether any is missed.

use std::time::Duration;

use daicho_collector::clock::{Clock as _, SystemClock};
use daicho_tests::programs::until;
use daicho_tests::virtual_machine::usb::contents;
use jiff::Timestamp;
use serde_json::Value;

use crate::hospital::{Hospital, UNAPPROVED};

/// How often; the first is not counted, because everything is cold.
const TIMES: usize = 30;

/// Of one stick, in seconds.
struct Shares {
    /// From the order to plug in to the mail server's answer, by the host's clock.
    whole: f64,
    /// From the kernel's own message to the agent's observation, by the machine's clock.
    machine: f64,
    /// From the collector's taking in to the mail server's answer.
    collector: f64,
}

#[test]
fn thirty_sticks_are_all_seen_none_twice_and_told_by_mail_until_the_ledger_approves_one() {
    let Some(mut hospital) = Hospital::open(&[]) else { return };
    let folder = hospital.machine.folder();
    let stick = contents::fat(&folder, "stick", "STICK", 0xA000_0001);
    let mut plugged_at = Vec::new();
    for number in 0..=TIMES {
        let serial = serial(number);
        plugged_at.push(SystemClock.now());
        hospital.machine.plug_stick("stick", &stick, &serial);
        until(&format!("a mail about {serial}"), || {
            hospital.postfix.mails().into_iter().find(|mail| mail.body.contains(&serial))
        });
        hospital.machine.unplug_stick("stick");
        hospital.wait_for_use("gone", &serial, |sighting| sighting["present"] == false);
    }
    let shares = measured(&mut hospital, &plugged_at);
    print(&shares[1..]);

    hospital.step("each is seen once", |hospital| {
        let sightings = hospital.sightings();
        assert_eq!(sightings.len(), TIMES + 1, "{sightings:?}");
        for number in 0..=TIMES {
            let of_it = |sighting: &&Value| sighting["medium"]["serial"] == *serial(number);
            let uses: Vec<_> = sightings.iter().filter(of_it).map(|sighting| &sighting["uses"]).collect();
            assert_eq!(uses, [&Value::from(1)], "{}", serial(number));
        }
    });
    hospital.step("each is one violation and one mail", |hospital| {
        let mails = hospital.postfix.mails();
        for number in 0..=TIMES {
            let subject = format!("46f4:0001:{}", serial(number));
            let violation = hospital.site.violation(UNAPPROVED, &subject);
            assert_eq!(violation.map(|it| it["state"].clone()), Some("open".into()), "{subject}");
            let told = mails.iter().filter(|mail| mail.body.contains(&serial(number))).count();
            assert_eq!(told, 1, "{subject}");
        }
    });
    hospital.step("what the ledger approves is no violation when it comes again", |hospital| {
        let (approved, other) = (serial(1), serial(2));
        hospital.import(&format!("USB-01,46f4,0001,{approved}"));
        let subject = format!("46f4:0001:{approved}");
        hospital.site.wait_for(UNAPPROVED, &subject, "resolved");
        hospital.machine.plug_stick("stick", &stick, &approved);
        hospital.wait_for_use("again", &approved, |sighting| sighting["uses"] == 2);
        hospital.machine.unplug_stick("stick");
        // Whatever comes of the approved one is there once another one's second use is.
        hospital.machine.plug_stick("stick", &stick, &other);
        hospital.wait_for_use("again", &other, |sighting| sighting["uses"] == 2);
        hospital.site.wait_for(UNAPPROVED, &format!("46f4:0001:{other}"), "open");
        let state = hospital.site.violation(UNAPPROVED, &subject).expect("it is kept")["state"].clone();
        assert_eq!(state, "resolved");
        hospital.machine.unplug_stick("stick");
    });
    hospital.close();
}

fn serial(number: usize) -> String {
    format!("PLUG-{number:04}")
}

fn print(shares: &[Shares]) {
    let tell = |name: &str, mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        println!(
            "{name}: {} times, median {:.3} s, p99 {:.3} s (goals 0.3 s and 1 s on a machine that is not emulated)",
            times.len(),
            times[times.len() / 2],
            times[(times.len() * 99).div_ceil(100) - 1],
        );
    };
    tell("order to plug in -> mail accepted", shares.iter().map(|it| it.whole).collect());
    tell("machine: kernel's message -> observation", shares.iter().map(|it| it.machine).collect());
    tell("collector: taken in -> mail accepted", shares.iter().map(|it| it.collector).collect());
}

fn measured(hospital: &mut Hospital, plugged_at: &[Timestamp]) -> Vec<Shares> {
    let kernel = journal(hospital, "-k");
    let agent = journal(hospital, "-u daicho-agent");
    let collector = hospital.site.collector().log().to_vec();
    let share = |(number, plugged): (usize, &Timestamp)| {
        let serial = serial(number);
        let announced = find(&kernel, &format!("SerialNumber: {serial}"));
        let observed = find(&agent, &format!("Arrived medium=46f4:0001:{serial}"));
        let opened = format!("{serial}\" what=Opened");
        let opened = collector.iter().position(|line| line.contains(&opened)).expect("it was opened");
        let taken = collector[..opened].iter().rfind(|line| line.contains("Observations taken in."));
        let accepted = collector[opened..].iter().find(|line| line.contains("Alert accepted."));
        let (taken, accepted) = (written_at(taken), written_at(accepted));
        Shares {
            whole: accepted.duration_since(*plugged).as_secs_f64(),
            machine: observed.saturating_sub(announced).as_secs_f64(),
            collector: accepted.duration_since(taken).as_secs_f64(),
        }
    };
    plugged_at.iter().enumerate().map(share).collect()
}

/// When the collector wrote this line.
fn written_at(line: Option<&String>) -> Timestamp {
    let line = line.expect("the collector logs what it takes in and what it told");
    let time = line.split_whitespace().next().unwrap_or_default();
    time.parse().unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The messages of one journal, each with the time since boot at which its sender made it.
fn journal(hospital: &Hospital, whose: &str) -> Vec<(Duration, String)> {
    let text = hospital.machine.run(&format!(
        "journalctl -b {whose} -o json --output-fields=MESSAGE,__REALTIME_TIMESTAMP,_SOURCE_MONOTONIC_TIMESTAMP"
    ));
    let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let entries: Vec<Value> = entries.collect();
    let number = |entry: &Value, name: &str| entry[name].as_str().and_then(|text| text.parse::<i64>().ok());
    let told = |entry: &Value| {
        let message = entry["MESSAGE"].as_str()?.to_owned();
        let (written, since_boot) =
            (number(entry, "__REALTIME_TIMESTAMP")?, number(entry, "__MONOTONIC_TIMESTAMP")?);
        // The kernel tells when it spoke; the agent's own lines begin with the time.
        let own = message.split_whitespace().next().and_then(|word| word.parse::<Timestamp>().ok());
        let own = own.map(|own| own.as_microsecond() - written + since_boot);
        let spoken = number(entry, "_SOURCE_MONOTONIC_TIMESTAMP").or(own).unwrap_or(since_boot);
        Some((Duration::from_micros(u64::try_from(spoken).ok()?), message))
    };
    entries.iter().filter_map(told).collect()
}

fn find(journal: &[(Duration, String)], part: &str) -> Duration {
    let found = journal.iter().find(|(_, message)| message.contains(part));
    found.unwrap_or_else(|| panic!("{part:?} is not in the journal")).0
}
