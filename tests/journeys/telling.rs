//! A resignation reaches the officer: by mail over Postfix, by syslog over rsyslog, by a webhook that checks the signature.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use daicho_tests::daemons::postfix::Options;
use daicho_tests::daemons::{Postfix, Rsyslog};
use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, command, expect, until};
use daicho_tests::site::Site;
use ring::hmac;
use serde_json::Value;

const SECRET: &str = "a secret that only the helpdesk and the collector know";

/// What the webhook's server took in.
type Taken = Arc<Mutex<Vec<Value>>>;

/// Takes a request if its signature is right.
async fn receive(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("daicho-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((time, code)) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
        return StatusCode::BAD_REQUEST;
    };
    let code = data_encoding::HEXLOWER.decode(code.as_bytes()).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    if hmac::verify(&key, &[time.as_bytes(), b".", &body].concat(), &code).is_err() {
        return StatusCode::FORBIDDEN;
    }
    match serde_json::from_slice(&body) {
        Ok(value) => {
            taken.lock().expect("no test panics while it holds this").push(value);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

#[test]
fn a_resignation_reaches_the_officer_by_mail_syslog_and_webhook() {
    let Some(postfix) = Postfix::start(Options::default()) else { return };
    let Some(rsyslog) = Rsyslog::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let taken = Taken::default();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let webhook = listener.local_addr().expect("it is bound");
    let app = Router::new().route("/alerts", post(receive)).with_state(taken.clone());
    runtime.spawn(async move { axum::serve(listener, app).await });

    let secrets = tempfile::tempdir().expect("a temporary folder");
    let secret = secrets.path().join("webhook");
    fs::write(&secret, SECRET).expect("a temporary folder can be written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("our own file");
    let alerts = format!(
        r#"
        [alerts]
        languages = ["ja", "en"]
        digest_seconds = 1

        {officer}
        [[alerts.webhook]]
        name = "helpdesk"
        url = "http://{webhook}/alerts"
        secret_file = "{secret}"
        [alerts.webhook.tell]
        articles = [8]

        [[alerts.syslog]]
        name = "siem"
        server = "127.0.0.1"
        port = {syslog}
        transport = "tcp"
        [alerts.syslog.tell]
        articles = [8]
        "#,
        officer = postfix.telling_the_officer(8),
        syslog = rsyslog.tcp_port,
        secret = secret.display(),
    );
    let site = Site::start(&alerts);
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    machine.add_account("tanaka", 1001);
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let ledger = site.folder("ledger");
    fs::write(ledger.join("devices.csv"), "機器ID,ホスト名,種別,状態\nSV-01,sv-01,サーバ,使用中\n")
        .expect("written");
    fs::write(ledger.join("staff.csv"), "職員番号,氏名,状態,退職日\n0012,田中 太郎,退職,令和8年3月31日\n")
        .expect("written");
    fs::write(ledger.join("accounts.csv"), "機器,アカウント,職員番号,種別\nSV-01,tanaka,0012,個人\n")
        .expect("written");
    expect(&site.daicho(&["ledger", "import", ledger.to_str().expect("text")]), 0);
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(&data).arg("--root").arg(machine.root());
    let mut agent = Running::start(run);
    site.wait_for("08.retired_staff", "tanaka", "open");

    let mail = until("the mail", || postfix.mails().into_iter().find(|mail| mail.body.contains("tanaka")));
    assert!(mail.header("to").is_some_and(|to| to.contains("officer@hospital.example")), "{}", mail.raw);
    assert!(
        mail.body.contains("第8条") || mail.body.contains("第８条"),
        "the article is named: {}",
        mail.body
    );
    assert!(mail.body.contains("staff.csv:2"), "the ledger's row is named: {}", mail.body);
    let line = until("the syslog line", || {
        rsyslog
            .lines()
            .into_iter()
            .find(|line| line["structured-data"].to_string().contains("08.retired_staff"))
    });
    assert!(line["msg"].to_string().contains("tanaka"), "{line}");
    let posted = until("the webhook", || {
        let taken = taken.lock().expect("no request panics");
        taken.iter().find(|body| body.to_string().contains("08.retired_staff/SV-01/tanaka")).cloned()
    });
    assert!(posted.to_string().contains("\"article\":8"), "{posted}");

    let told = site.daicho_json(&["alerts"]).to_string();
    for name in ["officer", "helpdesk", "siem"] {
        assert!(told.contains(name), "{name} is missing in {told}");
    }
    let tested = expect(&site.daicho(&["alerts", "test"]), 0);
    for name in ["officer", "helpdesk", "siem"] {
        assert!(tested.contains(name), "{name} is missing in {tested}");
    }
    assert_eq!(agent.stop(), Some(0));
}
