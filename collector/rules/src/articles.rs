//! The regulation's table of contents. A rule that is written and not listed fails the house's own test.

use crate::evidence::Evidence;
use crate::ledger::DeviceStatus;
use crate::rule::{Assessment, Rule, Setting, Unknown};
use crate::text::Text;

mod article_04_device_ledger;
mod article_08_unneeded_accounts;
mod article_09_security_patches;
mod article_11_external_media;
mod article_13_unneeded_software;
mod words;

use article_04_device_ledger::{cloned_device, retired_device, silent_device, unlisted_device};
use article_08_unneeded_accounts::{long_unused, retired_staff, unlisted_account};
use article_09_security_patches::{
    below_baseline, missing_update, restart_pending, stale_patterns, unsupported_os,
};
use article_11_external_media::{taken_outside, unapproved_use, unscanned_use};
use article_13_unneeded_software::{unneeded_service, unneeded_software};

/// Every rule, in the order of the articles.
pub static RULES: &[&Rule] = &[
    &unlisted_device::RULE,
    &silent_device::RULE,
    &retired_device::RULE,
    &cloned_device::RULE,
    &retired_staff::RULE,
    &long_unused::RULE,
    &unlisted_account::RULE,
    &missing_update::RULE,
    &below_baseline::RULE,
    &unsupported_os::RULE,
    &restart_pending::RULE,
    &stale_patterns::RULE,
    &unapproved_use::RULE,
    &unscanned_use::RULE,
    &taken_outside::RULE,
    &unneeded_service::RULE,
    &unneeded_software::RULE,
];

/// What one rule says of one device.
#[derive(Debug)]
pub struct Judged {
    /// The rule.
    pub rule: &'static Rule,
    /// What it says.
    pub assessment: Assessment,
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// Every setting of the ledger, in the order of the rules, then those of approvals: for the ledger's template and its reader.
pub fn settings() -> Vec<&'static Setting> {
    let mut settings: Vec<&Setting> = Vec::new();
    let of_approvals = crate::approvals::SETTINGS.iter().copied();
    for setting in RULES.iter().flat_map(|rule| rule.settings).chain(of_approvals) {
        if !settings.iter().any(|known| known.key == setting.key) {
            settings.push(setting);
        }
    }
    settings
}

/// Asks every rule about one device. A scrapped machine that no longer reports is asked nothing.
///
/// What was seen before a device fell silent may be long past: its findings stand, but nothing of it is right any more
/// until it reports again.
pub fn judge(evidence: &Evidence<'_>) -> Vec<Judged> {
    let silence = silent_device::silence(evidence);
    let scrapped = evidence.device.is_some_and(|device| device.status == DeviceStatus::Retired);
    if scrapped && (evidence.record.is_none() || silence.is_some()) {
        return Vec::new();
    }
    let ask = |rule: &&'static Rule| {
        let mut assessment = (rule.assess)(evidence);
        assessment.merge_same_subjects();
        if let (Some(since), false, Some(_)) = (silence, rule.article == 4, evidence.record) {
            doubt_old_looks(&mut assessment, since);
        }
        Judged { rule, assessment }
    };
    RULES.iter().map(ask).collect()
}

fn doubt_old_looks(assessment: &mut Assessment, since: jiff::Timestamp) {
    assessment.cleared.retain(|cleared| cleared.since.is_some());
    let day = daicho_proto::time::japanese_date(since);
    assessment.unknowns.push(Unknown {
        subject: None,
        reason: Text::new(
            format!("{}を最後に報告がなく、今の状態がわかりません。", words::ja(day)),
            format!("The last report is of {day}; the present state is not known."),
        ),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rules_id_begins_with_its_article_and_is_its_own() {
        let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        for rule in RULES {
            assert!(rule.id.starts_with(&format!("{:02}.", rule.article)), "{}", rule.id);
            for setting in rule.settings {
                assert!((setting.range.0..=setting.range.1).contains(&setting.default), "{}", setting.key);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }

    #[test]
    fn a_setting_has_one_meaning_and_one_default() {
        let all: Vec<&Setting> = RULES.iter().flat_map(|rule| rule.settings).collect();
        for setting in &all {
            assert!(all.iter().filter(|other| other.key == setting.key).all(|other| other == setting));
        }
    }
}
