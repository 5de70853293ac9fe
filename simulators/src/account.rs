//! Handles on accounts and collections: what a test or the control API does "as the person in the vendor's own program".

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    profile::Profile,
    spec::{AccountSpec, CalendarSpec, Resource},
    state::{AccountState, CalendarState, home_segment},
    world::World,
};

/// An account of a world.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) world: World,
    pub(crate) user: String,
}

impl Account {
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Adds a collection (or replaces the one of that name, with its events).
    pub fn add_calendar(&self, spec: CalendarSpec) -> Calendar {
        let name = spec.name.clone();
        self.edit(|account| {
            account.calendars.insert(name.clone(), CalendarState::new(spec));
        });
        Calendar { account: self.clone(), name }
    }

    pub fn calendar(&self, name: &str) -> Option<Calendar> {
        self.edit(|account| account.calendars.contains_key(name))
            .filter(|there| *there)
            .map(|_| Calendar { account: self.clone(), name: name.to_owned() })
    }

    pub fn calendars(&self) -> Vec<Calendar> {
        let names = self
            .edit(|account| account.calendars.keys().cloned().collect::<Vec<_>>())
            .unwrap_or_default();
        names.into_iter().map(|name| Calendar { account: self.clone(), name }).collect()
    }

    pub fn spec(&self) -> AccountSpec {
        self.edit(|account| account.spec.clone())
            .unwrap_or_else(|| AccountSpec::new(&self.user, ""))
    }

    pub fn profile(&self) -> Profile {
        self.spec().profile
    }

    /// The path of the account; a client may start its discovery here.
    pub fn path(&self) -> String {
        self.edit(|account| account.root()).unwrap_or_default()
    }

    /// The path of the first home set.
    pub fn home(&self) -> String {
        format!("{}{}/", self.path(), home_segment(0))
    }

    pub fn revoke_password(&self) {
        self.edit(|account| account.revoked = true);
    }

    /// Sets a new password, which also ends a revocation and a brute-force block.
    pub fn set_password(&self, password: &str) {
        self.edit(|account| {
            account.revoked = false;
            account.wrong_passwords = 0;
            account.spec.password = password.to_owned();
        });
    }

    /// Turns knobs of this account's server.
    pub fn tune(&self, change: impl FnOnce(&mut Profile)) {
        self.edit(|account| change(&mut account.spec.profile));
    }

    fn edit<R>(&self, change: impl FnOnce(&mut AccountState) -> R) -> Option<R> {
        self.world.state().accounts.get_mut(&self.user).map(change)
    }
}

/// A collection of an account, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Calendar {
    account: Account,
    name: String,
}

impl Calendar {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of the collection.
    pub fn path(&self) -> String {
        let home = self.edit(|calendar| calendar.spec.home).unwrap_or(0);
        format!("{}{}/{}/", self.account.path(), home_segment(home), self.name)
    }

    /// The path of a resource.
    pub fn href(&self, name: &str) -> String {
        format!("{}{name}", self.path())
    }

    /// Writes a resource as the person would, with no preconditions, and returns its etag.
    pub fn put(&self, name: &str, body: impl AsRef<[u8]>) -> String {
        let (now, form) = (self.account.world.now(), self.account.edit(|a| a.profile().write.etag));
        let body = Bytes::copy_from_slice(body.as_ref());
        self.edit(|calendar| calendar.store(name, body, form.unwrap_or_default(), now))
            .unwrap_or_default()
    }

    /// Rewrites a resource; `None` when it is not there.
    pub fn edit_event(&self, name: &str, change: impl FnOnce(&str) -> String) -> Option<String> {
        let before = self.get(name)?;
        Some(self.put(name, change(&before.text())))
    }

    /// Deletes a resource; tells whether it was there.
    pub fn delete(&self, name: &str) -> bool {
        let now = self.account.world.now();
        self.edit(|calendar| calendar.remove(name, now).is_some()).unwrap_or(false)
    }

    pub fn get(&self, name: &str) -> Option<Resource> {
        self.edit(|calendar| calendar.resources.get(name).cloned()).flatten()
    }

    /// The truth: every resource, by name.
    pub fn resources(&self) -> BTreeMap<String, Resource> {
        self.edit(|calendar| calendar.resources.clone()).unwrap_or_default()
    }

    pub fn spec(&self) -> Option<CalendarSpec> {
        self.edit(|calendar| calendar.spec.clone())
    }

    /// Edits properties of the collection.
    pub fn set(&self, change: impl FnOnce(&mut CalendarSpec)) {
        let name = self.name.clone();
        self.edit(|calendar| {
            change(&mut calendar.spec);
            calendar.spec.name = name;
            calendar.property_edits += 1;
        });
    }

    /// Every sync token handed out so far becomes unknown.
    pub fn expire_cursors(&self) {
        self.edit(CalendarState::expire_cursors);
    }

    /// The collection answers 403, 404 or 410 from now on.
    pub fn unshare(&self, status: u16) {
        self.edit(|calendar| calendar.gone = Some(status));
    }

    pub fn share_again(&self) {
        self.edit(|calendar| calendar.gone = None);
    }

    /// Moves the collection to another path; the old one answers 404.
    pub fn rename(&self, name: &str) -> Self {
        self.account.edit(|account| {
            if let Some(mut calendar) = account.calendars.remove(&self.name) {
                name.clone_into(&mut calendar.spec.name);
                account.calendars.insert(name.to_owned(), calendar);
            }
        });
        Self { account: self.account.clone(), name: name.to_owned() }
    }

    /// Deletes the collection.
    pub fn remove(&self) {
        self.account.edit(|account| account.calendars.remove(&self.name));
    }

    fn edit<R>(&self, change: impl FnOnce(&mut CalendarState) -> R) -> Option<R> {
        self.account.edit(|account| account.calendars.get_mut(&self.name).map(change)).flatten()
    }
}
