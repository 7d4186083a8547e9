//! An empty ledger to fill in: every sheet with its headings, every setting with its default, and how to go on.

use daicho_rules::ledger::{Ledger, SettingRow};
use daicho_rules::text::Language;
use rust_xlsxwriter::XlsxError;

use super::export::{self, Style};
use super::reading::RawFile;
use super::sheets::Known;

/// A folder's files.
pub fn files(known: &Known, language: Language) -> Vec<RawFile> {
    let mut files = export::csv(&empty(known), style(known, language));
    let text = format!("\u{feff}{}\r\n", readme(language).join("\r\n"));
    files.push(RawFile { name: "README.txt".to_owned(), bytes: text.into_bytes() });
    files
}

/// A workbook.
pub fn workbook(known: &Known, language: Language) -> Result<Vec<u8>, XlsxError> {
    export::xlsx(&empty(known), style(known, language), Some(readme(language)))
}

fn style(known: &Known, language: Language) -> Style<'_> {
    Style { language, version: None, settings: &known.settings }
}

fn empty(known: &Known) -> Ledger {
    let settings = known.settings.iter().map(|setting| SettingRow {
        key: setting.key.to_owned(),
        value: setting.default,
        ..SettingRow::default()
    });
    Ledger { settings: settings.collect(), ..Ledger::default() }
}

fn readme(language: Language) -> &'static [&'static str] {
    match language {
        Language::Japanese => &[
            "この台帳の書き方",
            "",
            "機器：サーバ、端末、ネットワーク機器を 1 行に 1 台。種別は サーバ・端末・ネットワーク、状態は 使用中・予備・廃棄。",
            "職員：職員番号と状態（在職・休職・退職）、退職日。アカウントの持ち主を確かめるために使います。",
            "アカウント：その機器にあってよいアカウント。対象機器は 機器ID、group:グループ名、すべてなら *。",
            "サービス、ソフトウェア：動いていてよいもの。名前の * は任意の文字列を表します。",
            "外部記録媒体：使ってよい USB メモリなど。用途は バックアップ か 業務、承認者と期間を書きます。",
            "パッチ基準：これより古い版を認めない、という基準。管理方式は dpkg・rpm・apk・windows。",
            "例外：責任者が期限付きで認めた例外。理由、承認者、有効期限のない例外は受け付けません。",
            "設定：日数などの基準値。値を変えるとすべての機器が判定し直されます。",
            "",
            "日付は 2026-05-16、2026/5/16、2026年5月16日、令和8年5月16日、R8.5.16 のどれでもかまいません。",
            "列の順番は自由で、独自の列を足してもかまいません。パスワードは書かないでください（取り込みません）。",
            "",
            "確認：daicho ledger check この場所",
            "差分：daicho ledger diff この場所",
            "取込：daicho ledger import この場所 --note \"理由\"",
        ],
        Language::English => &[
            "How to fill in this ledger",
            "",
            "devices: a row for each server, terminal and network device. status is in_use, spare or retired.",
            "staff: staff_id, status (active, leave, retired) and retired_on, to tell whose accounts are still needed.",
            "accounts: accounts that may exist. device is a device_id, group:NAME, or * for all.",
            "services, software: what may run and be installed. In a name * stands for any characters.",
            "media: USB sticks and the like that may be used. purpose is backup or business, with approver and period.",
            "patches: versions that must be reached. manager is dpkg, rpm, apk or windows.",
            "exceptions: what the officer accepts until a day. Without reason, approver and day there is no exception.",
            "settings: days and other limits. A change judges every device anew.",
            "",
            "Dates may be 2026-05-16, 2026/5/16, 2026年5月16日, 令和8年5月16日 or R8.5.16.",
            "Columns may stand in any order, and you may add your own. Write no passwords: they are not taken in.",
            "",
            "To check:  daicho ledger check THIS-PLACE",
            "To compare: daicho ledger diff THIS-PLACE",
            "To import: daicho ledger import THIS-PLACE --note \"why\"",
        ],
    }
}
