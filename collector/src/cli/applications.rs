//! daicho applications, application, exception, permit, approve, reject, withdraw, extend, revoke: what somebody asks
//! for, and the officer's one yes or no.

use std::path::PathBuf;

use daicho_proto::wire as w;
use daicho_rules::ledger::{ApprovedMedium, Exception, MediumPurpose, Scope};
use jiff::civil::Date;

use super::connection::Connection;
use super::output::{self, Format, Table, escape};
use super::{Context, Outcome, failure, questions, words};
use crate::applications::form::{self, Kind};
use crate::applications::{Application, Row, Wish, words as standing};

mod shown;

use shown::{read, screen, write};

/// Lists the applications that wait for the officer.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  daicho applications\n  daicho applications --all --format csv > applications.csv"
)]
pub struct Arguments {
    /// Those too that are settled.
    #[arg(long)]
    all: bool,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Shows one application; to an officer at a terminal it asks for a yes or no.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  daicho application 12\n  daicho application 12 --print application-12.html"
)]
pub struct OneArguments {
    /// The application's number.
    number: u64,
    /// Writes it as one page of A4 to print and sign, into a new file.
    #[arg(long, value_name = "FILE")]
    print: Option<PathBuf>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Applies for an exception (例外): a violation that is to stand until a day.
#[derive(Debug, clap::Args)]
pub struct ExceptionArguments {
    #[command(subcommand)]
    command: ExceptionCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ExceptionCommand {
    /// Applies; the officer approves.
    #[command(
        after_help = "Examples:\n  daicho exception apply --violation 3f2a90c1 --reason '更新は3月' --measure '院内LANから切り離し' --until 2027-03-31\n  daicho exception apply --rule 09.unsupported_os --device group:modality --subject '*' --reason ... --measure ... --until R9.3.31"
    )]
    Apply(Box<ExceptionApplication>),
    /// Writes an empty form to fill in by hand.
    #[command(after_help = "Example:\n  daicho exception form --print exception.html")]
    Form(FormArguments),
}

#[derive(Debug, clap::Args)]
struct ExceptionApplication {
    /// The violation, by its number or key.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["rule", "device", "subject"])]
    violation: Option<String>,
    /// The rule, such as 09.unsupported_os.
    #[arg(long, required_unless_present = "violation")]
    rule: Option<String>,
    /// A device_id, group:NAME or *.
    #[arg(long, required_unless_present = "violation")]
    device: Option<String>,
    /// What it is about, as violations name it; * stands for anything.
    #[arg(long, required_unless_present = "violation")]
    subject: Option<String>,
    /// Why it cannot be corrected before.
    #[arg(long)]
    reason: String,
    /// What is done meanwhile in its place.
    #[arg(long)]
    measure: String,
    /// The last day: 2027-03-31, 令和9年3月31日.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Date,
}

/// Applies for the use of an external medium (外部記録媒体, Article 11).
#[derive(Debug, clap::Args)]
pub struct PermitArguments {
    #[command(subcommand)]
    command: PermitCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PermitCommand {
    /// Applies; the officer approves.
    #[command(
        after_help = "Examples:\n  daicho permit apply --medium 0781:5581:AA01 --device PC-07 --until 2027-03-31 --reason '紹介状の画像'\n  daicho permit apply --violation 3f2a90c1 --purpose backup --until 2027-03-31 --reason '夜間バックアップ'"
    )]
    Apply(Box<PermitApplication>),
    /// Writes an empty form to fill in by hand.
    #[command(after_help = "Example:\n  daicho permit form --print permit.html")]
    Form(FormArguments),
}

#[derive(Debug, clap::Args)]
struct PermitApplication {
    /// VENDOR:PRODUCT:SERIAL, such as 0781:5581:AA01.
    #[arg(long, required_unless_present = "violation")]
    medium: Option<String>,
    /// A violation that names the medium and the device.
    #[arg(long, value_name = "KEY", conflicts_with = "medium")]
    violation: Option<String>,
    /// What for.
    #[arg(long, value_enum, default_value_t)]
    purpose: Purpose,
    /// A device_id, group:NAME or *.
    #[arg(long, required_unless_present = "violation")]
    device: Option<String>,
    /// The first day; without it, today.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<Date>,
    /// The last day: 2027-03-31, 令和9年3月31日.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Date,
    /// Why it is needed.
    #[arg(long)]
    reason: String,
    /// The hospital's own name of the medium, such as USB-01.
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Purpose {
    Backup,
    #[default]
    Business,
}

#[derive(Debug, clap::Args)]
struct FormArguments {
    /// A new file.
    #[arg(long, value_name = "FILE")]
    print: PathBuf,
}

/// Approves applications: they become rows of the ledger in your name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  daicho approve 12 13 --reason '代替策を確認した'")]
pub struct ApproveArguments {
    /// The applications' numbers.
    #[arg(required = true)]
    numbers: Vec<u64>,
    /// A word on why.
    #[arg(long, default_value = "")]
    reason: String,
}

/// An application and why.
#[derive(Debug, clap::Args)]
pub struct ReasonArguments {
    /// The application's number.
    number: u64,
    /// Why; it is kept with your name.
    #[arg(long)]
    reason: String,
}

/// Applies for a later last day of what was approved.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  daicho extend 12 --until 2027-09-30 --reason '更新が秋に延びた'")]
pub struct ExtendArguments {
    /// The number of the application that was approved.
    number: u64,
    /// The new last day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Date,
    /// Why.
    #[arg(long)]
    reason: String,
}

fn day(text: &str) -> Result<Date, String> {
    crate::bookkeeping::dates::parse(text)
        .ok_or_else(|| format!("{text:?} is no day, expected e.g. 2027-03-31 or 令和9年3月31日"))
}

/// Lists.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let request = w::ApplicationsRequest { all: arguments.all };
    let answer = questions::got(&connection, connection.applications().list(request).await)?;
    let all: Vec<Application> =
        answer.applications_json.iter().map(|json| read(json)).collect::<Result<_, _>>()?;
    let mut table = Table::new(&[
        context.say("番号", "number"),
        context.say("種類", "kind"),
        context.say("内容", "for"),
        context.say("申請者", "by"),
        context.say("申請日", "on"),
        context.say("期限", "until"),
        context.say("状態", "state"),
    ]);
    for one in &all {
        table.row(vec![
            one.number.to_string(),
            shown::kind(&one.row, context).to_owned(),
            one.subject(),
            one.by.clone(),
            words::day(one.at),
            one.row.last_day().map(|day| day.to_string()).unwrap_or_default(),
            standing::state(one.state).in_language(context.language).to_owned(),
        ]);
    }
    let empty = context.say("承認を待つ申請はありません。", "No application waits.");
    output::list(arguments.format, &table, &all, empty)?;
    Ok(Outcome::Done)
}

/// Shows one, prints it, or asks for a decision.
pub async fn run_one(arguments: OneArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let request = w::ApplicationRequest { number: arguments.number };
    let one = told(&connection, connection.applications().one(request).await)?;
    if let Some(path) = &arguments.print {
        let kind = match &one.row {
            Row::Exceptions(_) => Kind::Exception,
            Row::Media(_) => Kind::Permit,
        };
        write(path, &form::page(kind, Some(&one)), context)?;
        return Ok(Outcome::Done);
    }
    match arguments.format {
        Format::Json => output::show(&output::json(&one)?)?,
        Format::Csv => output::show(&shown::facts(&one, context).csv()?)?,
        Format::Table => {
            output::show(&screen(&one, context))?;
            shown::ask(&connection, &one, context).await?;
        }
    }
    Ok(Outcome::Done)
}

/// Applies for an exception, or writes an empty form.
pub async fn run_exception(arguments: ExceptionArguments, context: &Context) -> anyhow::Result<Outcome> {
    let asked = match arguments.command {
        ExceptionCommand::Form(form) => {
            write(&form.print, &form::page(Kind::Exception, None), context)?;
            return Ok(Outcome::Done);
        }
        ExceptionCommand::Apply(asked) => *asked,
    };
    let connection = Connection::open(context).await?;
    let (rule, device, subject) = match &asked.violation {
        Some(key) => {
            let (violation, _) = questions::history(&connection, key).await?;
            (violation.rule, violation.device, violation.subject)
        }
        None => (
            asked.rule.unwrap_or_default(),
            asked.device.unwrap_or_default(),
            asked.subject.unwrap_or_default(),
        ),
    };
    let row = Row::Exceptions(Exception {
        rule,
        device: Scope::from(device.as_str()),
        subject,
        reason: asked.reason.clone(),
        measure: Some(asked.measure),
        expires_on: asked.until,
        ..Exception::default()
    });
    apply(&connection, Wish { row, reason: asked.reason, prolongs: None }, context).await
}

/// Applies for a medium, or writes an empty form.
pub async fn run_permit(arguments: PermitArguments, context: &Context) -> anyhow::Result<Outcome> {
    let asked = match arguments.command {
        PermitCommand::Form(form) => {
            write(&form.print, &form::page(Kind::Permit, None), context)?;
            return Ok(Outcome::Done);
        }
        PermitCommand::Apply(asked) => *asked,
    };
    let connection = Connection::open(context).await?;
    let (medium, device) = match &asked.violation {
        Some(key) => {
            let (violation, _) = questions::history(&connection, key).await?;
            (violation.subject, asked.device.unwrap_or(violation.device))
        }
        None => (asked.medium.unwrap_or_default(), asked.device.unwrap_or_default()),
    };
    let mut parts =
        medium.trim().splitn(3, ':').map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
    let today = daicho_proto::time::japanese_date(context.clock.now());
    let row = Row::Media(ApprovedMedium {
        media_id: asked.id.unwrap_or_default(),
        vendor_id: parts.next().flatten(),
        product_id: parts.next().flatten(),
        serial: parts.next().flatten(),
        purpose: match asked.purpose {
            Purpose::Backup => MediumPurpose::Backup,
            Purpose::Business => MediumPurpose::Business,
        },
        approved_from: Some(asked.from.unwrap_or(today)),
        approved_until: Some(asked.until),
        device: Scope::from(device.as_str()),
        ..ApprovedMedium::default()
    });
    apply(&connection, Wish { row, reason: asked.reason, prolongs: None }, context).await
}

/// Applies for a later last day.
pub async fn run_extend(arguments: ExtendArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    // The collector takes everything but the day from what is prolonged.
    let row = Row::Exceptions(Exception { expires_on: arguments.until, ..Exception::default() });
    let wish = Wish { row, reason: arguments.reason, prolongs: Some(arguments.number) };
    apply(&connection, wish, context).await
}

async fn apply(connection: &Connection, wish: Wish, context: &Context) -> anyhow::Result<Outcome> {
    let request = w::ApplyRequest { wish_json: serde_json::to_vec(&wish)? };
    let one = told(connection, connection.applications().apply(request).await)?;
    let number = one.number;
    output::show(context.say(
        &format!("申請{number}を受け付けました。安全管理責任者の承認を待っています。\n印刷: daicho application {number} --print FILE.html\n"),
        &format!("Application {number} was taken; it waits for the officer.\nPrint it with: daicho application {number} --print FILE.html\n"),
    ))?;
    Ok(Outcome::Done)
}

/// Approves.
pub async fn run_approve(arguments: ApproveArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    for number in arguments.numbers {
        decide(&connection, number, true, &arguments.reason, context).await?;
    }
    Ok(Outcome::Done)
}

/// Refuses.
pub async fn run_reject(arguments: ReasonArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    decide(&connection, arguments.number, false, &arguments.reason, context).await?;
    Ok(Outcome::Done)
}

async fn decide(
    connection: &Connection,
    number: u64,
    approve: bool,
    reason: &str,
    context: &Context,
) -> anyhow::Result<()> {
    let request = w::DecideRequest { number, approve, reason: reason.to_owned() };
    now_is(&told(connection, connection.applications().decide(request).await)?, context)
}

/// Takes back.
pub async fn run_withdraw(arguments: ReasonArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let ReasonArguments { number, reason } = arguments;
    let answer = connection.applications().withdraw(w::WithdrawRequest { number, reason }).await;
    now_is(&told(&connection, answer)?, context)?;
    Ok(Outcome::Done)
}

/// Ends an approval early.
pub async fn run_revoke(arguments: ReasonArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let ReasonArguments { number, reason } = arguments;
    let answer = connection.applications().revoke(w::RevokeRequest { number, reason }).await;
    now_is(&told(&connection, answer)?, context)?;
    Ok(Outcome::Done)
}

fn told(
    connection: &Connection,
    answer: Result<tonic::Response<w::ApplicationAnswer>, tonic::Status>,
) -> anyhow::Result<Application> {
    read(&questions::got(connection, answer)?.application_json)
}

fn now_is(one: &Application, context: &Context) -> anyhow::Result<()> {
    let (number, subject, state) = (one.number, escape(&one.subject()), standing::state(one.state));
    let own = one.decisions.last().is_some_and(|decision| decision.own);
    let (ja_own, en_own) = if own {
        ("（申請者本人による決裁として記録しました）", " (by the applicant; the record says so)")
    } else {
        ("", "")
    };
    output::show(context.say(
        &format!("申請{number}（{subject}）: {}{ja_own}\n", state.ja),
        &format!("Application {number} ({subject}): {}{en_own}\n", state.en),
    ))
}
