//! Refusals that a person reads: a gRPC status whose details hold the sentence in both languages, as JSON.

use daicho_rules::text::Text;
use tonic::{Code, Status};

/// There is nothing of that name.
pub fn not_found(text: &Text) -> Status {
    with_text(Code::NotFound, text)
}

/// What was asked makes no sense as things stand; nothing was changed.
pub fn refused(text: &Text) -> Status {
    with_text(Code::FailedPrecondition, text)
}

/// A status with a sentence in both languages.
pub fn with_text(code: Code, text: &Text) -> Status {
    // A text has nothing that JSON could refuse.
    let details = serde_json::to_vec(text).unwrap_or_default();
    Status::with_details(code, text.en.clone(), details.into())
}

/// The sentence of a status that was made here.
pub fn text(status: &Status) -> Option<Text> {
    serde_json::from_slice(status.details()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_both_languages() {
        let told = Text::new("ありません", "there is none");
        assert_eq!(text(&not_found(&told)), Some(told));
        assert_eq!(text(&Status::internal("disk full")), None);
    }
}
