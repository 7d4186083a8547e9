//! Joining: a key made here, a certificate from the collector, the authority's root remembered.
