//! How big a ledger may be. A hospital with 3 000 machines and 5 000 staff uses a hundredth of each.

/// Bytes of one file: Excel itself becomes unusable long before.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of a workbook once unpacked, measured while unpacking: what a zip declares of itself may be a lie.
pub const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Tags of a workbook's parts together: two million cells with their values, at four each, and as much again for rows,
/// strings and their styles. Parsing them takes a few seconds.
pub const TAGS_MAX: usize = 16_000_000;

/// Tags of a workbook's styles: Excel itself stops at 65 490 formats. Parsers keep all of them.
pub const STYLE_TAGS_MAX: usize = 500_000;

/// Bytes from one tag to the next: a cell's text with every letter escaped is a quarter of this.
pub const STRETCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Sheets of a workbook: one for each room of a large hospital.
pub const SHEETS_MAX: usize = 500;

/// Bytes of a LibreOffice workbook's `content.xml`: 20 000 devices with 20 columns.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Cells that it may unfold to: its parser holds all of them, empty ones too, several times over.
pub const CONTENT_CELLS_MAX: u64 = 1_000_000;

/// Files in a ledger's folder: nine are ours; some hospitals keep one for each building.
pub const FILES_MAX: usize = 100;

/// Rows of one sheet: a large hospital group's accounts.
pub const ROWS_MAX: u32 = 200_000;

/// Columns of one sheet; Excel's own widest is 16 384, a ledger's is a few dozen.
pub const COLUMNS_MAX: usize = 512;

/// Filled cells of the whole ledger: bounds its memory to a few hundred MB at the worst.
pub const CELLS_MAX: usize = 2_000_000;

/// Bytes of one cell's text: Excel's 32 767 characters at three bytes each.
pub const CELL_BYTES_MAX: usize = 98_301;

/// Faults that are told at once: more than anybody mends in one sitting; that there are more is told too.
pub const FAULTS_MAX: usize = 2_000;

/// Rows at the top in which the headings are looked for: titles, dates and seals stand above them.
pub const HEADING_ROWS_MAX: usize = 30;

/// Characters of a cell that a fault repeats: enough to find the cell again.
pub const SHOWN_CHARACTERS_MAX: usize = 100;

/// Bytes of one message to or from the collector: the largest ledger that fits `FILE_BYTES_MAX`, twice.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
