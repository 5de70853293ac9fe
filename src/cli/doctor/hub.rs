//! What a running hub says of itself, of its connections and of their calendars.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    calendars,
    check::Check,
    classes::{CLOCK_WRONG, HUB_NOT_READY, HUB_NOT_RUNNING, NOT_A_HUB, NOT_ALLOWED, PAUSED},
    connections,
    files::told,
    google,
};
use crate::{
    cli::{
        client::{Client, Failure},
        pause::{halves, target},
        show::{count, field},
    },
    config::Config,
};

/// What could be learned from a hub.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) runs: bool,
    pub(crate) checks: Vec<Check>,
}

/// Asks the hub, if one answers. OAuth clients of tenants are tried by these settings, where the network may be asked.
pub(crate) async fn ask(
    client: Result<Client, Failure>,
    trying: Option<&Config>,
    now: Timestamp,
) -> Heard {
    const NAME: &str = "hub";
    let found = match client {
        Ok(client) => client.look(&["readyz"]).await.map(|answer| (client, answer)),
        Err(failure) => Err(failure),
    };
    match found {
        Ok((client, (status, body))) => {
            let mut checks = vec![readiness(status, &body)];
            checks.extend(clock(body.get("clock").unwrap_or(&Value::Null)));
            checks.extend(pauses(&client).await);
            checks.extend(tenants(&client, trying, now).await);
            Heard { runs: true, checks }
        }
        Err(Failure::NoSocket { .. }) => {
            let check = Check::note(
                HUB_NOT_RUNNING,
                NAME,
                "none runs here",
                "`calhub serve` starts one; of another directory: --data-dir",
            );
            Heard { runs: false, checks: vec![check] }
        }
        Err(failure @ Failure::NotAHub { .. }) => {
            let fix = "check the address after --url: `curl -i URL/healthz`";
            let check = Check::action(NOT_A_HUB, NAME, failure.to_string(), fix);
            Heard { runs: true, checks: vec![check] }
        }
        Err(failure) => {
            let fix = "if it should run, look at its log; `calhub serve` starts one";
            let check = Check::action(HUB_NOT_RUNNING, NAME, told(&failure), fix);
            Heard { runs: false, checks: vec![check] }
        }
    }
}

fn readiness(status: u16, body: &Value) -> Check {
    let parts =
        ["database", "migrations", "index"].map(|part| format!("{part} {}", field(body, part)));
    let says = format!("calhub {}: {}", field(body, "version"), parts.join(", "));
    if status == 200 {
        return Check::ok("hub", says);
    }
    let fix = if field(body, "database") == "ok" {
        "it goes on by itself once the index has caught up; if not, look at its log and at the database's load"
    } else {
        "bring the database back; the hub goes on by itself. `calhub doctor` on the hub's machine says what is wrong with it"
    };
    Check::action(HUB_NOT_READY, "hub", format!("not ready: {says}"), fix)
}

/// The hub's clock, as those see it whom it asks. One server alone may be the one that is wrong.
fn clock(told: &Value) -> Option<Check> {
    const NAME: &str = "hub's clock";
    /// An answer is dated in whole seconds and is some time on its way.
    const NOTED_S: f64 = 5.0;
    const BAD_S: f64 = 30.0;
    let (ahead, servers) =
        (told["ahead"].as_f64()?, usize::try_from(told["servers"].as_u64()?).ok()?);
    let off = ahead.abs();
    let way = if ahead > 0.0 { "ahead of" } else { "behind" };
    let says = format!("{off:.0} s {way} the clocks of {} that it asks", count(servers, "server"));
    let fix = "set the hub's machine: `timedatectl set-ntp true`";
    Some(if off > BAD_S && servers > 1 {
        Check::action(CLOCK_WRONG, NAME, says, fix)
    } else if off > NOTED_S {
        let fix = format!(
            "compare with `timedatectl`: it is this machine's or theirs. This one's: {fix}"
        );
        Check::note(CLOCK_WRONG, NAME, says, fix)
    } else {
        Check::ok(NAME, format!("agrees with {} that it asks", count(servers, "server")))
    })
}

/// What operators have paused, of all that the caller may see.
async fn pauses(client: &Client) -> Vec<Check> {
    let items = client.list(&["v1", "ops", "pauses"], &[]).await.unwrap_or_default();
    items.iter().map(paused).collect()
}

fn paused(item: &Value) -> Check {
    let says = format!(
        "{} of {} is paused since {}, by {}",
        halves(item),
        target(item),
        field(item, "since"),
        field(item, "actor")
    );
    let flag = match ["provider", "connection_id", "tenant_id"].map(|name| field(item, name)) {
        [provider, ..] if provider != "-" => format!("--provider {provider}"),
        [_, connection, tenant] if connection != "-" => {
            format!("--connection {connection} --tenant {tenant}")
        }
        [.., tenant] => format!("--tenant {tenant}"),
    };
    Check::note(PAUSED, "pause", says, format!("once it is over: `calhub resume {flag}`"))
}

/// Every tenant that the caller may see, else its own.
async fn tenants(client: &Client, trying: Option<&Config>, now: Timestamp) -> Vec<Check> {
    let Ok(tenants) = client.list(&["v1", "tenants"], &[]).await else {
        return tenant(client, "", trying, now).await;
    };
    let mut checks = Vec::new();
    for item in &tenants {
        let name =
            if tenants.len() > 1 { format!("{}: ", field(item, "name")) } else { String::new() };
        let acting = client.clone().acting_for(Some(field(item, "id")));
        checks.extend(tenant(&acting, &name, trying, now).await);
    }
    checks
}

async fn tenant(
    client: &Client,
    name: &str,
    trying: Option<&Config>,
    now: Timestamp,
) -> Vec<Check> {
    let mut checks = match client.list(&["v1", "connections"], &[]).await {
        Ok(items) => items.iter().map(|item| connections::check(item, name, now)).collect(),
        Err(failure) => {
            let fix = "use a key that may read connections, or run this on the hub's machine";
            vec![Check::note(NOT_ALLOWED, &format!("{name}connections"), failure.to_string(), fix)]
        }
    };
    if let Ok(items) = client.list(&["v1", "calendars"], &[]).await {
        checks.extend(calendars::check(&items, name, now));
    }
    if let Ok(items) = client.list(&["v1", "ops", "unexpandable"], &[]).await {
        checks.extend(calendars::unexpandable(&items, name));
    }
    if let Some(config) = trying {
        checks.extend(google::tenants_client(client, config, name).await);
    }
    checks.extend(google::failed_links(client, name, now).await);
    checks
}
