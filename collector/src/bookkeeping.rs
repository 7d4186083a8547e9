//! The ledger's door: reads, checks, diffs, imports, exports; keeps who changed what.
