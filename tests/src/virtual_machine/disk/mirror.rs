//! The Debian mirror of this host's own apt: what the project needs is fetched from where the host already fetches.

use std::fs;

/// The first mirror of Debian's main component that apt knows.
pub(super) fn found() -> Option<String> {
    let mut files = vec!["/etc/apt/sources.list".into()];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files[1..].sort();
    let texts = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    let candidates: Vec<String> = texts.flat_map(|text| parse(&text)).collect();
    candidates.into_iter().find_map(|candidate| match candidate.strip_prefix("mirror+file:") {
        Some(list) => fs::read_to_string(list).ok()?.split_whitespace().next().map(str::to_owned),
        None => Some(candidate),
    })
}

/// The addresses of Debian's own repositories in sources.list(5), in either of its forms. Security updates have a
/// repository of their own, which holds no whole suite.
fn parse(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut found = Vec::new();
    for line in lines.clone() {
        let line = line.split_once('[').map_or(line.to_owned(), |(before, rest)| {
            format!("{before} {}", rest.split_once(']').map_or("", |(_, after)| after))
        });
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["deb", address, suite, components @ ..] = words.as_slice()
            && components.contains(&"main")
            && !suite.contains("security")
        {
            found.push((*address).to_owned());
        }
    }
    let without_comments: Vec<&str> = lines.collect();
    for stanza in without_comments.join("\n").split("\n\n") {
        let field = |name: &str| {
            let mut fields = stanza.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let main = field("Components").is_some_and(|value| value.split_whitespace().any(|it| it == "main"));
        let security = field("Suites").is_some_and(|value| value.contains("security"));
        if main && !security && field("Types").is_some_and(|value| value.contains("deb")) {
            found.extend(field("URIs").and_then(|value| value.split_whitespace().next()).map(str::to_owned));
        }
    }
    // Other vendors have a "main" too.
    let (debian, others): (Vec<String>, Vec<String>) =
        found.into_iter().partition(|address| address.trim_end_matches('/').ends_with("/debian"));
    [debian, others].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_apts_sources_are_read_and_debians_own_comes_first() {
        let list = "deb http://vendor.example/apt cloud main\n# deb http://old.example/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/k] http://one.example/debian/ bookworm main contrib\n\
                    deb http://one.example/debian-security bookworm-security main\n";
        assert_eq!(parse(list), ["http://one.example/debian/", "http://vendor.example/apt"]);
        let stanzas = "Types: deb\n# a comment\nURIs: http://two.example/debian http://three.example/debian\n\
                       Suites: bookworm bookworm-updates\nComponents: main\n\nTypes: deb\n\
                       URIs: http://two.example/debian-security\nSuites: bookworm-security\nComponents: main\n";
        assert_eq!(parse(stanzas), ["http://two.example/debian"]);
    }
}
