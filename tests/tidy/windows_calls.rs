//! The page on Windows names every function of Windows that the agent calls, and no other.

use std::collections::BTreeSet;
use std::fs;

use super::{assert_none, relative, root, walk};

/// Where all of them are called.
const ROOMS: &str = "agent/src/platform/windows/live";

/// Where they are named: the table below this sentence.
const PAGE: &str = "deploy/windows/README.md";
const TABLE: &str = "These are all functions and COM objects of Windows";

/// The words of a text that can be a name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// A function of Windows begins with a capital, and is no constant.
fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_uppercase())
        && word.contains(|letter: char| letter.is_ascii_lowercase())
}

/// What a file calls: functions that it imports from the crate, functions that it looks up, COM objects that it makes.
fn called(text: &str) -> BTreeSet<String> {
    // What is there for tests alone ends with a brace at the start of a line.
    let mut parts = text.split("\n#[cfg(test)]");
    let first = parts.next().unwrap_or_default().to_owned();
    let text =
        parts.filter_map(|part| part.split_once("\n}\n")).fold(first, |all, (_, rest)| all + "\n" + rest);
    let (mut imported, mut rest) = (BTreeSet::new(), String::new());
    let mut parts = text.split("use windows::");
    rest.extend(parts.next());
    for part in parts {
        let (names, behind) = part.split_once(';').expect("an import ends");
        imported.extend(words(names).filter(|word| is_name(word)));
        rest.push_str(behind);
    }
    let code =
        rest.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let own = |name: &&str| code.contains(&format!("struct {name}"));
    let calls = |name: &&str| {
        let call = format!("{name}(");
        let before = |at: usize| code[..at].chars().next_back();
        code.match_indices(&call)
            .any(|(at, _)| !before(at).is_some_and(|one| one.is_ascii_alphanumeric() || one == '_'))
    };
    let mut all: BTreeSet<String> =
        imported.into_iter().filter(|name| !own(name)).filter(calls).map(str::to_owned).collect();
    for (mark, end) in [("s!(\"", '"'), ("com.make(&", ')')] {
        all.extend(code.split(mark).skip(1).filter_map(|part| Some(part.split_once(end)?.0.to_owned())));
    }
    all
}

#[test]
fn the_page_names_every_function_of_windows_that_is_called_and_no_other() {
    let mut calls = BTreeSet::new();
    let mut files = 0;
    walk(&root().join(ROOMS), &mut |path| {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", relative(path)));
        files += 1;
        calls.extend(called(&text));
    });
    assert!(files > 15 && calls.len() > 60, "{files} files call {calls:?}");
    let page = fs::read_to_string(root().join(PAGE)).expect("the page is there");
    let (_, table) = page.split_once(TABLE).expect("the table is there");
    let (table, _) = table.split_once("\n# ").expect("the page goes on in Japanese");
    let rows = table.lines().filter(|line| line.starts_with("| ")).collect::<Vec<_>>().join("\n");
    let named: BTreeSet<String> =
        rows.split('`').skip(1).step_by(2).filter(|span| is_name(span)).map(str::to_owned).collect();
    let missing = calls.difference(&named).map(|name| format!("{name} is called and not named"));
    let extra = named.difference(&calls).map(|name| format!("{name} is named and not called"));
    assert_none(&missing.chain(extra).collect::<Vec<_>>(), PAGE);
}
