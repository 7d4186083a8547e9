//! An agent to which nothing happens: what it costs its machine. Two minutes, or `DAICHO_IDLE_MINUTES`.

use std::time::{Duration, Instant};

use daicho_tests::site::Site;
use daicho_tests::virtual_machine::VirtualMachine;

/// The budget: memory in use, and the share of a core.
const RSS_MEGABYTES_MAX: f64 = 10.0;
const CORE_PERCENT_MAX: f64 = 0.02;

/// What the kernel has counted for the agent: memory in kB, CPU time of its control group in µs (threads that ended are
/// in it), and how often any of its threads went to sleep by itself, which is how often it woke.
const COUNT: &str = "pid=$(systemctl show -P MainPID daicho-agent)
awk '/^VmRSS/ { print $2 }' /proc/$pid/status
awk '/^usage_usec/ { print $2 }' /sys/fs/cgroup/system.slice/daicho-agent.service/cpu.stat
cat /proc/$pid/task/*/status | awk '/^voluntary_ctxt/ { n += $2 } END { print n }'
for task in /proc/$pid/task/*; do echo \"$(cat $task/comm) $(awk '/^voluntary_ctxt/ { print $2 }' $task/status)\"; done";

struct Count {
    rss_megabytes: f64,
    cpu: Duration,
    wakes: u64,
    threads: String,
}

fn count(machine: &VirtualMachine) -> Count {
    let said = machine.run(COUNT);
    let mut lines = said.lines();
    let mut number =
        || lines.next().and_then(|line| line.parse::<u64>().ok()).expect("a number of the kernel's");
    let (kilobytes, micros, wakes) = (number(), number(), number());
    let threads = lines.collect::<Vec<_>>().join(", ");
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let rss_megabytes = kilobytes as f64 / 1024.0;
    Count { rss_megabytes, cpu: Duration::from_micros(micros), wakes, threads }
}

#[test]
fn an_agent_to_which_nothing_happens_hardly_wakes() {
    let Some(machine) = VirtualMachine::boot() else { return };
    let site = Site::start("");
    machine.install_agent(&site);
    machine.wait_until_told();

    let minutes = std::env::var("DAICHO_IDLE_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let length = Duration::from_secs_f64(60.0 * minutes);
    let (before, begun) = (count(&machine), Instant::now());
    while begun.elapsed() < length {
        // Nothing is awaited: the time itself is what is measured.
        std::thread::park_timeout(length.saturating_sub(begun.elapsed()));
    }
    let (after, passed) = (count(&machine), begun.elapsed());

    let cpu = (after.cpu - before.cpu).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let wakes = (after.wakes - before.wakes) as f64 / passed.as_secs_f64() * 60.0;
    println!("idle for {:.1} minutes on an emulated processor:", passed.as_secs_f64() / 60.0);
    println!("  memory  {:.1} MB RSS        (budget {RSS_MEGABYTES_MAX} MB)", after.rss_megabytes);
    println!(
        "  CPU     {cpu:.3} s, {:.3} % of a core (budget {CORE_PERCENT_MAX} % of a real one; emulation costs 10 to 20 times as much)",
        cpu / passed.as_secs_f64() * 100.0
    );
    println!("  wakes   {wakes:.1} a minute");
    println!("  threads, and how often each woke since it began: {}", after.threads);
    // A thread that looks for work once a second would alone be 60; a count and no time, so emulation does not blur it.
    // Two minutes hold at most one look that was due, whatever its threads are.
    assert!(wakes < 60.0, "{wakes} wake-ups a minute of an agent to which nothing happens");
}
