//! All that a rule may look at: one device's record, its ledger row, the whole ledger, and the time.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::ledger::{Device, Ledger};
use crate::record::EndpointRecord;

/// The evidence on one device. A listed device without endpoint has no record; an unlisted endpoint has no row.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What its endpoint was seen to be; `None`: no endpoint is linked to it.
    pub record: Option<&'a EndpointRecord>,
    /// Its row in the ledger; `None`: it is not listed.
    pub device: Option<&'a Device>,
    /// What the hospital decided.
    pub ledger: &'a Ledger,
    /// Now, by the collector's clock.
    pub now: Timestamp,
}

impl Evidence<'_> {
    /// Today in Japan: the day on which the ledger's dates are meant.
    pub fn today(&self) -> Date {
        daicho_proto::time::japanese_date(self.now)
    }
}
