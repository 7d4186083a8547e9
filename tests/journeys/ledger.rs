//! The department's ledger, from the template to its third version, against a real collector over real TLS.

use std::fs;

use daicho_tests::programs::expect;
use daicho_tests::site::Site;

/// Text of an error as a person sees it.
fn complaint(output: &std::process::Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_ledger_is_made_checked_imported_compared_and_exported() {
    let site = Site::start("");
    let work = site.folder("work");
    let path = |name: &str| work.join(name).to_str().expect("a temporary path is text").to_owned();

    // From the template on.
    let ours = path("ours");
    expect(&site.daicho(&["ledger", "template", &ours, "--lang", "ja"]), 0);
    let again = complaint(&site.daicho(&["ledger", "template", &ours]));
    assert!(again.contains("holds files already"), "{again}");
    let devices = fs::read_to_string(work.join("ours/devices.csv")).expect("the template");
    let heading = devices.lines().next().expect("a heading").to_owned();
    assert!(heading.contains("機器ID,ホスト名,種別,製造番号"), "{heading}");
    let write = |rows: &str| {
        fs::write(work.join("ours/devices.csv"), format!("{heading}\r\n{rows}")).expect("written");
    };

    // A fault is told with its place, and nothing is imported.
    write("SV-01,db,冷蔵庫,0012\r\n");
    let refused = site.daicho(&["ledger", "import", &ours]);
    assert!(complaint(&refused).contains("Nothing was changed"));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("devices.csv:2"));
    let versions = site.daicho_json(&["ledger", "versions"]);
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(0));

    // Imported, by whom the certificate says.
    write("SV-01,db,サーバ,0012\r\nPC-01,ward-1,端末,=1+1\r\n");
    expect(&site.daicho(&["ledger", "check", &ours]), 0);
    expect(&site.daicho(&["ledger", "diff", &ours]), 1);
    let told = expect(&site.daicho(&["ledger", "import", &ours, "--note", "初版"]), 0);
    assert!(told.contains("Imported as version 1"), "{told}");
    expect(&site.daicho(&["ledger", "diff", &ours]), 0);
    let told = expect(&site.daicho(&["ledger", "import", &ours]), 0);
    assert!(told.contains("what version 1 holds already"), "{told}");

    // Out and in again: nothing changed, in each form.
    for name in ["out", "out.xlsx"] {
        expect(&site.daicho(&["ledger", "export", &path(name)]), 0);
        expect(&site.daicho(&["ledger", "diff", &path(name)]), 0);
    }
    let exported = fs::read_to_string(work.join("out/devices.csv")).expect("the export");
    assert!(exported.contains("0012") && exported.contains(",'=1+1,"), "{exported}");

    // Back into a workbook of the hospital's own: the same says the same, and a file that is there is left alone.
    expect(&site.daicho(&["ledger", "export", "--into", &path("out.xlsx"), &path("same.xlsx")]), 0);
    let bytes = |name: &str| fs::read(work.join(name)).expect("a workbook");
    assert_eq!(bytes("same.xlsx"), bytes("out.xlsx"));
    let over = site.daicho(&["ledger", "export", "--into", &path("out.xlsx"), &path("out.xlsx")]);
    assert!(complaint(&over).contains("is there already"));
    let folder = site.daicho(&["ledger", "export", "--into", &path("out"), &path("none.xlsx")]);
    assert!(complaint(&folder).contains("one workbook"));

    // A second version; the first stays.
    write("SV-01,db,サーバ,0012\r\n");
    expect(&site.daicho(&["ledger", "import", &ours]), 0);
    let told =
        expect(&site.daicho(&["ledger", "export", "--into", &path("out.xlsx"), &path("second.xlsx")]), 0);
    assert!(told.contains("0 cells changed, 0 rows added, 1 rows to be checked"), "{told}");
    expect(&site.daicho(&["ledger", "export", "--version", "1", &path("old.json")]), 0);
    let old: serde_json::Value =
        serde_json::from_slice(&fs::read(work.join("old.json")).expect("the export")).expect("JSON");
    assert_eq!((old["version"].as_u64(), old["devices"].as_array().map(Vec::len)), (Some(1), Some(2)));
    let versions = site.daicho_json(&["ledger", "versions"]);
    let by: Vec<_> =
        versions["versions"].as_array().expect("a list").iter().map(|row| &row["imported_by"]).collect();
    assert_eq!(by, ["suzuki", "suzuki"]);
    assert_eq!(versions["versions"][0]["note"], "初版");
    let missing = complaint(&site.daicho(&["ledger", "export", "--version", "9", &path("none")]));
    assert!(missing.contains("no version 9"), "{missing}");
    let nobody = complaint(&site.daicho(&["ledger", "propose", "--device", "SV-77", &path("drafts")]));
    assert!(nobody.contains("SV-77"), "{nobody}");
}

#[test]
fn a_password_reaches_neither_the_collector_nor_anybody_s_screen() {
    let mut site = Site::start("");
    let ours = site.folder("ours");
    let rows = "機器ID,管理者パスワード\nSV-01,correct-horse-battery\nSV-02,correct-horse-battery\n";
    fs::write(ours.join("devices.csv"), rows).expect("written");
    let ours = ours.to_str().expect("a temporary path is text").to_owned();
    let read = site.daicho(&["ledger", "read", &ours, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&expect(&read, 0)).expect("JSON");
    assert_eq!(answer["passwords"]["column"], "管理者パスワード");
    assert_eq!(answer["passwords"]["equal_groups"], serde_json::json!([2]));
    let imported = site.daicho(&["ledger", "import", &ours]);
    for output in [&read, &imported] {
        let all = [output.stdout.as_slice(), &output.stderr].concat();
        assert!(!String::from_utf8_lossy(&all).contains("correct-horse"));
    }
    assert!(expect(&imported, 0).contains("holds passwords"));
    site.stop_collector();
    let mut folders = vec![site.data()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the collector's folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = fs::read(&path).expect("a file of the collector");
                bytes += content.len();
                assert!(!content.windows(13).any(|window| window == b"correct-horse"), "{}", path.display());
            }
        }
    }
    assert!(bytes > 0);
}

#[test]
fn what_a_person_said_of_a_sheet_holds_for_the_next_that_is_laid_out_alike_and_for_no_other() {
    let site = Site::start("");
    let work = site.folder("ward");
    let path = |name: &str| work.join(name).to_str().expect("a temporary path is text").to_owned();
    let month = |name: &str, text: &str| fs::write(work.join(name), text).expect("written");
    fs::create_dir_all(work.join("10")).expect("a temporary folder can be written");
    fs::create_dir_all(work.join("11")).expect("a temporary folder can be written");
    month("10/devices.csv", "機器ID,呼び名,区分\nPC-01,ward-1,端末\n");

    // The proposal keeps what it does not know as the hospital's own; a person corrects it.
    let proposal = path("mapping.json");
    expect(&site.daicho(&["ledger", "read", &path("10"), "--write-mapping", &proposal]), 0);
    let over = site.daicho(&["ledger", "read", &path("10"), "--write-mapping", &proposal]);
    assert!(complaint(&over).contains("mapping.json"));
    let text = fs::read_to_string(&proposal).expect("the proposal");
    assert!(text.contains(r#""呼び名": "extra""#), "{text}");
    fs::write(&proposal, text.replace(r#""呼び名": "extra""#, r#""呼び名": "hostname""#)).expect("written");
    expect(&site.daicho(&["ledger", "import", &path("10"), "--mapping", &proposal]), 0);
    let known = site.daicho_json(&["ledger", "mappings"]);
    assert_eq!(known["mappings"][0]["columns"]["呼び名"], "hostname", "{known}");
    assert_eq!(known["mappings"][0]["by"], "suzuki");

    // The next month's file needs no word, and says so.
    month("11/devices.csv", "機器ID,呼び名,区分\nPC-01,ward-1,端末\nPC-02,ward-2,端末\n");
    let told = site.daicho(&["ledger", "import", &path("11")]);
    let said = format!("{}{}", expect(&told, 0), String::from_utf8_lossy(&told.stderr));
    assert!(said.contains("the mapping that suzuki settled on"), "{said}");
    expect(&site.daicho(&["ledger", "export", &path("out.json")]), 0);
    let ledger: serde_json::Value =
        serde_json::from_slice(&fs::read(work.join("out.json")).expect("the export")).expect("JSON");
    assert_eq!(ledger["devices"][1]["hostname"], "ward-2", "{ledger}");

    // Another layout is told, and its columns are not read by the old word.
    month("11/devices.csv", "機器ID,区分,呼び名\nPC-01,端末,ward-9\n");
    let told = site.daicho(&["ledger", "import", &path("11")]);
    let said = format!("{}{}", expect(&told, 0), String::from_utf8_lossy(&told.stderr));
    assert!(said.contains("was not used"), "{said}");
    expect(&site.daicho(&["ledger", "export", &path("changed.json")]), 0);
    let text = fs::read_to_string(work.join("changed.json")).expect("the export");
    assert!(!text.contains(r#""hostname": "ward-9""#), "{text}");

    // Forgotten is forgotten, once; and the log knows who said and who forgot.
    expect(&site.daicho(&["ledger", "mappings", "--forget", "devices"]), 0);
    assert!(complaint(&site.daicho(&["ledger", "mappings", "--forget", "devices"])).contains("devices"));
    assert_eq!(site.daicho_json(&["ledger", "mappings"])["mappings"].as_array().map(Vec::len), Some(0));
    let log = path("log.jsonl");
    expect(&site.daicho(&["log", "export", &log]), 0);
    expect(&site.daicho(&["verify", &log]), 0);
    let log = fs::read_to_string(&log).expect("the log");
    assert!(log.contains("remembered") && log.contains("forgotten"), "{log}");

    // Without a collector: the file beside the ledger, with a word of it.
    fs::copy(&proposal, work.join("11/daicho-mapping.json")).expect("a copy");
    let read = site.daicho(&["ledger", "read", &path("11"), "--format", "json"]);
    let answer = expect(&read, 0);
    assert!(answer.contains("this mapping beside the ledger was used"), "{answer}");
}
