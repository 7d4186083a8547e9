//! Mail over SMTP (RFC 5321): one plain text message for each address.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use daicho_rules::text::Language;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::super::config::{Config, ConfigError, SmtpConfig, SmtpSecurity};
use super::super::templates::Templates;
use super::super::{secret, tls, wording};
use super::{Capacity, Channel, Failure, Kind, Later, Message, Recipient};

/// `[[alerts.email]]`
pub(super) const KIND: Kind = Kind { name: "email", recipients };

/// What a person reads in one sitting; the rest is counted, and `daicho violations` lists it.
const LISTED_MAX: usize = 30;

/// One mail address, and the server that takes its mail.
struct Email {
    from: Mailbox,
    to: Mailbox,
    server: Server,
    languages: Vec<Language>,
    templates: Arc<Templates>,
}

/// How to reach the mail server.
#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    security: SmtpSecurity,
    authority: Option<Vec<u8>>,
    login: Option<(String, secret::Secret)>,
    timeout: Duration,
}

fn recipients(config: &Config) -> Result<Vec<Recipient>, ConfigError> {
    if config.email.is_empty() {
        return Ok(Vec::new());
    }
    let Some(smtp) = &config.smtp else {
        return Err(ConfigError::new("email", "mail needs [alerts.smtp] with server and from"));
    };
    let from = mailbox(&smtp.from).map_err(|reason| ConfigError::new("smtp.from", reason))?;
    let server = Server::parse(smtp, secret::credentials().as_deref())?;
    let templates = Arc::new(Templates::load(config.templates.as_deref())?);
    let mut recipients = Vec::new();
    for email in &config.email {
        if email.to.is_empty() {
            return Err(ConfigError::new(format!("email.{}.to", email.name), "name at least one address"));
        }
        for to in &email.to {
            let to =
                mailbox(to).map_err(|reason| ConfigError::new(format!("email.{}.to", email.name), reason))?;
            let name = format!("{}/{}", email.name, to.email);
            let (from, server, templates) = (from.clone(), server.clone(), templates.clone());
            let channel = Email { from, to, server, languages: config.languages.clone(), templates };
            recipients.push(Recipient::new(name, KIND.name, email.common(), config, Box::new(channel)));
        }
    }
    Ok(recipients)
}

/// An address of ours, from the configuration. ASCII only: few mail servers take others (RFC 6531).
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let wrong = || format!("{text:?} is no mail address: write name@host.example");
    if text.chars().any(char::is_control) || text.len() > 320 {
        return Err(wrong());
    }
    let mailbox: Mailbox = text.trim().parse().map_err(|_| wrong())?;
    let address: &Address = &mailbox.email;
    if !AsRef::<str>::as_ref(address).is_ascii() { Err(wrong()) } else { Ok(mailbox) }
}

impl Server {
    fn parse(smtp: &SmtpConfig, credentials: Option<&Path>) -> Result<Self, ConfigError> {
        let wrong = |key: &str, reason: String| ConfigError::new(format!("smtp.{key}"), reason);
        if !tls::is_host(&smtp.server) {
            let reason = format!("{:?} is no host name", smtp.server);
            return Err(wrong("server", reason));
        }
        let near = tls::is_this_machine(&smtp.server);
        let open = smtp.security == SmtpSecurity::None;
        if open && !near && !smtp.plain {
            let reason =
                "none sends mail unprotected over the network: use starttls or tls, or set plain = true";
            return Err(wrong("security", reason.to_owned()));
        }
        if open && !near && smtp.user.is_some() {
            let reason = "a password is never sent unprotected: use starttls or tls for a login";
            return Err(wrong("user", reason.to_owned()));
        }
        let login = match (&smtp.user, &smtp.password_file) {
            (None, None) => None,
            (Some(user), Some(file)) => {
                let secret = secret::Secret::locate(file, credentials)
                    .and_then(|secret| secret.read().map(|_| secret))
                    .map_err(|reason| wrong("password_file", reason))?;
                Some((user.clone(), secret))
            }
            _ => return Err(wrong("user", "a login needs both user and password_file".to_owned())),
        };
        let authority = match &smtp.ca_file {
            None => None,
            Some(path) => {
                tls::authority(path).map_err(|reason| wrong("ca_file", reason))?;
                let pem = std::fs::read(path).map_err(|error| wrong("ca_file", error.to_string()))?;
                Some(pem)
            }
        };
        let default_port = match smtp.security {
            SmtpSecurity::Starttls => 587,
            SmtpSecurity::Tls => 465,
            SmtpSecurity::None => 25,
        };
        Ok(Server {
            host: smtp.server.clone(),
            port: smtp.port.unwrap_or(default_port),
            security: smtp.security,
            authority,
            login,
            timeout: Duration::from_secs(smtp.timeout_seconds.into()),
        })
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let tls = match self.security {
            SmtpSecurity::None => Tls::None,
            SmtpSecurity::Starttls => Tls::Required(self.tls()?),
            SmtpSecurity::Tls => Tls::Wrapper(self.tls()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .hello_name(hello_name())
            .timeout(Some(self.timeout));
        if let Some((user, secret)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), secret.read()?));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.authority {
            builder = builder.certificate_store(CertificateStore::None);
            let certificate = Certificate::from_pem(pem).map_err(|error| error.to_string())?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map_err(|error| error.to_string())
    }
}

/// How we greet (RFC 5321, 4.1.1.1): our name if it looks like one, else the literal of this machine.
fn hello_name() -> ClientId {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if tls::is_host(&name) && name.contains('.') { ClientId::Domain(name) } else { ClientId::default() }
}

impl Channel for Email {
    fn address(&self) -> String {
        self.to.email.to_string()
    }

    fn capacity(&self) -> Capacity {
        Capacity::Digest(LISTED_MAX)
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> Later<'a, Result<String, Failure>> {
        Box::pin(async move {
            let mail = self.compose(message).map_err(Failure::permanent)?;
            let transport = self.server.transport().map_err(Failure::passing)?;
            let place = format!("{}:{}", self.server.host, self.server.port);
            match tokio::time::timeout(self.server.timeout, transport.send(mail)).await {
                Ok(Ok(response)) => {
                    Ok(wording::answer(&format!("{} {}", response.code(), lines(response.message()))))
                }
                Ok(Err(error)) => {
                    let reason = wording::answer(&super::chain(&error));
                    let advice = advice(&error);
                    let reason =
                        format!("the mail server {place} did not accept the message: {reason}; {advice}");
                    Err(Failure { permanent: error.is_permanent(), reason })
                }
                Err(_) => Err(Failure::passing(format!(
                    "the mail server {place} did not answer within {} s; look whether it runs and can be reached",
                    self.server.timeout.as_secs(),
                ))),
            }
        })
    }
}

impl Email {
    fn compose(&self, message: &Message) -> Result<lettre::Message, String> {
        let domain = self.from.email.domain();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        lettre::Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(wording::subject(message, &self.languages, &self.templates))
            .date(SystemTime::from(message.at))
            .message_id(Some(message_id(&message.id, domain)))
            // No out-of-office notice shall answer us (RFC 3834).
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(header::MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(wording::body(message, &self.languages, &self.templates))
            .map_err(|error| format!("the mail cannot be written: {error}"))
    }
}

/// `<daicho.officer=soumu=hospital.example.12-15.1790000000000@hospital.example>` (RFC 5322, 3.6.4: dot-atom text).
fn message_id(id: &str, domain: &str) -> String {
    let local: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '=' })
        .collect();
    format!("<daicho.{local}@{domain}>")
}

fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.collect::<Vec<_>>().join(" ")
}

/// What to do about it.
fn advice(error: &lettre::transport::smtp::Error) -> &'static str {
    if error.is_tls() {
        "check the server's certificate, its name and smtp.ca_file"
    } else if error.is_permanent() {
        "it refuses for good: check the address, the login and the sender with whoever runs the server"
    } else if error.is_response() || error.is_transient() {
        "it will be tried again"
    } else {
        "check smtp.server, smtp.port and smtp.security, and whether the server runs"
    }
}

#[cfg(test)]
mod tests;
