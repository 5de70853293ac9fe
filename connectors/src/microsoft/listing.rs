//! Who the account is, and which calendars it sees.

use super::{access::Access, connector::Microsoft, errors::About, wire};
use crate::{
    connector::{Account, CalendarRef, RemoteCalendar},
    error::{Error, Kind, Result},
};

/// Pages of calendars, beyond which the list is not taken seriously.
const MOST_PAGES: usize = 40;
/// The longest name of a calendar that is kept.
const LONGEST_NAME: usize = 200;

impl Microsoft {
    /// The account is known by whom its own calendar belongs to: every level of access may see that, and nothing more
    /// of a person has to be asked for.
    pub(super) async fn primary(&self) -> Result<Account> {
        let request = self.session.api.primary()?;
        let body = self.session.read("account", request, About::Account).await?;
        let calendar =
            wire::calendar(&body).map_err(|error| self.session.at_host("account", error))?;
        let owner = calendar.owner.0.address.get().or(calendar.id.get()).unwrap_or_default();
        Ok(Account { identity: owner.to_lowercase(), label: owner.to_owned() })
    }

    pub(super) async fn list(&self) -> Result<Vec<RemoteCalendar>> {
        let mut found: Vec<RemoteCalendar> = Vec::new();
        let mut request = self.session.api.calendars()?;
        let at_host = |error| self.session.at_host("list_calendars", error);
        for _ in 0..MOST_PAGES {
            let body = self.session.read("list_calendars", request, About::Account).await?;
            let page = wire::calendars(&body).map_err(at_host)?;
            for entry in page.value.iter().flatten() {
                let calendar = self.remote(entry);
                if !found.iter().any(|known| known.calendar == calendar.calendar) {
                    found.push(calendar);
                }
            }
            match page.next.get() {
                Some(next) => request = self.session.api.follow(next).map_err(at_host)?,
                None => {
                    let zone = self.zone().await?;
                    found.iter_mut().for_each(|it| it.time_zone.clone_from(&zone));
                    return Ok(found);
                }
            }
        }
        Err(Kind::BadReply.error("the list of calendars does not end"))
    }

    fn remote(&self, entry: &wire::Calendar<'_>) -> RemoteCalendar {
        let id = entry.id.get().unwrap_or_default();
        let name = entry.name.get().unwrap_or(id);
        RemoteCalendar {
            calendar: CalendarRef::new(id),
            name: name.chars().take(LONGEST_NAME).collect(),
            time_zone: None,
            writable: entry.can_edit.0 && self.access == Access::ReadWrite,
            transparent: false,
        }
    }

    /// The zone of the mailbox, which is that of all its calendars; `None` where the grant does not show it.
    async fn zone(&self) -> Result<Option<String>> {
        let request = self.session.api.mailbox()?;
        match self.session.read("mailbox", request, About::Account).await {
            Ok(body) => {
                let mailbox =
                    wire::mailbox(&body).map_err(|error| self.session.at_host("mailbox", error))?;
                Ok(mailbox.time_zone.get().map(str::to_owned))
            }
            // The calendars could be listed by the same token.
            Err(Error {
                kind: Kind::Forbidden | Kind::MissingScope | Kind::Unauthorized, ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A refusal of something of a calendar: where the calendar is not there any more, that is the reason, whichever of
    /// 403 and 404 is answered, and to a link as well.
    pub(super) async fn explained(
        &self,
        calendar: &CalendarRef,
        error: Error,
        about: About,
    ) -> Error {
        let is_doubtful = match (&error.kind, about) {
            (Kind::Forbidden, _) => true,
            (Kind::CursorExpired, About::Link) => error.status == Some(404),
            _ => false,
        };
        if !is_doubtful {
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
        wire::calendar(&body).map_err(|error| self.session.at_host("look", error))?;
        Ok(())
    }
}
