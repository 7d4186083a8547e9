//! What Windows' service control manager is told about the agent, and what is shown of it. Pure: no Windows is needed.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::text::{Language, Text, cell, escape};

/// The service's name (`sc query daicho-agent`).
pub const NAME: &str = "daicho-agent";

/// What lists of services show.
pub const DISPLAY_NAME: &str = "Daicho Agent (台帳)";

/// What the properties of the service show; a service has one description, so it is in both languages.
pub const DESCRIPTION: &str = "この端末のアカウント、更新、ウイルス対策、サービス、ソフトウェア、外部記録媒体を確認し、病院の集約サーバーへ報告します。端末の設定は変えません。 / Sees accounts, updates, antivirus, services, software and external media of this PC and reports them to the hospital's collector. It changes nothing on the PC.";

/// All that the service keeps of LocalSystem's privileges. It reads what SYSTEM may read by the lists on files, registry
/// keys and services themselves; no privilege is used to go round them (backup, restore, debug, take ownership), none
/// to act for somebody else (impersonate, assign tokens), none over the machine (shut down, load drivers, set the clock).
/// This one lets it reach a file without rights on each folder above, as every process can.
pub const PRIVILEGES: &[&str] = &["SeChangeNotifyPrivilege"];

/// After a failure the service is started again: soon, later, and from then on each minute.
pub const RESTART_DELAYS: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(60)];

/// A day without failure, and the next one is the first again.
pub const FAILURES_FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// Stopping takes 2 s for a report under way, 2 s for threads, and the disk's time for the spool. A service that takes
/// longer is taken to hang, says that it stopped, and ends: what was acknowledged or on disk stays so.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(15);

/// Windows gives this long before it shuts down (its own default has been 10 s and 180 s).
pub const PRESHUTDOWN_TIME_MAX: Duration = Duration::from_secs(20);

/// The name under which the Event Viewer shows events, in the log `Application`.
pub const EVENT_SOURCE: &str = "Daicho";

/// The file from which the Event Viewer takes how an event reads: that of Windows' own `eventcreate`, which has for each
/// number from 1 to 1000 the sentence `%1`. So our sentence is shown as it is, and no library of ours has to be there.
pub const EVENT_MESSAGES: &str = r"%SystemRoot%\System32\EventCreate.exe";

/// How bad an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Information,
    /// A person should look at it.
    Warning,
    /// A person has to look at it.
    Error,
}

/// What is told in the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The service works.
    Started,
    /// It was told to stop, and has.
    Stopped,
    /// It cannot work before a person mends this; it tries again by itself.
    Waits(Text),
    /// A line of the log at the level of an error.
    Trouble(String),
}

impl Event {
    /// Its number, which a filter can ask for; 1 to 1000 ([`EVENT_MESSAGES`]).
    pub fn number(&self) -> u32 {
        match self {
            Event::Started => 1,
            Event::Stopped => 2,
            Event::Waits(_) => 10,
            Event::Trouble(_) => 20,
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Started | Event::Stopped => Severity::Information,
            Event::Waits(_) => Severity::Warning,
            Event::Trouble(_) => Severity::Error,
        }
    }

    /// The sentence, in both languages: who reads the log need not be who set the machine up.
    pub fn text(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        match self {
            Event::Started => {
                format!("エージェント {version} が稼働を開始しました。\r\n\r\nThe agent {version} started.")
            }
            Event::Stopped => "エージェントが停止しました。\r\n\r\nThe agent stopped.".to_owned(),
            Event::Waits(text) => format!(
                "エージェントは次の問題が解決されるまで待機します（自動的に再試行します）。{}\r\n\r\nThe agent waits until this is mended, and tries again by itself: {}",
                escape(&text.ja),
                escape(&text.en)
            ),
            Event::Trouble(line) => format!(
                "エージェントで問題が起きました。\r\n\r\nThe agent met trouble: {}",
                escape(line.trim_end())
            ),
        }
    }
}

/// How the service control manager starts the agent. Each part is quoted: in `C:\Program Files\...` unquoted, Windows
/// would try `C:\Program.exe` first.
pub fn command_line(program: &Path, config: Option<&Path>, data: Option<&Path>) -> Result<String, Text> {
    let mut line = quoted(program)?;
    line.push_str(" run");
    for (option, path) in [("--config", config), ("--data", data)] {
        if let Some(path) = path {
            line.push_str(&format!(" {option} {}", quoted(path)?));
        }
    }
    Ok(line)
}

/// One argument by the rules of `CommandLineToArgvW`: backslashes before the closing quote are doubled.
fn quoted(path: &Path) -> Result<String, Text> {
    let text = path.to_str().filter(|text| !text.contains(['"', '\0', '\n', '\r']));
    let text = text.ok_or_else(|| {
        let shown = escape(&path.to_string_lossy());
        Text::new(
            format!("パス {shown} はサービスに登録できません。通常の文字だけのパスに置いてください"),
            format!("the path {shown} cannot be written into a service; use one of ordinary letters"),
        )
    })?;
    let backslashes = text.len() - text.trim_end_matches('\\').len();
    Ok(format!("\"{text}{}\"", "\\".repeat(backslashes)))
}

/// Names, each ended by a zero, and one more at the end (`REG_MULTI_SZ`).
pub fn listed(names: &[&str]) -> Vec<u16> {
    let mut units = Vec::new();
    for name in names {
        units.extend(name.encode_utf16());
        units.push(0);
    }
    units.push(0);
    units
}

/// What `service status` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Whether the service control manager knows it.
    pub installed: bool,
    /// `running`, `stopped`, `starting`, `stopping`, or `other`.
    pub state: Option<&'static str>,
    /// Its process, while it has one.
    pub process_id: Option<u32>,
    /// `enabled` (by itself), `manual`, `disabled`, or `other`.
    pub start: Option<&'static str>,
    /// How it is started.
    pub command: Option<String>,
    /// As which account.
    pub account: Option<String>,
    /// What it said when it last stopped (winerror.h), 0: nothing was wrong.
    pub exit_code: Option<u32>,
}

impl Standing {
    /// As lines of a name and a value.
    pub fn table(&self, language: Language) -> String {
        let pick = |ja: &str, en: &str| language.pick(ja, en).to_owned();
        let word = |word: Option<&str>| match word {
            Some("running") => pick("稼働中", "running"),
            Some("stopped") => pick("停止", "stopped"),
            Some("starting") => pick("開始中", "starting"),
            Some("stopping") => pick("停止中", "stopping"),
            Some("enabled") => pick("自動", "automatic"),
            Some("manual") => pick("手動", "manual"),
            Some("disabled") => pick("無効", "disabled"),
            Some(_) => pick("その他", "other"),
            None => pick("なし", "none"),
        };
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| word(None), escape);
        let number = |number: Option<u32>| number.map_or_else(|| word(None), |number| number.to_string());
        let yes = if self.installed { pick("はい", "yes") } else { pick("いいえ", "no") };
        let mut lines = vec![(pick("サービス登録", "installed"), yes)];
        if self.installed {
            lines.extend([
                (pick("状態", "state"), word(self.state)),
                (pick("プロセス", "process"), number(self.process_id)),
                (pick("開始方法", "start"), word(self.start)),
                (pick("コマンド", "command"), text(&self.command)),
                (pick("アカウント", "account"), text(&self.account)),
                (pick("終了コード", "exit code"), number(self.exit_code)),
            ]);
        }
        lines.into_iter().map(|(name, value)| format!("{} {value}\n", cell(&name, 18))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of `CommandLineToArgvW`, as its page tells them.
    fn arguments(line: &str) -> Vec<String> {
        let (mut all, mut now, mut quoted, mut backslashes) = (Vec::new(), None::<String>, false, 0);
        for sign in line.chars() {
            if sign == '\\' {
                backslashes += 1;
                continue;
            }
            let is_quote = sign == '"';
            let kept = if is_quote { backslashes / 2 } else { backslashes };
            if backslashes > 0 {
                now.get_or_insert_default().push_str(&"\\".repeat(kept));
            }
            let escaped = is_quote && backslashes % 2 == 1;
            backslashes = 0;
            match sign {
                '"' if !escaped => {
                    quoted = !quoted;
                    now.get_or_insert_default();
                }
                ' ' if !quoted => all.extend(now.take()),
                sign => now.get_or_insert_default().push(sign),
            }
        }
        if let Some(last) = now.as_mut() {
            last.push_str(&"\\".repeat(backslashes));
        }
        all.extend(now);
        all
    }

    #[test]
    fn a_path_with_spaces_and_a_backslash_at_its_end_stays_one_argument() {
        let line = command_line(
            Path::new(r"C:\Program Files\Daicho\daicho-agent.exe"),
            None,
            Some(Path::new(r"D:\患者 データ\\")),
        )
        .unwrap();
        assert!(line.starts_with(r#""C:\Program Files\Daicho\daicho-agent.exe" run"#), "{line}");
        assert_eq!(
            arguments(&line),
            [r"C:\Program Files\Daicho\daicho-agent.exe", "run", "--data", r"D:\患者 データ\\"]
        );
    }

    #[test]
    fn a_path_that_would_end_its_quotes_is_refused() {
        let hostile = Path::new("C:\\x\" --config \"\\\\evil\\share");
        assert!(command_line(hostile, None, None).unwrap_err().en.contains("cannot be written"));
    }

    #[test]
    fn a_list_ends_with_two_zeros() {
        assert_eq!(listed(&["a", "bc"]), [97, 0, 98, 99, 0, 0]);
    }

    #[test]
    fn each_event_has_a_number_that_windows_has_a_sentence_for_and_no_line_obeys() {
        let hostile = Event::Trouble("a\u{1b}[2J\n".to_owned());
        for event in [Event::Started, Event::Stopped, Event::Waits(Text::new("待", "wait")), hostile] {
            assert!((1..=1000).contains(&event.number()));
            assert!(!event.text().contains('\u{1b}'), "{}", event.text());
        }
    }

    #[test]
    fn a_service_that_is_not_there_is_told_in_one_line() {
        assert_eq!(Standing::default().table(Language::English), "installed          no\n");
        let standing = Standing {
            installed: true,
            state: Some("running"),
            process_id: Some(7),
            command: Some("\u{1b}[2J".to_owned()),
            ..Standing::default()
        };
        let table = standing.table(Language::Japanese);
        assert!(table.contains("稼働中") && table.contains("\\u{1b}[2J"), "{table}");
    }
}
