//! Two people, two workbooks, one ledger: what each changed comes together, and nobody overwrites anybody unseen.

use std::fs;
use std::path::Path;

use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, expect};
use daicho_tests::site::Site;

/// The page of the version on which an export was based.
const VERSION: &str = "daicho-version.csv";

fn says(answer: &str, parts: &[&str]) {
    for part in parts {
        assert!(answer.contains(part), "{part:?} is missing in:\n{answer}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// The hospital's people.
struct Office {
    site: Site,
}

impl Office {
    fn asked(&self, who: &str, arguments: &[&str], status: i32) -> String {
        let mut all = vec!["--lang", "ja"];
        all.extend(arguments);
        let answer = self.site.daicho_as(who, &all);
        assert_eq!(answer.status.code(), Some(status), "{answer:?}");
        String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned()
    }

    fn person(&self, name: &str) {
        let mut make = self.site.command("daicho-collector");
        make.args(["operator", name, "--role", "department", "--data"]).arg(self.site.data());
        expect(&make.output().expect("the program starts"), 0);
    }
}

/// Somebody edits one place of the devices.
fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("devices.csv");
    let before = fs::read_to_string(&path).expect("the export");
    assert!(before.contains(from), "{from} is missing in {before}");
    fs::write(path, before.replace(from, to)).expect("a temporary folder can be written");
}

#[test]
fn what_two_people_changed_in_two_workbooks_is_merged_and_nobody_overwrites_anybody_unseen() {
    let office = Office { site: Site::start("") };
    office.person("tanaka");
    let site = &office.site;

    // Suzuki imports the ledger, and both write it out, each onto a desk.
    let ledger = site.folder("台帳");
    let sheet = "管理番号,ホスト名,種別,設置場所,備考\nSV-01,sv-01,サーバ,2階,\nPC-01,pc-01,端末,1階,\n";
    fs::write(ledger.join("機器.csv"), sheet).expect("a temporary folder can be written");
    says(&office.asked("suzuki", &["ledger", "import", text(&ledger)], 0), &["第 1 版として"]);
    let desks = site.folder("机");
    let (suzuki, tanaka) = (desks.join("鈴木"), desks.join("田中"));
    for (who, desk) in [("suzuki", &suzuki), ("tanaka", &tanaka)] {
        office.asked(who, &["ledger", "export", text(desk)], 0);
        assert!(desk.join(VERSION).exists(), "an export knows its version");
    }

    // Tanaka is first: the server moved to the third floor.
    edit(&tanaka, "2階", "3階");
    says(&office.asked("tanaka", &["ledger", "import", text(&tanaka)], 0), &["第 2 版として"]);

    // Suzuki wrote another host name. As it is, that is refused, with who changed what meanwhile.
    edit(&suzuki, "sv-01,サーバ", "sv-01.hosp.local,サーバ");
    let refused = office.asked("suzuki", &["ledger", "import", text(&suzuki)], 2);
    says(&refused, &["第 1 版を元に", "tanaka さん", "機器 SV-01 を変更", "何も取り込んでいません"]);

    // Merged, both changes are there.
    let merged = office.asked("suzuki", &["ledger", "import", "--merge", text(&suzuki)], 0);
    says(&merged, &["第 3 版として", "第 2 版までの変更と併合しました"]);
    let after = desks.join("併合後");
    office.asked("suzuki", &["ledger", "export", text(&after)], 0);
    let devices = fs::read_to_string(after.join("devices.csv")).expect("the export");
    says(&devices, &["sv-01.hosp.local", "3階"]);
    says(&office.asked("suzuki", &["ledger", "versions"], 0), &["併合 merged: 1 + 2 (tanaka)"]);
    says(&office.asked("suzuki", &["log", "--format", "csv"], 0), &["merged", "tanaka"]);

    // What both changed waits until somebody chooses, also where it is one person with an old workbook.
    let again = desks.join("田中の古いブック");
    fs::create_dir(&again).expect("a temporary folder can be written");
    for name in ["devices.csv", VERSION] {
        fs::copy(tanaka.join(name), again.join(name)).expect("copied");
    }
    edit(&again, "3階", "地下");
    let listed = office.asked("tanaka", &["ledger", "import", "--merge", text(&again)], 2);
    says(&listed, &["SV-01.location", "2階", "3階", "地下", "--take-mine"]);
    let (mine, theirs) = ("--take-mine", "--take-theirs");
    let wrong = office.asked("tanaka", &["ledger", "import", "--merge", mine, "SV-01.note", text(&again)], 2);
    says(&wrong, &["sv-01.note", "何も取り込んでいません"]);
    let kept =
        office.asked("tanaka", &["ledger", "import", "--merge", theirs, "SV-01.location", text(&again)], 0);
    says(&kept, &["現在の第 3 版と同じ内容"]);
    let settled =
        office.asked("tanaka", &["ledger", "import", "--merge", mine, "SV-01.location", text(&again)], 0);
    says(&settled, &["第 4 版として"]);

    // A file that does not know its version is merged only where somebody says which it was.
    fs::remove_file(again.join(VERSION)).expect("removed");
    says(&office.asked("tanaka", &["ledger", "import", "--merge", text(&again)], 2), &["--based-on"]);
}

#[test]
fn a_difference_is_told_with_what_the_ledger_the_file_and_the_machine_say() {
    let office = Office { site: Site::start("") };
    let site = &office.site;
    let ledger = site.folder("台帳");
    let write = |sheet: &str, rows: &str| fs::write(ledger.join(sheet), rows).expect("it can be written");
    write("機器.csv", "管理番号,ホスト名,種別,設置場所\nSV-01,sv-01,サーバ,2階\nPC-01,pc-01,端末,1階\n");
    write("アカウント.csv", "機器,アカウント,種別\nSV-01,tanaka,個人\nPC-01,ward,共有\n");
    office.asked("suzuki", &["ledger", "import", text(&ledger)], 0);
    office.asked("suzuki", &["ledger", "diff", text(&ledger)], 0);

    // The machine has an account that is not listed.
    let server = Machine::prepare(&site.folder("sv-01"), "sv-01");
    server.add_account("tanaka", 1001);
    server.add_account("keiri", 1002);
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let mut run = site.command("daicho-agent");
    run.arg("run").arg("--data").arg(&data).arg("--root").arg(server.root());
    let mut agent = Running::start(run);
    site.wait_for("08.unlisted_account", "keiri", "open");
    let told = office.asked("suzuki", &["ledger", "diff", text(&ledger), "--format", "csv"], 1);
    says(&told, &["台帳,ファイル,実機", "SV-01 / keiri,（行）,（なし）,（なし）,keiri"]);

    // In the file a place differs, a row is not there, and a host name is written in full width.
    write("機器.csv", "管理番号,ホスト名,種別,設置場所\nSV-01,ＳＶ－０１,サーバ,3階\nPC-01,pc-01,端末,1階\n");
    write("アカウント.csv", "機器,アカウント,種別\nSV-01,tanaka,個人\n");
    let told = office.asked("suzuki", &["ledger", "diff", text(&ledger)], 1);
    says(
        &told,
        &["keiri", "2階", "3階", "PC-01 / ward", "未測定", "表記だけの違い", "ＳＶ－０１", "2 台中 1 台"],
    );
    let asked = |arguments: &[&str]| -> serde_json::Value {
        let mut all = vec!["ledger", "diff", text(&ledger), "--format", "json"];
        all.extend(arguments);
        serde_json::from_str(&office.asked("suzuki", &all, 1)).expect("JSON")
    };
    let keys = |answer: &serde_json::Value| -> Vec<String> {
        let all = answer["differences"].as_array().expect("a list");
        all.iter().map(|one| one["key"].as_str().expect("a key").to_owned()).collect()
    };
    assert_eq!(keys(&asked(&["--only", "machine"])), ["SV-01 / keiri"]);
    assert_eq!(keys(&asked(&["--only", "ledger", "--sheet", "アカウント"])), ["PC-01 / ward"]);
    assert_eq!(keys(&asked(&["--device", "ｓｖ－０１", "--sheet", "devices"])), ["SV-01"]);
    let whole = asked(&[]);
    assert_eq!(whole["written_differently"][0]["field"], "hostname");
    assert_eq!(whole["changes"].as_array().map(Vec::len), Some(2), "what an import would change stays told");

    // Without a collector, against a document.
    let documents = site.folder("観測");
    let mut collect = site.command("daicho-agent");
    collect.args(["collect", "--format", "json", "--root"]).arg(server.root());
    let document = expect(&collect.output().expect("the program starts"), 0);
    fs::write(documents.join("sv01.json"), document).expect("it can be written");
    assert_eq!(agent.stop(), Some(0));
    let mut alone = site.command("daicho");
    alone.args(["ledger", "diff", text(&ledger), text(&ledger), "--facts", text(&documents)]);
    says(&expect(&alone.output().expect("the program starts"), 1), &["keiri", "sv01.json"]);
}
