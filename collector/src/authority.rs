//! The certificate authority: makes itself, enrols, renews, revokes.
