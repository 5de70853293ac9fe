//! Quotas: how much a user and a project may ask in any minute.

use jiff::{SignedDuration, Timestamp};

use super::{knobs::Throttling, refusal::Refusal, state::Google};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

impl Google {
    /// Takes the units of a call out of both budgets, or refuses it.
    pub(crate) fn spend(
        &mut self,
        email: &str,
        client: &str,
        method: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let units = if method == "events.patch" { self.knobs.patch_units } else { 1 };
        let of_user = self.people.get(email).and_then(|person| person.spec.per_minute);
        let of_project = self.clients.get(client).and_then(|client| client.per_minute);
        let user_limit = of_user.unwrap_or(self.knobs.user_per_minute);
        let project_limit = of_project.unwrap_or(self.knobs.project_per_minute);
        let (user, project) = (format!("{client}/{email}"), client.to_owned());
        let user_fits =
            self.quota.entry(user.clone()).or_default().has_room(units, user_limit, MINUTE, now);
        let project_fits = self.quota.entry(project.clone()).or_default().has_room(
            units,
            project_limit,
            MINUTE,
            now,
        );
        match (user_fits, project_fits) {
            (false, _) => {
                return Err(self.throttled("userRateLimitExceeded", "User Rate Limit Exceeded"));
            }
            (_, false) => return Err(self.throttled("rateLimitExceeded", "Rate Limit Exceeded")),
            (true, true) => {}
        }
        for name in [user, project] {
            self.quota.entry(name).or_default().spend(units, now);
        }
        Ok(())
    }

    fn throttled(&self, reason: &str, message: &str) -> Refusal {
        let mut refusal = match self.knobs.throttling {
            Throttling::Forbidden => Refusal::new(403, reason, message),
            Throttling::TooMany => Refusal::new(429, "rateLimitExceeded", "Rate Limit Exceeded"),
        }
        .domain("usageLimits");
        refusal.more.retry_after_s = self.knobs.retry_after_s;
        refusal
    }

    /// Counts a write to a calendar, or refuses it where there were too many.
    pub(crate) fn count_write(&mut self, calendar: &str, now: Timestamp) -> Result<(), Refusal> {
        let Some(limit) = self.knobs.writes_per_minute else { return Ok(()) };
        let Some(found) = self.calendars.get_mut(calendar) else { return Ok(()) };
        while found.writes.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            found.writes.pop_front();
        }
        if found.writes.len() >= limit as usize {
            let message = "Calendar usage limits exceeded.";
            return Err(Refusal::new(403, "quotaExceeded", message).domain("usageLimits"));
        }
        found.writes.push_back(now);
        Ok(())
    }
}
