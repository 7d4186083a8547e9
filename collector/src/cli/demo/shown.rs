//! What the demo shows: article by article, in plain words, with the evidence, and not more than a person reads.

use std::path::Path;

use daicho_proto::wire as w;
use daicho_rules::answer::{Answer, Undetermined};
use daicho_rules::violation::{State, Violation};

use super::parts::{Parts, operator};
use crate::cli::output::{WIDTH_MAX, bold, escape, width, wrap};
use crate::cli::violations::proof_in_words;
use crate::cli::{Context, words};
use crate::queries::filters::short_key;

/// Violations of one rule that are told in full; of the others the subjects are named. Of what could not be told likewise.
const TOLD_MAX: usize = 3;

/// Subjects that are named of those that are not told in full.
const NAMED_MAX: usize = 6;

/// Pieces of evidence under one violation; `daicho violation` shows the rest.
const PROOFS_MAX: usize = 3;

/// The whole page.
pub(super) fn page(
    device: &w::DeviceSummary,
    answer: &Answer,
    elsewhere: &Answer,
    context: &Context,
) -> String {
    let mut page = Page { text: String::new(), context };
    let os = device.endpoints.first().and_then(|endpoint| endpoint.os_name.clone()).unwrap_or_default();
    let host = device.endpoints.first().map(|endpoint| endpoint.hostname.clone()).unwrap_or_default();
    let (ja, en) = (
        format!("この機器 {host}（{os}）は、台帳の見本では {} です。", device.device),
        format!("This machine, {host} ({os}), is {} in the example ledger.", device.device),
    );
    page.text.push('\n');
    page.line("", context.say(&ja, &en));
    page.violations(&answer.violations);
    page.undetermined(&answer.undetermined);
    page.satisfied(answer);
    page.elsewhere(elsewhere);
    page.text
}

struct Page<'a> {
    text: String,
    context: &'a Context,
}

impl Page<'_> {
    /// A line, wrapped under itself.
    fn line(&mut self, lead: &str, line: &str) {
        let indent = width(lead);
        for (number, part) in wrap(&escape(line), WIDTH_MAX - indent).into_iter().enumerate() {
            let lead = if number == 0 { lead.to_owned() } else { " ".repeat(indent) };
            self.text.push_str(&format!("{lead}{part}\n"));
        }
    }

    fn heading(&mut self, heading: &str) {
        self.text.push_str(&format!("\n{}\n", bold(&escape(heading))));
    }

    fn violations(&mut self, violations: &[Violation]) {
        let context = self.context;
        if violations.is_empty() {
            self.heading(context.say("違反は見つかりませんでした。", "No violation was found."));
            return;
        }
        let mut article = 0;
        let mut rest = violations;
        while let Some(first) = rest.first() {
            let count = rest.iter().take_while(|violation| violation.rule == first.rule).count();
            let (of_rule, others) = rest.split_at(count);
            if first.article != article {
                article = first.article;
                self.heading(&words::article(context, article));
            }
            self.rule(of_rule);
            rest = others;
        }
    }

    fn rule(&mut self, violations: &[Violation]) {
        let context = self.context;
        let mut sorted: Vec<&Violation> = violations.iter().collect();
        sorted.sort_by_key(|violation| std::cmp::Reverse(violation.severity));
        // One more is told rather than counted.
        let told = if sorted.len() == TOLD_MAX + 1 { sorted.len() } else { TOLD_MAX };
        let remedies = sorted.iter().take(told).map(|violation| words::text(context, &violation.remedy));
        let remedies: Vec<&str> = remedies.collect();
        for (place, violation) in sorted.iter().take(told).enumerate() {
            self.violation(violation);
            // What mends several is said once, under the last of them.
            if remedies.get(place) != remedies.get(place + 1) {
                self.line(
                    context.say("      対処 ", "      do:   "),
                    words::text(context, &violation.remedy),
                );
            }
        }
        let others = sorted.get(told..).unwrap_or_default();
        if others.is_empty() {
            return;
        }
        let names: Vec<&str> =
            others.iter().take(NAMED_MAX).map(|violation| violation.subject.as_str()).collect();
        let more = if others.len() > NAMED_MAX { context.say(" など", " and so on") } else { "" };
        let (ja, en) = (
            format!("同じ規則の違反が他 {} 件: {}{more}", others.len(), names.join("、")),
            format!("{} more of this rule: {}{more}", others.len(), names.join(", ")),
        );
        self.line("    ", context.say(&ja, &en));
    }

    fn violation(&mut self, violation: &Violation) {
        let context = self.context;
        let severity = words::severity(context, violation.severity);
        let lead = format!("  [{severity}] ");
        let state = match violation.state {
            State::Open => String::new(),
            other => format!(" ({})", words::state(context, other)),
        };
        let summary = words::text(context, &violation.summary);
        self.line(&lead, &format!("{summary}{state}  {}", short_key(&violation.key)));
        for proof in violation.evidence.iter().take(PROOFS_MAX) {
            self.line(context.say("      根拠 ", "      seen: "), &proof_in_words(proof));
        }
    }

    fn undetermined(&mut self, undetermined: &[Undetermined]) {
        if undetermined.is_empty() {
            return;
        }
        let context = self.context;
        self.heading(context.say(
            "判定できなかったもの（適合でも違反でもありません）",
            "What could not be told (neither in order nor a violation)",
        ));
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for told in undetermined {
            match reasons.iter_mut().find(|(reason, _)| *reason == told.reason) {
                Some((_, rules)) if rules.contains(&told.rule.as_str()) => {}
                Some((_, rules)) => rules.push(&told.rule),
                None => reasons.push((&told.reason, vec![&told.rule])),
            }
        }
        // Those of one rule stand together, and a rule with many does not hide the others.
        while let Some((_, rules)) = reasons.first() {
            let rules = rules.clone();
            let alike: Vec<_> =
                reasons.extract_if(.., |(_, own)| *own == rules).map(|(reason, _)| reason).collect();
            let told = if alike.len() == TOLD_MAX + 1 { alike.len() } else { alike.len().min(TOLD_MAX) };
            for reason in &alike[..told] {
                self.line("  - ", &format!("{reason} [{}]", rules.join(", ")));
            }
            let more = alike.len() - told;
            if more > 0 {
                let (ja, en) = (format!("同じ規則で他 {more} 件"), format!("{more} more of this rule"));
                self.line("    ", context.say(&ja, &en));
            }
        }
    }

    fn satisfied(&mut self, answer: &Answer) {
        let context = self.context;
        let rules: Vec<&str> = answer.satisfied.iter().map(|satisfied| satisfied.rule.as_str()).collect();
        let (ja, en) = (
            format!("適合を確認できた規則 {} 件", rules.len()),
            format!("Seen to be in order: {} rules", rules.len()),
        );
        self.heading(context.say(&ja, &en));
        if !rules.is_empty() {
            self.line("  ", &rules.join(", "));
        }
    }

    fn elsewhere(&mut self, elsewhere: &Answer) {
        if elsewhere.violations.is_empty() {
            return;
        }
        let context = self.context;
        let mut devices: Vec<&str> =
            elsewhere.violations.iter().map(|violation| violation.device.as_str()).collect();
        devices.sort_unstable();
        devices.dedup();
        let (devices, count) = (devices.len(), elsewhere.violations.len());
        let (ja, en) = (
            format!(
                "台帳の見本にある他の機器 {devices} 台についても、報告がないことなど {count} 件を見つけています。実在しない機器なので、ここには示しません。"
            ),
            format!(
                "Of {devices} other machines in the example ledger, {count} violations are open, such as their silence. They do not exist, so they are not shown here."
            ),
        );
        self.text.push('\n');
        self.line("", context.say(&ja, &en));
    }
}

/// The commands with which to ask on, as long as the demo runs.
pub(super) fn how_to_ask(parts: &Parts, folder: &Path, context: &Context) -> String {
    let daicho = parts.beside.join("daicho").display().to_string();
    let operator = operator(folder).display().to_string();
    let mut text = format!(
        "\n{}\n",
        bold(context.say(
            "動き続けています。別の端末で尋ねられます:",
            "It goes on running. Ask from another terminal:"
        ))
    );
    text.push_str(&format!("  export DAICHO_OPERATOR={operator}\n"));
    for (question, ja, en) in [
        ("violations", "すべての違反", "every violation"),
        ("violations --article 8 --format csv", "第8条だけを表計算用に", "Article 8 for a spreadsheet"),
        ("violation NUMBER", "一件の根拠と経過", "one with its evidence and history"),
        ("device SV-DEMO", "この機器について知られていること", "what is known of this machine"),
        ("status", "コレクターの様子", "how the collector is"),
    ] {
        text.push_str(&format!("  {daicho} {question}    # {}\n", context.say(ja, en)));
    }
    let (ja, en) = (
        format!(
            "この機器で何かを変えると（USBメモリーを挿す、アカウントを加えるなど）数秒で違反に現れます。\n台帳は {0}/ledger にあり、書き換えて `{daicho} ledger import {0}/ledger` で取り込めます。\nCtrl-C で終わります。\n",
            folder.display()
        ),
        format!(
            "Change something on this machine (plug in a stick, add an account) and it shows within seconds.\nThe ledger is in {0}/ledger: edit it, then `{daicho} ledger import {0}/ledger`.\nCtrl-C ends it.\n",
            folder.display()
        ),
    );
    text.push_str(context.say(&ja, &en));
    text
}
