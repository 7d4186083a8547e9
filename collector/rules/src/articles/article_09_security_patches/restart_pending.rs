//! An installed update waits for a restart: until then the old code runs.

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
            return Err(Text::new(
                "再起動を待っている更新があるかどうか、わかりません。",
                "It is not known whether an update waits for a restart.",
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
    let mut proofs = vec![
        Proof::observed("host", "restart_pending", "true", host.observed_at),
        Proof::observed("host", "restart_pending.first_seen", since.to_string(), host.observed_at),
    ];
    proofs.extend(
        host.value
            .boot_time
            .map(|boot| Proof::observed("host", "boot_time", boot.to_string(), host.observed_at)),
    );
    proofs.extend(decided);
    let finding = Finding {
        subject: "restart".to_owned(),
        summary,
        remedy: Text::new(RULE.remedy.0, RULE.remedy.1),
        severity: if overdue { RULE.severity } else { Severity::Low },
        proofs,
        occurred_at: None,
    };
    Ok(Assessment { findings: vec![finding], ..Assessment::default() })
}
