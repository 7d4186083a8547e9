//! daicho compare-versions: the package managers' own orders of versions.

use std::cmp::Ordering;
use std::io::{BufRead as _, Write as _};

use anyhow::Context as _;
use daicho_proto::versions::{Manager, compare};

use super::{Context, Outcome, failure, output};

/// Tells which of two versions is older, by the package manager's own order: prints <, = or >.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Whose order.
    #[arg(value_parser = ["dpkg", "rpm", "apk", "windows"])]
    manager: String,
    /// A version; `-` reads pairs from standard input instead: A, a tab, B on each line.
    #[arg(allow_hyphen_values = true)]
    a: String,
    /// The version to compare it with.
    #[arg(allow_hyphen_values = true)]
    b: Option<String>,
}

const AFTER_HELP: &str = "\
With - instead of A B, one answer a line is printed: <, =, >, or invalid where one of the two is no version.

Examples:
  daicho compare-versions dpkg 3.0.17-1~deb12u2 3.0.17-1
  printf '1.0\\t1.0~rc1\\n' | daicho compare-versions rpm -";

/// Answers.
pub fn run(arguments: &Arguments, _context: &Context) -> anyhow::Result<Outcome> {
    let manager = Manager::parse(&arguments.manager).context("package manager is not known")?;
    match (arguments.a.as_str(), &arguments.b) {
        ("-", None) => from_standard_input(manager)?,
        (_, None) => {
            return Err(failure(
                "比べる版を二つ書いてください。",
                "two versions are needed to compare; - alone reads pairs from standard input",
            ));
        }
        (a, Some(b)) => {
            let order = compare(manager, a, b).map_err(|error| {
                failure(
                    format!("版として読めません: {error}"),
                    format!("versions cannot be compared: {error}"),
                )
            })?;
            output::show(&format!("{}\n", sign(order)))?;
        }
    }
    Ok(Outcome::Done)
}

/// Line by line, so that a list of any length takes no memory; what is no UTF-8 is no version either.
fn from_standard_input(manager: Manager) -> anyhow::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut answers = std::io::BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line).context("standard input cannot be read")?;
        if read == 0 {
            break;
        }
        let written = writeln!(answers, "{}", answer(manager, &line));
        if matches!(&written, Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe) {
            return Ok(());
        }
        written.context("the answer cannot be written to standard output")?;
    }
    match answers.flush() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        flushed => flushed.context("the answer cannot be written to standard output"),
    }
}

fn answer(manager: Manager, line: &[u8]) -> &'static str {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let pair = std::str::from_utf8(line).ok().and_then(|line| line.split_once('\t'));
    match pair.map(|(a, b)| compare(manager, a, b)) {
        Some(Ok(order)) => sign(order),
        Some(Err(_)) | None => "invalid",
    }
}

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_pair_is_invalid_and_not_equal() {
        assert_eq!(answer(Manager::Dpkg, b"1.0\t1.0~rc1\r\n"), ">");
        assert_eq!(answer(Manager::Dpkg, b"1.0 1.0\n"), "invalid");
        assert_eq!(answer(Manager::Dpkg, b"\xff\t1\n"), "invalid");
        assert_eq!(answer(Manager::Rpm, b"1.0\t1.0"), "=");
    }
}
