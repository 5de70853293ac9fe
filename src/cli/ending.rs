//! How a command ends when it does not succeed, and the exit codes.

use std::process::ExitCode;

use super::{client::Failure, problem};

/// Ends a command in its own way. Any other error is a plain failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    /// The command line asks for something that cannot be meant.
    #[error("{0}")]
    WrongUse(String),
    /// It failed, and what was printed says so.
    #[error("failed")]
    Told,
}

/// Whether errors are told to a person or to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Human,
    Json,
}

/// Tells on standard error why a command failed, and picks its exit code.
pub(crate) fn conclude(result: anyhow::Result<()>, form: Form) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if is_closed_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    match error.downcast_ref::<Ending>() {
        Some(Ending::WrongUse(_)) => {
            tell(&format!("error: {}", chain(&error)));
            ExitCode::from(2)
        }
        Some(Ending::Told) => ExitCode::from(1),
        None => {
            tell(&wording(&error, form));
            ExitCode::from(1)
        }
    }
}

fn wording(error: &anyhow::Error, form: Form) -> String {
    match (error.downcast_ref::<Failure>(), form) {
        (Some(Failure::Refused(problem)), Form::Json) => problem.raw().to_owned(),
        (Some(Failure::Refused(problem)), Form::Human) => problem::explain(problem),
        (Some(failure), _) => {
            format!("error: {}\n next: {}", chain(error), problem::next_step_of(failure))
        }
        (None, _) => format!("error: {}", chain(error)),
    }
}

/// The error and what caused it, on one line.
fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    parts.dedup();
    parts.join(": ")
}

/// Writes a line to standard error; nothing can be done when even that fails.
pub(crate) fn tell(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whoever read our output has seen enough (`calhub ... | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_on_the_same_line() {
        let error = anyhow::anyhow!("no such file").context("cannot read the password");
        assert_eq!(chain(&error), "cannot read the password: no such file");
    }
}
