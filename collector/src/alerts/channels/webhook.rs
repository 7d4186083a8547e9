//! JSON over HTTP POST, signed: for help desks and other programs. Its schema: `deploy/collector/webhook.schema.json`.

use std::time::Duration;

use daicho_rules::text::{Language, Text};
use daicho_rules::violation::{StepKind, Violation};
use data_encoding::HEXLOWER;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use ring::hmac;
use serde::Serialize;

use super::super::config::{Config, ConfigError, WebhookConfig};
use super::super::templates::Templates;
use super::super::{secret, tls, wording};
use super::{Capacity, Channel, Failure, Kind, Later, Message, Occasion, Recipient};

/// `[[alerts.webhook]]`
pub(super) const KIND: Kind = Kind { name: "webhook", recipients };

/// Violations in one request: about 200 KB, which common servers take (nginx: 1 MB).
const ENTRIES_MAX: usize = 100;
/// Bytes of an answer that are read: enough to say what was wrong.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

struct Webhook {
    uri: Uri,
    address: String,
    secret: secret::Secret,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

fn recipients(config: &Config) -> Result<Vec<Recipient>, ConfigError> {
    let one = |hook: &WebhookConfig| {
        let channel = Webhook::open(hook)
            .map_err(|(key, reason)| ConfigError::new(format!("webhook.{}.{key}", hook.name), reason))?;
        Ok(Recipient::new(hook.name.clone(), KIND.name, hook.common(), config, Box::new(channel)))
    };
    config.webhook.iter().map(one).collect()
}

impl Webhook {
    fn open(hook: &WebhookConfig) -> Result<Self, (&'static str, String)> {
        let uri: Uri = hook.url.parse().map_err(|error| ("url", format!("is no address: {error}")))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(("url", "write it in full: https://host/path".to_owned()));
        };
        if authority.as_str().contains('@') {
            return Err(("url", "holds a name or password: the signature says who we are".to_owned()));
        }
        let near = tls::is_this_machine(authority.host());
        match scheme {
            "https" => {}
            "http" if near || hook.plain => {}
            _ => {
                let reason = "must begin with https:// (http:// only to this machine, or with plain = true)";
                return Err(("url", reason.to_owned()));
            }
        }
        // A path or query may hold a token: people see the host alone.
        let address = format!("{scheme}://{authority}");
        let secret = secret::Secret::locate(&hook.secret_file, secret::credentials().as_deref())
            .and_then(|secret| secret.read().map(|_| secret))
            .map_err(|reason| ("secret_file", reason))?;
        let builder = HttpsConnectorBuilder::new();
        let builder = match &hook.ca_file {
            Some(path) => {
                let client =
                    tls::authority(path).and_then(tls::client).map_err(|reason| ("ca_file", reason))?;
                builder.with_tls_config(client)
            }
            None => builder
                .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
                .map_err(|error| ("url", error.to_string()))?,
        };
        let connector = builder.https_or_http().enable_http1().build();
        // A connection for each message: news is rare, and a kept connection that died is a failure of its own.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let timeout = Duration::from_secs(hook.timeout_seconds.into());
        Ok(Webhook { uri, address, secret, client, timeout })
    }

    fn request(&self, message: &Message) -> Result<Request<Full<Bytes>>, String> {
        let body = body(message);
        let secret = self.secret.read()?;
        let signature = sign(&secret, message.sent_at.as_second(), &body);
        Request::post(self.uri.clone())
            .header("Content-Type", "application/json")
            .header("User-Agent", concat!("daicho-collector/", env!("CARGO_PKG_VERSION")))
            .header("Idempotency-Key", message.id.as_str())
            .header("Daicho-Signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())
    }

    async fn post(&self, message: &Message) -> Result<String, Failure> {
        let request = self.request(message).map_err(Failure::passing)?;
        let address = &self.address;
        let response = self.client.request(request).await.map_err(|error| {
            let reason = wording::answer(&super::chain(&error));
            Failure::passing(format!(
                "the webhook at {address} cannot be reached: {reason}; check url, ca_file and the server"
            ))
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        if status.is_success() {
            return Ok(wording::answer(&status.to_string()));
        }
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let reason = format!(
            "the webhook at {address} answered {status}, expected 2xx: {}",
            wording::answer(&String::from_utf8_lossy(&body)),
        );
        Err(Failure { permanent: refused(status), reason })
    }
}

/// What a client must change before asking again. A redirection is not followed: it would carry the news elsewhere.
fn refused(status: StatusCode) -> bool {
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    (status.is_client_error() && !again.contains(&status)) || status.is_redirection()
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) with the shared secret over `SECONDS.BODY`.
fn sign(secret: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", HEXLOWER.encode(context.sign().as_ref()))
}

/// The body, as the schema says.
#[derive(Serialize)]
struct Body<'a> {
    schema: &'static str,
    id: &'a str,
    occasion: &'static str,
    at: Timestamp,
    entries: Vec<Entry<'a>>,
    more: usize,
    /// Of a letter: what it says to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
}

/// The same words as in a mail.
fn text(message: &Message) -> Text {
    let ours = Templates::default();
    let say = |language: Language| {
        let languages = [language];
        let subject = wording::subject(message, &languages, &ours);
        format!("{subject}\n\n{}", wording::body(message, &languages, &ours))
    };
    Text::new(say(Language::Japanese), say(Language::English))
}

#[derive(Serialize)]
struct Entry<'a> {
    notice: Option<u64>,
    at: Timestamp,
    what: StepKind,
    violation: &'a Violation,
}

fn body(message: &Message) -> Vec<u8> {
    let entries = message.notices.iter().map(|notice| Entry {
        notice: (notice.number > 0).then_some(notice.number),
        at: notice.at,
        what: notice.what,
        violation: &notice.violation,
    });
    let body = Body {
        schema: "daicho.alert/1",
        id: &message.id,
        occasion: message.occasion.name(),
        at: message.at,
        text: matches!(message.occasion, Occasion::Letter(_)).then(|| text(message)),
        entries: entries.collect(),
        more: message.more,
    };
    // Our own types have text keys and no failing serializer: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

impl Channel for Webhook {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn capacity(&self) -> Capacity {
        Capacity::Batch(ENTRIES_MAX)
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> Later<'a, Result<String, Failure>> {
        Box::pin(async move {
            tokio::time::timeout(self.timeout, self.post(message)).await.unwrap_or_else(|_| {
                Err(Failure::passing(format!(
                    "the webhook at {} did not answer within {} s; look whether it runs and can be reached",
                    self.address,
                    self.timeout.as_secs(),
                )))
            })
        })
    }
}

#[cfg(test)]
mod tests;
