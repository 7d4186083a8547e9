//! The language of whoever sits before this machine, when no option says it.

use crate::text::Language;

/// By the environment, as POSIX has it; on Windows, where mostly nobody sets it, by the language of its own windows.
pub fn language() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    #[cfg(windows)]
    if locale.is_none() && crate::platform::windows::live::locale::is_japanese() {
        return Language::Japanese;
    }
    Language::of_locale(locale.as_deref())
}
