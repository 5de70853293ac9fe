//! Writing as a client of the API asks for it: create, change, delete, cancel, and answers to invitations.

use serde_json::{Value, json};

use super::{
    desk::Desk,
    id::Id,
    item::Event,
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::Microsoft,
    when::stamp,
};

impl Ask<'_> {
    pub(crate) fn write(&self, ms: &mut Microsoft) -> Outcome {
        let sent = self.body.as_object().cloned().unwrap_or_default();
        if self.target.method == "events.create" {
            return self.create(ms, &sent);
        }
        let id = self.event_id()?;
        let home = ms.home_of(&self.mailbox, &id).ok_or_else(Refusal::item_not_found)?;
        if self.target.calendar.as_ref().is_some_and(|asked| *asked != home.id) {
            return Err(Refusal::item_not_found());
        }
        let calendar = home.id.clone();
        let mut desk = self.desk(ms, calendar);
        match self.target.method {
            "events.update" => {
                desk.patch(&id, &sent)?;
                ms.written(self, &id).map(Answer::Json)
            }
            "events.delete" => desk.delete(&id).map(|()| Answer::Empty),
            "events.cancel" => desk.cancel(&id).map(|()| Answer::Accepted),
            "events.accept" => desk.respond(&id, "accepted").map(|()| Answer::Accepted),
            "events.tentativelyAccept" => {
                desk.respond(&id, "tentativelyAccepted").map(|()| Answer::Accepted)
            }
            _ => desk.respond(&id, "declined").map(|()| Answer::Accepted),
        }
    }

    fn desk<'b>(&'b self, ms: &'b mut Microsoft, calendar: String) -> Desk<'b> {
        let if_match = self.request.headers().get("if-match").and_then(|value| value.to_str().ok());
        let (now, email) = (self.around.now, self.mailbox.as_str());
        Desk { ms, now, email, calendar, is_person: false, if_match }
    }

    fn create(&self, ms: &mut Microsoft, sent: &Event) -> Outcome {
        let calendar = ms.calendar(&self.mailbox, self.target.calendar.as_deref())?.id.clone();
        let made = self.desk(ms, calendar).create(sent)?;
        let has_extension = sent.get("extensions").is_some_and(|list| !list.is_null());
        if let (true, Some(status)) = (has_extension && !made.is_repeat, ms.knobs.extension_status)
        {
            let message = "The object was saved by someone else in the meantime.";
            return Err(Refusal::new(status, "ConcurrentItemSave", message));
        }
        let is_immutable = self.prefer.is_immutable;
        let moves = ms
            .people
            .get(&self.mailbox)
            .into_iter()
            .flat_map(|person| person.calendars.values())
            .find_map(|calendar| calendar.item(&made.key))
            .map_or(0, |item| item.moves);
        let id = Id { key: made.key, day: None, moves, is_immutable };
        ms.written(self, &id).map(Answer::Created)
    }
}

impl Desk<'_> {
    /// Calls a meeting off, with a message to those who were asked.
    pub(crate) fn cancel(&mut self, id: &Id) -> Result<(), Refusal> {
        let home = self.ms.calendar(self.email, Some(&self.calendar))?;
        let item = home.item(&id.key).ok_or_else(Refusal::item_not_found)?;
        let attends = item.fields.get("attendees").and_then(Value::as_array);
        if !item.is_organized() || attends.is_none_or(Vec::is_empty) {
            let message =
                "Your request can't be completed. You need to be an organizer to cancel a meeting.";
            return Err(Refusal::new(400, "ErrorAccessDenied", message));
        }
        self.delete(id)
    }

    /// Answers an invitation.
    pub(crate) fn respond(&mut self, id: &Id, answer: &str) -> Result<(), Refusal> {
        let home = self.ms.calendar(self.email, Some(&self.calendar))?;
        let item = home.item(&id.key).ok_or_else(Refusal::item_not_found)?;
        if item.is_organized() {
            let message = "Your request can't be completed. You can't respond to this meeting because you're the \
                           meeting organizer.";
            return Err(Refusal::invalid(message));
        }
        if answer == "declined" && !self.ms.knobs.keeps_declined {
            return self.delete(id);
        }
        let show = match answer {
            "accepted" => "busy",
            "declined" => "free",
            _ => "tentative",
        };
        let change = json!({ "showAs": show,
            "responseStatus": { "response": answer, "time": stamp(self.now) } });
        let was_person = std::mem::replace(&mut self.is_person, true);
        let done = self.patch(id, change.as_object().unwrap_or(&Event::new()));
        self.is_person = was_person;
        done
    }

    /// Moves an event to another calendar of the mailbox: its ordinary id does not survive that.
    pub(crate) fn move_to(&mut self, id: &Id, destination: &str) -> Result<(), Refusal> {
        let home = self.ms.calendar(self.email, Some(&self.calendar))?;
        let item = home.item(&id.key).cloned().ok_or_else(Refusal::item_not_found)?;
        let born = self.ms.calendar(self.email, Some(destination))?.changes + 1;
        let gone = super::item::Item { is_gone: true, ..item.clone() };
        self.ms.store(self.email, &self.calendar, gone, "deleted", self.now);
        let moved = super::item::Item { moves: item.moves + 1, born, moved: born, ..item };
        self.ms.store(self.email, destination, moved, "created", self.now);
        Ok(())
    }
}
