//! daicho ledger: template, read, check, diff, import, export, propose.
