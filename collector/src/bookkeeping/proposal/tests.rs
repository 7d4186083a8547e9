//! Drafts of a group.
