//! The ledger against a file against every endpoint, for `daicho ledger diff`.

use std::sync::Arc;

use daicho_proto::wire as w;
use daicho_rules::text::Text;
use tonic::Status;

use super::{failed, told, wire};
use crate::Collector;
use crate::bookkeeping::differences::{Comparison, Machine};
use crate::bookkeeping::reading;
use crate::bookkeeping::sheets::Known;
use crate::evaluation::links::Links;

/// Differences in one message: far below what a message may hold.
const CHUNK: usize = 1_000;

/// Compares; endpoints are read one after the other, so that memory holds one of them.
pub(super) fn answers(
    collector: &Collector,
    request: w::LedgerCompareRequest,
) -> Result<Vec<w::LedgerCompareAnswer>, Status> {
    let w::LedgerCompareRequest { grids, mapping_json } = request;
    let import = w::LedgerImportRequest { grids, mapping_json, ..w::LedgerImportRequest::default() };
    let submission = wire::submission(import).map_err(|text| told::refused(&text))?;
    let opened = reading::without_passwords(submission.opened, &submission.mapping);
    let reading = reading::interpret(opened, &submission.mapping, &Known::of_the_house());
    let count = reading.faults.0.len();
    if count > 0 {
        return Err(told::refused(&Text::new(
            format!(
                "台帳に誤りが {count} 件あり、比べられません。`daicho ledger check` で確かめてください。"
            ),
            format!("the ledger has {count} faults and cannot be compared; `daicho ledger check` lists them"),
        )));
    }
    let mut comparison = Comparison::new(collector.ledger(), Arc::new(reading.ledger), collector.clock.now());
    let links = Links::make(collector).map_err(|error| failed(&error))?;
    for endpoint in collector.shelves.endpoints().map_err(|error| failed(&error))? {
        // Neither revoked nor what is left of a machine that was swapped out.
        let Some(name) = links.device(endpoint.id) else { continue };
        let record = collector.shelves.record(endpoint.id).map_err(|error| failed(&error))?;
        let device = links.row(name).is_some().then_some(name);
        let id = endpoint.id.to_string();
        comparison.look(&Machine { device, name, endpoint: &id, record: &record });
    }
    let (differences, measured) = comparison.finish();
    let mut answers = Vec::new();
    for some in differences.chunks(CHUNK) {
        let differences_json = wire::json(&some)?;
        answers.push(w::LedgerCompareAnswer { differences_json, ..w::LedgerCompareAnswer::default() });
    }
    let measured_json = wire::json(&measured)?;
    answers.push(w::LedgerCompareAnswer { measured_json, ..w::LedgerCompareAnswer::default() });
    Ok(answers)
}
