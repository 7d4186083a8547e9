//! One unit file and its drop-ins, systemd.syntax(7): what we need of it.

/// What a unit's files say, later ones over earlier ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Parsed {
    pub(super) description: Option<String>,
    /// The program of the first `ExecStart=`.
    pub(super) program: Option<String>,
    /// `tcp` or `udp` and the address of each `ListenStream=` and `ListenDatagram=`.
    listens: Vec<(&'static str, String)>,
    /// The unit that a socket, a timer or a path starts, where it is not the service of its own name.
    starts: Option<String>,
    /// Whether a socket starts one instance of a template for each connection (`Accept=yes`).
    for_each: bool,
    /// Whether `[Install]` says how to enable it.
    pub(super) installable: bool,
    /// Whether `[Install]` names other units to enable with it.
    pub(super) also: bool,
    /// The names that enabling it makes, `Alias=`.
    pub(super) aliases: Vec<String>,
    /// The instance that enabling its template makes, `DefaultInstance=`.
    pub(super) default_instance: Option<String>,
}

impl Parsed {
    /// Reads one file over what earlier ones said.
    pub(in super::super) fn add(&mut self, text: &str) {
        let mut section = "";
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let line = line.trim();
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                continue;
            }
            // A line that ends in a backslash goes on in the next one; of a command only its beginning matters to us.
            let mut last = line;
            while last.ends_with('\\') {
                last = lines.next().unwrap_or_default().trim();
            }
            let Some((key, value)) = line.trim_end_matches('\\').split_once('=') else { continue };
            self.set(section, key.trim(), value.trim());
        }
    }

    fn set(&mut self, section: &str, key: &str, value: &str) {
        let given = (!value.is_empty()).then(|| value.to_owned());
        match (section, key) {
            ("Unit", "Description") => self.description = given,
            // An empty value forgets the earlier ones.
            ("Service", "ExecStart") if value.is_empty() => self.program = None,
            ("Service", "ExecStart") if self.program.is_none() => self.program = program(value),
            ("Socket", "ListenStream") => self.listen("tcp", value),
            ("Socket", "ListenDatagram") => self.listen("udp", value),
            ("Socket", "Accept") => self.for_each = matches!(value, "yes" | "true" | "on" | "1"),
            ("Socket", "Service") | ("Timer" | "Path", "Unit") => self.starts = given,
            ("Install", "WantedBy" | "RequiredBy" | "UpheldBy") => self.installable |= given.is_some(),
            ("Install", "Alias") => {
                self.aliases.extend(value.split_whitespace().map(str::to_owned));
                self.installable |= given.is_some();
            }
            ("Install", "Also") => self.also |= given.is_some(),
            ("Install", "DefaultInstance") => self.default_instance = given,
            _ => {}
        }
    }

    fn listen(&mut self, protocol: &'static str, value: &str) {
        if value.is_empty() {
            self.listens.retain(|(kind, _)| *kind != protocol);
        } else {
            self.listens.push((protocol, value.to_owned()));
        }
    }

    /// Whether the socket `tcp/[::]:22` is one that this unit asks for. Ports decide: how systemd writes the address of
    /// "any" depends on the machine.
    pub(super) fn listens_on(&self, socket: &str) -> bool {
        let Some((protocol, address)) = socket.split_once('/') else { return false };
        let port = |text: &str| text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
        let wanted = port(address);
        wanted.is_some()
            && self.listens.iter().any(|(kind, value)| *kind == protocol && port(value) == wanted)
    }

    pub(in super::super) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    pub(in super::super) fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    /// Whether `[Install]` says how to enable it.
    pub(in super::super) fn can_be_enabled(&self) -> bool {
        self.installable
    }

    /// What the unit of this name starts: systemd.socket(5), systemd.timer(5), systemd.path(5).
    pub(in super::super) fn triggers(&self, name: &str) -> Option<String> {
        let (stem, kind) = name.rsplit_once('.')?;
        if !matches!(kind, "socket" | "timer" | "path") {
            return None;
        }
        Some(match &self.starts {
            Some(unit) => expanded(unit, name),
            None if self.for_each && kind == "socket" => format!("{stem}@.service"),
            None => format!("{stem}.service"),
        })
    }
}

/// The program of a command line: behind the prefixes of systemd.service(5), up to the first space.
fn program(command: &str) -> Option<String> {
    let command = command.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let word = match command.strip_prefix('"') {
        Some(rest) => rest.split('"').next(),
        None => command.split_whitespace().next(),
    };
    word.filter(|word| !word.is_empty()).map(str::to_owned)
}

/// A text of a unit with its own names put in: the specifiers of systemd.unit(5) that only need the name.
pub(super) fn expanded(text: &str, name: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut whole = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '%' { letters.next() } else { None }) {
            ('%', Some('i' | 'I')) => whole.push_str(instance),
            ('%', Some('p' | 'P')) => whole.push_str(prefix),
            ('%', Some('n')) => whole.push_str(name),
            ('%', Some('N')) => whole.push_str(stem),
            ('%', Some('%')) => whole.push('%'),
            ('%', Some(other)) => whole.extend(['%', other]),
            (letter, _) => whole.push(letter),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_in_replaces_the_program() {
        let mut unit = Parsed::default();
        unit.add(
            "[Unit]\nDescription=A\n[Service]\nExecStart=-/usr/sbin/a -D $OPTIONS\n[Install]\nWantedBy=x\n",
        );
        assert_eq!(unit.program.as_deref(), Some("/usr/sbin/a"));
        assert!(unit.installable);
        unit.add(
            "[Service]\n# ExecStart=/no\nExecStart=\nExecStart=\"/opt/a b/c\" --x\n[Unit]\nDescription=B\n",
        );
        assert_eq!(unit.program.as_deref(), Some("/opt/a b/c"));
        assert_eq!(unit.description.as_deref(), Some("B"));
    }

    #[test]
    fn a_line_that_goes_on_is_no_line_of_its_own() {
        let mut unit = Parsed::default();
        unit.add(
            "[Install]\nX=a \\\n  WantedBy=multi-user.target \\\nAlias=b.service\n[Service]\nExecStart=/x\\",
        );
        assert!(!unit.installable && unit.aliases.is_empty());
        assert_eq!(unit.program.as_deref(), Some("/x"));
    }

    #[test]
    fn a_socket_is_known_by_protocol_and_port() {
        let mut unit = Parsed::default();
        unit.add("[Socket]\nListenStream=22\nListenStream=/run/x\nListenDatagram=[::1]:69\n");
        assert!(unit.listens_on("tcp/[::]:22") && unit.listens_on("udp/[::1]:69"));
        assert!(
            !unit.listens_on("udp/0.0.0.0:22") && !unit.listens_on("tcp/0.0.0.0:23") && !unit.listens_on("x")
        );
    }

    #[test]
    fn what_a_unit_starts_is_told_by_its_kind_and_its_files() {
        let check = |name: &str, text: &str, expected: Option<&str>| {
            let mut unit = Parsed::default();
            unit.add(text);
            assert_eq!(unit.triggers(name).as_deref(), expected, "{name}");
        };
        check("a.service", "", None);
        check("a.timer", "", Some("a.service"));
        check("apt-daily.timer", "[Timer]\nUnit=evil.service\n", Some("evil.service"));
        check("telnet.socket", "[Socket]\nAccept=yes\n", Some("telnet@.service"));
        check("a.socket", "[Socket]\nAccept=no\nService=b.service\n", Some("b.service"));
        check("a@x.path", "[Path]\nUnit=b@%i.service\n", Some("b@x.service"));
    }

    #[test]
    fn names_are_put_where_the_text_wants_them() {
        assert_eq!(
            expanded("%p of %i, %% %n %z %", "getty@tty1.service"),
            "getty of tty1, % getty@tty1.service %z %"
        );
    }
}
