//! Which sheet of ours a grid is: by its name, by a mapping, or as its headings propose. Nothing is guessed silently.

use daicho_rules::text::Text;
use serde::Serialize;

use super::fault::Fault;
use super::grid::Grid;
use super::headings::{self, Mapping};
use super::plan::{self, SHEETS, SheetPlan};

/// In a mapping the word that speaks of the whole sheet: `{"本館2F": {"*": "devices"}}`.
pub const WHOLE_SHEET: &str = "*";

/// What a mapping says of a sheet that is to be left alone.
pub const UNREAD: &str = "unread";

/// Sheets that headings alone can tell. The others have headings that any list could have: 名称, 目的.
const PROPOSABLE: [&str; 4] = ["devices", "staff", "accounts", "media"];

/// Columns that only a list of machines has.
const OF_MACHINES: [&str; 4] = ["hostname", "serial_number", "mac_address", "hardware_uuid"];

/// Fields that must be found before a sheet is proposed: one column alone proves nothing.
const FIELDS_MIN: usize = 2;

/// A sheet that was read although its name is none of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The file's name.
    pub file: String,
    /// The sheet's, or the file's without its ending.
    pub sheet: String,
    /// Our sheet.
    #[serde(rename = "as")]
    pub plan: &'static str,
    /// Headings of ours among all headings, in percent.
    pub score: usize,
    /// The headings that tell: `管理番号 → device_id`.
    pub reasons: Vec<String>,
}

/// What a grid is.
#[derive(Clone, Debug)]
pub enum Layout {
    /// Its name, or a mapping, says so.
    Told(&'static SheetPlan),
    /// Its headings say so.
    Proposed(&'static SheetPlan, Proposal),
    /// Its headings could say so; a person must.
    Unclear(Proposal),
    /// None of ours.
    Foreign,
}

impl Layout {
    /// The sheet of ours, where it is known.
    pub fn plan(&self) -> Option<&'static SheetPlan> {
        match self {
            Layout::Told(plan) | Layout::Proposed(plan, _) => Some(plan),
            Layout::Unclear(_) | Layout::Foreign => None,
        }
    }
}

/// Tells what a grid is.
pub fn of(grid: &Grid, mapping: &Mapping) -> Layout {
    if let Some(told) = mapping.get(grid.title()).and_then(|columns| columns.get(WHOLE_SHEET)) {
        return plan::sheet(told).map_or(Layout::Foreign, Layout::Told);
    }
    match headings::recognise(grid.title()) {
        Some(plan) => Layout::Told(plan),
        None => proposed(grid, mapping),
    }
}

fn proposed(grid: &Grid, mapping: &Mapping) -> Layout {
    let mut found: Vec<(&'static SheetPlan, Proposal, bool)> = SHEETS
        .iter()
        .filter(|plan| PROPOSABLE.contains(&plan.name))
        .filter_map(|plan| {
            let (fields, headings) = headings::survey(grid, plan, mapping);
            let whole = plan
                .columns
                .iter()
                .filter(|column| column.required)
                .all(|column| fields.iter().any(|(field, _)| *field == column.field));
            let machines = fields.iter().filter(|(field, _)| OF_MACHINES.contains(field)).count();
            let fits = match plan.name {
                // A list of machines without their numbers is not left out unseen.
                "devices" => (whole && machines >= 1) || machines >= 2,
                _ => whole,
            };
            (fits && fields.len() >= FIELDS_MIN).then(|| {
                let reasons = fields.iter().map(|(field, heading)| format!("{heading} → {field}"));
                let proposal = Proposal {
                    file: grid.file.clone(),
                    sheet: grid.title().to_owned(),
                    plan: plan.name,
                    score: fields.len() * 100 / headings.max(1),
                    reasons: reasons.collect(),
                };
                (plan, proposal, whole)
            })
        })
        .collect();
    found.sort_by_key(|(_, proposal, whole)| std::cmp::Reverse((*whole, proposal.reasons.len())));
    let mut found = found.into_iter();
    let Some((plan, best, whole)) = found.next() else { return Layout::Foreign };
    let as_good = found.next().is_some_and(|(_, second, second_whole)| {
        second_whole == whole && second.reasons.len() >= best.reasons.len()
    });
    if whole && !as_good { Layout::Proposed(plan, best) } else { Layout::Unclear(best) }
}

/// What to say of a sheet that could be one of ours.
pub fn unclear(grid: &Grid, proposal: &Proposal) -> Fault {
    let Proposal { sheet, plan, score, reasons, .. } = proposal;
    let reasons = reasons.join(", ");
    Fault {
        sheet: grid.sheet.clone(),
        ..Fault::of_file(
            &grid.file,
            Text::new(
                format!(
                    "どの台帳かが決まるシート。{plan} に近いものの（{score} %: {reasons}）、決められません。対応付けファイルに {{\"{sheet}\": {{\"*\": \"{plan}\"}}}}、読まないなら {{\"{sheet}\": {{\"*\": \"{UNREAD}\"}}}} と書き、--mapping で指定してください"
                ),
                format!(
                    "a sheet that is clearly one of the ledger's; it is nearest to {plan} ({score} %: {reasons}), but not clearly: write {{\"{sheet}\": {{\"*\": \"{plan}\"}}}} into a mapping, or {{\"{sheet}\": {{\"*\": \"{UNREAD}\"}}}} to leave it out, and give it with --mapping"
                ),
            ),
        )
    }
}
