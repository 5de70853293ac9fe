//! Google in a world, and handles on its accounts: what a test or the control API does "as the person".

use jiff::Timestamp;
use serde_json::Value;

use super::{
    calendar::GoogleCalendar,
    channel::{Channel, Notification},
    knobs::GoogleKnobs,
    spec::{GoogleAccountSpec, GoogleCalendarSpec, GoogleClientSpec, Role},
    state::{CalendarState, Entry, Google, Person},
    truth, when,
};
use crate::{log::Violation, state::State, world::World};

/// A Google account of a world.
#[derive(Clone, Debug)]
pub struct GoogleAccount {
    pub(crate) world: World,
    pub(crate) email: String,
}

impl World {
    fn google<R>(&self, act: impl FnOnce(&mut Google, Timestamp) -> R) -> R {
        let done = self.look_at_google(act);
        if self.state().google.has_post() {
            self.tell_of_post();
        }
        done
    }

    /// As [`Self::google`], and whoever sends notifications is not woken.
    fn look_at_google<R>(&self, act: impl FnOnce(&mut Google, Timestamp) -> R) -> R {
        let now = self.now();
        let mut state: std::sync::MutexGuard<'_, State> = self.state();
        let seed = state.seed;
        state.google.seed = seed;
        let done = act(&mut state.google, now);
        let mails = std::mem::take(&mut state.google.mails);
        state.outbox.extend(mails);
        done
    }

    /// Adds an OAuth client, or replaces the one of that id.
    pub fn add_google_client(&self, spec: GoogleClientSpec) {
        self.google(|google, _| google.clients.insert(spec.client_id.clone(), spec));
    }

    pub fn google_clients(&self) -> Vec<GoogleClientSpec> {
        self.google(|google, _| google.clients.values().cloned().collect())
    }

    /// Adds an account with its primary calendar, or replaces the one of that address.
    pub fn add_google_account(&self, spec: GoogleAccountSpec) -> GoogleAccount {
        let email = spec.email.clone();
        self.google(|google, now| {
            let zone = spec.time_zone.clone();
            let person = Person {
                spec,
                list: std::collections::BTreeMap::new(),
                list_changes: 0,
                list_generation: 1,
            };
            google.people.insert(email.clone(), person);
            let primary = GoogleCalendarSpec::new(&email).time_zone(&zone);
            google.add_calendar(&email, &primary, now);
        });
        GoogleAccount { world: self.clone(), email }
    }

    pub fn google_account(&self, email: &str) -> Option<GoogleAccount> {
        self.google(|google, _| google.people.contains_key(email))
            .then(|| GoogleAccount { world: self.clone(), email: email.to_owned() })
    }

    /// Removes an account: its tokens are dead, and nothing of it is told any more. Tells whether it was there.
    pub fn remove_google_account(&self, email: &str) -> bool {
        self.google(|google, _| {
            google.end_grants(email, None);
            google.people.remove(email).is_some()
        })
    }

    pub fn google_accounts(&self) -> Vec<GoogleAccount> {
        let emails: Vec<String> = self.google(|google, _| google.people.keys().cloned().collect());
        emails.into_iter().map(|email| GoogleAccount { world: self.clone(), email }).collect()
    }

    pub fn google_knobs(&self) -> GoogleKnobs {
        self.google(|google, _| google.knobs.clone())
    }

    /// Turns knobs of this world's Google.
    pub fn tune_google(&self, change: impl FnOnce(&mut GoogleKnobs)) {
        self.google(|google, _| change(&mut google.knobs));
    }

    /// The notifications that are due by now, in the order in which they arrive.
    pub fn take_notifications(&self) -> Vec<Notification> {
        self.look_at_google(Google::take_post)
    }

    /// Tells how a notification was answered; `None` when nobody was there. It comes again after 500, 502, 503 and 504.
    pub fn notification_answered(&self, notification: Notification, status: Option<u16>) {
        self.google(|google, now| google.answered(notification, status, now));
    }

    /// The notifications that nobody has taken yet.
    pub(crate) fn notifications_on_their_way(&self) -> Vec<Notification> {
        self.google(|google, _| {
            google.post.iter().map(|letter| letter.notification.clone()).collect()
        })
    }

    /// When the next notification is due.
    pub fn next_notification(&self) -> Option<Timestamp> {
        self.look_at_google(|google, _| google.post.iter().map(|letter| letter.due).min())
    }

    /// The channels that are open.
    pub fn channels(&self) -> Vec<Channel> {
        self.google(|google, now| {
            let open =
                google.channels.values().filter(|c| c.stopped_at.is_none() && c.expires_at > now);
            open.cloned().collect()
        })
    }

    /// Ends the channels of a calendar without a word: they stay open and tell nothing more.
    pub fn kill_channels(&self, calendar: &str) {
        self.google(|google, _| {
            let of_it = |channel: &&mut Channel| channel.calendar.as_deref() == Some(calendar);
            google.channels.values_mut().filter(of_it).for_each(|channel| channel.is_dead = true);
        });
    }

    /// Requests and answers that depart from the published description of Google's API.
    pub fn violations(&self) -> Vec<Violation> {
        self.google(|google, _| google.violations.clone())
    }

    /// The most units that a user or a project asked for within any minute, by `client/email` and `client`.
    pub fn google_peaks(&self) -> Vec<(String, u32, u64)> {
        self.google(|google, _| {
            let rows = google
                .quota
                .iter()
                .map(|(name, window)| (name.clone(), window.peak, window.refused));
            let mut rows: Vec<_> = rows.collect();
            rows.sort();
            rows
        })
    }
}

impl Google {
    /// Adds a calendar to an account's list; an id that exists is shared with the account.
    pub(crate) fn add_calendar(&mut self, email: &str, spec: &GoogleCalendarSpec, now: Timestamp) {
        let id = spec.full_id();
        let own_zone = self.people.get(email).map(|person| person.spec.time_zone.clone());
        let zone_name = spec.time_zone.clone().or(own_zone).unwrap_or_else(|| "UTC".into());
        let is_new = !self.calendars.contains_key(&id);
        if is_new || id == email {
            let calendar = CalendarState::new(&id, spec, (email, &zone_name), now);
            self.calendars.insert(id.clone(), calendar);
        }
        let Some(person) = self.people.get_mut(email) else { return };
        let entry = Entry {
            hidden: spec.hidden,
            summary_override: spec.summary_override.clone(),
            color: spec.color.clone(),
            ..Entry::new(spec.role)
        };
        person.list.insert(id.clone(), entry);
        self.edit_entry(email, &id, now, |_| {});
    }

    /// Deletes a calendar for everybody.
    pub(crate) fn remove_calendar(&mut self, id: &str, now: Timestamp) {
        let emails: Vec<String> = self.people.keys().cloned().collect();
        let status = self.knobs.lost_status;
        for email in emails {
            self.edit_entry(&email, id, now, |entry| entry.lost = Some(status));
        }
        self.announce_gone(id, now);
    }
}

impl CalendarState {
    fn new(
        id: &str,
        spec: &GoogleCalendarSpec,
        (owner, zone_name): (&str, &str),
        now: Timestamp,
    ) -> Self {
        let name = spec.id.split('@').next().unwrap_or(&spec.id);
        let title = if spec.id == owner { id } else { name };
        // A calendar that another one owns is shared with this account.
        let is_shared = spec.role < Role::Owner;
        Self {
            id: id.to_owned(),
            summary: spec.summary.clone().unwrap_or_else(|| title.to_owned()),
            description: spec.description.clone(),
            zone_name: zone_name.to_owned(),
            zone: when::zone(zone_name).unwrap_or(jiff::tz::TimeZone::UTC),
            owner: if is_shared { id.to_owned() } else { owner.to_owned() },
            made_by: None,
            unwatchable: spec.unwatchable,
            public: spec.public,
            rows: std::collections::BTreeMap::new(),
            by_change: std::collections::BTreeMap::new(),
            changes: 0,
            generation: 1,
            expires_mute: false,
            updated: now,
            writes: std::collections::VecDeque::new(),
            pending: 0,
        }
    }
}

impl GoogleAccount {
    pub fn email(&self) -> &str {
        &self.email
    }

    pub(crate) fn google<R>(&self, act: impl FnOnce(&mut Google, Timestamp) -> R) -> R {
        self.world.google(act)
    }

    /// The stable subject that userinfo tells.
    pub fn sub(&self) -> String {
        self.google(|google, _| google.people.get(&self.email).map(Person::sub)).unwrap_or_default()
    }

    pub fn primary(&self) -> GoogleCalendar {
        GoogleCalendar { account: self.clone(), id: self.email.clone() }
    }

    /// Adds a calendar to the account's list.
    #[expect(clippy::needless_pass_by_value, reason = "as calendars are added elsewhere")]
    pub fn add_calendar(&self, spec: GoogleCalendarSpec) -> GoogleCalendar {
        self.google(|google, now| google.add_calendar(&self.email, &spec, now));
        GoogleCalendar { account: self.clone(), id: spec.full_id() }
    }

    /// A calendar of the account's list, by its whole id or the part before `@group.calendar.google.com`.
    pub fn calendar(&self, id: &str) -> Option<GoogleCalendar> {
        let full = GoogleCalendarSpec::new(id).full_id();
        let id = if id == "primary" { self.email.clone() } else { full };
        let there = self.google(|google, _| {
            google.people.get(&self.email).is_some_and(|person| person.list.contains_key(&id))
        });
        there.then(|| GoogleCalendar { account: self.clone(), id })
    }

    pub fn calendars(&self) -> Vec<GoogleCalendar> {
        let ids: Vec<String> = self.google(|google, _| {
            let list = google.people.get(&self.email).map(|person| person.list.keys().cloned());
            list.into_iter().flatten().collect()
        });
        ids.into_iter().map(|id| GoogleCalendar { account: self.clone(), id }).collect()
    }

    /// Allows a client some scopes without the page, and returns the refresh token.
    ///
    /// Scopes may be written short (`calendar.events`). The client is made when it does not exist.
    pub fn grant(&self, client_id: &str, scopes: &[&str]) -> String {
        let full = |scope: &&str| match *scope {
            "openid" | "email" | "profile" => (*scope).to_owned(),
            scope if scope.contains("://") => scope.to_owned(),
            scope => format!("https://www.googleapis.com/auth/{scope}"),
        };
        let scopes = scopes.iter().map(full).collect();
        self.google(|google, now| {
            let spec = google
                .clients
                .entry(client_id.to_owned())
                .or_insert_with(|| GoogleClientSpec::new(client_id, "secret"))
                .clone();
            google.add_grant(&self.email, &spec, scopes, true, now)
        })
    }

    /// The person takes back what every client was allowed.
    pub fn revoke_grants(&self) {
        self.google(|google, _| google.end_grants(&self.email, None));
    }

    /// Every access token handed out so far answers 401.
    pub fn expire_access_tokens(&self) {
        self.google(|google, _| google.access.retain(|_, access| access.email != self.email));
    }

    /// Every sync token of the account's calendars and list answers 410.
    pub fn expire_sync_tokens(&self) {
        self.end_cursors(false);
    }

    /// As [`Self::expire_sync_tokens`], and the 410 gives no reason.
    pub fn expire_sync_tokens_mutely(&self) {
        self.end_cursors(true);
    }

    fn end_cursors(&self, is_mute: bool) {
        self.google(|google, _| google.end_cursors(&self.email, is_mute));
    }

    /// The account's calendars and events as canonical JSON.
    pub fn truth(&self) -> Value {
        self.google(|google, _| truth::person(google, &self.email))
    }
}

impl Google {
    pub(crate) fn end_cursors(&mut self, email: &str, is_mute: bool) {
        let Some(person) = self.people.get_mut(email) else { return };
        person.list_generation += 1;
        let ids: Vec<String> = person.list.keys().cloned().collect();
        for id in ids {
            if let Some(found) = self.calendars.get_mut(&id) {
                found.expire_cursors(is_mute);
            }
        }
    }
}
