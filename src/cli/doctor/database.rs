//! The database: reachable, fit, up to date, with a sane clock, and its work done in time.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::{
    check::Check,
    classes::{
        CLOCK_WRONG, Class, DATABASE_ADDRESS, DATABASE_DAMAGED, DATABASE_LOGIN, DATABASE_MISSING,
        DATABASE_NEW, DATABASE_NEWER, DATABASE_POOLER, DATABASE_READ_ONLY, DATABASE_UNFIT,
        DATABASE_UNREACHABLE, MIGRATIONS_PENDING, WORK_OVERDUE,
    },
};
use crate::{
    cli::show::count,
    config::Config,
    store::{Examination, Unfit, examine},
};

const NAME: &str = "database";
const SKEW_NOTED: SignedDuration = SignedDuration::from_secs(2);
const SKEW_BAD: SignedDuration = SignedDuration::from_secs(30);
/// Work that waits for longer than this waits for nobody.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);

/// What was found, and what the key file must open.
pub(crate) async fn database(config: &Config, now: Timestamp) -> (Vec<Check>, Option<String>) {
    match examine(config.store_url().expose_secret()).await {
        Ok(None) => {
            let fix = "`calhub serve` or `calhub migrate` makes it";
            (vec![Check::note(DATABASE_NEW, NAME, "there is none yet", fix)], None)
        }
        Ok(Some(found)) => {
            let mut checks = vec![schema(&found)];
            checks.extend(writing(&found));
            checks.push(clock(&found, now));
            checks.extend(overdue(&found, now));
            (checks, found.sealed)
        }
        Err(unfit) => {
            let (class, fix) = remedy(&unfit);
            (vec![Check::action(class, NAME, unfit.to_string(), fix)], None)
        }
    }
}

fn remedy(unfit: &Unfit) -> (Class, &'static str) {
    match unfit {
        Unfit::Address(_) => (
            DATABASE_ADDRESS,
            "write --database-url as postgres://user:password@host/database or sqlite:///path/to/file",
        ),
        Unfit::Unreachable(_) => (
            DATABASE_UNREACHABLE,
            "start the server; check host, port and firewall: `pg_isready -h HOST -p PORT`",
        ),
        Unfit::Login(_) => (
            DATABASE_LOGIN,
            "set user and password in --database-url or CALHUB_DATABASE_URL_FILE, and check pg_hba.conf",
        ),
        Unfit::Missing(_) => {
            (DATABASE_MISSING, "make it: `createdb NAME`; or name another with --database-url")
        }
        Unfit::Server(_) => {
            (DATABASE_UNFIT, "use PostgreSQL 15 or newer: --database-url postgres://...")
        }
        Unfit::Damaged(_) => (
            DATABASE_DAMAGED,
            "stop the hub, keep the file aside, and put the last backup with its key file in its place",
        ),
        Unfit::Other(_) => (DATABASE_UNREACHABLE, "look at the database server's log"),
    }
}

fn schema(found: &Examination) -> Check {
    let version = found.version.split(" on ").next().unwrap_or_default();
    if found.unknown > 0 {
        return Check::action(
            DATABASE_NEWER,
            NAME,
            format!("{version}; a newer calhub has migrated it"),
            "use that newer calhub: `calhub --version`",
        );
    }
    if found.missing > 0 {
        let says = format!("{version}; {} to apply", count(found.missing, "migration"));
        let fix = "the next `calhub serve` or `calhub migrate` does it";
        return Check::note(MIGRATIONS_PENDING, NAME, says, fix);
    }
    Check::ok(NAME, format!("{version}; all migrations applied"))
}

fn writing(found: &Examination) -> Vec<Check> {
    let mut checks = Vec::new();
    if found.is_read_only {
        checks.push(Check::action(
            DATABASE_READ_ONLY,
            "writing",
            "the database takes no writes",
            "point --database-url at the primary; for SQLite, run as the owner of the file",
        ));
    }
    if found.loses_statements {
        checks.push(Check::action(
            DATABASE_POOLER,
            "pooler",
            "prepared statements do not stay with their connection",
            "use PgBouncer 1.21 or newer with max_prepared_statements, or pool_mode = session, or no pooler",
        ));
    }
    checks
}

fn clock(found: &Examination, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    let Some(theirs) = found.now else {
        return sane(now);
    };
    let skew = now.duration_since(theirs).abs();
    let says = format!("{:.1} s off the database's", skew.as_secs_f64());
    if skew > SKEW_BAD {
        Check::action(
            CLOCK_WRONG,
            NAME,
            says,
            "set both machines' clocks: `timedatectl set-ntp true`",
        )
    } else if skew > SKEW_NOTED {
        Check::note(CLOCK_WRONG, NAME, says, "let NTP keep both clocks: `timedatectl set-ntp true`")
    } else {
        Check::ok(NAME, says)
    }
}

/// SQLite has this machine's clock; it can only be wrong by a lot.
fn sane(now: Timestamp) -> Check {
    let first_release: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a fixed instant");
    if now < first_release {
        return Check::action(
            CLOCK_WRONG,
            "clock",
            format!("{now} lies before calhub was written"),
            "set the machine's clock: `timedatectl set-ntp true`",
        );
    }
    Check::ok("clock", format!("{}", now.strftime("%Y-%m-%dT%H:%M:%SZ")))
}

fn overdue(found: &Examination, now: Timestamp) -> Option<Check> {
    let since = found.oldest_due.map(|due| now.duration_since(due)).filter(|age| *age > OVERDUE)?;
    let says = format!("the oldest piece is {} min late", since.as_mins());
    let fix = "is a hub running? `calhub jobs list` shows what waits, `calhub serve` or `calhub work` does it";
    Some(Check::action(WORK_OVERDUE, "work", says, fix))
}

#[cfg(test)]
mod tests {
    use super::{super::check::State, *};

    fn found() -> Examination {
        Examination {
            engine: crate::store::Engine::Postgres,
            version: "PostgreSQL 15.1 on x86_64".to_owned(),
            missing: 0,
            unknown: 0,
            sealed: None,
            now: Some("2026-03-02T09:00:40Z".parse().unwrap()),
            is_read_only: false,
            loses_statements: false,
            oldest_due: None,
        }
    }

    #[test]
    fn a_database_of_a_newer_program_needs_that_program() {
        assert_eq!(schema(&Examination { unknown: 1, ..found() }).state, State::Action);
        assert_eq!(schema(&found()).state, State::Ok);
    }

    #[test]
    fn a_clock_that_is_off_needs_action() {
        let at = |text: &str| clock(&found(), text.parse().unwrap()).state;
        assert_eq!(at("2026-03-02T09:00:00Z"), State::Action);
        assert_eq!(at("2026-03-02T09:00:35Z"), State::Note);
        assert_eq!(at("2026-03-02T09:00:40Z"), State::Ok);
        let own = Examination { now: None, ..found() };
        assert_eq!(clock(&own, "1970-01-01T00:00:40Z".parse().unwrap()).state, State::Action);
    }
}
