//! Where the collector is: `HOST:PORT`, checked at the door.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::ServerName;

/// A host by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host's name, or its address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    name: ServerName<'static>,
}

/// A text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST:PORT, such as daicho.example.jp:7443 or [2001:db8::1]:7443")]
pub struct NoAddress;

impl Address {
    /// The name that the collector's certificate has to carry.
    pub fn server_name(&self) -> ServerName<'static> {
        self.name.clone()
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NoAddress)?;
        let bare = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or(NoAddress)?,
            None if host.contains(':') => return Err(NoAddress),
            None => host,
        };
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(NoAddress)?;
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| NoAddress)?;
        Ok(Address { host: bare.to_owned(), port, name })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_reading_and_printing() {
        for text in ["daicho.example.jp:7443", "10.0.0.1:1", "[2001:db8::1]:65535"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:70000",
            ":7443",
            "::1:7443",
            "[::1:7443",
            "a b:1",
            "https://a:1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text}");
        }
    }
}
