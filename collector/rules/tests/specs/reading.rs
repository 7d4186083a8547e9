//! From Markdown to cases.

use daicho_proto::document::Document;
use daicho_rules::ledger::{Ledger, Scope};
use daicho_rules::linking::Surroundings;
use daicho_rules::record::clock::WrongClock;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

/// What a heading of the third level describes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rule: String,
    /// Sheet, and its CSV.
    sheets: Vec<(String, String)>,
    /// What other machines tell: JSON.
    surroundings: Option<String>,
    /// JSON, in the order of time.
    pub(crate) observations: Vec<String>,
    /// Whether they are the case's own, and not the section's.
    own: bool,
    pub(crate) rows: Vec<Row>,
}

/// One row of its table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at: Timestamp,
    pub(crate) verdict: String,
    pub(crate) subjects: Vec<String>,
    pub(crate) severity: String,
    pub(crate) words: Vec<String>,
}

pub(crate) fn cases(file: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut common = Case::default();
    let mut in_case = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        if let Some(heading) = line.strip_prefix("## ") {
            let rule = heading.split_whitespace().next().unwrap_or_default();
            common = Case { rule: rule.to_owned(), ..Case::default() };
            in_case = false;
        } else if let Some(heading) = line.strip_prefix("### ") {
            let name = format!("{file}: {} {heading}", common.rule);
            cases.push(Case { name, ..common.clone() });
            in_case = true;
        } else if let Some(kind) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let case = if in_case { cases.last_mut().unwrap() } else { &mut common };
            case.fill(kind, &body.join("\n"), in_case);
        } else if line.starts_with('|') && in_case {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            if cells[0].starts_with(|c: char| c.is_ascii_digit()) {
                cases.last_mut().unwrap().rows.push(Row::of(&cells));
            }
        }
    }
    cases
}

impl Row {
    fn of(cells: &[&str]) -> Row {
        let at = cells[0].parse().unwrap_or_else(|_| {
            let local: DateTime = cells[0].parse().unwrap_or_else(|error| panic!("{}: {error}", cells[0]));
            local.to_zoned(daicho_proto::time::japan()).unwrap().timestamp()
        });
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default().trim_matches('`');
        let list = |place: usize, separator: &str| {
            let parts = cell(place).split(separator).map(|part| part.trim().trim_matches('`').to_owned());
            parts.filter(|part| !part.is_empty()).collect()
        };
        Row {
            at,
            verdict: cell(1).to_owned(),
            subjects: list(2, ", "),
            severity: cell(3).to_owned(),
            words: list(4, " / "),
        }
    }
}

impl Case {
    /// A case's own observations replace the section's; its sheets replace those of the same name.
    fn fill(&mut self, kind: &str, body: &str, own: bool) {
        let mut words = kind.split_whitespace();
        match (words.next(), words.next()) {
            (Some("ledger"), Some(sheet)) => {
                self.sheets.retain(|(known, _)| known != sheet);
                self.sheets.push((sheet.to_owned(), body.to_owned()));
            }
            (Some("observation"), None) => {
                if own && !self.own {
                    self.observations.clear();
                }
                self.own = own;
                self.observations.push(body.to_owned());
            }
            (Some("surroundings"), None) => self.surroundings = Some(body.to_owned()),
            _ => panic!("{}: block {kind:?} is not known", self.name),
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let mut sheets = Map::new();
        for (sheet, text) in &self.sheets {
            sheets.insert(sheet.clone(), rows(sheet, text));
        }
        serde_json::from_value(Value::Object(sheets)).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let parse = |text: &String| {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
        };
        self.surroundings.as_ref().map(parse).unwrap_or_default()
    }

    /// An observation without a time is of the moment of judging, one without a host is of `sv01`. `wrong_clock` is what
    /// the collector knows against the clock of who told it.
    pub(crate) fn documents(&self, now: Timestamp) -> Vec<(Document, Option<WrongClock>)> {
        let document = |text: &String| {
            let mut value: Value =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
            let object = value.as_object_mut().unwrap();
            object.insert("schema".to_owned(), json!("daicho.observation/1"));
            object.entry("observed_at").or_insert_with(|| json!(now));
            object.entry("host").or_insert_with(|| json!({"hostname": "sv01"}));
            let wrong_clock =
                object.remove("wrong_clock").map(|value| serde_json::from_value(value).unwrap());
            let document = serde_json::from_value(value);
            (document.unwrap_or_else(|error| panic!("{}: {error}", self.name)), wrong_clock)
        };
        self.observations.iter().map(document).collect()
    }
}

fn rows(sheet: &str, text: &str) -> Value {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let headings: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let row = |(number, line): (usize, &str)| {
        let mut object = Map::new();
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        assert_eq!(cells.len(), headings.len(), "{sheet}: {line}");
        for (heading, cell) in headings.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            let value = match *heading {
                "device" => json!(Scope::from(cell)),
                "privileged" | "scan_required" => json!(cell == "true"),
                "value" => json!(cell.parse::<i64>().unwrap()),
                _ => json!(cell),
            };
            object.insert((*heading).to_owned(), value);
        }
        object.insert("row".to_owned(), json!({"place": format!("{sheet}.csv"), "row": number + 2}));
        Value::Object(object)
    };
    lines.enumerate().map(row).collect()
}
