//! What a running hub says of itself and of its connections.

use serde_json::Value;

use super::check::Check;
use crate::cli::{
    client::{Client, Failure},
    show::field,
};

/// What could be learned from a hub.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) runs: bool,
    pub(crate) checks: Vec<Check>,
}

/// Asks the hub, if one answers.
pub(crate) async fn ask(client: Result<Client, Failure>) -> Heard {
    const NAME: &str = "hub";
    let found = match client {
        Ok(client) => client.look(&["readyz"]).await.map(|answer| (client, answer)),
        Err(failure) => Err(failure),
    };
    match found {
        Ok((client, (status, body))) => {
            let mut checks = vec![readiness(status, &body)];
            checks.extend(tenants(&client).await);
            Heard { runs: true, checks }
        }
        Err(Failure::NoSocket { .. }) => Heard {
            runs: false,
            checks: vec![Check::note(NAME, "none runs here", "`calhub serve` starts one")],
        },
        Err(failure @ Failure::NotAHub { .. }) => Heard {
            runs: true,
            checks: vec![Check::action(NAME, failure.to_string(), "check the address after --url")],
        },
        Err(failure) => {
            let fix = "if it should run, look at its log; `calhub serve` starts one";
            Heard { runs: false, checks: vec![Check::note(NAME, failure.to_string(), fix)] }
        }
    }
}

fn readiness(status: u16, body: &Value) -> Check {
    let parts =
        ["database", "migrations", "index"].map(|part| format!("{part} {}", field(body, part)));
    let says = format!("calhub {}: {}", field(body, "version"), parts.join(", "));
    if status == 200 {
        Check::ok("hub", says)
    } else {
        Check::action(
            "hub",
            format!("not ready: {says}"),
            "look at its log; it answers again once all parts are ok",
        )
    }
}

/// Every tenant that the caller may see, else its own.
async fn tenants(client: &Client) -> Vec<Check> {
    let Ok(tenants) = client.list(&["v1", "tenants"], &[]).await else {
        return tenant(client, "").await;
    };
    let mut checks = Vec::new();
    for item in &tenants {
        let name =
            if tenants.len() > 1 { format!("{}: ", field(item, "name")) } else { String::new() };
        let acting = client.clone().acting_for(Some(field(item, "id")));
        checks.extend(tenant(&acting, &name).await);
    }
    checks
}

async fn tenant(client: &Client, name: &str) -> Vec<Check> {
    let mut checks = match client.list(&["v1", "connections"], &[]).await {
        Ok(items) => items.iter().map(|item| connection(item, name)).collect(),
        Err(failure) => {
            let fix = "use a key that may read connections, or run this on the hub's machine";
            vec![Check::note(&format!("{name}connections"), failure.to_string(), fix)]
        }
    };
    if let Ok(items) = client.list(&["v1", "ops", "quarantine"], &[]).await
        && !items.is_empty()
    {
        let says = format!(
            "{} lost much of their future at once",
            crate::cli::show::count(items.len(), "calendar")
        );
        checks.push(Check::action(
            &format!("{name}quarantine"),
            says,
            "`calhub quarantine list`, then confirm or reject",
        ));
    }
    if let Ok(items) = client.list(&["v1", "ops", "unexpandable"], &[]).await
        && !items.is_empty()
    {
        let says = format!(
            "{} cannot be worked out; they count as unknown",
            crate::cli::show::count(items.len(), "span")
        );
        checks.push(Check::note(
            &format!("{name}series"),
            says,
            "GET /v1/ops/unexpandable names them",
        ));
    }
    checks
}

fn connection(item: &Value, tenant: &str) -> Check {
    let (id, state, provider) = (field(item, "id"), field(item, "state"), field(item, "provider"));
    let name = format!("{tenant}{id}");
    let error = match field(item, "last_error").as_str() {
        "-" => String::new(),
        error => format!(": {error}"),
    };
    let says = format!("{provider} {}, {state}{error}", field(item, "account_label"));
    let renew = match provider.as_str() {
        "ics" => format!(
            "give it the feed's new address: `calhub connections update {id} --address URL`"
        ),
        _ => format!(
            "give it a password that works: `calhub connections update {id} --password-file FILE`"
        ),
    };
    match state.as_str() {
        "healthy" | "syncing" | "removing" => Check::ok(&name, says),
        "needs_reauth" | "revoked" => Check::action(&name, says, renew),
        "degraded" => Check::action(
            &name,
            says,
            format!(
                "its server does not answer as it should; the hub goes on trying. `calhub connections show {id}`"
            ),
        ),
        _ => Check::note(&name, says, format!("`calhub connections show {id}`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::check::State, *};

    #[test]
    fn a_refused_login_says_how_to_give_a_new_one() {
        let item = json!({"id": "con_1", "provider": "caldav", "state": "needs_reauth", "account_label": "anna",
            "last_error": "the server refuses the login"});
        let found = connection(&item, "");
        assert_eq!(found.state, State::Action);
        assert_eq!(found.says, "caldav anna, needs_reauth: the server refuses the login");
        assert!(found.fix.unwrap().contains("calhub connections update con_1 --password-file"));
        assert_eq!(connection(&json!({"state": "healthy"}), "").state, State::Ok);
    }
}
