//! The package managers' own orders of versions: dpkg, rpm, apk, Windows.
