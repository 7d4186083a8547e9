//! daicho compare-versions: the package managers' own orders of versions.
