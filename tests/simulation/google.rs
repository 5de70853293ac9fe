//! Google in a seed: people with accounts there, what goes wrong, and its notifications.

mod write;

use calhub::{
    model::states::{Access, ConnectionState, Provider},
    sync::{
        Grant, Login,
        channel::{Hearing, Told},
    },
};
use connectors::oauth::Realm;
use serde_json::Value;
use simulators::{
    Act, GoogleAccount, GoogleAccountSpec, GoogleCalendarSpec, GoogleClientSpec, Notification,
    Throttling, World,
};

use super::{
    chance::Chance,
    events::ZONES,
    people::fill,
    run::Run,
    truth::{Diary, Home, Link, Place},
};

pub use write::Ids;

/// Where Google is, and its client.
pub const HOST: &str = "google.example";
pub const CLIENT: &str = "sim.apps.googleusercontent.com";
pub const SECRET: &str = "of-the-hub";
/// Where the hub is told of changes.
pub const HUB: &str = "https://hub.example";
/// Requests a minute, so few that the hub meets their end.
pub const OF_ACCOUNT: u32 = 120;
pub const OF_PROJECT: u32 = 240;
const SCOPES: [&str; 2] = ["calendar.calendarlist.readonly", "calendar.events"];
/// What a dead grant may cost, at first and in ten minutes.
const FAREWELL: usize = 8;
const PROBES: usize = 3;

/// Sets up the world's Google, with habits of its own in each seed.
pub fn set_up(world: &World, chance: &mut Chance) {
    let mut client = GoogleClientSpec::new(CLIENT, SECRET);
    client.per_minute = Some(OF_PROJECT);
    world.add_google_client(client);
    let pick = |chance: &mut Chance, from: &[u64]| *chance.pick(from);
    let small = |number: u64| u32::try_from(number).unwrap();
    world.tune_google(|knobs| {
        knobs.strict = chance.one_in(4);
        knobs.user_per_minute = OF_ACCOUNT;
        knobs.access_token_s = small(pick(chance, &[3_599, 3_599, 1_200]));
        knobs.channel_s = small(pick(chance, &[604_800, 604_800, 7_200]));
        // Small pages stand for large calendars.
        knobs.page_cap = chance.one_in(3).then(|| 3 + chance.below(4) as usize);
        knobs.empty_pages = chance.one_in(5);
        knobs.thin_instances = chance.one_in(3);
        knobs.thin_deletions = chance.one_in(3);
        knobs.lost_status = if chance.one_in(2) { 403 } else { 404 };
        knobs.throttling =
            if chance.one_in(2) { Throttling::Forbidden } else { Throttling::TooMany };
        knobs.retry_after_s = chance.one_in(2).then_some(70);
        // Half the seeds hear everything, some nothing at all.
        knobs.push_drop = small(pick(chance, &[0, 0, 0, 0, 150, 400, 1_000, 1_000]));
        knobs.push_duplicate = small(pick(chance, &[0, 0, 300]));
        knobs.push_delay_ms = pick(chance, &[0, 0, 700, 5_000, 40_000]);
        knobs.push_reorder = small(pick(chance, &[0, 0, 300]));
        knobs.push_gaps = chance.one_in(2);
        knobs.push_dies_after = chance.one_in(8).then(|| 2 + chance.below(6));
        knobs.push_after_stop_s = small(pick(chance, &[0, 0, 300]));
        knobs.push_stops_at_404 = chance.one_in(2);
    });
}

/// Nothing goes wrong with it any more. What was lost stays lost.
pub fn calm(world: &World) {
    world.tune_google(|knobs| {
        (knobs.push_drop, knobs.push_dies_after) = (0, None);
        knobs.push_delay_ms = knobs.push_delay_ms.min(1_000);
    });
}

/// A fault as Google has them, and the method that it meets, if only one.
pub fn fault(chance: &mut Chance) -> (Act, Option<&'static str>) {
    let refused = |status, reason: &str, retry_after_s| Act::Status {
        status,
        retry_after_s,
        body: reason.to_owned(),
    };
    let pause = Some(60 + chance.below(600));
    let act = match chance.below(28) {
        0 => refused(401, "", None),
        1 => refused(403, "", None),
        2 => refused(404, "", None),
        3 => refused(410, "", None),
        4..=6 => refused(403, "userRateLimitExceeded", pause),
        7 | 8 => refused(403, "rateLimitExceeded", pause),
        9 => refused(429, "rateLimitExceeded", pause),
        10 => refused(429, "", None),
        11 => refused(500, "", None),
        12 => refused(502, "<html>", None),
        13 => refused(503, "", pause.filter(|_| chance.one_in(2))),
        14 => Act::DropBefore,
        15 => Act::DropAfterApply,
        16 => {
            let body = "<!doctype html><html>Sign in</html>".to_owned();
            Act::Body { body, content_type: "text/html".to_owned() }
        }
        17 => Act::Body { body: "{}".to_owned(), content_type: "application/json".to_owned() },
        18 => Act::TruncateBody { keep: usize::try_from(chance.below(900)).unwrap() },
        19 => Act::DuplicateRows,
        20 => Act::ReorderRows,
        21 => Act::EmptyRows,
        22 => Act::HalfRows,
        23 => Act::Latency { ms: 1_000 * chance.below(20) },
        24 => Act::Latency { ms: 60_000 },
        // A storm of 410s, where it meets many.
        25 | 26 => Act::ExpireCursors,
        _ => {
            let act = match chance.below(3) {
                0 => refused(401, r#"{"error":"invalid_client"}"#, None),
                1 => refused(429, "", pause),
                _ => refused(503, "", pause),
            };
            return (act, Some("oauth.token"));
        }
    };
    let methods = [
        None,
        Some("events.list"),
        Some("events.list"),
        Some("calendarList.list"),
        Some("oauth.token"),
        Some("events.watch"),
    ];
    (act, *chance.pick(&methods))
}

impl Run {
    /// A person whose calendars are at Google.
    pub fn add_google(&mut self, n: u64) {
        let chance = &mut self.chance;
        let email = format!("g{n}@example.com");
        let owner = *chance.pick(&ZONES);
        let spec = GoogleAccountSpec::new(&email).time_zone(owner);
        let account = self.world.add_google_account(spec);
        let mut truth = self.wire.truth.lock().unwrap();
        let link = truth.links.len();
        let mut places = vec![(account.primary(), owner)];
        if chance.one_in(2) {
            let (name, owner) = (truth.fresh("cal"), *chance.pick(&ZONES));
            places.push((
                account.add_calendar(GoogleCalendarSpec::new(&name).time_zone(owner)),
                owner,
            ));
        }
        for (calendar, owner) in places {
            let diary = Diary::new(link, Place::Google(calendar), owner, self.auditor.window);
            fill(&mut truth, diary, &self.time, chance);
        }
        self.trace.line(format!("# {email} at google"));
        truth.links.push(Link::new(HOST.to_owned(), Home::Google(account)));
    }

    /// Brings what Google has to tell by now, mostly.
    pub async fn deliver(&mut self) {
        for letter in self.world.take_notifications() {
            let is_away = !self.is_calm && self.chance.one_in(12);
            let status = if is_away { Some(503) } else { Some(self.tell(&letter).await) };
            let (state, number) = (head(&letter, "X-Goog-Resource-State"), letter.number);
            self.trace.line(format!("  < {} {state} {number} {status:?}", letter.channel));
            self.tally.told += 1;
            self.world.notification_answered(letter, status);
        }
    }

    async fn tell(&mut self, letter: &Notification) -> u16 {
        let told = Told {
            channel: head(letter, "X-Goog-Channel-ID"),
            secret: head(letter, "X-Goog-Channel-Token"),
            resource: head(letter, "X-Goog-Resource-ID"),
            number: head(letter, "X-Goog-Message-Number").parse().ok(),
            is_greeting: head(letter, "X-Goog-Resource-State") == "sync",
        };
        match self.hub.engine.hear(told).await.unwrap() {
            Hearing::Nudged | Hearing::Covered => 204,
            Hearing::Unknown => 404,
            Hearing::Forged => {
                self.auditor.faults.push(format!("{} is taken for a forgery", letter.channel));
                404
            }
        }
    }

    /// What holds of Google after every step: no budget is overdrawn, nothing that its description forbids is sent, and
    /// a grant that is dead is known to be so at once and costs no more than a probe now and then.
    pub async fn look_at_google(&mut self, entries: &[simulators::Entry], crashed: bool) {
        for (name, peak, refused) in self.world.google_peaks() {
            let most = if name.contains('/') { OF_ACCOUNT } else { OF_PROJECT };
            if peak > most || refused > 0 {
                self.auditor.faults.push(format!("{name} was asked {peak} times in a minute"));
            }
        }
        let violations = self.world.violations();
        self.auditor
            .faults
            .extend(violations.iter().map(|it| format!("against the description: {it:?}")));
        let wire = self.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let now = self.time.truth();
        for link in &mut truth.links {
            let Some(account) = link.google() else { continue };
            let of_it =
                |entry: &&simulators::Entry| entry.account.as_deref() == Some(account.email());
            let asked = entries.iter().filter(of_it).count();
            let is_refused = entries.iter().filter(of_it).any(|it| {
                it.report.as_deref() == Some("oauth.token")
                    && it.status == Some(400)
                    && it.faults.is_empty()
            });
            let (email, connection) = (account.email().to_owned(), link.connection.clone());
            let Some((since, count)) = &mut link.revoked else { continue };
            *count += asked;
            let tens = usize::try_from(now.duration_since(*since).as_mins() / 10).unwrap();
            if *count > FAREWELL + PROBES * (tens + self.tally.actions - link.actions) {
                self.auditor
                    .faults
                    .push(format!("{email}: {count} requests since {since}, when its grant died"));
            }
            let Some(connection) = connection.filter(|_| is_refused && !crashed) else { continue };
            let mut tx = self.hub.store.read().await.unwrap();
            let row = tx.connections().get(&self.hub.tenant, &connection).await.unwrap();
            if let Some(row) = row.filter(|row| row.state != ConnectionState::NeedsReauth) {
                self.auditor.faults.push(format!(
                    "{email}: the grant is dead and the connection {}",
                    row.state.as_str()
                ));
            }
        }
    }
}

fn head<'n>(letter: &'n Notification, name: &str) -> &'n str {
    letter.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// A grant made elsewhere.
pub fn login(account: &GoogleAccount) -> Login {
    let refresh_token = account.grant(CLIENT, &SCOPES).into();
    Login::OAuth(Grant {
        provider: Provider::Google,
        client_id: CLIENT.to_owned(),
        realm: Realm::default(),
        refresh_token,
        access: Access::Read,
    })
}

/// Who of Google's may have been asked to wait before this request: the token endpoint, or an account and its client.
pub fn askers(entry: &simulators::Entry) -> Vec<String> {
    let client = entry.client.as_deref().unwrap_or(CLIENT);
    if entry.report.as_deref().is_some_and(|method| method.starts_with("oauth.")) {
        return vec![format!("tokens of {client}")];
    }
    vec![entry.account.clone().unwrap_or_default(), client.to_owned()]
}

/// Which of them an answer sends away.
pub fn sent_away(askers: &[String], answer: &http::Response<bytes::Bytes>) -> String {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let reason = body["error"]["errors"][0]["reason"].as_str().unwrap_or_default();
    let is_project = matches!(reason, "rateLimitExceeded" | "dailyLimitExceeded");
    let which = if is_project { askers.last() } else { askers.first() };
    which.cloned().unwrap_or_default()
}
