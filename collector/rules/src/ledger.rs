//! What the hospital decided (台帳): devices, staff, accounts, approvals, baselines, exceptions, settings.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::normal;
use crate::rule::Setting;

/// One version of the ledger, parsed. Extra columns of the hospital's own are kept in `extra`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its sheet")]
pub struct Ledger {
    pub devices: Vec<Device>,
    pub staff: Vec<Staff>,
    pub accounts: Vec<ApprovedAccount>,
    pub services: Vec<ApprovedProgram>,
    pub software: Vec<ApprovedProgram>,
    pub media: Vec<ApprovedMedium>,
    pub patches: Vec<PatchBaseline>,
    pub exceptions: Vec<Exception>,
    pub settings: Vec<SettingRow>,
}

impl Ledger {
    /// The value of a setting: the ledger's, else the default beside the rule.
    pub fn setting(&self, setting: &Setting) -> i64 {
        self.settings.iter().find(|row| row.key == setting.key).map_or(setting.default, |row| row.value)
    }

    /// The member of staff with this ID.
    pub fn member_of_staff(&self, staff_id: &str) -> Option<&Staff> {
        self.staff.iter().find(|member| normal::same(&member.staff_id, staff_id))
    }

    /// The device with this ID.
    pub fn device(&self, device_id: &str) -> Option<&Device> {
        self.devices.iter().find(|device| normal::same(&device.device_id, device_id))
    }
}

/// Where a row stands, for people: `staff.csv:12`, `職員:12`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowReference {
    /// The file or sheet.
    pub place: String,
    /// The row as Excel counts: the heading is 1.
    pub row: u32,
}

impl fmt::Display for RowReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.place, self.row)
    }
}

/// A machine (機器).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct Device {
    pub device_id: String,
    pub hostname: Option<String>,
    pub kind: DeviceKind,
    pub serial_number: Option<String>,
    pub hardware_uuid: Option<String>,
    pub mac_address: Option<String>,
    pub location: Option<String>,
    pub department: Option<String>,
    pub users: Option<String>,
    pub vendor: Option<String>,
    pub group: Option<String>,
    pub remote_maintenance: Option<String>,
    pub status: DeviceStatus,
    pub note: Option<String>,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// All are expected to report, each kind within its own time; of network devices no agent is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DeviceKind {
    Server,
    #[default]
    Terminal,
    Network,
    Laptop,
    /// A computer on a ward's cart: switched off between rounds, for weeks in a closed ward.
    Cart,
}

/// 使用中, 予備, 廃棄.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DeviceStatus {
    #[default]
    InUse,
    Spare,
    Retired,
}

/// A member of staff (職員).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct Staff {
    pub staff_id: String,
    pub name: Option<String>,
    pub department: Option<String>,
    pub status: StaffStatus,
    /// The last day of employment.
    pub retired_on: Option<Date>,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// 在職, 休職, 退職.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum StaffStatus {
    #[default]
    Active,
    Leave,
    Retired,
}

/// The devices that a row of the ledger is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// `*`: all, also those that are not listed.
    #[default]
    All,
    /// `group:NAME`.
    Group(String),
    /// A device_id.
    Device(String),
}

impl Scope {
    /// Whether the row is about `device`; of an unlisted one only `*` speaks.
    pub fn covers(&self, device: Option<&Device>) -> bool {
        match (self, device) {
            (Scope::All, _) => true,
            (Scope::Group(name), Some(device)) => {
                device.group.as_ref().is_some_and(|group| normal::same(group, name))
            }
            (Scope::Device(id), Some(device)) => normal::same(&device.device_id, id),
            (Scope::Group(_) | Scope::Device(_), None) => false,
        }
    }
}

impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        let text = text.trim();
        match normal::key(text).as_str() {
            "" | "*" => Scope::All,
            folded if folded.starts_with("group:") => {
                let name = text.split_once([':', '：']).map_or("", |(_, name)| name.trim());
                Scope::Group(name.to_owned())
            }
            _ => Scope::Device(text.to_owned()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => formatter.write_str("*"),
            Scope::Group(name) => write!(formatter, "group:{name}"),
            Scope::Device(id) => formatter.write_str(id),
        }
    }
}

/// An account that may exist (アカウント).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct ApprovedAccount {
    pub device: Scope,
    /// A name; `*` stands for any run of characters.
    pub account: String,
    pub staff_id: Option<String>,
    pub kind: AccountKind,
    pub privileged: Option<bool>,
    /// The last day on which it may exist.
    pub expires_on: Option<Date>,
    pub note: Option<String>,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// 個人, 共有, サービス, 事業者, 標準.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum AccountKind {
    #[default]
    Personal,
    Shared,
    Service,
    Vendor,
    Builtin,
}

/// A service (サービス) or program (ソフトウェア) that may run or exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct ApprovedProgram {
    pub device: Scope,
    /// A name; `*` stands for any run of characters.
    pub name: String,
    pub purpose: Option<String>,
    pub approved_by: Option<String>,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// A medium that may be used (外部記録媒体).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct ApprovedMedium {
    pub media_id: String,
    pub vendor_id: Option<String>,
    pub product_id: Option<String>,
    pub serial: Option<String>,
    pub purpose: MediumPurpose,
    pub approved_by: Option<String>,
    /// The first day of the approval.
    pub approved_from: Option<Date>,
    /// The last day of the approval.
    pub approved_until: Option<Date>,
    pub device: Scope,
    pub scan_required: Option<bool>,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// バックアップ, 業務 (regulation, Article 11(1)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum MediumPurpose {
    Backup,
    #[default]
    Business,
}

/// The oldest version that may run (パッチ基準).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct PatchBaseline {
    pub device: Scope,
    /// `dpkg`, `rpm`, `apk` or `windows`.
    pub manager: String,
    pub name: String,
    pub minimum_version: String,
    /// The last day on which an older one may run.
    pub due_on: Option<Date>,
    pub reason: Option<String>,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// A deviation that the officer accepted until a day (例外).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct Exception {
    /// A rule's id.
    pub rule: String,
    pub device: Scope,
    /// A subject; `*` stands for any run of characters.
    pub subject: String,
    pub reason: String,
    pub measure: Option<String>,
    pub approved_by: String,
    /// The last day on which it holds.
    pub expires_on: Date,
    pub extra: Vec<(String, String)>,
    pub row: RowReference,
}

/// A setting that the hospital decided (設定).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct SettingRow {
    pub key: String,
    pub value: i64,
    pub row: RowReference,
}
