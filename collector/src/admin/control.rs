//! The control socket: one order a connection, one line of JSON each way. Who can open the data folder may give orders.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::{Done, House, Order, OrderError, carry_out};

/// The longest order: a path and a reason.
const ORDER_BYTES_MAX: u64 = 64 * 1024;

/// An order is one short line: who takes longer to write it has hung up.
const ORDER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Done),
    Refused(String),
}

/// The socket of a data folder.
pub fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Listens on the data folder's socket. The store's lock is held: a socket that is there already is a dead one.
pub fn listen(data: &Path) -> Result<UnixListener, OrderError> {
    let path = socket(data);
    let failed =
        |error: std::io::Error| OrderError::Control { path: path.clone(), reason: error.to_string() };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Carries out orders, one after the other, for ever.
pub async fn answer_all(listener: UnixListener, house: Arc<House>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        let mut reader = tokio::io::BufReader::new(reader.take(ORDER_BYTES_MAX));
        let read = tokio::time::timeout(ORDER_TIMEOUT, reader.read_line(&mut line)).await;
        if !matches!(read, Ok(Ok(_))) {
            continue;
        }
        let answer = match serde_json::from_str::<Order>(&line) {
            Ok(order) => match carry_out(&house, order).await {
                Ok(done) => Answer::Done(done),
                Err(error) => Answer::Refused(error.to_string()),
            },
            Err(_) => Answer::Refused(
                "the running collector does not know this order; is it another version?".to_owned(),
            ),
        };
        let mut text = serde_json::to_string(&answer).unwrap_or_default();
        text.push('\n');
        if let Err(error) = writer.write_all(text.as_bytes()).await {
            tracing::warn!(%error, "Order carried out, and nobody waited for the answer.");
        }
    }
}

/// Gives an order to the running collector; `None`: none is running.
pub fn ask(data: &Path, order: &Order) -> Result<Option<Done>, OrderError> {
    let path = socket(data);
    let failed = |reason: String| OrderError::Control { path: path.clone(), reason };
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut text = serde_json::to_string(order).map_err(|error| failed(error.to_string()))?;
    text.push('\n');
    stream.write_all(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(|error| failed(error.to_string()))?;
    match serde_json::from_str(&line) {
        Ok(Answer::Done(done)) => Ok(Some(done)),
        Ok(Answer::Refused(reason)) => Err(OrderError::Wrong(reason)),
        Err(error) => Err(failed(error.to_string())),
    }
}
