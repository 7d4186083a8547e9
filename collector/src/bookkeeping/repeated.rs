//! How many cells a sheet of LibreOffice unfolds to: equal rows and cells are written once, with a number.

/// The cells of the smallest tables that hold everything written in a `content.xml`, counted without unfolding them
/// (OASIS OpenDocument 1.3 part 3, 19.675 and 19.677). Empty cells and rows count only before filled ones.
pub fn cells(content: &str) -> u64 {
    let mut total = 0_u64;
    let (mut rows, mut height, mut width) = (0_u64, 0_u64, 0_u64);
    let (mut row_repeated, mut column, mut filled) = (1_u64, 0_u64, 0_u64);
    for tag in tags(content) {
        let closed = tag.ends_with('/');
        match tag.split([' ', '\t', '\r', '\n']).next().unwrap_or_default().trim_end_matches('/') {
            "table:table-row" => {
                (row_repeated, column, filled) = (repeated(tag, "table:number-rows-repeated"), 0, 0);
                if closed {
                    rows = rows.saturating_add(row_repeated);
                }
            }
            "table:table-cell" | "table:covered-table-cell" => {
                column = column.saturating_add(repeated(tag, "table:number-columns-repeated"));
                // An empty cell closes itself and has neither value nor formula.
                if !closed || tag.contains("value") || tag.contains("formula") {
                    filled = column;
                }
            }
            _ if tag.starts_with("/table:table-row") && !tag.starts_with("/table:table-rows") => {
                rows = rows.saturating_add(row_repeated);
                if filled > 0 {
                    (height, width, filled) = (rows, width.max(filled), 0);
                }
            }
            _ if tag.trim_end() == "/table:table" => {
                total = total.saturating_add(height.saturating_mul(width));
                (rows, height, width) = (0, 0, 0);
            }
            _ => {}
        }
    }
    total.saturating_add(height.saturating_mul(width))
}

/// The texts between `<` and `>`; a `>` inside of quotes ends none.
fn tags(content: &str) -> impl Iterator<Item = &str> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let (_, tag) = rest.split_once('<')?;
        let mut quote = None;
        let end = tag.bytes().position(|byte| {
            match (quote, byte) {
                (None, b'>') => return true,
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), _) if open == byte => quote = None,
                _ => {}
            }
            false
        });
        let (tag, after) = tag.split_at(end.unwrap_or(tag.len()));
        rest = after;
        Some(tag)
    })
}

/// The number of an attribute; 1 without it, and the most where it is none: the file's reader decides what that means.
fn repeated(tag: &str, attribute: &str) -> u64 {
    let Some((_, rest)) = tag.split_once(attribute) else { return 1 };
    let value =
        rest.trim_start().strip_prefix('=').map(|rest| rest.trim_start().trim_start_matches(['"', '\'']));
    let digits = value.and_then(|value| value.split(['"', '\'']).next()).unwrap_or_default();
    digits.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_before_something_filled_counts() {
        let row =
            |repeated: &str, cells: &str| format!("<table:table-row {repeated}>{cells}</table:table-row>");
        let full =
            "<table:table-cell office:value-type=\"string\"><text:p>a &gt; b</text:p></table:table-cell>";
        let empty = "<table:table-cell table:number-columns-repeated = '16384'/>";
        let sheet = |rows: &str| cells(&format!("<table:table table:name=\"a>b\">{rows}</table:table>"));
        let many = "table:number-rows-repeated=\"1048576\"";
        assert_eq!(sheet(&row("", &format!("{full}{full}{empty}"))), 2);
        assert_eq!(sheet(&(row("", full) + &row(many, empty))), 1);
        assert_eq!(sheet(&(row("", full) + &row(many, empty) + &row("", full))), 1_048_578);
        assert_eq!(sheet(&row("", &format!("{empty}{full}"))), 16_385);
        assert_eq!(sheet(&row(many, &empty.replace("/>", ">x</table:table-cell>"))), 1_048_576 * 16_384);
        assert_eq!(sheet(&row(&many.replace("1048576", "x"), full)), u64::MAX);
        assert_eq!(cells(""), 0);
        assert_eq!(cells("<table:table-row><table:table-cell office:value='1'"), 0);
    }
}
