//! Tables that are compiled in: one row a line, commas between cells, `#` before a remark, a heading first.

/// The rows below the heading. Our own tables hold no quotes; a test counts their cells.
pub(crate) fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.skip(1).map(|line| line.split(',').map(str::trim).collect())
}
