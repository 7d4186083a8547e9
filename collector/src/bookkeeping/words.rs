//! The words that people write for our values: data, compared as [`fold`] folds them.

use daicho_rules::ledger::{AccountKind, DeviceKind, DeviceStatus, MediumPurpose, StaffStatus};
use daicho_rules::normal;

/// A value, the words for it; the first is the contract's, the second what Japanese templates show.
pub type Words<T> = &'static [(T, &'static [&'static str])];

/// 種別 of a device.
pub const DEVICE_KINDS: Words<DeviceKind> = &[
    (DeviceKind::Server, &["server", "サーバ", "サーバ機"]),
    (
        DeviceKind::Terminal,
        &["terminal", "端末", "端末PC", "PC", "パソコン", "クライアント", "デスクトップ", "client"],
    ),
    (
        DeviceKind::Laptop,
        &[
            "laptop",
            "ノートPC",
            "ノート",
            "ノートパソコン",
            "ノート型",
            "モバイル",
            "タブレット",
            "notebook",
            "tablet",
        ],
    ),
    (
        DeviceKind::Cart,
        &["cart", "カートPC", "カート", "電子カルテカート", "回診車", "回診カート", "ワゴンPC", "ワゴン"],
    ),
    (
        DeviceKind::Network,
        &[
            "network",
            "ネットワーク",
            "ネットワーク機器",
            "NW",
            "NW機器",
            "ルータ",
            "スイッチ",
            "HUB",
            "ハブ",
            "UTM",
            "ファイアウォール",
            "無線AP",
            "アクセスポイント",
        ],
    ),
];

/// 状態 of a device.
pub const DEVICE_STATUSES: Words<DeviceStatus> = &[
    (DeviceStatus::InUse, &["in_use", "使用中", "使用", "稼働", "稼働中", "運用中", "利用中", "現用"]),
    (DeviceStatus::Spare, &["spare", "予備", "予備機", "保管", "保管中", "未使用"]),
    (
        DeviceStatus::Retired,
        &[
            "retired",
            "廃棄",
            "廃棄済",
            "廃棄済み",
            "除却",
            "除却済",
            "撤去",
            "撤去済",
            "返却",
            "返却済",
            "リース返却",
            "廃止",
        ],
    ),
];

/// 状態 of a member of staff.
pub const STAFF_STATUSES: Words<StaffStatus> = &[
    (StaffStatus::Active, &["active", "在職", "在職中", "在籍", "在籍中", "勤務中", "現職"]),
    (
        StaffStatus::Leave,
        &["leave", "休職", "休職中", "休業", "休業中", "育休", "産休", "育児休業", "休暇中"],
    ),
    (StaffStatus::Retired, &["retired", "退職", "退職済", "退職済み", "退職者", "離職", "退任"]),
];

/// 種別 of an account.
pub const ACCOUNT_KINDS: Words<AccountKind> = &[
    (AccountKind::Personal, &["personal", "個人", "職員", "個人用"]),
    (AccountKind::Shared, &["shared", "共有", "共用", "共同利用"]),
    (AccountKind::Service, &["service", "サービス", "サービスアカウント", "システム", "プログラム"]),
    (AccountKind::Vendor, &["vendor", "事業者", "ベンダ", "業者", "保守", "保守業者", "委託先"]),
    (
        AccountKind::Builtin,
        &["builtin", "標準", "既定", "組込", "組み込み", "ビルトイン", "built-in", "OS標準"],
    ),
];

/// 用途 of a medium.
pub const MEDIUM_PURPOSES: Words<MediumPurpose> = &[
    (MediumPurpose::Backup, &["backup", "バックアップ", "バックアップ用", "BK"]),
    (MediumPurpose::Business, &["business", "業務", "業務用", "業務利用"]),
];

/// はい and いいえ, as circles and crosses too.
pub const FLAGS: Words<bool> = &[
    (
        true,
        &[
            "true",
            "はい",
            "有",
            "○",
            "〇",
            "◯",
            "◎",
            "●",
            "有り",
            "あり",
            "要",
            "必要",
            "yes",
            "y",
            "1",
            "✓",
            "✔",
            "レ",
            "管理者",
        ],
    ),
    (
        false,
        &["false", "いいえ", "無", "×", "✕", "✗", "無し", "なし", "不要", "no", "n", "0", "-", "x", "一般"],
    ),
];

/// The package managers whose order of versions we know.
pub const MANAGERS: Words<&str> = &[
    ("dpkg", &["dpkg", "dpkg", "apt", "deb", "debian", "ubuntu"]),
    ("rpm", &["rpm", "rpm", "dnf", "yum", "rhel"]),
    ("apk", &["apk", "apk", "alpine"]),
    ("windows", &["windows", "windows", "win", "ウィンドウズ"]),
];

/// Every device, in words.
pub const ALL_DEVICES: &[&str] = &["*", "全て", "すべて", "全部", "全機器", "全端末", "全台", "共通", "all"];

/// What people write into a column of serials and names where they know nothing.
pub const NOTHING: &[&str] = &[
    "-",
    "--",
    "なし",
    "無し",
    "無",
    "不明",
    "未記入",
    "未確認",
    "n/a",
    "na",
    "none",
    "unknown",
    "読取不可",
    "DHCP",
    "自動",
    "自動取得",
    "ー",
];

/// What stands for the cell above. Nobody can tell how far it reaches once rows are sorted.
pub const DITTO: &[&str] = &["〃", "々", "\"", "''", "″", "”", "同上", "↑", "上に同じ"];

/// The value that a cell's text means.
pub fn meaning<T: Copy>(words: Words<T>, text: &str) -> Option<T> {
    let folded = fold(text);
    words.iter().find(|(_, names)| names.iter().any(|name| fold(name) == folded)).map(|(value, _)| *value)
}

/// The word for a value: ours, or with `japanese` the one that Japanese templates show.
pub fn word<T: PartialEq>(words: Words<T>, value: &T, japanese: bool) -> &'static str {
    let found = words.iter().find(|(known, _)| known == value).map(|(_, names)| *names);
    found.and_then(|names| names.get(usize::from(japanese)).copied()).unwrap_or_default()
}

/// What may be written, for a fault.
pub fn choices<T>(words: Words<T>, japanese: bool) -> String {
    let names = words.iter().filter_map(|(_, names)| names.get(usize::from(japanese)).copied());
    names.collect::<Vec<_>>().join(", ")
}

/// [`normal::key`] without spaces, dashes and underscores: サーバー is サーバ, `in use` is `in_use`.
pub fn fold(text: &str) -> String {
    let key = normal::key(text);
    let folded: String = key.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    if folded.is_empty() { key } else { folded }
}
