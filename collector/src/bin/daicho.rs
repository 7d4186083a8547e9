//! The management department's command.

use std::process::ExitCode;

use daicho_collector::cli::{Arguments, Outcome, output, sentence};

fn main() -> ExitCode {
    let arguments = Arguments::of_this_process();
    let language = arguments.language();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(arguments.run()));
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Err(error) => {
            output::complain(&format!("daicho: {}", sentence(&error, language)));
            ExitCode::from(2)
        }
    }
}
