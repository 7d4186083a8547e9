//! The hospital's regulation as pure functions: observations, ledger and time in, violations out.

pub mod answer;
pub mod approvals;
pub mod articles;
pub mod catalogue;
pub mod end_of_life;
pub mod evidence;
pub mod ledger;
pub mod linking;
pub mod normal;
pub mod record;
pub mod rule;
mod table;
pub mod text;
pub mod violation;
