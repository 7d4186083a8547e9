//! An installed update waits for a restart: until then the old code runs.

use daicho_proto::facts::{Host, RestartKind, RestartReason};
use jiff::ToSpan;

use crate::articles::words;
use crate::evidence::Evidence;
use crate::rule::{Assessment, Finding, Kind, Proof, Rule, Setting, Severity};
use crate::text::Text;

pub(in crate::articles) static RULE: Rule = Rule {
    id: "09.restart_pending",
    article: 9,
    summary: ("更新を有効にするための再起動が済んでいません。", "An installed update waits for a restart."),
    remedy: (
        "診療に差し支えない時間に再起動してください。",
        "Restart the machine at a time that does not disturb care.",
    ),
    severity: Severity::Medium,
    kind: Kind::Standing,
    settings: &[RESTART],
    assess,
};

const RESTART: Setting = Setting {
    key: "09.restart_days_max",
    default: 14,
    range: (0, 3650),
    meaning: (
        "再起動を待ってもよい日数（最初に見つかった日から、日本の暦日）",
        "Days, in Japan's calendar, that a restart may wait since it was first seen",
    ),
};

fn assess(evidence: &Evidence<'_>) -> Assessment {
    examine(evidence).unwrap_or_else(Assessment::undetermined)
}

fn examine(evidence: &Evidence<'_>) -> Result<Assessment, Text> {
    let host = evidence.host()?;
    match host.value.restart_pending {
        Some(false) => return Ok(Assessment::satisfied()),
        Some(true) => {}
        None => {
            let (ja, en) = reasons(host.value);
            return Err(Text::new(
                format!("再起動を待っている更新があるかどうか、わかりません。{ja}"),
                format!("It is not known whether an update waits for a restart.{en}"),
            ));
        }
    }
    let known = evidence.record.and_then(|record| record.since.restart_pending);
    let since = known.unwrap_or(host.observed_at);
    let (days_max, decided) = evidence.limit(&RESTART);
    let (day, due) = (words::day(since), words::day(since).saturating_add(days_max.days()));
    let overdue = evidence.today() > due;
    let (ja_day, ja_due) = (words::ja(day), words::ja(due));
    let summary = if overdue {
        Text::new(
            format!("更新の適用後、再起動がまだです。{ja_day}に見つかり、期限の{ja_due}を過ぎました。"),
            format!("The machine has to restart after an update. Seen on {day}, it was due on {due}."),
        )
    } else {
        Text::new(
            format!(
                "更新の適用後、再起動がまだです。{ja_day}に見つかり、期限は{ja_due}です（まだ猶予期間内）。"
            ),
            format!(
                "The machine has to restart after an update. Seen on {day}, it is due on {due} (still within the grace)."
            ),
        )
    };
    let (ja, en) = reasons(host.value);
    let summary = Text::new(summary.ja + &ja, summary.en + &en);
    let mut proofs = vec![
        Proof::observed("host", "restart_pending", "true", host.observed_at),
        Proof::observed("host", "restart_pending.first_seen", since.to_string(), host.observed_at),
    ];
    proofs.extend(
        host.value
            .boot_time
            .map(|boot| Proof::observed("host", "boot_time", boot.to_string(), host.observed_at)),
    );
    let shown = host.value.restart_reasons.iter().take(REASONS_SHOWN_MAX);
    proofs.extend(shown.map(|reason| {
        let RestartReason { kind, name, detail } = reason;
        let detail = detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let told = format!("{} {name}{detail}", kind.name());
        Proof::observed("host", "restart_reasons", told, host.observed_at)
    }));
    proofs.extend(decided);
    let programs_only = !host.value.restart_reasons.is_empty()
        && host.value.restart_reasons.iter().all(|reason| reason.kind == RestartKind::Program);
    let remedy = if programs_only { REMEDY_OF_PROGRAMS } else { RULE.remedy };
    let finding = Finding {
        subject: "restart".to_owned(),
        summary,
        remedy: Text::new(remedy.0, remedy.1),
        severity: if overdue { RULE.severity } else { Severity::Low },
        proofs,
        occurred_at: None,
    };
    Ok(Assessment { findings: vec![finding], ..Assessment::default() })
}

/// Where only programs are at fault, the machine itself may go on.
const REMEDY_OF_PROGRAMS: (&str, &str) = (
    "診療に差し支えない時間に、挙げたサービスかこの機器を再起動してください。",
    "Restart the services that are named, or the machine, at a time that does not disturb care.",
);

/// Reasons that a sentence and its proofs show: a machine that waits for long has one for each of its services.
const REASONS_SHOWN_MAX: usize = 8;

/// The reasons in words, to be added to a sentence; empty where the agent told none.
fn reasons(host: &Host) -> (String, String) {
    let running = host.kernel.as_deref().unwrap_or("?");
    let shown = host.restart_reasons.iter().take(REASONS_SHOWN_MAX);
    let words = shown.map(|RestartReason { kind, name, detail }| {
        let old = detail.as_deref().filter(|detail| *detail != "program");
        match (kind, old) {
            (RestartKind::Kernel, _) => (
                format!("カーネル{name}が入っていますが、動いているのは{running}です"),
                format!("kernel {name} is installed and {running} runs"),
            ),
            (RestartKind::Package, _) => (format!("{name}が更新されています"), format!("{name} was updated")),
            (RestartKind::Program, None) => {
                (format!("{name}は古いプログラムのまま動いています"), format!("{name} runs its old program"))
            }
            (RestartKind::Program, Some(library)) => {
                (format!("{name}は古い{library}を使っています"), format!("{name} uses the old {library}"))
            }
            (RestartKind::Unseen, _) => (
                format!("{name}が更新されましたが、古いものを使うプログラムが残っているか見えません"),
                format!("{name} was replaced, and whether a program still uses the old one cannot be seen"),
            ),
            (RestartKind::System, _) => (
                format!("OSの更新が再起動を待っています（{name}）"),
                format!("the system was updated ({name})"),
            ),
            (RestartKind::File, _) => {
                (format!("{name}の置き換えが再起動を待っています"), format!("{name} waits to be replaced"))
            }
            (RestartKind::Identity, _) => (
                format!("新しいコンピューター名またはドメイン（{name}）が再起動を待っています"),
                format!("the new name or domain {name} waits"),
            ),
            (RestartKind::Other, _) => (name.clone(), name.clone()),
        }
    });
    let (ja, en): (Vec<String>, Vec<String>) = words.unzip();
    if ja.is_empty() {
        return Default::default();
    }
    let more = host.restart_reasons.len().saturating_sub(REASONS_SHOWN_MAX);
    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
    (format!("理由：{}{more}。", ja.join("、")), format!(" Reason: {}{more}.", en.join("; ")))
}
