//! The regulation's table of contents. A rule that is written and not listed fails the house's own test.

use crate::evidence::Evidence;
use crate::rule::{Assessment, Rule};

/// Every rule, in the order of the articles.
pub static RULES: &[&Rule] = &[];

/// What one rule says of one device.
#[derive(Debug)]
pub struct Judged {
    /// The rule.
    pub rule: &'static Rule,
    /// What it says.
    pub assessment: Assessment,
}

/// Asks every rule about one device.
pub fn judge(evidence: &Evidence<'_>) -> Vec<Judged> {
    RULES.iter().map(|rule| Judged { rule, assessment: (rule.assess)(evidence) }).collect()
}
