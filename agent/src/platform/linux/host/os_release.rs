//! os-release(5): which system this is. Pure.

/// What the file says of itself, quotes and escapes removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OsRelease {
    pub(super) id: Option<String>,
    pub(super) pretty_name: Option<String>,
    pub(super) name: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) version_codename: Option<String>,
    pub(super) build_id: Option<String>,
}

/// Parses os-release(5). Of a repeated key the last counts, as in a shell.
pub(super) fn parse(text: &str) -> OsRelease {
    let mut release = OsRelease::default();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let field = match key.trim_end() {
            "ID" => &mut release.id,
            "PRETTY_NAME" => &mut release.pretty_name,
            "NAME" => &mut release.name,
            "VERSION_ID" => &mut release.version_id,
            "VERSION_CODENAME" => &mut release.version_codename,
            "BUILD_ID" => &mut release.build_id,
            _ => continue,
        };
        let value = unquoted(value);
        *field = (!value.is_empty()).then_some(value);
    }
    release
}

/// A word as a shell reads it: nothing is special within '...', and within "..." only a backslash before `$"\` and the
/// grave accent. A word ends at the first blank outside quotes.
fn unquoted(word: &str) -> String {
    let mut value = String::new();
    let mut quote = None;
    let mut characters = word.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '\\') => value.extend(characters.next()),
            (Some('"'), '\\') => match characters.next() {
                Some(special @ ('$' | '"' | '\\' | '`')) => value.push(special),
                other => {
                    value.push('\\');
                    value.extend(other);
                }
            },
            (None, c) if c.is_whitespace() => break,
            _ => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        let text = "# a comment\nNAME=\"Some \\\"Linux\\\"\"\nID=debian\nID=rocky\nVERSION_ID='9.4'\nPRETTY_NAME=\"Rocky $ Linux 9.4 (\\$Blue\\`Onyx)\"\n\
                    VERSION_CODENAME=\nBUILD_ID=a\\ b c\nbroken\n";
        let release = parse(text);
        assert_eq!(release.name.as_deref(), Some("Some \"Linux\""));
        assert_eq!(release.id.as_deref(), Some("rocky"));
        assert_eq!(release.version_id.as_deref(), Some("9.4"));
        assert_eq!(release.pretty_name.as_deref(), Some("Rocky $ Linux 9.4 ($Blue`Onyx)"));
        assert_eq!(release.version_codename, None);
        assert_eq!(release.build_id.as_deref(), Some("a b"));
    }
}
