//! Who the account is, and which calendars it sees.

use super::{connector::Google, errors::About, translate, wire};
use crate::{
    connector::{Account, CalendarRef, RemoteCalendar},
    error::{Error, Kind, Result},
};

/// Pages of calendars, beyond which the list is not taken seriously.
const MOST_PAGES: usize = 40;

impl Google {
    /// The account is known by its primary calendar: every level of access may see that, and nothing more of a
    /// person has to be asked for.
    pub(super) async fn primary(&self) -> Result<Account> {
        let request = self.session.api.calendar(&CalendarRef::new("primary"))?;
        let body = self.session.read("account", request, About::Account).await?;
        let entry =
            wire::calendar(&body).map_err(|error| self.session.at_host("account", error))?;
        let identity = entry.id.get().unwrap_or_default().to_owned();
        Ok(Account { label: identity.clone(), identity })
    }

    pub(super) async fn list(&self) -> Result<Vec<RemoteCalendar>> {
        let mut found: Vec<RemoteCalendar> = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let request = self.session.api.calendars(page.as_deref())?;
            let body = self.session.read("list_calendars", request, About::Account).await?;
            let read = wire::calendars(&body)
                .map_err(|error| self.session.at_host("list_calendars", error))?;
            for entry in &read.items {
                let calendar = translate::calendar(entry, self.access);
                let is_new =
                    |it: &RemoteCalendar| !found.iter().any(|known| known.calendar == it.calendar);
                found.extend(calendar.filter(is_new));
            }
            match read.next_page_token.get() {
                Some(token) => page = Some(token.to_owned()),
                None => return Ok(found),
            }
        }
        Err(Kind::BadReply.error("the list of calendars does not end"))
    }

    /// A refusal of something of a calendar: where the calendar is not in the list any more, that is the reason,
    /// whichever of 403 and 404 is answered.
    pub(super) async fn explained(&self, calendar: &CalendarRef, error: Error) -> Error {
        if error.kind != Kind::Forbidden {
            return error;
        }
        match self.confirm(calendar).await {
            Err(why) if why.kind == Kind::CalendarGone => {
                Error { kind: Kind::CalendarGone, ..error }
            }
            _ => error,
        }
    }

    /// Whether a calendar is still there, asked where something of it is not.
    ///
    /// # Errors
    ///
    /// [`Kind::CalendarGone`] when it is not there either, and why it could not be told.
    pub(super) async fn confirm(&self, calendar: &CalendarRef) -> Result<()> {
        let request = self.session.api.calendar(calendar)?;
        let body = self.session.read("look", request, About::Calendar).await?;
        let entry = wire::calendar(&body).map_err(|error| self.session.at_host("look", error))?;
        if entry.deleted.0 {
            return Err(Kind::CalendarGone.error("the calendar was taken out of the list"));
        }
        Ok(())
    }
}
