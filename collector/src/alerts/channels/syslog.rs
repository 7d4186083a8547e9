//! Syslog over UDP, TCP and TLS: one line for each notice, for a SIEM.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use daicho_rules::text::Language;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::super::config::{Config, ConfigError, SyslogConfig, SyslogTransport};
use super::super::{tls, wording};
use super::{Capacity, Channel, Failure, Kind, Later, Message, Recipient};

mod line;

use line::Format;

/// `[[alerts.syslog]]`
pub(super) const KIND: Kind = Kind { name: "syslog", recipients };

/// Lines in one delivery: what fails is sent again as a whole.
const LINES_MAX: usize = 500;
/// How long we wait for the server to close after us. One that reads everything closes at once; one that never closes
/// has taken the bytes all the same.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

struct Syslog {
    host: String,
    port: u16,
    transport: Transport,
    format: Format,
    languages: Vec<Language>,
    timeout: Duration,
}

enum Transport {
    Udp,
    Tcp,
    Tls(TlsConnector, ServerName<'static>),
}

fn recipients(config: &Config) -> Result<Vec<Recipient>, ConfigError> {
    let one = |log: &SyslogConfig| {
        let channel = Syslog::open(log, &config.languages)
            .map_err(|(key, reason)| ConfigError::new(format!("syslog.{}.{key}", log.name), reason))?;
        Ok(Recipient::new(log.name.clone(), KIND.name, log.common(), config, Box::new(channel)))
    };
    config.syslog.iter().map(one).collect()
}

impl Syslog {
    fn open(log: &SyslogConfig, languages: &[Language]) -> Result<Self, (&'static str, String)> {
        if !tls::is_host(&log.server) {
            return Err(("server", format!("{:?} is no host name", log.server)));
        }
        if log.facility > 23 {
            return Err(("facility", "must lie between 0 and 23 (RFC 5424, table 1)".to_owned()));
        }
        let transport = match (log.transport, &log.ca_file) {
            (SyslogTransport::Udp, None) => Transport::Udp,
            (SyslogTransport::Tcp, None) => Transport::Tcp,
            (SyslogTransport::Tls, Some(path)) => {
                let client =
                    tls::authority(path).and_then(tls::client).map_err(|reason| ("ca_file", reason))?;
                let name = ServerName::try_from(log.server.clone())
                    .map_err(|error| ("server", format!("cannot be looked for in a certificate: {error}")))?;
                Transport::Tls(TlsConnector::from(Arc::new(client)), name)
            }
            (SyslogTransport::Tls, None) => {
                return Err((
                    "ca_file",
                    "tls needs the authority that signed the server's certificate".to_owned(),
                ));
            }
            (_, Some(_)) => return Err(("ca_file", "is only for transport = \"tls\"".to_owned())),
        };
        let default_port = if matches!(transport, Transport::Tls(..)) { 6514 } else { 514 };
        Ok(Syslog {
            host: log.server.clone(),
            port: log.port.unwrap_or(default_port),
            format: Format::new(log.facility, log.enterprise_number, log.transport),
            transport,
            languages: languages.to_vec(),
            timeout: Duration::from_secs(log.timeout_seconds.into()),
        })
    }

    async fn send(&self, message: &Message) -> io::Result<String> {
        let lines = self.format.lines(message, &self.languages);
        let place = (self.host.as_str(), self.port);
        match &self.transport {
            Transport::Udp => {
                let server = tokio::net::lookup_host(place).await?.next();
                let server = server.ok_or_else(|| io::Error::other("the name has no address"))?;
                let from = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(from).await?;
                socket.connect(server).await?;
                for line in &lines {
                    socket.send(line).await?;
                }
                Ok(format!("{} sent; UDP answers nothing", lines.len()))
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(place).await?;
                write_and_close(stream, &lines).await
            }
            Transport::Tls(connector, name) => {
                let stream = TcpStream::connect(place).await?;
                let stream = connector.connect(name.clone(), stream).await?;
                write_and_close(stream, &lines).await
            }
        }
    }
}

/// Writes all lines with octet counting. Syslog has no acknowledgement: the best there is, is that the server, having
/// read up to our end, closes in its turn instead of resetting the connection.
async fn write_and_close(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    lines: &[Vec<u8>],
) -> io::Result<String> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(format!("{} ", line.len()).as_bytes());
        bytes.extend_from_slice(line);
    }
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    stream.shutdown().await?;
    let mut rest = [0; 64];
    let closed = async {
        loop {
            match stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // TLS servers that close without saying so have read our closing all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    match tokio::time::timeout(CLOSE_PATIENCE, closed).await {
        Ok(result) => result.map(|()| format!("{} sent, the server closed in order", lines.len())),
        Err(_) => Ok(format!("{} sent", lines.len())),
    }
}

impl Channel for Syslog {
    fn address(&self) -> String {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls(..) => "tls",
        };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    fn capacity(&self) -> Capacity {
        Capacity::Batch(LINES_MAX)
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> Later<'a, Result<String, Failure>> {
        Box::pin(async move {
            let place = self.address();
            match tokio::time::timeout(self.timeout, self.send(message)).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(Failure::passing(format!(
                    "the syslog server {place} cannot be told: {}; check server, port, transport and ca_file",
                    wording::answer(&super::chain(&error)),
                ))),
                Err(_) => Err(Failure::passing(format!(
                    "the syslog server {place} did not answer within {} s; look whether it runs",
                    self.timeout.as_secs(),
                ))),
            }
        })
    }
}
