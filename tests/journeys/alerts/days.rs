//! Days of alerts with a clock that is set by hand: digest, escalation, maintenance, and a channel that fails for hours.

use daicho_rules::ledger::{Device, Ledger, Scope};
use daicho_tests::daemons::Mail;

use super::*;

/// A clock that is set by hand, so that nobody waits for a day.
struct HandClock(Mutex<jiff::Timestamp>);

impl HandClock {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(HandClock(Mutex::new(text.parse().unwrap())))
    }

    fn set(&self, text: &str) {
        *self.0.lock().unwrap() = text.parse().unwrap();
    }
}

impl Clock for HandClock {
    fn now(&self) -> jiff::Timestamp {
        *self.0.lock().unwrap()
    }
}

/// As it stood when it was opened.
fn opened(violation: Violation, clock: &HandClock) -> Violation {
    let now = clock.now();
    Violation { first_seen: now, last_seen: now, ..violation }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_of_an_officer_by_mail_digest_escalation_maintenance_and_the_daily_word() {
    let Some(postfix) = Postfix::start(Options::default()) else { return };
    let clock = HandClock::at("2026-11-24T16:00:00+09:00");
    let config = format!(
        r#"
        languages = ["ja", "en"]
        [[escalation]]
        after_hours = 4
        to = ["officer"]
        [smtp]
        server = "localhost"
        port = {}
        security = "none"
        from = "台帳 <daicho@hospital.example>"
        [[email]]
        name = "soumu"
        to = ["soumu@hospital.example"]
        role = "department"
        times = {{ hours = "mon-fri 08:30-17:15", digest = "daily 08:30", daily_word = "daily 08:30" }}
        [[email]]
        name = "jimuchou"
        to = ["officer@hospital.example"]
        role = "officer"
        tell = {{ severity_min = "high", articles = [8] }}
        "#,
        postfix.port
    );
    let telling = Telling::start_at(memory(), &config, clock.clone());
    telling.look().await;
    let device = Device { device_id: "SV-01".to_owned(), ..Device::default() };
    telling.collector.set_ledger(Ledger { devices: vec![device], ..Ledger::default() });

    // In the evening: an account waits for the digest, a stick does not, and maintenance keeps a server silent.
    clock.set("2026-11-24T20:00:00+09:00");
    let wanted = alerts::maintenance::Wanted {
        scope: Scope::Device("SV-01".to_owned()),
        from: None,
        until: "2026-11-25T06:00:00+09:00".parse().unwrap(),
        reason: "入れ替え".to_owned(),
        by: "suzuki".to_owned(),
    };
    alerts::maintenance::add(&telling.collector, wanted, 14).await.unwrap();
    let quiet = Violation { severity: Severity::High, ..account("SV-01", "tanaka") };
    let violations = [account("TM-02", "sato"), stick("TM-01", "赤い"), quiet];
    telling.notice(violations.map(|violation| opened(violation, &clock)).to_vec());
    clock.set("2026-11-24T20:01:00+09:00");
    telling.look().await;
    let mails = postfix.wait_for_mails(1);
    let subject = |mail: &Mail| mail.header("subject").unwrap();
    assert!(subject(&mails[0]).starts_with("【台帳・至急】第11条 TM-01: "), "{}", subject(&mails[0]));
    assert_eq!(mails[0].header("to").unwrap(), "soumu@hospital.example");
    assert!(!mails[0].body.contains("sato") && !mails[0].body.contains("SV-01"), "{}", mails[0].body);

    // Nobody acknowledged the stick: the officer is told, whatever he is told otherwise.
    clock.set("2026-11-25T00:05:00+09:00");
    telling.look().await;
    let mails = postfix.wait_for_mails(2);
    let escalated =
        mails.iter().find(|mail| mail.header("to").unwrap() == "officer@hospital.example").unwrap();
    let expected = "【台帳・至急】4時間たっても確認されていません 第11条 TM-01: ";
    assert!(subject(escalated).starts_with(expected), "{}", subject(escalated));
    assert!(escalated.body.contains("daicho acknowledge"), "{}", escalated.body);

    // Maintenance is over: what it kept silent is told to both, for it is of high severity.
    clock.set("2026-11-25T06:01:00+09:00");
    telling.look().await;
    let mails = postfix.wait_for_mails(4);
    let over: Vec<&Mail> = mails
        .iter()
        .filter(|mail| subject(mail).contains("保守が終わりました。残る違反 第8条 SV-01"))
        .collect();
    assert_eq!(over.len(), 2, "{:?}", mails.iter().map(subject).collect::<Vec<_>>());

    // In the morning: the digest with what waited, and the daily word, which does not say that all is well.
    clock.set("2026-11-25T08:31:00+09:00");
    telling.look().await;
    let mails = postfix.wait_for_mails(6);
    let digest = mails.iter().find(|mail| subject(mail).contains("TM-02")).unwrap();
    assert!(subject(digest).starts_with("【台帳・中】第8条 TM-02: "), "{}", subject(digest));
    assert!(!digest.body.contains("TM-01"), "{}", digest.body);
    let word = mails.iter().find(|mail| subject(mail).starts_with("【台帳・日報】")).unwrap();
    println!("{}\n\n{}", subject(word), word.body);
    assert!(!subject(word).contains("異常なし") && subject(word).contains("違反3件"), "{}", subject(word));
    for expected in
        ["■ 応答した端末: 0台中 0台", "■ 違反: 高 2件、中 1件、低 0件", "■ 測っていないもの", "記録簿の末尾"]
    {
        assert!(word.body.contains(expected), "{expected} is not in\n{}", word.body);
    }
    assert!(word.raw.lines().all(|line| line.len() <= 998));
    telling.look().await;
    telling.stop().await;
    assert_eq!(postfix.mails().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_mail_server_is_told_over_syslog_and_webhook_once_and_once_when_it_lives() {
    let (Some(mut postfix), Some(rsyslog)) = (Postfix::start(Options::default()), Rsyslog::start()) else {
        return;
    };
    let desk = HelpDesk::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/alerts", post(receive)).with_state(desk.clone());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().unwrap();
    let clock = HandClock::at("2026-11-24T10:00:00+09:00");
    let config = format!(
        "{}\n[[webhook]]\nname = \"helpdesk\"\nurl = \"http://{address}/alerts\"\nsecret_file = \"{}\"\n",
        mail_and_syslog(&postfix, &rsyslog),
        secret(folder.path(), PASSWORD),
    );
    let telling = Telling::start_at(memory(), &config, clock.clone());
    postfix.stop();
    telling.notice(vec![opened(stick("TM-01", ""), &clock)]);
    let mut minute = 1;
    // Each time that the clock goes on, the message is tried again.
    until("a failure that lasts", || {
        clock.set(&format!("2026-11-24T{:02}:{:02}:00+09:00", 10 + minute / 60, minute % 60));
        minute += 3;
        telling.collector.outbox_filled.notify_one();
        let status = alerts::status(&telling.collector, &telling.outbox).unwrap();
        (status[0].attempts >= 3 && minute > 15).then_some(())
    });
    telling.look().await;
    telling.look().await;
    let channels =
        |lines: &[serde_json::Value]| lines.iter().filter(|line| line["msgid"] == "channels").count();
    let lines = until("a line of the failure", || {
        let lines = rsyslog.wait_for_lines(2);
        (channels(&lines) > 0).then_some(lines)
    });
    assert_eq!(channels(&lines), 1);
    let line = lines.iter().find(|line| line["msgid"] == "channels").unwrap();
    assert!(line["msg"].as_str().unwrap().contains("officer/officer@hospital.example"), "{line}");
    let texts = || -> Vec<String> {
        let requests = desk.requests.lock().unwrap().clone();
        let bodies =
            requests.iter().map(|(_, body)| serde_json::from_slice::<serde_json::Value>(body).unwrap());
        bodies.filter_map(|body| body["text"]["ja"].as_str().map(str::to_owned)).collect()
    };
    until("a request of the failure", || {
        texts().iter().any(|text| text.contains("届いていません")).then_some(())
    });
    let failing = alerts::watch::failing_channels(&telling.collector).unwrap();
    assert_eq!(failing[0].recipient, "officer/officer@hospital.example");

    postfix.start_again();
    clock.set("2026-11-24T23:00:00+09:00");
    telling.collector.outbox_filled.notify_one();
    postfix.wait_for_mails(1);
    until("the mail's end", || {
        let status = alerts::status(&telling.collector, &telling.outbox).unwrap();
        status[0].failure.is_none().then_some(())
    });
    telling.look().await;
    until("the word that it works", || texts().iter().any(|text| text.contains("再び届く")).then_some(()));
    assert!(alerts::watch::failing_channels(&telling.collector).unwrap().is_empty());
    assert_eq!(texts().len(), 2, "{:?}", texts());
    let mails = postfix.wait_for_mails(2);
    assert!(mails.iter().any(|mail| mail.header("subject").unwrap().contains("再び届きます")));
    telling.stop().await;
    server.abort();
}
