//! From a parsed command line to an exit code.

use std::process::ExitCode;

use super::{
    Cli,
    args::Command,
    ending::{Form, conclude},
    expand,
    session::{Ask, Before},
};
use crate::config::Environment;

/// Runs a command to its end.
pub fn run(cli: &Cli) -> ExitCode {
    let environment = Environment::of_process();
    let around = Around { before: &cli.before, environment: &environment };
    match &cli.command {
        Command::Expand(args) => {
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            offline(expand::run(args, &mut out, &mut err).map(expand::Ended::exit_code))
        }
        Command::Rrule(args) => {
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            offline(super::rrule::run(args, &mut out, &mut err).map(expand::Ended::exit_code))
        }
        Command::Config(command) => conclude(command.run(&environment), Form::Human),
        Command::Serve(command) => conclude(wait(command.run(&environment)), Form::Human),
        Command::Work(command) => conclude(wait(command.run(&environment)), Form::Human),
        Command::Demo(command) => conclude(wait(command.run(&environment)), Form::Human),
        Command::Doctor(command) => {
            conclude(wait(command.run(&cli.before, &environment)), Form::Human)
        }
        Command::Migrate(command) => conclude(wait(command.run(&environment)), Form::Human),
        Command::Backup(command) => conclude(wait(command.run(&environment)), command.form()),
        Command::Restore(command) => conclude(wait(command.run(&environment)), command.form()),
        Command::Secrets(command) => conclude(wait(command.run(&environment)), command.form()),
        Command::Connect(command) => around.ask(command),
        Command::Sync(command) => around.ask(command),
        Command::Freebusy(command) => around.ask(command),
        Command::Connections(command) => around.ask(command),
        Command::Calendars(command) => around.ask(command),
        Command::Resources(command) => around.ask(command),
        Command::Tenants(command) => around.ask(command),
        Command::Keys(command) => around.ask(command),
        Command::ProviderApps(command) => around.ask(command),
        Command::Bookings(command) => around.ask(command),
        Command::Holds(command) => around.ask(command),
        Command::Jobs(command) => around.ask(command),
        Command::Outbox(command) => around.ask(command),
        Command::Reconcile(command) => around.ask(command),
        Command::Drift(command) => around.ask(command),
        Command::Impact(command) => around.ask(command),
        Command::Quarantine(command) => around.ask(command),
        Command::Channels(command) => around.ask(command),
        Command::Pause(command) => around.ask(command),
        Command::Resume(command) => around.ask(command),
        Command::Pauses(command) => around.ask(command),
        Command::Audit(command) => around.ask(command),
        Command::Unexpandable(command) => around.ask(command),
        Command::Trace(command) => around.ask(command),
    }
}

/// Arms a drill in a test build; in others there is none.
#[cfg_attr(not(feature = "drills"), expect(clippy::unnecessary_wraps, unused_variables))]
pub(super) fn arm(environment: &Environment) -> anyhow::Result<()> {
    #[cfg(feature = "drills")]
    if let Some(spec) = environment.get("CALHUB_DRILL") {
        crate::drill::arm_process(spec)
            .map_err(|part| anyhow::anyhow!("CALHUB_DRILL: `{part}` is no place and no fault"))?;
    }
    Ok(())
}

/// What stands before the command and around the program.
#[derive(Clone, Copy, Debug)]
struct Around<'a> {
    before: &'a Before,
    environment: &'a Environment,
}

impl Around<'_> {
    fn ask(self, command: &impl Ask) -> ExitCode {
        let reach = command.reach();
        let asked = async {
            let session = reach.open(self.before, self.environment)?;
            command.ask(&session).await
        };
        conclude(wait(asked), reach.form())
    }
}

/// Commands that need no hub have exit codes of their own.
fn offline(ended: std::io::Result<u8>) -> ExitCode {
    ended.map_or_else(|error| conclude(Err(error.into()), Form::Human), ExitCode::from)
}

fn wait(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command)
}
