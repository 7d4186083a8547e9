//! A month of the management department's work, by commands alone: May of Reiwa 8 in a small hospital.
//!
//! Suzuki keeps the ledger, Okada is the officer, Sato heads the section whose server it is, and an auditor reads.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use daicho_tests::calendar::Calendar;
use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, expect, until};
use daicho_tests::site::Site;
use serde_json::Value;

/// The hospital: its collector, its server, its ledger.
struct Hospital {
    site: Site,
    calendar: Calendar,
    server: Machine,
    agent: Option<Running>,
    data: PathBuf,
    ledger: PathBuf,
}

impl Hospital {
    /// The first working day: the collector is there, the people have their certificates, one machine joins.
    fn open() -> Option<Self> {
        let mut calendar = None;
        let mut site = Site::prepare_on("", |folder| {
            calendar = Calendar::at(folder, "2026-05-01 09:00:00");
            calendar.clone()
        });
        let calendar = calendar?;
        site.start_collector();
        for (name, role) in [("suzuki", "department"), ("okada", "officer"), ("kansa", "auditor")] {
            person(&site, &[name, "--role", role]);
        }
        person(&site, &["sato", "--role", "section_head", "--section", "情報管理課"]);
        let server = Machine::prepare(&site.folder("sv-01"), "sv-01");
        server.write("usr/lib/systemd/systemd", "");
        // A system without a single unit is none of which anything can be told.
        server.write("usr/lib/systemd/system/cron.service", "[Service]\nExecStart=/usr/sbin/cron -f\n");
        server.add_account("tanaka", 1001);
        server.add_account("keiri", 1002);
        let (data, ledger) = (site.folder("agent"), site.folder("台帳"));
        expect(&site.enrol(&data, &site.token()), 0);
        fs::write(data.join("media.jsonl"), "").expect("a temporary folder can be written");
        Some(Hospital { site, calendar, server, agent: None, data, ledger })
    }

    /// Another day: the clock is put there, and the machine is switched on.
    fn day(&mut self, moment: &str) {
        if let Some(mut agent) = self.agent.take() {
            assert_eq!(agent.stop(), Some(0));
        }
        self.calendar.turn_to(moment);
        let mut run = self.site.command("daicho-agent");
        run.arg("run").arg("--data").arg(&self.data).arg("--root").arg(self.server.root());
        run.arg("--replay-media").arg(self.data.join("media.jsonl"));
        self.agent = Some(Running::start(run));
    }

    /// A stick is plugged in and pulled out.
    fn plug(&self, serial: &str) {
        let path = self.data.join("media.jsonl");
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(path).expect("it can be written");
        for action in ["arrived", "left"] {
            writeln!(
                file,
                r#"{{"action":"{action}","medium":{{"vendor_id":"0781","product_id":"5581","serial":"{serial}","kind":"storage"}}}}"#
            )
            .expect("it can be written");
        }
    }

    fn sheet(&self, name: &str, text: &str) {
        fs::write(self.ledger.join(name), text).expect("a temporary folder can be written");
    }

    /// What a person's command answers, in Japanese.
    fn asked(&self, who: &str, arguments: &[&str]) -> String {
        let mut all = vec!["--lang", "ja"];
        all.extend(arguments);
        expect(&self.site.daicho_as(who, &all), 0)
    }

    /// What a person is refused, in Japanese.
    fn refused(&self, who: &str, arguments: &[&str]) -> String {
        let mut all = vec!["--lang", "ja"];
        all.extend(arguments);
        let answer = self.site.daicho_as(who, &all);
        expect(&answer, 2);
        String::from_utf8_lossy(&answer.stderr).into_owned()
    }

    fn import(&self) -> String {
        self.asked("suzuki", &["ledger", "import", text(&self.ledger)])
    }

    fn key(&self, rule: &str, subject: &str) -> String {
        let violation = self.site.violation(rule, subject).expect("it is there");
        violation["key"].as_str().expect("a key").to_owned()
    }
}

fn person(site: &Site, arguments: &[&str]) {
    let mut make = site.command("daicho-collector");
    make.arg("operator").args(arguments).arg("--data").arg(site.data());
    expect(&make.output().expect("the program starts"), 0);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// Contains all of it, or the test shows what it was.
fn says(answer: &str, parts: &[&str]) {
    for part in parts {
        assert!(answer.contains(part), "{part:?} is missing in:\n{answer}");
    }
}

#[test]
fn a_month_of_the_departments_work_leaves_a_report_that_an_inspector_can_verify() {
    let Some(mut hospital) = Hospital::open() else { return };
    import_and_propose(&mut hospital);
    resignation(&mut hospital);
    sticks(&mut hospital);
    unknown_service(&mut hospital);
    exception_that_ends(&mut hospital);
    inspection(&mut hospital);
}

/// 1 May: the ledger comes in, what is not on it is drafted and approved.
fn import_and_propose(hospital: &mut Hospital) {
    hospital.sheet(
        "機器.csv",
        "管理番号,ホスト名,種別,部署,設置場所,状態\nSV-01,sv-01,サーバ,情報管理課,2階 サーバ室,使用中\n",
    );
    hospital.sheet("職員.csv", "職員番号,氏名,フリガナ,状態,退職日\n0012,田中 太郎,タナカ タロウ,在職,\n");
    hospital.sheet("アカウント.csv", "機器,アカウント,職員番号,種別\nSV-01,tanaka,0012,個人\n");
    hospital.day("2026-05-01 09:30:00");
    says(&hospital.import(), &["第 1 版として取り込みました"]);
    hospital.site.wait_for("08.unlisted_account", "keiri", "open");

    let drafts = hospital.site.folder("下書き").join("sv-01");
    hospital.asked("suzuki", &["ledger", "propose", "--device", "SV-01", text(&drafts)]);
    let accounts = fs::read_to_string(drafts.join("accounts.csv")).expect("the draft");
    says(&accounts, &["SV-01", "keiri"]);
    says(&hospital.refused("kansa", &["ledger", "import", text(&hospital.ledger)]), &["監査者", "管理部門"]);
    let before = fs::read_to_string(hospital.ledger.join("アカウント.csv")).expect("the ledger");
    hospital.sheet("アカウント.csv", &(before + "SV-01,keiri,,共用\n"));
    hospital.import();
    hospital.site.wait_for("08.unlisted_account", "keiri", "resolved");
}

/// 8 May: Tanaka has left. The personnel section's list is laid beside the accounts.
fn resignation(hospital: &mut Hospital) {
    hospital.day("2026-05-08 09:00:00");
    let leavers = hospital.site.folder("人事").join("退職者.csv");
    fs::write(&leavers, "職員番号,氏名,フリガナ,退職日\n0012,田中　太郎,ﾀﾅｶ ﾀﾛｳ,令和8年5月7日\n")
        .expect("written");
    let check = hospital.site.daicho(&["--lang", "ja", "staff", "check", text(&leavers)]);
    says(&expect(&check, 1), &["田中", "tanaka", "SV-01"]);
    hospital
        .sheet("職員.csv", "職員番号,氏名,フリガナ,状態,退職日\n0012,田中 太郎,タナカ タロウ,退職,R8.5.7\n");
    hospital.import();
    hospital.site.wait_for("08.retired_staff", "tanaka", "open");
    hospital.asked("suzuki", &["acknowledge", &hospital.key("08.retired_staff", "tanaka")]);
    hospital.server.lock_account("tanaka");
    hospital.site.wait_for("08.retired_staff", "tanaka", "resolved");
}

/// 12 May: a stick that the officer permitted, and one that nobody knows.
fn sticks(hospital: &mut Hospital) {
    hospital.sheet(
        "外部記録媒体.csv",
        "媒体ID,ベンダーID,製品ID,製造番号,用途,承認者,承認開始日,承認終了日,対象機器\n\
         USB-01,0781,5581,AA01,バックアップ,岡田,2026-05-11,2027-03-31,SV-01\n",
    );
    hospital.calendar.turn_to("2026-05-12 09:00:00");
    says(&hospital.import(), &["1 行", "安全管理責任者が承認するまで効力がありません"]);
    says(
        &hospital.asked("okada", &["application", "1"]),
        &["0781:5581:AA01", "SV-01", "2027-03-31", "承認待ち"],
    );
    says(&hospital.refused("suzuki", &["approve", "1"]), &["医療情報システム安全管理責任者"]);
    says(&hospital.asked("okada", &["approve", "1"]), &["承認"]);
    hospital.plug("AA01");
    hospital.plug("BB02");
    hospital.day("2026-05-12 10:00:00");
    let open = hospital.site.wait_for("11.unapproved_use", "0781:5581:BB02", "open");
    assert_eq!(
        hospital.site.violation("11.unapproved_use", "0781:5581:AA01"),
        None,
        "the officer permitted it"
    );
    let key = open["key"].as_str().expect("a key").to_owned();
    says(&hospital.refused("suzuki", &["close", &key]), &["--reason"]);
    hospital.asked("suzuki", &["close", &key, "--reason", "持ち主の医師に説明し、媒体を預かった"]);
    let history = hospital.asked("kansa", &["violation", &key]);
    says(&history, &["suzuki", "媒体を預かった", "解消"]);
}

/// 14 May: a service that nobody asked for. The head of the section and the officer are consulted (Article 13(2)).
fn unknown_service(hospital: &mut Hospital) {
    hospital.day("2026-05-14 09:00:00");
    let unit = "etc/systemd/system/telnetd.service";
    let words = "[Unit]\nDescription=Telnet\n[Service]\nExecStart=/usr/sbin/in.telnetd\n[Install]\nWantedBy=multi-user.target\n";
    hospital.server.write(unit, words);
    let wanted = hospital.server.root().join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wanted).expect("a temporary folder can be written");
    std::os::unix::fs::symlink("/etc/systemd/system/telnetd.service", wanted.join("telnetd.service"))
        .expect("a temporary folder can be written");
    let open = hospital.site.wait_for("13.unneeded_service", "telnetd.service", "open");
    let key = open["key"].as_str().expect("a key").to_owned();
    says(&hospital.refused("suzuki", &["consult", &key, "--note", "止めたい"]), &["所属長"]);
    hospital.asked("sato", &["consult", &key, "--note", "どの業務も使っていない"]);
    hospital.asked("okada", &["consult", &key, "--note", "止めてよい"]);
    hospital
        .asked("suzuki", &["correct-by", &key, "2026-05-20", "--who", "鈴木", "--note", "自動起動を止める"]);
    let shown = hospital.asked("suzuki", &["violation", &key]);
    says(&shown, &["sato", "どの業務も使っていない", "okada", "止めてよい", "2026-05-20"]);
    fs::remove_file(wanted.join("telnetd.service")).expect("it is there");
    fs::remove_file(hospital.server.root().join(unit)).expect("it is there");
    hospital.site.wait_for("13.unneeded_service", "telnetd.service", "resolved");
}

/// 15 to 26 May: an account that may stay until the 25th, and no day longer.
fn exception_that_ends(hospital: &mut Hospital) {
    hospital.day("2026-05-15 09:00:00");
    hospital.server.add_account("denshi", 1003);
    let open = hospital.site.wait_for("08.unlisted_account", "denshi", "open");
    let key = open["key"].as_str().expect("a key").to_owned();
    let (reason, measure) = ("移行作業のあいだだけ使う", "作業の前後に有効・無効を切り替える");
    let asked = ["exception", "apply", "--violation", &key, "--until", "令和8年5月25日"];
    says(
        &hospital.refused("suzuki", &[&asked[..], &["--reason", reason, "--measure", " "]].concat()),
        &["代わりの対策"],
    );
    hospital.asked("suzuki", &[&asked[..], &["--reason", reason, "--measure", measure]].concat());
    let form = hospital.data.join("application.html");
    hospital.asked("suzuki", &["application", "2", "--print", text(&form)]);
    says(
        &fs::read_to_string(&form).expect("it was written"),
        &["例外承認申請書", reason, measure, "署名・押印"],
    );
    let waiting = hospital.site.violation("08.unlisted_account", "denshi").expect("it is kept");
    assert_eq!(waiting["state"], "open", "an application is no approval");
    hospital.asked("okada", &["approve", "2", "--reason", "期間が短い"]);
    hospital.site.wait_for("08.unlisted_account", "denshi", "excepted");
    says(&hospital.asked("okada", &["exceptions"]), &["denshi", "2026-05-25"]);
    hospital.day("2026-05-25 23:00:00");
    let excepted = hospital.site.violation("08.unlisted_account", "denshi").expect("it is kept");
    assert_eq!(excepted["state"], "excepted", "the last day is a day");
    hospital.day("2026-05-26 09:00:00");
    hospital.site.wait_for("08.unlisted_account", "denshi", "open");
    says(&hospital.asked("suzuki", &["violation", &key]), &["移行作業のあいだだけ使う"]);
}

/// 29 May: the inspector asks how it is, how it was on the 20th, and how he can know that nothing was altered.
fn inspection(hospital: &mut Hospital) {
    hospital.day("2026-05-29 13:00:00");
    until("the machine to be heard that day", || {
        let devices = hospital.site.daicho_json(&["devices"]).to_string();
        devices.contains("2026-05-29").then_some(())
    });
    let out = hospital.site.folder("立入検査");
    for name in ["report.html", "report.xlsx", "report.csv", "report.json"] {
        let file = out.join(name);
        hospital.asked("kansa", &["report", "--since", "2026-05-01", "--output", text(&file)]);
    }
    let page = fs::read_to_string(out.join("report.html")).expect("it was written");
    says(&page, &["令和8年5月29日", "denshi", "媒体を預かった", "telnetd.service", "判定できない"]);
    let json = fs::read_to_string(out.join("report.json")).expect("it was written");
    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["devices"][0]["articles"]["8"], "violated");
    assert_ne!(report["devices"][0]["articles"]["9"], "satisfied", "what cannot be told is not in order");
    let ended = report["ended"].to_string();
    says(&ended, &["tanaka", "keiri", "0781:5581:BB02", "telnetd.service"]);
    // Nothing looked at the machine from the 15th to the 25th: then nothing is in order.
    let then = hospital.asked("kansa", &["report", "--as-of", "令和8年5月20日", "--format", "json"]);
    let then: Value = serde_json::from_str(&then).expect("JSON");
    assert_eq!(then["devices"][0]["articles"]["13"], "not_measured", "{then}");
    assert_eq!(then["standing"][0]["state"], "excepted", "{then}");

    let log = out.join("log.jsonl");
    hospital.asked("kansa", &["log", "export", text(&log)]);
    let head = format!("{}:{}", report["log"]["number"], report["log"]["hash"].as_str().expect("a hash"));
    expect(&hospital.site.daicho_as("kansa", &["verify", text(&log), "--head", &head]), 0);
    let altered = fs::read_to_string(&log).expect("it was written").replace("媒体を預かった", "媒体を返した");
    let forged = out.join("forged.jsonl");
    fs::write(&forged, altered).expect("a temporary folder can be written");
    let found = hospital.site.daicho_as("kansa", &["--lang", "ja", "verify", text(&forged)]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let refused = hospital.asked("okada", &["log", "--kind", "refused"]);
    says(&refused, &["kansa", "Bookkeeping/Import"]);
    hospital.agent.take().map(|mut agent| agent.stop());
    hospital.site.stop_collector();
    let mut verify = hospital.site.command("daicho");
    verify.args(["verify", "--head", &head, "--data"]).arg(hospital.site.data());
    expect(&verify.output().expect("the program starts"), 0);
}
