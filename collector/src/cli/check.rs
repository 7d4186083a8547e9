//! daicho check: judge documents against a ledger, with no server.
