//! qemu's monitor: commands and events as lines of JSON (QEMU Machine Protocol).

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::PATIENCE;
use super::bound::Bound;
use crate::programs::until_within;

pub(super) struct Monitor {
    lines: BufReader<UnixStream>,
    /// What happened and nobody has asked for yet.
    events: VecDeque<Value>,
}

impl Monitor {
    /// Waits until qemu listens, and begins.
    pub(super) fn connect(socket: &Path, qemu: &Bound) -> Self {
        let stream = until_within(PATIENCE, "qemu's monitor", || {
            assert!(!qemu.ended(), "qemu ended; see qemu.log beside {}", socket.display());
            UnixStream::connect(socket).ok()
        });
        stream.set_read_timeout(Some(PATIENCE)).expect("a time above 0");
        let mut monitor = Monitor { lines: BufReader::new(stream), events: VecDeque::new() };
        monitor.read();
        monitor.execute("qmp_capabilities", &json!({})).expect("no capability is asked for");
        monitor
    }

    /// Answers what it returns, or its complaint.
    pub(super) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, String> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string();
        writeln!(self.lines.get_mut(), "{line}").map_err(|error| format!("qemu does not listen: {error}"))?;
        loop {
            let mut answer = self.read();
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.get("error") {
                return Err(error["desc"].as_str().unwrap_or_default().to_owned());
            }
            if answer.is_null() {
                return Err("qemu hung up".to_owned());
            }
            self.events.push_back(answer);
        }
    }

    /// Takes the first event of this name whose data fit.
    pub(super) fn wait_for(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let fitting = |event: &Value| event["event"] == name && fits(&event["data"]);
            if let Some(at) = self.events.iter().position(fitting) {
                return self.events.remove(at).map(|mut event| event["data"].take()).unwrap_or_default();
            }
            let event = self.read();
            assert!(!event.is_null(), "qemu hung up before {name}");
            self.events.push_back(event);
        }
    }

    /// The next line; null where qemu has ended.
    fn read(&mut self) -> Value {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(_) => serde_json::from_str(&line).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Value::Null,
            Err(error) => panic!("qemu's monitor said nothing for {} s: {error}", PATIENCE.as_secs()),
        }
    }
}
