//! The nine sheets of a ledger and their columns, with every heading that we know for them: data.

/// One sheet.
#[derive(Debug)]
pub struct SheetPlan {
    /// Our name: `devices`.
    pub name: &'static str,
    /// Names of files and sheets, the Japanese template's first.
    pub titles: &'static [&'static str],
    /// The columns, in the template's order.
    pub columns: &'static [Column],
}

/// One column.
#[derive(Debug)]
pub struct Column {
    /// Our name: `device_id`.
    pub field: &'static str,
    /// Headings, the Japanese template's first. Where several columns of a sheet fit, the earlier heading wins.
    pub headings: &'static [&'static str],
    /// Whether every sheet of this kind has it.
    pub required: bool,
}

impl SheetPlan {
    /// The column with this field.
    pub fn column(&self, field: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.field == field)
    }
}

/// The sheet with this name.
pub fn sheet(name: &str) -> Option<&'static SheetPlan> {
    SHEETS.iter().find(|sheet| sheet.name == name)
}

const fn required(field: &'static str, headings: &'static [&'static str]) -> Column {
    Column { field, headings, required: true }
}

const fn optional(field: &'static str, headings: &'static [&'static str]) -> Column {
    Column { field, headings, required: false }
}

const NOTE: Column = optional("note", &["備考", "メモ", "摘要", "特記事項", "remarks", "comment"]);
const SCOPE: Column = required(
    "device",
    &["対象機器", "機器", "機器ID", "機器番号", "管理番号", "対象", "端末", "device_id", "scope"],
);
const APPROVED_BY: Column = optional("approved_by", &["承認者", "承認者名", "許可者", "承認", "approver"]);
const PURPOSE: Column = optional("purpose", &["用途", "目的", "利用目的", "使用目的", "理由"]);

/// Every sheet, in the order of the contract.
pub static SHEETS: [SheetPlan; 9] = [
    SheetPlan {
        name: "devices",
        titles: &["機器", "機器台帳", "機器一覧", "端末台帳", "端末一覧", "device"],
        columns: &[
            required(
                "device_id",
                &[
                    "機器ID",
                    "機器番号",
                    "管理番号",
                    "資産番号",
                    "資産管理番号",
                    "機器管理番号",
                    "台帳番号",
                    "備品番号",
                    "端末番号",
                    "id",
                    "asset_id",
                    "asset_number",
                ],
            ),
            optional(
                "hostname",
                &[
                    "ホスト名",
                    "コンピュータ名",
                    "コンピューター名",
                    "端末名",
                    "PC名",
                    "マシン名",
                    "デバイス名",
                    "host",
                    "computer_name",
                ],
            ),
            optional("kind", &["種別", "機器種別", "区分", "分類", "種類", "機器区分", "type"]),
            optional(
                "serial_number",
                &[
                    "製造番号",
                    "シリアル番号",
                    "シリアルナンバー",
                    "シリアルNo",
                    "シリアル",
                    "S/N",
                    "SN",
                    "serial",
                ],
            ),
            optional("hardware_uuid", &["ハードウェアUUID", "UUID", "SMBIOS UUID", "ハードUUID"]),
            optional("mac_address", &["MACアドレス", "物理アドレス", "MAC"]),
            optional("location", &["設置場所", "場所", "配置場所", "設置部屋", "設置先"]),
            optional(
                "department",
                &["部署", "所属", "所管部署", "管理部署", "使用部署", "利用部署", "部門", "課"],
            ),
            optional("users", &["利用者", "使用者", "利用者名", "ユーザー", "主な利用者", "user"]),
            optional("vendor", &["事業者", "保守業者", "ベンダー", "業者", "導入業者", "保守窓口"]),
            optional("group", &["グループ", "機器グループ", "端末グループ", "系統"]),
            optional(
                "remote_maintenance",
                &["リモート保守", "リモートメンテナンス", "遠隔保守", "リモートメンテ", "リモート保守の有無"],
            ),
            optional("status", &["状態", "使用状況", "利用状況", "稼働状況", "ステータス"]),
            NOTE,
        ],
    },
    SheetPlan {
        name: "staff",
        titles: &["職員", "職員台帳", "職員一覧", "職員名簿", "社員", "employees"],
        columns: &[
            required(
                "staff_id",
                &["職員番号", "職員ID", "職員コード", "社員番号", "社員ID", "id", "employee_id"],
            ),
            optional("name", &["氏名", "名前", "職員名", "職員氏名", "full_name"]),
            optional("department", &["部署", "所属", "所属部署", "部門", "課"]),
            optional("status", &["状態", "在職状況", "在籍状況", "在職区分", "就業状況"]),
            optional("retired_on", &["退職日", "退職年月日", "退職予定日", "離職日"]),
        ],
    },
    SheetPlan {
        name: "accounts",
        titles: &["アカウント", "アカウント台帳", "アカウント一覧", "利用者ID", "account"],
        columns: &[
            SCOPE,
            required(
                "account",
                &[
                    "アカウント",
                    "アカウント名",
                    "ユーザー名",
                    "ユーザーID",
                    "利用者ID",
                    "ログインID",
                    "ログイン名",
                    "ID",
                    "user",
                    "username",
                    "login",
                ],
            ),
            optional(
                "staff_id",
                &[
                    "職員番号",
                    "職員ID",
                    "職員コード",
                    "社員番号",
                    "所有者",
                    "利用者の職員番号",
                    "employee_id",
                ],
            ),
            optional("kind", &["種別", "アカウント種別", "区分", "種類", "type"]),
            optional("privileged", &["管理者権限", "特権", "管理者", "権限", "特権の有無", "admin"]),
            optional("expires_on", &["有効期限", "期限", "利用期限", "終了日", "失効日"]),
            NOTE,
        ],
    },
    SheetPlan {
        name: "services",
        titles: &["サービス", "サービス台帳", "サービス一覧", "許可サービス", "service"],
        columns: &[
            SCOPE,
            required("name", &["サービス名", "名称", "サービス", "名前", "service"]),
            PURPOSE,
            APPROVED_BY,
        ],
    },
    SheetPlan {
        name: "software",
        titles: &[
            "ソフトウェア",
            "ソフトウエア",
            "ソフトウェア台帳",
            "ソフトウェア一覧",
            "許可ソフトウェア",
            "ソフト",
        ],
        columns: &[
            SCOPE,
            required(
                "name",
                &[
                    "ソフトウェア名",
                    "ソフトウエア名",
                    "名称",
                    "ソフトウェア",
                    "ソフト名",
                    "製品名",
                    "名前",
                    "software",
                ],
            ),
            PURPOSE,
            APPROVED_BY,
        ],
    },
    SheetPlan {
        name: "media",
        titles: &[
            "外部記録媒体",
            "外部記憶媒体",
            "記録媒体",
            "媒体",
            "媒体台帳",
            "USB",
            "USB台帳",
            "USBメモリ",
            "medium",
        ],
        columns: &[
            required("media_id", &["媒体ID", "媒体番号", "媒体管理番号", "管理番号", "USB番号", "id"]),
            optional("vendor_id", &["ベンダーID", "VID", "USBベンダーID"]),
            optional("product_id", &["製品ID", "プロダクトID", "PID", "USB製品ID"]),
            optional(
                "serial",
                &[
                    "製造番号",
                    "シリアル番号",
                    "シリアルナンバー",
                    "シリアルNo",
                    "シリアル",
                    "S/N",
                    "serial_number",
                ],
            ),
            optional("purpose", &["用途", "利用目的", "目的", "使用目的", "区分"]),
            APPROVED_BY,
            optional(
                "approved_from",
                &[
                    "承認開始日",
                    "承認日",
                    "許可開始日",
                    "利用開始日",
                    "開始日",
                    "利用期間開始",
                    "承認期間開始",
                    "許可期間開始",
                    "利用期間自",
                    "開始",
                ],
            ),
            optional(
                "approved_until",
                &[
                    "承認終了日",
                    "承認期限",
                    "許可終了日",
                    "利用期限",
                    "有効期限",
                    "終了日",
                    "期限",
                    "利用期間終了",
                    "承認期間終了",
                    "許可期間終了",
                    "利用期間至",
                    "終了",
                ],
            ),
            optional(
                "device",
                &["対象機器", "機器", "機器ID", "利用機器", "接続機器", "対象", "device_id", "scope"],
            ),
            optional(
                "scan_required",
                &["ウイルススキャン", "スキャン要否", "スキャン", "スキャン必要", "ウイルスチェック"],
            ),
        ],
    },
    SheetPlan {
        name: "patches",
        titles: &["パッチ基準", "パッチ", "パッチ台帳", "更新基準", "patch", "baselines"],
        columns: &[
            SCOPE,
            required(
                "manager",
                &["管理方式", "パッケージ管理", "パッケージマネージャー", "方式", "package_manager"],
            ),
            required("name", &["名称", "パッケージ名", "パッケージ", "対象ソフトウェア", "名前", "package"]),
            required(
                "minimum_version",
                &["最低バージョン", "最低版", "基準バージョン", "必要バージョン", "バージョン", "version"],
            ),
            optional("due_on", &["適用期限", "期限", "期日", "due"]),
            optional("reason", &["理由", "根拠", "備考"]),
        ],
    },
    SheetPlan {
        name: "exceptions",
        titles: &["例外", "例外台帳", "例外承認", "例外一覧", "exception"],
        columns: &[
            required("rule", &["規則", "ルール", "規則ID", "ルールID", "rule_id"]),
            SCOPE,
            required("subject", &["対象", "対象物", "対象名", "件名"]),
            required("reason", &["理由", "例外理由"]),
            optional("measure", &["代替策", "代替措置", "対策", "補完策"]),
            required("approved_by", &["承認者", "承認者名", "許可者", "承認", "approver"]),
            required("expires_on", &["有効期限", "期限", "終了日", "例外期限", "承認期限"]),
        ],
    },
    SheetPlan {
        name: "settings",
        titles: &["設定", "設定値", "基準値", "setting"],
        columns: &[
            required("key", &["キー", "項目", "設定項目", "設定キー", "設定"]),
            required("value", &["値", "設定値", "数値"]),
        ],
    },
];
