//! What people call the states of an application.

use daicho_rules::text::Text;

use super::Standing;

/// In Japanese, for the form.
pub fn state_ja(state: Standing) -> &'static str {
    match state {
        Standing::Submitted => "承認待ち",
        Standing::Approved => "承認",
        Standing::Refused => "却下",
        Standing::Withdrawn => "取下げ",
        Standing::Revoked => "承認の取消し",
    }
}

/// In both languages.
pub fn state(state: Standing) -> Text {
    let en = match state {
        Standing::Submitted => "waits",
        Standing::Approved => "approved",
        Standing::Refused => "refused",
        Standing::Withdrawn => "withdrawn",
        Standing::Revoked => "revoked",
    };
    Text::new(state_ja(state), en)
}
