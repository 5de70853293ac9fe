//! Looking at one event live, because somebody asks for it by its name.

use connectors::{Item, ItemRef, WriteKey};

use super::mirror::what_stands;
use crate::{
    model::{
        ids::{CalendarId, TenantId},
        interval::Span,
    },
    sync::{Engine, SyncError, Use, state::is_pulled},
};

/// By what an event is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The provider's name for it.
    Event(String),
    /// Its iCalendar UID.
    Uid(String),
}

/// An event as it stands in a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub calendar: CalendarId,
    pub item: String,
    pub version: Option<String>,
    /// The one span that it takes; none when it is free time, cancelled, or a series.
    pub span: Option<Span>,
}

impl Engine {
    /// Looks at an event; `None` when the calendar does not have it, or cannot be written.
    ///
    /// # Errors
    ///
    /// When the provider does not answer, or its host is closed to us for now.
    pub(crate) async fn look_live(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        sought: &Sought,
    ) -> Result<Option<Standing>, SyncError> {
        let subject = self.subject(tenant, calendar).await?;
        if !is_pulled(subject.connection.state) {
            return Err(SyncError::NotAsked);
        }
        let way = self.way(&subject, Use::Read).await?;
        let connector = self.connect(&subject.connection, &way)?;
        let Some(writer) = connector.writer() else { return Ok(None) };
        let at = connectors::CalendarRef::new(subject.calendar.provider_ref.clone());
        let live = self.enter_live(&way.pace).await?;
        let found = match sought {
            Sought::Event(name) => writer.get(&at, &ItemRef::new(name.clone())).await,
            Sought::Uid(uid) => {
                let key = WriteKey { uid: uid.clone(), marker: String::new() };
                writer.find(&at, &key).await.map(|found| found.map(|written| written.item))
            }
        };
        live.leave().await;
        if let Err(error) = &found {
            self.obey(&way.pace, &error.kind).await?;
        }
        Ok(found?.map(|item| standing(calendar, &item)))
    }
}

fn standing(calendar: &CalendarId, item: &Item) -> Standing {
    let seen = what_stands(item);
    Standing {
        calendar: calendar.clone(),
        item: item.item.as_str().to_owned(),
        version: seen.version,
        span: seen.span,
    }
}
