//! Writing that ends an event where it is: delete, move; and the mails that writing causes.

use serde_json::{Value, json};

use super::{
    desk::{Desk, Written},
    refusal::Refusal,
    series::{Event, split_id},
    spec::Role,
    state::{Row, text},
};

impl Desk<'_> {
    /// Cancels the exceptions whose slots the series no longer has.
    pub(crate) fn drop_orphans(&mut self, master: &str) {
        let Some(calendar) = self.google.calendars.get(self.calendar) else { return };
        let Some(row) = calendar.rows.get(master) else { return };
        let series = calendar.series(row);
        let is_told = |id: &str| {
            let suffix = split_id(id).map(|(_, suffix)| suffix);
            suffix
                .zip(series.as_ref())
                .is_some_and(|(suffix, series)| series.slot_named(suffix).is_some())
        };
        let lost: Vec<(String, Row)> = calendar
            .exceptions(master)
            .filter(|(id, _)| !is_told(id))
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        for (id, row) in lost {
            self.cancel(&id, &row);
        }
    }

    /// Deletes an event; a master takes its exceptions with it.
    pub(crate) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        self.may_write()?;
        let found = self.find(id)?;
        if found.row.is_cancelled() {
            return Err(Refusal::deleted());
        }
        self.check_version(&found.row)?;
        let is_linked = found.row.kind() == "birthday"
            && found.row.master().is_some()
            && found
                .row
                .event
                .get("birthdayProperties")
                .is_some_and(|p| p.get("contact").is_some());
        if is_linked && !self.is_person {
            return Err(Refusal::invalid("An instance of a contact's birthday cannot be deleted."));
        }
        self.cancel(id, &found.row);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, id: &str, row: &Row) {
        self.mails(&row.event, "CANCEL");
        let mut row = row.clone();
        row.event.insert("status".into(), json!("cancelled"));
        row.conference_due = None;
        self.google.store(self.calendar, id, row, self.now);
        let Some(calendar) = self.google.calendars.get(self.calendar) else { return };
        let exceptions: Vec<(String, Row)> = calendar
            .exceptions(id)
            .filter(|(_, row)| !row.is_cancelled())
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        for (id, mut row) in exceptions {
            row.event.insert("status".into(), json!("cancelled"));
            self.google.store(self.calendar, &id, row, self.now);
        }
    }

    /// Moves an event to another calendar of the same account.
    pub(crate) fn move_to(&mut self, id: &str, destination: &str) -> Written {
        self.may_write()?;
        let there = self.google.role(self.email, destination).map_err(|_| Refusal::not_found())?;
        if there < Role::WriterWithoutPrivateAccess && !self.is_person {
            return Err(Refusal::access_level());
        }
        let found = self.find(id)?;
        if found.row.is_cancelled() {
            return Err(Refusal::not_found());
        }
        if found.row.kind() != "default" {
            return Err(Refusal::new(400, "badRequest", "Only default events can be moved.")
                .domain("calendar"));
        }
        if found.row.master().is_some() {
            let message = "Cannot change the organizer of an instance.";
            return Err(
                Refusal::new(400, "cannotChangeOrganizerOfInstance", message).domain("calendar")
            );
        }
        let exceptions: Vec<(String, Row)> = self
            .google
            .calendars
            .get(self.calendar)
            .into_iter()
            .flat_map(|calendar| calendar.exceptions(id))
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        let all = std::iter::once((id.to_owned(), found.row)).chain(exceptions);
        for (id, row) in all {
            let mut gone = row.clone();
            gone.event.insert("status".into(), json!("cancelled"));
            gone.is_moved = true;
            self.google.store(self.calendar, &id, gone, self.now);
            let mut moved = row;
            if let Some(target) = self.google.calendars.get(destination) {
                let organizer = if target.is_primary() {
                    json!({ "email": target.owner, "self": true })
                } else {
                    json!({ "email": target.id, "displayName": target.summary, "self": true })
                };
                moved.event.insert("organizer".into(), organizer);
            }
            self.google.store(destination, &id, moved, self.now);
        }
        Ok(id.to_owned())
    }

    /// Notes the mails that Google would send.
    pub(crate) fn mails(&mut self, event: &Event, method: &str) {
        if self.send_updates == "none" {
            return;
        }
        let domain = |email: &str| email.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let own = domain(self.email);
        let uid = text(event, "iCalUID").unwrap_or_default().to_owned();
        let attendees = event.get("attendees").and_then(Value::as_array).into_iter().flatten();
        let to: Vec<String> = attendees
            .filter(|one| one.get("self").is_none())
            .filter_map(|one| one.get("email").and_then(Value::as_str))
            .filter(|email| self.send_updates == "all" || domain(email) != own)
            .map(str::to_owned)
            .collect();
        for to in to {
            let mail = crate::log::Mail {
                account: self.email.to_owned(),
                to,
                method: method.to_owned(),
                uid: uid.clone(),
            };
            self.google.mails.push(mail);
        }
    }
}
