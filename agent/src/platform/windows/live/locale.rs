//! The language that the person before this machine chose.

use windows::Win32::Globalization::GetUserDefaultUILanguage;

/// `LANG_JAPANESE` (winnt.h), the lower ten bits of a language's number.
const JAPANESE: u16 = 0x11;

/// Whether Windows speaks Japanese to this person.
pub(crate) fn is_japanese() -> bool {
    #[expect(unsafe_code, reason = "the crate has no safe function for it")]
    // SAFETY: it takes nothing and gives a number.
    let language = unsafe { GetUserDefaultUILanguage() };
    language & 0x3ff == JAPANESE
}
