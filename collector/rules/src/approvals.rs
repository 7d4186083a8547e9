//! For how long the officer may approve something: the hospital's limits, with their defaults.

use crate::rule::Setting;

/// The longest that an exception may last.
pub static EXCEPTION_DAYS_MAX: Setting = Setting {
    key: "exception_days_max",
    default: 365,
    range: (1, 3650),
    meaning: (
        "例外を承認できる最長の日数（申請の日から）",
        "Days for which an exception may be approved at most, from the day of its application",
    ),
};

/// The longest that the use of an external medium may be permitted (Article 11(1)).
pub static PERMIT_DAYS_MAX: Setting = Setting {
    key: "11.permit_days_max",
    default: 365,
    range: (1, 3650),
    meaning: (
        "外部記録媒体の使用を承認できる最長の日数（最初の日から）",
        "Days for which the use of an external medium may be permitted at most, from the first day",
    ),
};

/// All of them.
pub static SETTINGS: [&Setting; 2] = [&EXCEPTION_DAYS_MAX, &PERMIT_DAYS_MAX];
