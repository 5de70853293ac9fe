//! Microsoft in a world, and handles on its accounts: what a test or the control API does "as the person".

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    calendar::MicrosoftCalendar,
    knobs::MicrosoftKnobs,
    notice::MicrosoftNotification,
    spec::{DEFAULT, MicrosoftAccountSpec, MicrosoftCalendarSpec, MicrosoftClientSpec},
    state::{Calendar, Microsoft, Person},
    subscription::Subscription,
    truth,
};
use crate::{
    log::Violation,
    state::{State, digest},
    world::World,
};

/// A Microsoft account of a world.
#[derive(Clone, Debug)]
pub struct MicrosoftAccount {
    pub(crate) world: World,
    pub(crate) email: String,
}

/// What an app asked of a mailbox at most.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Peak {
    /// `client/email`.
    pub lane: String,
    /// Requests at the same time, and how many of them were refused.
    pub together: u32,
    pub refused_together: u64,
    /// Requests in any window, and how many were refused.
    pub in_window: u32,
    pub refused_in_window: u64,
}

impl World {
    pub(crate) fn microsoft<R>(&self, act: impl FnOnce(&mut Microsoft, Timestamp) -> R) -> R {
        let done = self.look_at_microsoft(act);
        if self.state().microsoft.has_post() {
            self.tell_of_post();
        }
        done
    }

    /// As [`Self::microsoft`], and whoever sends notifications is not woken.
    fn look_at_microsoft<R>(&self, act: impl FnOnce(&mut Microsoft, Timestamp) -> R) -> R {
        let now = self.now();
        let mut state: std::sync::MutexGuard<'_, State> = self.state();
        state.microsoft.seed = state.seed;
        let done = act(&mut state.microsoft, now);
        let mails = std::mem::take(&mut state.microsoft.mails);
        state.outbox.extend(mails);
        done
    }

    pub(crate) fn microsoft_secret(&self, of: &str) -> String {
        self.look_at_microsoft(|ms, _| ms.secret(of))
    }

    /// Adds an app registration, or replaces the one of that id.
    pub fn add_microsoft_client(&self, spec: MicrosoftClientSpec) {
        self.microsoft(|ms, _| ms.clients.insert(spec.client_id.clone(), spec));
    }

    pub fn microsoft_clients(&self) -> Vec<MicrosoftClientSpec> {
        self.microsoft(|ms, _| ms.clients.values().cloned().collect())
    }

    /// Adds an account with its default calendar, or replaces the one of that address.
    pub fn add_microsoft_account(&self, spec: MicrosoftAccountSpec) -> MicrosoftAccount {
        let email = spec.email.clone();
        self.microsoft(|ms, _| {
            let person = Person {
                spec,
                calendars: BTreeMap::new(),
                transactions: BTreeMap::new(),
                recent: BTreeMap::new(),
                claims: None,
            };
            ms.people.insert(email.clone(), person);
            ms.add_calendar(&email, &MicrosoftCalendarSpec::new(DEFAULT));
        });
        MicrosoftAccount { world: self.clone(), email }
    }

    pub fn microsoft_account(&self, email: &str) -> Option<MicrosoftAccount> {
        self.microsoft(|ms, _| ms.people.contains_key(email))
            .then(|| MicrosoftAccount { world: self.clone(), email: email.to_owned() })
    }

    pub fn microsoft_accounts(&self) -> Vec<MicrosoftAccount> {
        let emails: Vec<String> = self.microsoft(|ms, _| ms.people.keys().cloned().collect());
        emails.into_iter().map(|email| MicrosoftAccount { world: self.clone(), email }).collect()
    }

    /// Removes an account: its tokens are dead, and nothing of it is told any more. Tells whether it was there.
    pub fn remove_microsoft_account(&self, email: &str) -> bool {
        self.microsoft(|ms, now| {
            ms.end_grants(email, None, 50_034, now);
            ms.people.remove(email).is_some()
        })
    }

    pub fn microsoft_knobs(&self) -> MicrosoftKnobs {
        self.microsoft(|ms, _| ms.knobs.clone())
    }

    /// Turns knobs of this world's Microsoft.
    pub fn tune_microsoft(&self, change: impl FnOnce(&mut MicrosoftKnobs)) {
        self.microsoft(|ms, _| change(&mut ms.knobs));
    }

    /// The notifications that are due by now, in the order in which they arrive.
    pub fn take_microsoft_notifications(&self) -> Vec<MicrosoftNotification> {
        self.look_at_microsoft(Microsoft::take_post)
    }

    /// Tells how a notification was answered and after how long; `None` when nobody was there. It comes again unless it
    /// was taken.
    pub fn microsoft_notification_answered(
        &self,
        notification: MicrosoftNotification,
        status: Option<u16>,
        took: Duration,
    ) {
        self.microsoft(|ms, now| ms.answered(notification, status, took, now));
    }

    /// When the next notification is due, or a changeKey moves by itself.
    pub fn next_microsoft_notification(&self) -> Option<Timestamp> {
        self.look_at_microsoft(|ms, _| {
            let letters = ms.post.iter().map(|letter| letter.due);
            let bumps = ms.bumps.iter().map(|bump| bump.0).filter(|_| !ms.subscriptions.is_empty());
            letters.chain(bumps).min()
        })
    }

    pub(crate) fn microsoft_on_the_way(&self) -> Vec<MicrosoftNotification> {
        self.look_at_microsoft(|ms, _| ms.post.iter().map(|l| l.notification.clone()).collect())
    }

    /// The subscriptions that have not ended.
    pub fn microsoft_subscriptions(&self) -> Vec<Subscription> {
        self.microsoft(|ms, now| {
            ms.subscriptions.values().filter(|one| one.expires_at > now).cloned().collect()
        })
    }

    /// Says `reauthorizationRequired` to a subscription; unheeded, it tells nothing more after a while.
    pub fn require_reauthorization(&self, subscription: &str) {
        self.microsoft(|ms, now| {
            let Some(one) = ms.subscriptions.get_mut(subscription) else { return };
            one.reauthorize_since = Some(now);
            let one = one.clone();
            ms.lifecycle(&one, "reauthorizationRequired", now);
        });
    }

    /// Ends a subscription; with a word (`subscriptionRemoved`) or without.
    pub fn remove_subscription(&self, subscription: &str, is_told: bool) {
        self.microsoft(|ms, now| {
            if is_told {
                ms.remove_subscriptions(|one| one.id == subscription, now);
            } else {
                ms.subscriptions.remove(subscription);
            }
        });
    }

    /// Says `missed` to a subscription.
    pub fn tell_missed(&self, subscription: &str) {
        self.microsoft(|ms, now| {
            if let Some(one) = ms.subscriptions.get(subscription).cloned() {
                ms.lifecycle(&one, "missed", now);
            }
        });
    }

    /// Requests and answers that depart from Microsoft's published types.
    pub fn microsoft_violations(&self) -> Vec<Violation> {
        self.microsoft(|ms, _| ms.violations.clone())
    }

    /// The most that any app asked of any mailbox.
    pub fn microsoft_peaks(&self) -> Vec<Peak> {
        self.microsoft(|ms, _| {
            let peak = |(name, lane): (&String, &super::limits::Lane)| Peak {
                lane: name.clone(),
                together: lane.peak,
                refused_together: lane.refused,
                in_window: lane.window.peak,
                refused_in_window: lane.window.refused,
            };
            let mut rows: Vec<Peak> = ms.lanes.iter().map(peak).collect();
            rows.sort_by(|a, b| a.lane.cmp(&b.lane));
            rows
        })
    }
}

impl Microsoft {
    /// Adds a calendar to a mailbox, or replaces the one of that id, and returns its id.
    pub(crate) fn add_calendar(&mut self, email: &str, spec: &MicrosoftCalendarSpec) -> String {
        let made = || {
            let mark: String = digest(format!("{email}/{}", spec.name).as_bytes());
            format!("AAMkAD{}-_{}=", mark.get(..24).unwrap_or_default(), spec.name.len())
        };
        let id = spec.id.clone().unwrap_or_else(made);
        let Some(person) = self.people.get_mut(email) else { return id };
        let is_default = spec.name == DEFAULT;
        let calendar = Calendar {
            id: id.clone(),
            name: spec.name.clone(),
            owner: spec.owner.clone(),
            can_edit: !spec.read_only,
            color: spec.color.clone().unwrap_or_else(|| "auto".into()),
            is_default,
            items: BTreeMap::new(),
            by_change: BTreeMap::new(),
            // 0 is what a first round knows: nothing.
            changes: 1,
            generation: 1,
            lost: None,
        };
        if is_default {
            person.calendars.retain(|_, there| !there.is_default);
        }
        person.calendars.insert(id.clone(), calendar);
        id
    }
}

impl MicrosoftAccount {
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The id of the user.
    pub fn id(&self) -> String {
        self.microsoft(|ms, _| ms.people.get(&self.email).map(Person::id)).unwrap_or_default()
    }

    pub(crate) fn microsoft<R>(&self, act: impl FnOnce(&mut Microsoft, Timestamp) -> R) -> R {
        self.world.microsoft(act)
    }

    /// The calendar that comes with the mailbox.
    pub fn default_calendar(&self) -> MicrosoftCalendar {
        let id = self.microsoft(|ms, _| {
            let calendar = ms.people.get(&self.email).and_then(Person::default_calendar);
            calendar.map(|calendar| calendar.id.clone())
        });
        MicrosoftCalendar { account: self.clone(), id: id.unwrap_or_default() }
    }

    /// Adds a calendar to the mailbox.
    #[expect(clippy::needless_pass_by_value, reason = "as calendars are added elsewhere")]
    pub fn add_calendar(&self, spec: MicrosoftCalendarSpec) -> MicrosoftCalendar {
        let id = self.microsoft(|ms, _| ms.add_calendar(&self.email, &spec));
        MicrosoftCalendar { account: self.clone(), id }
    }

    /// A calendar by its id or its name.
    pub fn calendar(&self, name: &str) -> Option<MicrosoftCalendar> {
        self.calendars().into_iter().find(|calendar| calendar.id == name || calendar.name() == name)
    }

    pub fn calendars(&self) -> Vec<MicrosoftCalendar> {
        let ids: Vec<String> = self.microsoft(|ms, _| {
            let all = ms.people.get(&self.email).map(|person| person.calendars.keys().cloned());
            all.into_iter().flatten().collect()
        });
        ids.into_iter().map(|id| MicrosoftCalendar { account: self.clone(), id }).collect()
    }

    /// Allows an app some scopes without the page, and returns the refresh token. The app is made when it does not
    /// exist; `offline_access` comes along.
    pub fn grant(&self, client_id: &str, scopes: &[&str]) -> String {
        let asked = scopes.iter().map(|scope| super::token::short(scope).to_owned());
        let scopes = asked.chain(["offline_access".to_owned()]).collect();
        self.microsoft(|ms, now| {
            ms.clients
                .entry(client_id.to_owned())
                .or_insert_with(|| MicrosoftClientSpec::new(client_id, "secret"));
            let grant = ms.add_grant(&self.email, client_id, scopes, now);
            ms.issue(grant, now)
        })
    }

    /// The sessions of the person are revoked: refreshing answers AADSTS50173.
    pub fn revoke_grants(&self) {
        self.end_grants(50_173);
    }

    /// As [`Self::revoke_grants`], and refreshing answers another AADSTS code (65001: the consent was withdrawn).
    pub fn end_grants(&self, code: u32) {
        self.microsoft(|ms, now| ms.end_grants(&self.email, None, code, now));
    }

    /// Every refresh is refused with an AADSTS code from now on, or allowed again.
    pub fn refuse_refreshes(&self, code: Option<u32>) {
        self.edit(|person| person.spec.refuses = code);
    }

    /// Every access token handed out so far answers 401.
    pub fn expire_access_tokens(&self) {
        self.microsoft(|ms, _| ms.access.retain(|_, access| access.email != self.email));
    }

    /// Access tokens must bring these claims from now on; others answer 401 `insufficient_claims`.
    pub fn challenge(&self, claims: &str) {
        self.edit(|person| person.claims = Some(claims.to_owned()));
    }

    /// The mailbox is in the cloud no more, or again.
    pub fn set_mailbox(&self, is_there: bool) {
        self.edit(|person| person.spec.no_mailbox = !is_there);
    }

    /// Every delta link of the account's calendars answers 410.
    pub fn expire_delta_links(&self) {
        self.microsoft(|ms, _| ms.end_cursors(&self.email));
    }

    fn edit(&self, change: impl FnOnce(&mut Person)) {
        self.microsoft(|ms, _| ms.people.get_mut(&self.email).map(change));
    }

    /// The account's calendars and events as canonical JSON.
    pub fn truth(&self) -> Value {
        self.microsoft(|ms, _| truth::person(ms, &self.email))
    }
}
