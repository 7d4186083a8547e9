//! News of violations reaches real servers: Postfix, rsyslog, and an HTTP server that checks the signature.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall fail loudly")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use daicho_collector::Collector;
use daicho_collector::alerts::{self, Config, Outbox, Outcome};
use daicho_collector::clock::{Clock, SystemClock};
use daicho_collector::shelves::Notice;
use daicho_collector::store::{Batch, Store, StoreConfig, memory::MemoryStore, open};
use daicho_rules::rule::{Kind, Proof, Severity};
use daicho_rules::text::Text;
use daicho_rules::violation::{State, StepKind, Violation, key};
use daicho_tests::daemons::postfix::{Options, REFUSED};
use daicho_tests::daemons::{Postfix, Rsyslog, free_port};
use daicho_tests::programs::until;
use ring::hmac;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[path = "alerts/days.rs"]
mod days;

const PASSWORD: &str = "correct-horse-battery";

/// A collector of which only the alerts run.
struct Telling {
    collector: Arc<Collector>,
    outbox: Arc<Outbox>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Telling {
    fn start(store: Arc<dyn Store>, config: &str) -> Self {
        Telling::start_at(store, config, Arc::new(SystemClock))
    }

    fn start_at(store: Arc<dyn Store>, config: &str, clock: Arc<dyn Clock>) -> Self {
        let collector = Arc::new(Collector::open(store, clock).unwrap());
        let config: Config = toml::from_str(config).unwrap();
        let outbox = Arc::new(Outbox::open(&config).unwrap());
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(alerts::run(collector.clone(), outbox.clone(), stopped));
        // Everybody has begun before the first violation: what follows is news and no digest of a beginning.
        let wanted = outbox.recipients();
        until("everybody's beginning", || {
            let begun: Vec<alerts::Delivery> = collector.shelves.all("delivery/").unwrap();
            (begun.len() == wanted).then_some(())
        });
        Telling { collector, outbox, stop, task }
    }

    fn notice(&self, violations: Vec<Violation>) {
        let mut batch = Batch::default();
        let last = self.collector.shelves.last_notice().unwrap();
        for (number, violation) in (last + 1..).zip(violations) {
            let at = self.collector.clock.now();
            batch.put_violation(&violation);
            batch.put_notice(&Notice { number, at, what: StepKind::Opened, violation });
        }
        self.collector.shelves.commit(batch).unwrap();
        self.collector.outbox_filled.notify_one();
    }

    /// Looks at what stands, as happens each minute, and at the clock.
    async fn look(&self) {
        alerts::watch::pass(&self.collector, &self.outbox).await.unwrap();
        self.collector.outbox_filled.notify_one();
    }

    fn wait_until_told(&self, entries: usize) -> Vec<alerts::Told> {
        until(&format!("{entries} entries in the log of deliveries"), || {
            let told = alerts::told(&self.collector, 100).unwrap();
            (told.len() >= entries).then_some(told)
        })
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

fn stick(device: &str, label: &str) -> Violation {
    let now = SystemClock.now();
    Violation {
        key: key("11.unapproved_use", device, "0781:5581:AA01"),
        rule: "11.unapproved_use".to_owned(),
        article: 11,
        device: device.to_owned(),
        subject: "0781:5581:AA01".to_owned(),
        severity: Severity::High,
        state: State::Open,
        summary: Text::new(
            format!("台帳で承認されていない外部記録媒体「{label}」が使われました"),
            format!("an external medium that nobody approved was used: {label}"),
        ),
        remedy: Text::new("媒体を外し、使用者に確認してください", "take it out and ask who used it"),
        evidence: vec![Proof {
            fact: "media".to_owned(),
            field: "serial".to_owned(),
            value: "AA01".to_owned(),
            source: Some("sysfs".to_owned()),
            observed_at: Some(now),
            ledger_row: Some("media.csv:12".to_owned()),
        }],
        first_seen: now,
        last_seen: now,
        kind: Kind::Incident,
        occurred_at: Some(now),
        exception: None,
        closed: None,
        treatment: Default::default(),
    }
}

fn account(device: &str, name: &str) -> Violation {
    Violation {
        key: key("08.retired_staff", device, name),
        rule: "08.retired_staff".to_owned(),
        article: 8,
        subject: name.to_owned(),
        severity: Severity::Medium,
        summary: Text::new(
            format!("退職者のアカウント {name} が有効なままです"),
            format!("the account {name} of someone who retired is enabled"),
        ),
        kind: Kind::Standing,
        ..stick(device, "")
    }
}

fn secret(folder: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("secret");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stick_is_told_by_mail_in_words_that_an_officer_understands() {
    let Some(postfix) = Postfix::start(Options::default()) else { return };
    let telling = Telling::start(
        memory(),
        &format!(
            r#"
            [smtp]
            server = "127.0.0.1"
            port = {}
            security = "none"
            from = "台帳 <daicho@hospital.example>"
            [[email]]
            name = "officer"
            to = ["officer@hospital.example"]
            "#,
            postfix.port
        ),
    );
    let hostile = "evil\r\nBcc: everyone@hospital.example\r\n\r\nHello\u{202e}";
    telling.notice(vec![stick("TM-01", hostile)]);
    let mails = postfix.wait_for_mails(1);
    let mail = &mails[0];
    println!("{}\n{}\n\n{}", mail.header("from").unwrap(), mail.header("subject").unwrap(), mail.body);
    assert!(mail.header("from").unwrap().contains("台帳"), "{:?}", mail.header("from"));
    assert_eq!(mail.header("to").unwrap(), "officer@hospital.example");
    let subject = mail.header("subject").unwrap();
    assert!(subject.starts_with("【台帳・至急】第11条 TM-01: 台帳で承認されていない"), "{subject}");
    assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
    assert!(!mail.header_names().contains(&"bcc"), "{}", mail.raw);
    for expected in [
        "■ 第11条　外部記録媒体の接続制限 [新規・重要度 高]",
        "  機器: TM-01\n",
        "  根拠: 外部記録媒体 serial = AA01（sysfs、",
        "台帳 media.csv:12）",
        "  対応: 媒体を外し",
        "  番号: 11.unapproved_use/TM-01/0781:5581:AA01\n",
        "  詳しく: daicho violation ",
        r"\u{d}\u{a}Bcc:",
    ] {
        assert!(mail.body.contains(expected), "{expected} is not in\n{}", mail.body);
    }
    assert!(!mail.body.contains("\nBcc:") && !mail.body.contains('\u{202e}'), "{}", mail.body);
    let told = telling.wait_until_told(1);
    assert_eq!((told[0].outcome, told[0].notices), (Outcome::Accepted, 1));
    assert!(told[0].answer.starts_with("250"), "{}", told[0].answer);
    telling.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_like_violations_make_one_mail() {
    let Some(postfix) = Postfix::start(Options::default()) else { return };
    let telling = Telling::start(
        memory(),
        &format!(
            r#"
            languages = ["ja", "en"]
            digest_seconds = 1
            [smtp]
            server = "localhost"
            port = {}
            security = "none"
            from = "daicho@hospital.example"
            [[email]]
            name = "officer"
            to = ["officer@hospital.example"]
            "#,
            postfix.port
        ),
    );
    telling.notice((0..40).map(|number| account("SV-01", &format!("user{number:02}"))).collect());
    telling.notice(vec![account("SV-02", "tanaka")]);
    let mails = postfix.wait_for_mails(1);
    assert_eq!(mails[0].header("subject").unwrap(), "【台帳・中】違反 41件（第8条 41件） SV-01ほか");
    assert!(mails[0].body.contains("このほかに 11 件あります"), "{}", mails[0].body);
    assert!(mails[0].body.contains("There are 11 more."), "{}", mails[0].body);
    telling.wait_until_told(1);
    assert!(alerts::status(&telling.collector, &telling.outbox).unwrap()[0].waiting == 0);
    telling.stop().await;
    assert_eq!(postfix.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_over_starttls_and_tls_with_a_login_to_a_server_of_the_hospitals_own_authority() {
    let login = Some(("daicho".to_owned(), PASSWORD.to_owned()));
    let Some(postfix) = Postfix::start(Options { login, require_tls: true }) else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = |security: &str, port: u16, password: &str| {
        format!(
            r#"
            [smtp]
            server = "localhost"
            port = {port}
            security = "{security}"
            ca_file = "{}"
            user = "daicho@hospital.example"
            password_file = "{}"
            from = "daicho@hospital.example"
            [[email]]
            name = "officer"
            to = ["officer@hospital.example"]
            "#,
            postfix.certificates.authority().display(),
            secret(folder.path(), password),
        )
    };
    for (security, port) in [("starttls", postfix.port), ("tls", postfix.tls_port)] {
        let telling = Telling::start(memory(), &config(security, port, PASSWORD));
        telling.notice(vec![stick(security, "")]);
        let told = telling.wait_until_told(1);
        assert_eq!(told[0].outcome, Outcome::Accepted, "{security}: {}\n{}", told[0].answer, postfix.log());
        telling.stop().await;
    }
    let mails = postfix.wait_for_mails(2);
    assert!(mails.iter().all(|mail| mail.raw.contains("ESMTPSA")), "{}", mails[0].raw);

    let telling = Telling::start(memory(), &config("starttls", postfix.port, "wrong"));
    let answers = alerts::test(&telling.collector, &telling.outbox, "operator").await;
    assert!(!answers[0].accepted && answers[0].answer.contains("535"), "{answers:?}");
    telling.stop().await;

    let unknown_authority = config("starttls", postfix.port, PASSWORD)
        .lines()
        .filter(|line| !line.contains("ca_file"))
        .fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        });
    let telling = Telling::start(memory(), &unknown_authority);
    let answers = alerts::test(&telling.collector, &telling.outbox, "operator").await;
    assert!(!answers[0].accepted && answers[0].answer.contains("certificate"), "{answers:?}");
    telling.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_address_holds_up_nobody_else() {
    let Some(postfix) = Postfix::start(Options::default()) else { return };
    let telling = Telling::start(
        memory(),
        &format!(
            r#"
            [smtp]
            server = "localhost"
            port = {}
            security = "none"
            from = "daicho@hospital.example"
            [[email]]
            name = "officer"
            to = ["{REFUSED}", "officer@hospital.example"]
            "#,
            postfix.port
        ),
    );
    telling.notice(vec![stick("TM-01", "")]);
    postfix.wait_for_mails(1);
    telling.wait_until_told(2);
    let status = alerts::status(&telling.collector, &telling.outbox).unwrap();
    assert!(status[0].permanent && status[0].waiting == 1, "{status:?}");
    assert!(status[0].failure.as_deref().unwrap().contains("no such mailbox"), "{status:?}");
    assert!(status[1].failure.is_none() && status[1].waiting == 0, "{status:?}");
    telling.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_mail_server_holds_up_no_syslog_line_and_is_told_once_it_lives() {
    let (Some(mut postfix), Some(rsyslog)) = (Postfix::start(Options::default()), Rsyslog::start()) else {
        return;
    };
    let telling = Telling::start(memory(), &mail_and_syslog(&postfix, &rsyslog));
    postfix.stop();
    telling.notice(vec![stick("TM-01", "")]);
    rsyslog.wait_for_lines(1);
    telling.wait_until_told(2);
    postfix.start_again();
    let mails = postfix.wait_for_mails(1);
    assert!(mails[0].body.contains("TM-01"), "{}", mails[0].body);
    telling.wait_until_told(3);
    telling.notice(vec![stick("TM-02", "")]);
    let mails = postfix.wait_for_mails(2);
    assert_eq!(mails.iter().filter(|mail| mail.body.contains("TM-01")).count(), 1);
    telling.stop().await;
    assert_eq!(rsyslog.wait_for_lines(2).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslog_understands_each_line_over_udp_tcp_and_tls() {
    let Some(rsyslog) = Rsyslog::start() else { return };
    let telling = Telling::start(
        memory(),
        &format!(
            r#"
            [[syslog]]
            name = "udp"
            server = "127.0.0.1"
            port = {}
            transport = "udp"
            [[syslog]]
            name = "tcp"
            server = "127.0.0.1"
            port = {}
            [[syslog]]
            name = "tls"
            server = "localhost"
            port = {}
            transport = "tls"
            ca_file = "{}"
            facility = 13
            "#,
            rsyslog.udp_port,
            rsyslog.tcp_port,
            rsyslog.tls_port,
            rsyslog.certificates.authority().display(),
        ),
    );
    let hostile = "TM-01\"] evil=\"\\\n<0>1 - - - - - -";
    telling.notice(vec![stick(hostile, ""), account("SV-01", "tanaka")]);
    let lines = rsyslog.wait_for_lines(6);
    assert_eq!(lines.len(), 6);
    println!("{}", lines[0]["rawmsg"].as_str().unwrap());
    for line in &lines {
        let data = line["structured-data"].as_str().unwrap();
        assert!(data.starts_with("[daicho@32473 notice=\"") && data.ends_with(']'), "{line}");
        assert_eq!(line["msgid"], "opened");
        let message = line["msg"].as_str().unwrap();
        assert!(message.trim_start_matches([' ', '\u{feff}']).starts_with('第'), "{line}");
        if data.contains("11.unapproved_use") {
            assert!(data.contains(r#"device="TM-01\"\] evil=\"\\\\u{a}<0>1 - - - - - -""#), "{data}");
        } else {
            assert!(
                data.contains(r#"rule="08.retired_staff" article="8" device="SV-01" subject="tanaka""#),
                "{data}"
            );
        }
    }
    // local0 (16) critical (2) and, over TLS, log audit (13).
    let priorities: Vec<&str> = lines.iter().filter_map(|line| line["pri"].as_str()).collect();
    for priority in ["130", "132", "106", "108"] {
        assert!(priorities.contains(&priority), "{priorities:?}");
    }
    telling.stop().await;
}

/// What the help desk got: headers and bodies, and the answers that it still has to give.
#[derive(Clone, Default)]
struct HelpDesk {
    requests: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

async fn receive(Shared(desk): Shared<HelpDesk>, headers: HeaderMap, body: Bytes) -> StatusCode {
    desk.requests.lock().unwrap().push((headers, body));
    desk.answers.lock().unwrap().pop().unwrap_or(StatusCode::NO_CONTENT)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_can_check_who_called_and_gets_the_same_again_after_its_own_failure() {
    let desk = HelpDesk::default();
    desk.answers.lock().unwrap().push(StatusCode::INTERNAL_SERVER_ERROR);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/alerts", post(receive)).with_state(desk.clone());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().unwrap();
    let telling = Telling::start(
        memory(),
        &format!(
            r#"
            [[webhook]]
            name = "helpdesk"
            url = "http://{address}/alerts"
            secret_file = "{}"
            "#,
            secret(folder.path(), PASSWORD),
        ),
    );
    telling.notice(vec![stick("TM-01", "")]);
    let told = telling.wait_until_told(2);
    assert_eq!((told[1].outcome, told[0].outcome), (Outcome::Failed, Outcome::Accepted));
    let requests = desk.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].1, requests[1].1, "the body is the same");
    assert_eq!(requests[0].0["idempotency-key"], requests[1].0["idempotency-key"]);
    for (headers, body) in &requests {
        let signature = headers["daicho-signature"].to_str().unwrap();
        let (time, code) = signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let code = data_encoding::HEXLOWER.decode(code.as_bytes()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, PASSWORD.as_bytes());
        let signed = [time.as_bytes(), b".", body].concat();
        hmac::verify(&key, &signed, &code).unwrap();
        let another = hmac::Key::new(hmac::HMAC_SHA256, b"another");
        assert!(hmac::verify(&another, &signed, &code).is_err());
    }
    telling.stop().await;
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_before_a_restart_is_not_told_again_and_what_was_not_is() {
    let Some(rsyslog) = Rsyslog::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = StoreConfig::Folder { path: folder.path().join("store") };
    let config = format!("[[syslog]]\nname = \"siem\"\nserver = \"127.0.0.1\"\nport = {}", rsyslog.tcp_port);
    let telling = Telling::start(open(&store).unwrap(), &config);
    telling.notice(vec![stick("TM-01", "")]);
    telling.wait_until_told(1);
    let collector = telling.collector.clone();
    telling.stop().await;
    drop(collector);

    let telling = Telling::start(open(&store).unwrap(), &config);
    telling.notice(vec![stick("TM-02", "")]);
    telling.wait_until_told(2);
    telling.stop().await;
    let lines = rsyslog.wait_for_lines(2);
    let devices: Vec<bool> =
        lines.iter().map(|line| line["structured-data"].as_str().unwrap().contains("TM-01")).collect();
    assert_eq!(devices, [true, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_recipient_is_told_everything_that_is_open() {
    let Some(rsyslog) = Rsyslog::start() else { return };
    let store = memory();
    let collector = Collector::open(store.clone(), Arc::new(SystemClock)).unwrap();
    let mut batch = Batch::default();
    batch.put_violation(&stick("TM-01", ""));
    batch.put_violation(&Violation { state: State::Resolved, ..account("SV-01", "tanaka") });
    collector.shelves.commit(batch).unwrap();
    let config = format!("[[syslog]]\nname = \"siem\"\nserver = \"127.0.0.1\"\nport = {}", rsyslog.tcp_port);
    let telling = Telling::start(store, &config);
    telling.wait_until_told(1);
    telling.stop().await;
    let lines = rsyslog.wait_for_lines(1);
    assert_eq!(lines.len(), 1);
    assert!(lines[0]["structured-data"].as_str().unwrap().contains("TM-01"), "{}", lines[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_says_of_each_channel_what_its_server_answered() {
    let (Some(postfix), Some(rsyslog)) = (Postfix::start(Options::default()), Rsyslog::start()) else {
        return;
    };
    let telling = Telling::start(
        memory(),
        &format!(
            "{}\n[[syslog]]\nname = \"nobody\"\nserver = \"127.0.0.1\"\nport = {}\n",
            mail_and_syslog(&postfix, &rsyslog),
            free_port(),
        ),
    );
    let answers = alerts::test(&telling.collector, &telling.outbox, "suzuki").await;
    let accepted: Vec<bool> = answers.iter().map(|answer| answer.accepted).collect();
    assert_eq!(accepted, [true, true, false], "{answers:?}");
    assert!(answers[0].answer.starts_with("250"), "{answers:?}");
    assert!(answers[2].answer.contains("refused"), "{answers:?}");
    let mails = postfix.wait_for_mails(1);
    assert_eq!(mails[0].header("subject").unwrap(), "【台帳】試験送信です（対応は不要です）");
    assert!(mails[0].body.contains("suzuki が送りました"), "{}", mails[0].body);
    assert_eq!(rsyslog.wait_for_lines(1)[0]["msgid"], "test");
    // A test moves nobody's cursor.
    assert!(alerts::told(&telling.collector, 10).unwrap().is_empty());
    telling.stop().await;
}

/// The officer by mail and another system by syslog, both plainly.
fn mail_and_syslog(postfix: &Postfix, rsyslog: &Rsyslog) -> String {
    format!(
        r#"
        [smtp]
        server = "localhost"
        port = {}
        security = "none"
        from = "daicho@hospital.example"
        [[email]]
        name = "officer"
        to = ["officer@hospital.example"]
        [[syslog]]
        name = "siem"
        server = "localhost"
        port = {}
        "#,
        postfix.port, rsyslog.tcp_port
    )
}
