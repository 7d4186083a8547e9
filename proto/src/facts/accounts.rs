//! Accounts of the machine itself (regulation, Article 8). Never a password, never a hash.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{time, wire};

/// One local account. `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// uid or SID, as text.
    #[serde(deserialize_with = "text_or_number")]
    pub id: Option<String>,
    /// GECOS or the full name.
    pub full_name: Option<String>,
    /// Whether a person or program can log in with it now: not locked, not expired, not disabled.
    pub enabled: Option<bool>,
    /// Whether it has a shell or may log on interactively: a person's account rather than a program's.
    pub interactive: Option<bool>,
    /// Whether it administers the machine.
    pub privileged: Option<bool>,
    /// Why it is privileged: `uid 0`, `group sudo`, `/etc/sudoers.d/ops`, `Administrators`.
    pub privilege_sources: Vec<String>,
    /// The newest login that can be trusted.
    pub last_login: LastLogin,
    /// The state of its password, never the password.
    pub password: Password,
    /// When the account itself ends.
    pub expires_at: Option<Timestamp>,
    /// The program that a login starts (passwd(5)); empty means /bin/sh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Whether its number is one that the system gives to its own accounts, rather than to people's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<bool>,
    /// Other accounts with the same number: to the system they are one account with several names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares_id_with: Vec<String>,
    /// Groups of Windows that it is in, directly or by way of others, whose members may do more than everybody:
    /// `Administrators`, `Backup Operators`, `Remote Desktop Users`. They are found by their SID and have their English
    /// names here, whatever the system's language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The account with Microsoft that opens this one: such a person is known by that name rather than by `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_identity: Option<String>,
    /// Whether the machine opens a session with it when it starts, asking nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub automatic_logon: bool,
    /// Whether its password for that is stored on the machine. Never the password.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stored_password: bool,
}

/// When the account was last used. `Unknown` is not `Never`: `Never` needs a source that would know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastLogin {
    /// Whether `at` is meant.
    pub state: LoginState,
    /// The start of that session; `Some` if and only if `state` is `At`.
    pub at: Option<Timestamp>,
    /// Where that was read: `lastlog`, `lastlog2`, `wtmp`, `wtmpdb`, `journal`, `sam`, `profile`
    /// (when Windows last loaded the person's settings).
    pub source: Option<String>,
}

/// What is known of the last login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum LoginState {
    At,
    Never,
    #[default]
    Unknown,
}

/// The state of an account's password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Password {
    /// Set, absent or locked.
    pub state: PasswordState,
    /// When it was last changed.
    pub changed_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// `None`: anybody may log in without one. `Locked`: no password opens it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum PasswordState {
    Set,
    None,
    Locked,
    #[default]
    Unknown,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(i64),
    }
    Ok(Option::<Id>::deserialize(source)?.map(|id| match id {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    }))
}

// === the wire ===

impl From<wire::Account> for Account {
    fn from(wire: wire::Account) -> Self {
        let last_login = match (wire.last_login_state(), wire.last_login_at_us) {
            (wire::LoginState::At, Some(at)) => LastLogin {
                state: LoginState::At,
                at: Some(time::from_wire(at)),
                source: wire.last_login_source.clone(),
            },
            (wire::LoginState::Never, _) => {
                LastLogin { state: LoginState::Never, at: None, source: wire.last_login_source.clone() }
            }
            // An `At` without its time is not to be believed.
            (wire::LoginState::Unknown | wire::LoginState::At, _) => LastLogin::default(),
        };
        let password = Password {
            state: match wire.password_state() {
                wire::PasswordState::Unknown => PasswordState::Unknown,
                wire::PasswordState::Set => PasswordState::Set,
                wire::PasswordState::None => PasswordState::None,
                wire::PasswordState::Locked => PasswordState::Locked,
            },
            changed_at: wire.password_changed_at_us.map(time::from_wire),
            expires_at: wire.password_expires_at_us.map(time::from_wire),
        };
        Account {
            name: wire.name,
            id: wire.id,
            full_name: wire.full_name,
            enabled: wire.enabled,
            interactive: wire.interactive,
            privileged: wire.privileged,
            privilege_sources: wire.privilege_sources,
            last_login,
            password,
            expires_at: wire.expires_at_us.map(time::from_wire),
            shell: wire.shell,
            system: wire.system,
            shares_id_with: wire.shares_id_with,
            groups: wire.groups,
            online_identity: wire.online_identity,
            automatic_logon: wire.automatic_logon,
            stored_password: wire.stored_password,
        }
    }
}

impl From<Account> for wire::Account {
    fn from(account: Account) -> Self {
        let last_login_state = match account.last_login.state {
            LoginState::At => wire::LoginState::At,
            LoginState::Never => wire::LoginState::Never,
            LoginState::Unknown => wire::LoginState::Unknown,
        };
        let password_state = match account.password.state {
            PasswordState::Set => wire::PasswordState::Set,
            PasswordState::None => wire::PasswordState::None,
            PasswordState::Locked => wire::PasswordState::Locked,
            PasswordState::Unknown => wire::PasswordState::Unknown,
        };
        wire::Account {
            name: account.name,
            id: account.id,
            full_name: account.full_name,
            enabled: account.enabled,
            interactive: account.interactive,
            privileged: account.privileged,
            privilege_sources: account.privilege_sources,
            last_login_state: last_login_state.into(),
            last_login_at_us: account.last_login.at.map(time::to_wire),
            last_login_source: account.last_login.source,
            password_state: password_state.into(),
            password_changed_at_us: account.password.changed_at.map(time::to_wire),
            password_expires_at_us: account.password.expires_at.map(time::to_wire),
            expires_at_us: account.expires_at.map(time::to_wire),
            shell: account.shell,
            system: account.system,
            shares_id_with: account.shares_id_with,
            groups: account.groups,
            online_identity: account.online_identity,
            automatic_logon: account.automatic_logon,
            stored_password: account.stored_password,
        }
    }
}
