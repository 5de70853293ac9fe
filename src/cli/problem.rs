//! A refused request in plain words: what happened, and what to do next.

use serde_json::Value;

use super::{client::Failure, show::clean};

/// What an `application/problem+json` answer says.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    sentence: String,
    request_id: Option<String>,
    retry_after_s: Option<u64>,
    details: Vec<String>,
    raw: String,
}

impl Problem {
    pub(crate) fn read(status: u16, body: &Value, raw: String) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(clean);
        let sentence = text("detail").or_else(|| text("title")).unwrap_or_default();
        Self {
            status,
            code: text("code").unwrap_or_default(),
            sentence,
            request_id: text("request_id"),
            retry_after_s: body.get("retry_after").and_then(Value::as_u64),
            details: details(body),
            raw,
        }
    }

    /// What happened, as one sentence.
    pub(crate) fn sentence(&self) -> &str {
        if self.sentence.is_empty() { &self.code } else { &self.sentence }
    }

    pub(crate) fn raw(&self) -> &str {
        self.raw.trim_end()
    }
}

fn details(body: &Value) -> Vec<String> {
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten().map(|error| {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let told = if text("detail").is_empty() { text("code") } else { text("detail") };
        clean(&format!("{}: {told}", text("pointer")))
    });
    let provider = body.get("provider").and_then(|provider| {
        let name = provider.get("name").and_then(Value::as_str)?;
        let status = provider.get("status").and_then(Value::as_u64);
        let reason = provider.get("reason").and_then(Value::as_str);
        let status = status.map(|status| format!(" answered {status}")).unwrap_or_default();
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        Some(clean(&format!("{name}{status}{reason}")))
    });
    let blockers: Vec<String> = match body.get("blocked_by") {
        Some(Value::Array(all)) => all.iter().map(in_the_way).collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(other) => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            vec![clean(&format!("in the way: {text}"))]
        }
    };
    errors.chain(provider).chain(blockers).collect()
}

/// One thing that is in the way of a booking, its parts in the order in which a person asks.
fn in_the_way(one: &Value) -> String {
    let names = ["kind", "reason", "id", "start", "end", "calendar_id", "resource_id"];
    let parts: Vec<&str> =
        names.iter().filter_map(|name| one.get(name).and_then(Value::as_str)).collect();
    clean(&format!("in the way: {}", parts.join("  ")))
}

/// The refusal for a person.
pub(crate) fn explain(problem: &Problem) -> String {
    let mut lines = vec![format!("error: {}", problem.sentence())];
    lines.extend(problem.details.iter().map(|detail| format!("       {detail}")));
    if let Some(step) = next_step(problem.status, &problem.code) {
        lines.push(format!(" next: {step}"));
    } else if let Some(seconds) = problem.retry_after_s {
        lines.push(format!(" next: try again in {seconds} s"));
    }
    let request = problem.request_id.as_ref().map(|id| format!(", request {id}"));
    lines.push(format!(" code: {}{}", problem.code, request.unwrap_or_default()));
    lines.join("\n")
}

/// What to do about a code. A login that the provider refused (422) is not the hub's own key (401).
fn next_step(status: u16, code: &str) -> Option<&'static str> {
    Some(match (status, code) {
        (401, _) => {
            "pass a valid key with --key or CALHUB_KEY; keys are listed by `calhub keys list` on the hub's machine"
        }
        (403, _) => "use a key with the scope that is named above; `calhub keys create` makes one",
        (_, "unauthorized") => {
            "check the user name and the password; with two-factor sign-in, make an app password"
        }
        (_, "not_caldav") => "give the CalDAV address from the server's help page",
        (_, "not_ics" | "not_a_feed") => "give the address of the .ics file itself",
        (_, "blocked_address") => {
            "if the server is your own, start the hub with --allow-net and its network"
        }
        (_, "tls") => "mend the server's certificate; there is no switch to ignore it",
        (_, "dns") => "check the spelling of the address",
        (_, "timeout" | "unavailable") => "try again later; `calhub doctor` looks closer",
        (_, "different_account") => "link the other account as a connection of its own",
        (_, "in_use") => "say what becomes of its bookings: --future-bookings keep or cancel",
        (404, _) => "see what there is with the `list` command",
        (412, _) => "somebody changed it meanwhile: look at it and run the command again",
        (429, _) => "wait a moment and run the command again",
        (500.., _) => "see the hub's log for this request; `calhub doctor` looks closer",
        _ => return None,
    })
}

/// What to do when no hub answered.
pub(crate) fn next_step_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::NoSocket { .. } => {
            "start one with `calhub serve`, name its --data-dir, or reach another with --url and --key"
        }
        Failure::Unreachable { .. } => "check that it runs: `calhub doctor` looks closer",
        Failure::NotAHub { .. } => "check the address after --url",
        Failure::NotAnId(_) => "see what there is with the `list` command",
        Failure::Refused(_) => "see `calhub --help`",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_login_says_what_to_do_and_which_request_it_was() {
        let body = json!({"type": "urn:calhub:problem:unauthorized", "title": "Login refused",
            "status": 422, "detail": "the server refuses this login", "code": "unauthorized",
            "request_id": "req_1", "provider": {"name": "caldav", "status": 401, "reason": "Basic"}});
        let text = explain(&Problem::read(422, &body, body.to_string()));
        assert_eq!(
            text,
            "error: the server refuses this login\n       caldav answered 401 (Basic)\n next: check the user name \
             and the password; with two-factor sign-in, make an app password\n code: unauthorized, request req_1"
        );
    }

    #[test]
    fn our_own_key_is_not_mistaken_for_the_providers_login() {
        let body = json!({"code": "unauthorized", "title": "Unauthorized"});
        assert!(explain(&Problem::read(401, &body, String::new())).contains("CALHUB_KEY"));
    }

    #[test]
    fn fields_at_fault_are_named_and_terminal_codes_are_taken_out() {
        let body = json!({"code": "invalid", "title": "Invalid \u{1b}[31mrequest",
            "errors": [{"pointer": "/calendars/0", "code": "unknown", "detail": "no such calendar"}]});
        let text = explain(&Problem::read(422, &body, String::new()));
        assert!(text.contains("/calendars/0: no such calendar"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
