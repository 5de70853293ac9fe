//! The CalDAV dialects of the simulators.

use std::time::Duration;

use async_trait::async_trait;
use connectors::{
    CalendarRef, Connector,
    caldav::{Caldav, Login},
    conformance::{Abilities, Garbage, Subject},
    transport::{Counts, Transport},
};
use secrecy::SecretString;
use simulators::{
    Account, AccountSpec, Act, Calendar, CalendarSpec, Fault, Profile, World,
    profile::{InvalidToken, TokenForm},
};

use super::keeps_every_promise;
use crate::support::simulated::{ORIGIN, transport};

const PASSWORD: &str = "a-simulated-pass-word";

struct Simulated {
    world: World,
    account: Account,
    calendar: Calendar,
    transport: Transport,
    profile: Profile,
}

impl Simulated {
    fn new(profile: Profile) -> Self {
        let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
        world.set_partition("https://p42.sim.example");
        let account =
            world.add_account(AccountSpec::new("anna", PASSWORD).profile(profile.clone()));
        let calendar = account.add_calendar(CalendarSpec::new("work"));
        let transport = transport(&world);
        Self { world, account, calendar, transport, profile }
    }

    /// Dialects tell times in seconds.
    fn a_moment_later(&self) {
        self.world.advance(Duration::from_secs(2));
    }
}

#[async_trait]
impl Subject for Simulated {
    fn abilities(&self) -> Abilities {
        let has_tokens = self.profile.sync.token != TokenForm::None;
        Abilities {
            tombstones: has_tokens,
            expires_cursors: has_tokens && self.profile.sync.invalid != InvalidToken::Accepted,
            revokes_login: true,
            throttles: true,
            drops_replies: true,
            answers_garbage: true,
            removes_calendar: true,
            idles_cheaply: self.profile.sync.token != TokenForm::None
                || self.profile.sync.ctag != simulators::profile::CtagForm::None,
            has_versions: true,
            expands: false,
            many: if matches!(self.profile.name.as_str(), "generic" | "ctag_only") {
                620
            } else {
                130
            },
        }
    }

    fn connector(&self, learned: serde_json::Value) -> Box<dyn Connector> {
        let url = format!("{ORIGIN}{}", self.account.path());
        let login = Login::with_password(url, "anna", SecretString::from(PASSWORD));
        Box::new(Caldav::connect(self.transport.clone(), login, learned).unwrap())
    }

    fn calendar(&self) -> CalendarRef {
        let path = self.calendar.path();
        match self.profile.discovery.partitioned {
            true => CalendarRef::new(format!("https://p42.sim.example{path}")),
            false => CalendarRef::new(path),
        }
    }

    async fn put(&self, name: &str, ics: &str) {
        self.calendar.put(&format!("{name}.ics"), ics);
        self.a_moment_later();
    }

    async fn delete(&self, name: &str) {
        assert!(self.calendar.delete(&format!("{name}.ics")));
        self.a_moment_later();
    }

    async fn count(&self, uid: &str) -> usize {
        let stored = self.calendar.resources();
        stored.values().filter(|resource| resource.uid.as_deref() == Some(uid)).count()
    }

    async fn stored(&self) -> String {
        self.calendar.resources().values().map(simulators::Resource::text).collect()
    }

    fn counts(&self) -> Counts {
        self.transport.counts()
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![PASSWORD.into(), self.calendar.path().into()]
    }

    async fn expire_cursors(&self) {
        self.calendar.expire_cursors();
    }

    async fn revoke_login(&self) {
        self.account.revoke_password();
    }

    async fn throttle_next(&self, retry_after: Duration) {
        let retry_after_s = Some(retry_after.as_secs());
        let act = Act::Status { status: 429, retry_after_s, body: String::new() };
        self.world.fault(Fault::new(act).once());
    }

    async fn drop_next_reply(&self) {
        self.world.fault(Fault::new(Act::DropAfterApply).method("PUT").once());
    }

    async fn answer_garbage(&self, garbage: Garbage) {
        let body = |body: &str, content_type: &str| Act::Body {
            body: body.into(),
            content_type: content_type.into(),
        };
        self.world.fault(Fault::new(match garbage {
            Garbage::Html => body("<!DOCTYPE html><html><p>Sign in</p></html>", "text/html"),
            Garbage::Json => body("{\"error\":\"sign in\"}", "application/json"),
            Garbage::Empty => body("", "text/plain"),
            Garbage::Truncated => Act::TruncateBody { keep: 120 },
        }));
    }

    async fn answer_well_again(&self) {
        self.world.clear_faults();
    }

    async fn remove_calendar(&self) {
        self.calendar.unshare(404);
    }
}

async fn keeps(profile: Profile) {
    let name = profile.name.clone();
    keeps_every_promise(&name, async || Simulated::new(profile.clone())).await;
}

macro_rules! dialects {
    ($($name:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            keeps(Profile::named(stringify!($name)).unwrap()).await;
        })*

        #[test]
        fn no_dialect_is_forgotten() {
            let mut tested = vec![$(stringify!($name)),*];
            let mut known: Vec<_> = Profile::names().collect();
            tested.sort_unstable();
            known.sort_unstable();
            assert_eq!(tested, known);
        }
    };
}

dialects![
    generic, sabre, baikal, nextcloud, radicale, xandikos, cyrus, icloud, sogo, davmail, stalwart,
    zimbra, ctag_only, bare,
];
