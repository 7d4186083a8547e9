//! An entry of the log in words.

use daicho_proto::text::is_obeyed;

use crate::chronicle::{Because, Entry, What};
use crate::cli::{Context, words};
use crate::queries::filters::short_key;

/// A line as it is kept, for a terminal: what a terminal would obey is written as JSON writes it.
pub(super) fn harmless(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len() + 1);
    for c in String::from_utf8_lossy(line).chars() {
        if is_obeyed(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

/// The kind of an entry in a word or two.
pub(super) fn kind(kind: &str, context: &Context) -> String {
    let (ja, en) = match kind {
        "begun" => ("記録の開始", "log begun"),
        "violation_step" => ("違反", "violation"),
        "violation_taken" => ("記録開始前の違反", "violation from before"),
        "verdicts" => ("判定", "verdicts"),
        "forgotten" => ("保存期間が過ぎた違反", "violations kept no longer"),
        "device_ceased" => ("機器がなくなった", "device gone"),
        "ledger_version" => ("台帳", "ledger"),
        "decision" => ("決定", "decision"),
        "application" => ("申請", "application"),
        "refused" => ("拒否した操作", "refused"),
        "operator_certificate" => ("担当者の証明書", "operator's certificate"),
        "operator_revoked" => ("担当者の失効", "operator revoked"),
        "endpoint_joined" => ("端末の登録", "endpoint joined"),
        "endpoint_revoked" => ("端末の失効", "endpoint revoked"),
        "judged" => ("全機器の判定", "judged everything"),
        "note" => ("メモ", "note"),
        other => return other.to_owned(),
    };
    context.say(ja, en).to_owned()
}

/// What an entry says, in one line.
pub(super) fn what(entry: &Entry, context: &Context) -> String {
    match &entry.what {
        What::Begun { because, version } => {
            let (ja, en) = match because {
                Because::NewStore => ("新しいデータ", "a new store"),
                Because::OlderStore => ("記録簿より古いデータを引き継ぎ", "taken over from an older store"),
                Because::LogLost => ("これより前の記録簿は失われています", "the log before is gone"),
            };
            format!("{} (daicho {version})", context.say(ja, en))
        }
        What::ViolationStep { step, reason, violation } => {
            let reason = reason.as_deref().map(|reason| format!(" — {reason}")).unwrap_or_default();
            format!(
                "{} {} {}: {}{reason}",
                short_key(&violation.key),
                violation.device,
                words::step(context, *step),
                words::text(context, &violation.summary)
            )
        }
        What::ViolationTaken { violation, .. } => format!(
            "{} {} {}: {}",
            short_key(&violation.key),
            violation.device,
            words::state(context, violation.state),
            words::text(context, &violation.summary)
        ),
        What::Verdicts { device, rules, silent, .. } => {
            let said =
                rules.iter().map(|rule| format!("{} {}", rule.rule, words::verdict(context, rule.verdict)));
            let gone = silent.iter().map(|rule| format!("{rule} -"));
            format!("{device}: {}", said.chain(gone).collect::<Vec<_>>().join(", "))
        }
        What::DeviceCeased { device } => device.clone(),
        What::Forgotten { violations } => {
            let keys: Vec<String> = violations.iter().map(|key| short_key(key)).collect();
            keys.join(", ")
        }
        What::LedgerVersion { version, .. } => {
            let note = version.note.as_deref().map(|note| format!(" — {note}")).unwrap_or_default();
            let (ja, en) = (format!("第{}版", version.number), format!("version {}", version.number));
            format!("{} {}{note}", context.say(&ja, &en), version.source)
        }
        What::Decision { on, subject, decision, note, .. } => {
            let note = note.as_deref().map(|note| format!(" — {note}")).unwrap_or_default();
            format!("{on} {subject}: {decision}{note}")
        }
        What::Application { number, subject, step, note, .. } => {
            let note = note.as_deref().map(|note| format!(" — {note}")).unwrap_or_default();
            format!("{number} {subject}: {step}{note}")
        }
        What::Approvals { given, ended } => {
            let (given, ended) = (given.len(), ended.len());
            let (ja, en) = (
                format!("承認 {given}件、終了 {ended}件"),
                format!("{given} approvals given, {ended} ended"),
            );
            context.say(&ja, &en).to_owned()
        }
        What::Refused { method, needed, address, times } => {
            let needed: Vec<String> = needed.iter().map(ToString::to_string).collect();
            let (ja, en) = (format!("{times}回"), format!("{times} times"));
            let address = address.as_deref().unwrap_or("?");
            format!("{method} ({}) {address} {}", needed.join(", "), context.say(&ja, &en))
        }
        What::OperatorCertificate { name, roles, section, serial, not_after } => {
            let names: Vec<String> = roles.iter().map(ToString::to_string).collect();
            let roles = words::roles(&names, section.as_deref(), context);
            format!("{name} ({roles}) {serial} → {}", words::day(*not_after))
        }
        What::OperatorRevoked { name, reason } => format!("{name}: {reason}"),
        What::EndpointJoined { endpoint, hostname, device } => {
            format!("{hostname} ({endpoint}) {}", device.as_deref().unwrap_or_default())
        }
        What::EndpointRevoked { endpoint, hostname, reason } => format!("{hostname} ({endpoint}): {reason}"),
        What::Judged { .. } => context.say("すべての機器を判定した", "every device was judged").to_owned(),
        What::Note { text } => words::text(context, text).to_owned(),
        What::Unknown => context
            .say(
                "この版の daicho が知らない種類の記録です",
                "a kind that this version of daicho does not know",
            )
            .to_owned(),
    }
}
