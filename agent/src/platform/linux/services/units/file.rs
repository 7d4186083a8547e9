//! One unit file and its drop-ins, systemd.syntax(7): what we need of it.

/// What a unit's files say, later ones over earlier ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Parsed {
    pub(super) description: Option<String>,
    /// The program of the first `ExecStart=`.
    pub(super) program: Option<String>,
    /// `tcp` or `udp` and the address of each `ListenStream=` and `ListenDatagram=`.
    listens: Vec<(&'static str, String)>,
    /// Whether `[Install]` says how to enable it.
    pub(super) installable: bool,
}

impl Parsed {
    /// Reads one file over what earlier ones said.
    pub(super) fn add(&mut self, text: &str) {
        let mut section = "";
        for line in text.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match (section, key.trim()) {
                ("Unit", "Description") => {
                    self.description = Some(value.to_owned()).filter(|text| !text.is_empty());
                }
                // An empty value forgets the earlier ones.
                ("Service", "ExecStart") if value.is_empty() => self.program = None,
                ("Service", "ExecStart") if self.program.is_none() => self.program = program(value),
                ("Socket", "ListenStream") => self.listen("tcp", value),
                ("Socket", "ListenDatagram") => self.listen("udp", value),
                ("Install", "WantedBy" | "RequiredBy" | "UpheldBy" | "Alias" | "Also") => {
                    self.installable = true;
                }
                _ => {}
            }
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
    fn a_socket_is_known_by_protocol_and_port() {
        let mut unit = Parsed::default();
        unit.add("[Socket]\nListenStream=22\nListenStream=/run/x\nListenDatagram=[::1]:69\n");
        assert!(unit.listens_on("tcp/[::]:22") && unit.listens_on("udp/[::1]:69"));
        assert!(
            !unit.listens_on("udp/0.0.0.0:22") && !unit.listens_on("tcp/0.0.0.0:23") && !unit.listens_on("x")
        );
    }
}
