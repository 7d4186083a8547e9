//! The description of a scheduled task: XML in UTF-16 (Microsoft Learn, "Task Scheduler Schema"). Only what says when and
//! what it starts is kept.

use std::collections::BTreeSet;

/// Elements lie some six deep; a file that goes deeper is none of the scheduler's.
const DEPTH_MAX: usize = 32;

/// The scheduler takes 32 actions (TASK_MAX_ACTIONS); one more is not its file.
const ACTIONS_MAX: usize = 32;

/// What is kept of one task.
#[derive(Debug, PartialEq)]
pub(super) struct Task {
    pub(super) enabled: bool,
    /// When it starts, of those triggers that are switched on: `boot`, `logon`, `time`, ...
    pub(super) triggers: BTreeSet<&'static str>,
    pub(super) actions: Vec<Action>,
    /// A name or a SID, of an account or a group.
    pub(super) user: Option<String>,
}

/// What a task does.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    Command {
        program: String,
        arguments: String,
    },
    /// A class of COM, by its number.
    Class(String),
}

impl Task {
    /// `None`: it is no such description.
    pub(super) fn parse(bytes: &[u8]) -> Option<Task> {
        let text = decode(bytes);
        let mut task = Task { enabled: true, triggers: BTreeSet::new(), actions: Vec::new(), user: None };
        let mut path: Vec<&str> = Vec::new();
        let mut is_task = false;
        // Whether the trigger that is open is switched on.
        let mut is_on = true;
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            task.take(&path, before, &mut is_on);
            if let Some(comment) = after.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
                continue;
            }
            let (tag, behind) = after.split_once('>')?;
            rest = behind;
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                task.close(&path, is_on);
                (path.pop()? == local(name)).then_some(())?;
                continue;
            }
            path.push(local(tag));
            if path.len() > DEPTH_MAX || task.actions.len() > ACTIONS_MAX {
                return None;
            }
            is_task |= path == ["Task"];
            if path.len() == 3 {
                is_on = true;
            }
            task.open(&path);
            if tag.ends_with('/') {
                task.close(&path, is_on);
                path.pop();
            }
        }
        (is_task && path.is_empty()).then_some(task)
    }

    fn open(&mut self, path: &[&str]) {
        match path {
            ["Task", "Actions", "Exec"] => {
                self.actions.push(Action::Command { program: String::new(), arguments: String::new() });
            }
            ["Task", "Actions", "ComHandler"] => self.actions.push(Action::Class(String::new())),
            _ => {}
        }
    }

    fn close(&mut self, path: &[&str], is_on: bool) {
        if let ["Task", "Triggers", kind] = path
            && is_on
        {
            self.triggers.insert(when(kind));
        }
    }

    /// Takes the text that stands in an element.
    fn take(&mut self, path: &[&str], text: &str, is_on: &mut bool) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match (path, self.actions.last_mut()) {
            (["Task", "Settings", "Enabled"], _) => self.enabled = is_true(text),
            (["Task", "Triggers", _, "Enabled"], _) => *is_on = is_true(text),
            (["Task", "Principals", "Principal", "UserId" | "GroupId"], _) => {
                self.user = Some(unescape(text));
            }
            (["Task", "Actions", "Exec", "Command"], Some(Action::Command { program, .. })) => {
                *program = unescape(text);
            }
            (["Task", "Actions", "Exec", "Arguments"], Some(Action::Command { arguments, .. })) => {
                *arguments = unescape(text);
            }
            (["Task", "Actions", "ComHandler", "ClassId"], Some(Action::Class(class))) => {
                *class = unescape(text);
            }
            _ => {}
        }
    }
}

/// The name of an element, without its namespace and attributes.
fn local(tag: &str) -> &str {
    let name = tag.split(|letter: char| letter.is_whitespace() || letter == '/').next().unwrap_or(tag);
    name.rsplit(':').next().unwrap_or(name)
}

fn is_true(text: &str) -> bool {
    text == "1" || text.eq_ignore_ascii_case("true")
}

fn when(kind: &str) -> &'static str {
    match kind {
        "BootTrigger" => "boot",
        "LogonTrigger" => "logon",
        "TimeTrigger" | "CalendarTrigger" => "time",
        "EventTrigger" => "event",
        "IdleTrigger" => "idle",
        "RegistrationTrigger" => "registration",
        "SessionStateChangeTrigger" => "session",
        _ => "other",
    }
}

/// The five entities of XML; numbers of letters are rare here and stay as they are written.
fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

/// UTF-16 with its mark, or UTF-8.
fn decode(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [b'<', 0, ..] => wide(bytes, u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_triggers_that_are_on_count() {
        let parse = |inside: &str| Task::parse(format!("<t:Task a=\"1\">{inside}</t:Task>").as_bytes());
        let task = parse(
            "<Triggers><!-- <BootTrigger/> --><BootTrigger><Enabled>false</Enabled></BootTrigger><LogonTrigger id='x'/></Triggers>",
        );
        assert_eq!(task.unwrap().triggers, BTreeSet::from(["logon"]));
        let task = parse("<Actions><Exec><Command>a &amp;amp; &quot;b</Command></Exec></Actions>").unwrap();
        assert_eq!(
            task.actions,
            [Action::Command { program: "a &amp; \"b".to_owned(), arguments: String::new() }]
        );
        assert!(task.enabled && task.triggers.is_empty());
    }

    #[test]
    fn what_is_cut_or_no_task_is_none() {
        let whole = "<Task><Triggers><BootTrigger/></Triggers></Task>";
        assert!(Task::parse(whole.as_bytes()).is_some());
        for end in 0..whole.len() {
            assert_eq!(Task::parse(&whole.as_bytes()[..end]), None, "{end}");
        }
        for text in ["<Other></Other>", "<Task></Other>", "</Task>", "<Task", "<!-- ", ""] {
            assert_eq!(Task::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Task::parse("<a>".repeat(1000).as_bytes()), None);
        assert_eq!(Task::parse(&[0xff, 0xfe, b'<']), None);
    }
}
