//! The person, the list of calendars, and the settings of the mailbox.

use serde_json::{Value, json};

use super::{
    id::Id,
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::{Calendar, Microsoft, Person},
    view, zones,
};
use crate::state::mark;

const COLORS: [&str; 11] = [
    "auto",
    "lightBlue",
    "lightGreen",
    "lightOrange",
    "lightGray",
    "lightYellow",
    "lightTeal",
    "lightPink",
    "lightBrown",
    "lightRed",
    "maxColor",
];

impl Ask<'_> {
    /// Everything of a mailbox that is no event.
    pub(crate) fn mailbox(&self, ms: &mut Microsoft) -> Outcome {
        match self.target.method {
            "me.get" => self.person(ms),
            "mailboxSettings.get" => self.settings(ms),
            "outlook.supportedTimeZones" => Ok(self.zones()),
            "me.translateExchangeIds" => self.translate(),
            "calendarGroups.list" => {
                let group = json!({ "id": format!("group-{:x}", mark(&self.mailbox)), "name": "My Calendars",
                    "changeKey": "g1", "classId": "0006f0b7-0000-0000-c000-000000000046" });
                Ok(Answer::Json(self.rows(&[group], "calendarGroups")))
            }
            "calendars.list" => self.calendars(ms),
            "calendars.get" => {
                let calendar = ms.calendar(&self.mailbox, self.target.calendar.as_deref())?;
                let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
                Ok(Answer::Json(calendar.json(person)))
            }
            "calendars.create" => self.create_calendar(ms),
            "calendars.update" | "calendars.delete" => self.change_calendar(ms),
            _ => Err(Refusal::no_resource()),
        }
    }

    fn rows(&self, rows: &[Value], what: &str) -> Value {
        let context = format!("{}/v1.0/$metadata#users('me')/{what}", self.around.origin);
        json!({ "@odata.context": context, "value": rows })
    }

    fn person(&self, ms: &Microsoft) -> Outcome {
        let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
        let name = person.spec.display_name();
        let told = json!({ "@odata.context": format!("{}/v1.0/$metadata#users/$entity", self.around.origin),
            "id": person.id(), "displayName": name, "givenName": name, "surname": Value::Null,
            "mail": person.spec.email, "userPrincipalName": person.spec.email, "businessPhones": [],
            "jobTitle": Value::Null, "mobilePhone": Value::Null, "officeLocation": Value::Null,
            "preferredLanguage": Value::Null });
        let told = told.as_object().cloned().unwrap_or_default();
        Ok(Answer::Json(view::select(told, self.query.get("$select"))))
    }

    fn settings(&self, ms: &Microsoft) -> Outcome {
        let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
        Ok(Answer::Json(json!({
            "@odata.context": format!("{}/v1.0/$metadata#users('me')/mailboxSettings", self.around.origin),
            "timeZone": person.spec.time_zone, "dateFormat": "yyyy-MM-dd", "timeFormat": "HH:mm",
            "workingHours": hours(person) })))
    }

    fn zones(&self) -> Answer {
        let function = self.target.other.as_deref().unwrap_or_default();
        let names = if function.contains("'Iana'") { zones::iana() } else { zones::windows() };
        let rows = names.into_iter().map(|name| json!({ "alias": name, "displayName": name }));
        Answer::Json(self.rows(&rows.collect::<Vec<_>>(), "outlook/supportedTimeZones"))
    }

    fn translate(&self) -> Outcome {
        let ids = self.body.get("inputIds").and_then(Value::as_array).into_iter().flatten();
        let ids: Vec<&str> = ids.filter_map(Value::as_str).collect();
        if ids.len() > 1_000 {
            return Err(Refusal::invalid("At most 1000 ids can be translated at once."));
        }
        let text = |name: &str| self.body.get(name).and_then(Value::as_str);
        let is_known = |name: &str| matches!(text(name), Some("restId" | "restImmutableEntryId"));
        if !is_known("sourceIdType") || !is_known("targetIdType") {
            return Err(Refusal::invalid("These ids cannot be translated here."));
        }
        let is_immutable = text("targetIdType") == Some("restImmutableEntryId");
        let row = |id: &str| {
            Id::parse(id).map(
                |found| json!({ "sourceId": id, "targetId": Id { is_immutable, ..found }.text() }),
            )
        };
        let rows = ids.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Ok(Answer::Json(self.rows(&rows, "translateExchangeIds")))
    }

    fn calendars(&self, ms: &Microsoft) -> Outcome {
        let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
        let number = |name: &str| self.query.get(name).and_then(|text| text.parse::<usize>().ok());
        let (top, skip) = (number("$top").unwrap_or(10).max(1), number("$skip").unwrap_or(0));
        let top = ms.knobs.page_cap.map_or(top, |cap| cap.clamp(1, top));
        let mut all: Vec<&Calendar> =
            person.calendars.values().filter(|calendar| calendar.lost.is_none()).collect();
        all.sort_by_key(|calendar| (!calendar.is_default, calendar.name.as_str()));
        let total = all.len();
        let rows = all.into_iter().skip(skip).take(top).map(|calendar| {
            let full = calendar.json(person).as_object().cloned().unwrap_or_default();
            view::select(full, self.query.get("$select"))
        });
        let mut answer = self.rows(&rows.collect::<Vec<_>>(), "calendars");
        if let (true, Some(fields)) = (total > skip + top, answer.as_object_mut()) {
            let next = format!("{}?$top={top}&$skip={}", self.address(), skip + top);
            fields.insert("@odata.nextLink".into(), json!(next));
        }
        Ok(Answer::Json(answer))
    }

    fn create_calendar(&self, ms: &mut Microsoft) -> Outcome {
        let name = self.body.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Refusal::property("A calendar needs a name."))?;
        let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
        if person.calendars.values().any(|calendar| calendar.name == name) {
            let message = "A folder with the specified name already exists.";
            return Err(Refusal::new(409, "ErrorFolderExists", message));
        }
        let spec = super::spec::MicrosoftCalendarSpec::new(name);
        let id = ms.add_calendar(&self.mailbox, &spec);
        let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
        let made = person.calendars.get(&id).ok_or_else(Refusal::no_resource)?;
        Ok(Answer::Created(made.json(person)))
    }

    fn change_calendar(&self, ms: &mut Microsoft) -> Outcome {
        let found = ms.calendar(&self.mailbox, self.target.calendar.as_deref())?;
        let (id, is_default, can_edit) = (found.id.clone(), found.is_default, found.can_edit);
        if self.target.method == "calendars.delete" {
            if is_default || !can_edit {
                return Err(Refusal::denied());
            }
            if let Some(person) = ms.people.get_mut(&self.mailbox) {
                person.calendars.remove(&id);
            }
            return Ok(Answer::Empty);
        }
        if let (Some(name), Some(found)) =
            (self.body.get("name").and_then(Value::as_str), ms.calendar_mut(&self.mailbox, &id))
        {
            name.clone_into(&mut found.name);
        }
        let person = ms.people.get(&self.mailbox).ok_or_else(Refusal::no_resource)?;
        let found = person.calendars.get(&id).ok_or_else(Refusal::no_resource)?;
        Ok(Answer::Json(found.json(person)))
    }
}

/// Working hours as settings and schedules tell them.
pub(crate) fn hours(person: &Person) -> Value {
    json!({ "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "startTime": "08:00:00.0000000", "endTime": "17:00:00.0000000",
        "timeZone": { "name": person.spec.time_zone } })
}

impl Calendar {
    pub(crate) fn json(&self, person: &Person) -> Value {
        let owner = match &self.owner {
            Some(owner) => json!({ "name": owner, "address": owner }),
            None => json!({ "name": person.spec.display_name(), "address": person.spec.email }),
        };
        let is_own = self.owner.is_none();
        let color = if COLORS.contains(&self.color.as_str()) { &self.color } else { "auto" };
        let key = format!("{:x}", mark(&format!("{}/{}/{}", self.id, self.name, self.can_edit)));
        let provider = if person.spec.personal { "unknown" } else { "teamsForBusiness" };
        let providers: Vec<&str> = Some(provider).filter(|p| *p != "unknown").into_iter().collect();
        json!({ "@odata.etag": format!("W/\"{key}\""), "id": self.id, "name": self.name, "color": color,
            "hexColor": "", "changeKey": key, "isDefaultCalendar": self.is_default,
            "isRemovable": is_own && !self.is_default, "canEdit": self.can_edit, "canShare": is_own,
            "canViewPrivateItems": is_own, "isTallyingResponses": self.is_default,
            "allowedOnlineMeetingProviders": providers, "defaultOnlineMeetingProvider": provider,
            "owner": owner })
    }
}
