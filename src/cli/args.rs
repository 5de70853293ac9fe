//! The grammar of the command line.

use clap::{Parser, Subcommand};

use super::{
    audit, backup, bookings, calendars, config, connect, connections, demo, doctor, expand,
    freebusy, jobs, keys, migrate, outbox, pause, quarantine, reconcile, resources, restore,
    secrets, serve, session::Before, sync, tenants, work,
};

const EXAMPLES: &str = "\
First steps:
  calhub demo                                  a hub with simulated calendars, to look around
  calhub serve                                 your own hub; prints an admin key once
  calhub connect caldav --url https://caldav.example.org/ --username anna --password-file password.txt
  calhub connect ics --url webcal://calendar.example.org/secret/basic.ics
  calhub calendars list
  calhub freebusy --calendar cal_... --from 2026-03-02 --to 2026-03-09

Commands ask the hub of this machine over the socket in its data directory, or the one of --url and --key
(CALHUB_URL, CALHUB_KEY). `calhub <command> --help` has examples.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 a file or rule that cannot be read or is beyond its work budget.";

/// Real calendars in, one trustworthy free/busy answer out.
#[derive(Debug, Parser)]
#[command(name = "calhub", version, after_help = EXAMPLES, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) before: Before,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Work(work::Work),
    Demo(demo::Demo),
    Migrate(migrate::Migrate),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Doctor(doctor::Doctor),
    Config(config::ConfigCommand),
    Connect(connect::Connect),
    Sync(sync::Sync),
    Freebusy(freebusy::Freebusy),
    Connections(connections::Connections),
    Calendars(calendars::Calendars),
    Resources(resources::Resources),
    Tenants(tenants::Tenants),
    Keys(keys::Keys),
    ProviderApps(super::provider_apps::ProviderApps),
    Bookings(bookings::Bookings),
    Holds(bookings::Holds),
    Jobs(jobs::Jobs),
    Outbox(outbox::Outbox),
    Reconcile(reconcile::Reconcile),
    Drift(reconcile::Drift),
    Impact(super::impact::Impact),
    Channels(super::channels::Channels),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Pauses(pause::Pauses),
    Quarantine(quarantine::Quarantine),
    Audit(audit::Audit),
    Secrets(secrets::Secrets),
    Unexpandable(super::unexpandable::Unexpandable),
    Trace(super::trace::Trace),
    Expand(expand::ExpandArgs),
    Rrule(super::rrule::RruleArgs),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn refusal(line: &str) -> ErrorKind {
        parse(line).expect_err(line).kind()
    }

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_says_what_it_is_for() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no text");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{path} {} has no text", arg.get_id());
            }
            command.get_subcommands().for_each(|inner| check(inner, &path));
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn the_lines_of_the_contract_are_understood() {
        for line in [
            "calhub serve --data-dir d --listen 127.0.0.1:0 --database-url sqlite://x --public-url http://a \
             --kek-file k --allow-net 10.0.0.0/8 --allow-net ::1/128 --google-client-id g --microsoft-base-url http://m",
            "calhub connect caldav --url U --username N --password-file -",
            "calhub connect ics --url webcal://x/y",
            "calhub sync cal_1 --full --dry-run --wait",
            "calhub sync --connection con_1",
            "calhub sync --all --full",
            "calhub freebusy --calendar cal_1 --from 2026-03-02T00:00:00Z --to 2026-03-09T00:00:00+01:00 --json",
            "calhub freebusy --resource ext:doctor --from 2026-03-02 --to 2026-03-09T12:30",
            "calhub connections list --url http://h --key chk_a_b --tenant ten_1 --json",
            "calhub config show",
            "calhub connections import accounts.ndjson --dry-run",
            "calhub provider-apps set google --client-id a --client-secret-file -",
            "calhub provider-apps show google --json",
            "calhub provider-apps remove microsoft",
            "calhub trace cal_1 --json",
            "calhub bookings list --resource ext:a --status confirmed",
            "calhub bookings resolve bkg_1 cfl_1 accept",
            "calhub holds release hld_1",
            "calhub outbox adopt bkg_1:cal_1 /x.ics",
            "calhub reconcile",
            "calhub reconcile --connection con_1 --limit 10 --dry-run",
            "calhub reconcile --calendar cal_1",
            "calhub drift --kind orphan --json",
            "calhub impact",
            "calhub impact --horizon P7D --json",
            "calhub trace bkg_1",
            "calhub quarantine reject cal_1",
            "calhub unexpandable list",
            "calhub pause --provider caldav --writes",
            "calhub pause --tenant ten_1",
            "calhub resume --connection con_1 --reads --json",
            "calhub pauses",
            "calhub channels list --json",
            "calhub audit list --subject con_1 --json",
            "calhub audit verify --head 1:ab",
            "calhub backup FILE",
            "calhub restore FILE",
            "calhub secrets rotate --new-kek --json --data-dir d",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn wrong_use_is_refused_before_anything_happens() {
        assert_eq!(refusal("calhub sync"), ErrorKind::MissingRequiredArgument);
        assert_eq!(refusal("calhub sync cal_1 --all"), ErrorKind::ArgumentConflict);
        assert_eq!(
            refusal("calhub freebusy --from 2026-03-02 --to 2026-03-03"),
            ErrorKind::MissingRequiredArgument
        );
        assert_eq!(
            refusal("calhub freebusy --calendar a --resource b --from 2026-03-02 --to 2026-03-03"),
            ErrorKind::ArgumentConflict
        );
        assert_eq!(
            refusal("calhub freebusy --calendar a --from soon --to 2026-03-03"),
            ErrorKind::ValueValidation
        );
        assert_eq!(
            refusal("calhub pause --provider caldav --connection con_1"),
            ErrorKind::ArgumentConflict
        );
        assert_eq!(refusal("calhub slots list"), ErrorKind::InvalidSubcommand);
    }
}
