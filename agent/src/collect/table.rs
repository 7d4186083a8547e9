//! The observation document for a person: what was seen, in 100 columns. The whole of it is in the JSON.

use daicho_proto::document::Document;
use daicho_proto::facts::{Account, LoginState, MediumSeen, Service, Subject};

use crate::text::{Language, cell, escape};

/// Rows of one list that are shown; the heading tells how many there are.
const ROWS_MAX: usize = 20;

/// Columns of a row, less its indentation.
const WIDTH: usize = 96;

/// The document as lines.
pub fn table(document: &Document, language: Language) -> String {
    let mut page = Page { language, text: String::new() };
    page.line(0, &format!("{}  {}", language.pick("観測", "observed"), document.observed_at));
    page.host(document);
    page.accounts(document);
    let row = |name: &str, version: &str| format!("{} {}", cell(name, 50), cell(version, 44));
    page.count(document, Subject::Packages, document.packages.as_deref(), |_| true);
    page.updates(document);
    page.list(document, Subject::Antivirus, document.antivirus.as_deref(), |product| {
        let patterns = product.patterns_at.map_or_else(|| "?".to_owned(), |at| at.to_string());
        row(&product.product, &patterns)
    });
    page.services(document);
    page.count(document, Subject::Software, document.software.as_deref(), |_| true);
    page.list(document, Subject::Media, document.media.as_deref(), |medium| {
        let seen = match medium.seen {
            MediumSeen::Present => language.pick("接続中", "present"),
            MediumSeen::Record => language.pick("記録", "record"),
        };
        let product = medium.product.as_deref().unwrap_or("-");
        format!("{} {} {}", cell(&medium.subject(), 50), cell(seen, 8), cell(product, 35))
    });
    for problem in &document.problems {
        page.line(0, &format!("! {}: {}", problem.fact, escape(&problem.message)));
    }
    page.text
}

struct Page {
    language: Language,
    text: String,
}

impl Page {
    fn line(&mut self, indentation: usize, line: &str) {
        self.text.push_str(&" ".repeat(indentation));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, subject: Subject, rest: &str) {
        let name = match subject {
            Subject::Host => self.language.pick("端末", "host"),
            Subject::Accounts => self.language.pick("アカウント", "accounts"),
            Subject::Packages => self.language.pick("パッケージ", "packages"),
            Subject::Updates => self.language.pick("未適用の更新", "pending updates"),
            Subject::Antivirus => self.language.pick("ウイルス対策", "antivirus"),
            Subject::Services => self.language.pick("サービス", "services"),
            Subject::Software => self.language.pick("ソフトウェア", "software"),
            Subject::Media => self.language.pick("外部記録媒体", "media"),
        };
        let name = cell(name, 20);
        self.line(0, &format!("{name} {rest}"));
    }

    /// What stands where there is no list: never an empty one.
    fn unseen(&self, document: &Document, subject: Subject) -> &'static str {
        if document.unsupported.contains(&subject) {
            self.language.pick("この環境では対象外", "not supported here")
        } else {
            self.language.pick("確認できず", "could not be read")
        }
    }

    fn count<T>(
        &mut self,
        document: &Document,
        subject: Subject,
        all: Option<&[T]>,
        counts: impl Fn(&T) -> bool,
    ) {
        let rest = match all {
            Some(all) => all.iter().filter(|one| counts(one)).count().to_string(),
            None => self.unseen(document, subject).to_owned(),
        };
        self.heading(subject, &rest);
    }

    fn list<T>(
        &mut self,
        document: &Document,
        subject: Subject,
        all: Option<&[T]>,
        row: impl Fn(&T) -> String,
    ) {
        self.count(document, subject, all, |_| true);
        self.rows(&all.unwrap_or_default().iter().collect::<Vec<_>>(), row);
    }

    fn rows<T>(&mut self, all: &[&T], row: impl Fn(&T) -> String) {
        for one in all.iter().take(ROWS_MAX) {
            self.line(2, &row(one));
        }
        if all.len() > ROWS_MAX {
            self.line(2, &format!("… +{}", all.len() - ROWS_MAX));
        }
    }

    fn host(&mut self, document: &Document) {
        let Some(host) = &document.host else {
            return self.heading(Subject::Host, self.unseen(document, Subject::Host));
        };
        let shown = |text: &Option<String>| text.as_deref().map_or_else(|| "?".to_owned(), escape);
        let names = format!("{}  {}  {}", shown(&host.hostname), shown(&host.os_name), shown(&host.kernel));
        self.heading(Subject::Host, &cell(&names, WIDTH - 20));
        if host.restart_pending == Some(true) {
            self.line(2, self.language.pick("再起動待ち", "a restart is pending"));
        }
    }

    fn accounts(&mut self, document: &Document) {
        let language = self.language;
        let can_log_in =
            |account: &&Account| account.interactive != Some(false) && account.enabled != Some(false);
        let all = document.accounts.as_deref();
        let shown: Vec<&Account> = all.unwrap_or_default().iter().filter(can_log_in).collect();
        match all {
            None => self.heading(Subject::Accounts, self.unseen(document, Subject::Accounts)),
            Some(all) => {
                let words = language.pick("件、うちログイン可能", ", of which can log in:");
                self.heading(Subject::Accounts, &format!("{}{words} {}", all.len(), shown.len()));
            }
        }
        self.rows(&shown, |account| {
            let login = match account.last_login.state {
                LoginState::Never => language.pick("ログインなし", "never logged in").to_owned(),
                LoginState::Unknown => language.pick("最終ログイン不明", "last login unknown").to_owned(),
                LoginState::At => account.last_login.at.map_or_else(|| "?".to_owned(), |at| at.to_string()),
            };
            let power =
                if account.privileged == Some(true) { language.pick("特権", "privileged") } else { "" };
            format!("{} {} {}", cell(&account.name, 32), cell(power, 12), cell(&login, 40))
        });
    }

    fn updates(&mut self, document: &Document) {
        let language = self.language;
        self.list(document, Subject::Updates, document.updates.as_deref(), |update| {
            let security = match update.security {
                Some(true) => language.pick("セキュリティ", "security"),
                Some(false) => "",
                None => "?",
            };
            let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
            let (from, to) = (version(&update.installed_version), version(&update.available_version));
            format!(
                "{} {} {}",
                cell(&update.name, 36),
                cell(security, 12),
                cell(&format!("{from} -> {to}"), 46)
            )
        });
    }

    fn services(&mut self, document: &Document) {
        let language = self.language;
        let all = document.services.as_deref();
        let running = |service: &&Service| service.running == Some(true);
        match all {
            None => self.heading(Subject::Services, self.unseen(document, Subject::Services)),
            Some(all) => {
                let words = language.pick("件、うち稼働中", ", of which run:");
                self.heading(
                    Subject::Services,
                    &format!("{}{words} {}", all.len(), all.iter().filter(running).count()),
                );
            }
        }
        let listening: Vec<&Service> =
            all.unwrap_or_default().iter().filter(|service| !service.listening.is_empty()).collect();
        self.rows(&listening, |service| {
            format!("{} {}", cell(&service.name, 36), cell(&service.listening.join(" "), 59))
        });
    }
}

#[cfg(test)]
mod tests {
    use daicho_proto::facts::{Fact, Host, Look, Medium};
    use jiff::Timestamp;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn what_was_not_seen_is_never_shown_as_none() {
        let facts = [
            Fact::Accounts(Look::Unreadable { problems: vec!["shadow".to_owned()] }),
            Fact::Media(Look::Unsupported),
        ];
        let text = table(&Document::from_facts(Timestamp::UNIX_EPOCH, facts), Language::English);
        assert!(text.contains("accounts             could not be read"), "{text}");
        assert!(text.contains("media                not supported here"), "{text}");
        assert!(text.contains("! accounts: shadow"), "{text}");
    }

    #[test]
    fn hostile_text_is_tame_and_the_page_is_100_columns_wide() {
        let long = "長".repeat(200) + "\u{1b}[2J";
        let medium = Medium { serial: Some(long.clone()), product: Some(long.clone()), ..Medium::default() };
        let account = Account { name: long.clone(), ..Account::default() };
        let facts = [
            Fact::Host(Look::complete(Host { hostname: Some(long.clone()), ..Host::default() })),
            Fact::Accounts(Look::complete(vec![account])),
            Fact::Media(Look::complete(vec![medium])),
        ];
        for language in [Language::Japanese, Language::English] {
            let text = table(&Document::from_facts(Timestamp::UNIX_EPOCH, facts.clone()), language);
            assert!(!text.contains('\u{1b}'));
            assert!(text.lines().all(|line| line.width() <= 100), "{text}");
        }
    }
}
