//! One run of a program with what it took, as the kernel accounts it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a command to its end, or ends it after a minute; prints what it took as JSON.
const MEASURE: &str = "import json, os, signal, subprocess, sys, time
begun = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
signal.signal(signal.SIGALRM, lambda *_: child.kill())
signal.alarm(60)
out = child.stdout.read()
_, status, used = os.wait4(child.pid, 0)
print(json.dumps({'status': os.waitstatus_to_exitcode(status), 'seconds': time.monotonic() - begun,
    'cpu': used.ru_utime + used.ru_stime, 'kibibytes': used.ru_maxrss, 'out': out.decode('utf-8', 'replace')}))";

/// What a run took.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Its exit status; negative: the signal that ended it.
    pub status: i64,
    /// From its start to its end.
    pub seconds: f64,
    /// Of the processor, in user and kernel.
    pub cpu_seconds: f64,
    /// The most memory that it held at once.
    pub peak_megabytes: f64,
    /// What it printed, on both streams.
    pub out: String,
}

/// Runs a program and measures it. What python3 itself holds before it becomes the program, about 10 MB, is the least
/// that can be told.
pub fn measure(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Measured {
    let mut python = Command::new("python3");
    python.args(["-c", MEASURE]).arg(program).args(arguments);
    python.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
    let output = python.envs(environment.iter().copied()).output().expect("python3 measures the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("the measuring program's own words");
    let number = |key: &str| told[key].as_f64().unwrap_or_default();
    Measured {
        status: told["status"].as_i64().unwrap_or_default(),
        seconds: number("seconds"),
        cpu_seconds: number("cpu"),
        peak_megabytes: number("kibibytes") / 1024.0,
        out: told["out"].as_str().unwrap_or_default().to_owned(),
    }
}
