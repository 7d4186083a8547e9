//! The subjects of a look: in one line each, or in full.

use daicho_proto::facts::{
    Account, Antivirus, Fact, Host, LastLogin, LoginState, Look, Medium, Service, Subject, Updates,
};
use daicho_proto::observation::Observation;
use daicho_proto::time::from_wire;
use daicho_proto::wire as w;

use crate::cli::output::Table;
use crate::cli::{Context, words};

/// The subjects that are lists.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Shown {
    Accounts,
    Packages,
    Updates,
    Antivirus,
    Services,
    Software,
    Media,
}

/// A subject's name for people.
pub(super) fn name(subject: Subject, context: &Context) -> &'static str {
    match subject {
        Subject::Host => context.say("機器", "host"),
        Subject::Accounts => context.say("アカウント", "accounts"),
        Subject::Packages => context.say("パッケージ", "packages"),
        Subject::Updates => context.say("未適用の更新", "updates"),
        Subject::Antivirus => context.say("ウイルス対策", "antivirus"),
        Subject::Services => context.say("サービス", "services"),
        Subject::Software => context.say("ソフトウェア", "software"),
        Subject::Media => context.say("外部記録媒体", "media"),
    }
}

pub(super) fn count(number: usize, context: &Context) -> String {
    let (ja, en) = (format!("{number}件"), number.to_string());
    context.say(&ja, &en).to_owned()
}

/// Reasons for a restart that one line shows.
const REASONS_SHOWN_MAX: usize = 4;

pub(super) fn host(host: &Host, context: &Context) -> String {
    let unknown = context.say("不明", "unknown");
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| unknown.to_owned());
    let restart = match host.restart_pending {
        Some(true) => context.say("再起動待ち", "waits for a restart"),
        Some(false) => context.say("再起動は不要", "no restart needed"),
        None => context.say("再起動の要否は不明", "whether it needs a restart is unknown"),
    };
    let reasons = host.restart_reasons.iter().take(REASONS_SHOWN_MAX).map(|reason| {
        let detail = reason.detail.as_deref().map(|detail| format!(" {detail}")).unwrap_or_default();
        format!("{} {}{detail}", reason.kind.name(), reason.name)
    });
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let restart = if reasons.is_empty() { restart.to_owned() } else { format!("{restart} ({reasons})") };
    let (ja, en) = (
        format!(
            "{}、カーネル {}、製造番号 {}、{restart}",
            text(&host.os_name),
            text(&host.kernel),
            text(&host.serial_number)
        ),
        format!(
            "{}, kernel {}, serial {}, {restart}",
            text(&host.os_name),
            text(&host.kernel),
            text(&host.serial_number)
        ),
    );
    context.say(&ja, &en).to_owned()
}

pub(super) fn accounts(accounts: &[Account], context: &Context) -> String {
    let of = |wanted: fn(&Account) -> bool| accounts.iter().filter(|account| wanted(account)).count();
    let people = of(|account| account.enabled == Some(true) && account.interactive == Some(true));
    let privileged = of(|account| account.enabled != Some(false) && account.privileged == Some(true));
    let unsure = of(|account| account.enabled.is_none());
    let (ja, en) = (
        format!("{}件（ログインできる {people}、管理者 {privileged}、有効か不明 {unsure}）", accounts.len()),
        format!(
            "{} ({people} can log in, {privileged} administer, {unsure} not known to be enabled)",
            accounts.len()
        ),
    );
    context.say(&ja, &en).to_owned()
}

pub(super) fn updates(updates: &Updates, context: &Context) -> String {
    let security = updates.pending.iter().filter(|update| update.security == Some(true)).count();
    let lists = updates.as_of.map_or_else(
        || context.say("一覧の日付は不明", "lists of an unknown day").to_owned(),
        |at| {
            let (ja, en) =
                (format!("{} の一覧による", words::day(at)), format!("by the lists of {}", words::day(at)));
            context.say(&ja, &en).to_owned()
        },
    );
    let (all, unlisted) = (updates.pending.len(), updates.unlisted.len());
    let (ja, en) = (
        format!("{all}件（セキュリティ {security}、一覧にないパッケージ {unlisted}）、{lists}"),
        format!("{all} ({security} for security, {unlisted} packages in no list), {lists}"),
    );
    context.say(&ja, &en).to_owned()
}

pub(super) fn antivirus(products: &[Antivirus], context: &Context) -> String {
    if products.is_empty() {
        return context.say("見つかりません", "none found").to_owned();
    }
    let tell = |product: &Antivirus| {
        let unknown = context.say("不明", "unknown");
        let day = product.patterns_at.map_or_else(|| unknown.to_owned(), words::day);
        let (ja, en) =
            (format!("{} パターン {day}", product.product), format!("{} patterns of {day}", product.product));
        context.say(&ja, &en).to_owned()
    };
    products.iter().map(tell).collect::<Vec<_>>().join(", ")
}

pub(super) fn services(services: &[Service], context: &Context) -> String {
    let running = services.iter().filter(|service| service.running == Some(true)).count();
    let listening = services.iter().filter(|service| !service.listening.is_empty()).count();
    let all = services.len();
    let (ja, en) = (
        format!("{all}件（動作中 {running}、待ち受けている {listening}）"),
        format!("{all} ({running} running, {listening} listening)"),
    );
    context.say(&ja, &en).to_owned()
}

fn yes_no(context: &Context, value: Option<bool>) -> String {
    match value {
        Some(true) => context.say("はい", "yes"),
        Some(false) => context.say("いいえ", "no"),
        None => context.say("不明", "unknown"),
    }
    .to_owned()
}

fn last_login(context: &Context, login: &LastLogin) -> String {
    let told = match (login.state, login.at) {
        (LoginState::At, Some(at)) => words::time(at),
        (LoginState::Never, _) => context.say("なし", "never").to_owned(),
        (LoginState::Unknown | LoginState::At, _) => context.say("不明", "unknown").to_owned(),
    };
    let source = login.source.as_deref().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{told}{source}")
}

/// A whole list of what was seen of one subject.
pub(super) fn list<'a>(
    shown: Shown,
    looks: impl Iterator<Item = &'a Observation>,
    context: &Context,
) -> Table {
    let headings: &[(&str, &str)] = match shown {
        Shown::Accounts => &[
            ("名前", "name"),
            ("氏名", "full name"),
            ("有効", "enabled"),
            ("ログイン可", "interactive"),
            ("管理者", "privileged"),
            ("最終ログイン（日本時間）", "last login (Japan)"),
        ],
        Shown::Packages => &[("管理", "manager"), ("名前", "name"), ("版", "version")],
        Shown::Updates => &[
            ("名前", "name"),
            ("現在の版", "installed"),
            ("新しい版", "available"),
            ("セキュリティ", "security"),
            ("配布元", "origin"),
        ],
        Shown::Antivirus => &[
            ("製品", "product"),
            ("動作中", "running"),
            ("パターン（日本時間）", "patterns (Japan)"),
            ("版", "version"),
        ],
        Shown::Services => &[
            ("名前", "name"),
            ("動作中", "running"),
            ("起動", "start"),
            ("待ち受け", "listening"),
            ("説明", "description"),
        ],
        Shown::Software => {
            &[("名前", "name"), ("版", "version"), ("発行元", "publisher"), ("導入日", "installed on")]
        }
        Shown::Media => &[
            ("種類", "kind"),
            ("製品", "product"),
            ("VID:PID", "VID:PID"),
            ("シリアル", "serial"),
            ("ラベル", "label"),
            ("使用箇所", "mounts"),
        ],
    };
    let headings: Vec<&str> = headings.iter().map(|(ja, en)| context.say(ja, en)).collect();
    let mut table = Table::new(&headings);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    fn value<T>(look: &Look<Vec<T>>) -> &[T] {
        look.value().map_or(&[], Vec::as_slice)
    }
    for look in looks {
        match (shown, &look.fact) {
            (Shown::Accounts, Fact::Accounts(look)) => {
                for account in value(look) {
                    let (enabled, people) =
                        (yes_no(context, account.enabled), yes_no(context, account.interactive));
                    let login = last_login(context, &account.last_login);
                    table.row(vec![
                        account.name.clone(),
                        text(&account.full_name),
                        enabled,
                        people,
                        yes_no(context, account.privileged),
                        login,
                    ]);
                }
            }
            (Shown::Packages, Fact::Packages(look)) => {
                for package in value(look) {
                    table.row(vec![package.manager.clone(), package.name.clone(), package.version.clone()]);
                }
            }
            (Shown::Updates, Fact::Updates(look)) => {
                for update in look.value().map_or(&[][..], |updates| &updates.pending) {
                    let security = yes_no(context, update.security);
                    table.row(vec![
                        update.name.clone(),
                        text(&update.installed_version),
                        text(&update.available_version),
                        security,
                        text(&update.origin),
                    ]);
                }
            }
            (Shown::Antivirus, Fact::Antivirus(look)) => {
                for product in value(look) {
                    let patterns = product
                        .patterns_at
                        .map_or_else(|| context.say("不明", "unknown").to_owned(), words::time);
                    table.row(vec![
                        product.product.clone(),
                        yes_no(context, product.running),
                        patterns,
                        text(&product.patterns_version),
                    ]);
                }
            }
            (Shown::Services, Fact::Services(look)) => {
                for service in value(look) {
                    let (running, listening) =
                        (yes_no(context, service.running), service.listening.join(" "));
                    let start = crate::grpc::query::wire::word(&service.start);
                    table.row(vec![
                        service.name.clone(),
                        running,
                        start,
                        listening,
                        text(&service.description),
                    ]);
                }
            }
            (Shown::Software, Fact::Software(look)) => {
                for program in value(look) {
                    table.row(vec![
                        program.name.clone(),
                        text(&program.version),
                        text(&program.publisher),
                        text(&program.installed_on),
                    ]);
                }
            }
            (Shown::Media, Fact::Media(look)) => {
                for medium in value(look) {
                    table.row(vec![
                        medium.kind.name().to_owned(),
                        product(medium),
                        model(medium),
                        text(&medium.serial),
                        text(&medium.label),
                        medium.mounts.join(" "),
                    ]);
                }
            }
            _ => {}
        }
    }
    table
}

fn product(medium: &Medium) -> String {
    let parts = [medium.manufacturer.as_deref(), medium.product.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn model(medium: &Medium) -> String {
    let part = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
    format!("{}:{}", part(&medium.vendor_id), part(&medium.product_id))
}

/// Every medium that was ever seen on a machine.
pub(super) fn sightings(sightings: impl Iterator<Item = w::Sighting>, context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("製品", "product"),
        "VID:PID",
        context.say("シリアル", "serial"),
        context.say("初回", "first seen"),
        context.say("最後の接続", "last connected"),
        context.say("今", "now"),
    ]);
    for sighting in sightings {
        let medium = Medium::from(sighting.medium.unwrap_or_default());
        let now = match (sighting.present, sighting.found_afterwards) {
            (true, _) => context.say("接続中", "plugged in"),
            (false, true) => context.say("ない（記録による）", "gone (from records)"),
            (false, false) => context.say("ない", "gone"),
        };
        table.row(vec![
            product(&medium),
            model(&medium),
            medium.serial.clone().unwrap_or_else(|| context.say("なし", "none").to_owned()),
            words::time(from_wire(sighting.first_at_us)),
            words::time(from_wire(sighting.attached_at_us)),
            now.to_owned(),
        ]);
    }
    table
}
