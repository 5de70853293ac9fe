//! Whether others reach the hub where it says that it is.

use url::{Host, Url};

use super::{
    check::Check,
    classes::{PUBLIC_URL_MISSING, PUBLIC_URL_PLAIN, PUBLIC_URL_UNREACHABLE},
};
use crate::{
    cli::{
        client::{Client, Failure},
        show::field,
    },
    config::Config,
};

const NAME: &str = "public address";

/// Asks the public address for the hub. `asks_google` says whether people and notifications come that way.
pub(crate) async fn public_address(config: &Config, asks_google: bool) -> Vec<Check> {
    let Some(url) = &config.public_url else {
        return asks_google.then(missing).into_iter().collect();
    };
    let mut checks = Vec::new();
    if asks_google && url.scheme() != "https" {
        checks.push(plain(url));
    }
    checks.push(answered(url).await);
    checks
}

fn missing() -> Check {
    let fix = "set public_url (CALHUB_PUBLIC_URL) to the https address at which browsers and Google reach this hub";
    Check::note(PUBLIC_URL_MISSING, NAME, "no public_url is set", fix)
}

fn plain(url: &Url) -> Check {
    let says = format!("{} is not https", place(url));
    if is_loopback(url) {
        let fix = "good for trying out with a browser on this machine; for anything else set public_url to an https address";
        return Check::note(PUBLIC_URL_PLAIN, NAME, says, fix);
    }
    let fix = "put a proxy with a public certificate before the hub, and set public_url to its https address";
    Check::action(PUBLIC_URL_PLAIN, NAME, says, fix)
}

async fn answered(url: &Url) -> Check {
    let place = place(url);
    let mut base = url.clone();
    let path = format!("{}/", base.path().trim_end_matches('/'));
    base.set_path(&path);
    let healthz = base.join("healthz").map_or_else(|_| place.clone(), String::from);
    let fix = format!(
        "`curl -i {healthz}` must answer from outside: check the name's address, the proxy, its certificate and the firewall"
    );
    let asked = match Client::at_url(base, None) {
        Ok(client) => client.look(&["healthz"]).await,
        Err(failure) => Err(failure),
    };
    let says = match asked {
        Ok((200, body)) if field(&body, "status") == "ok" && field(&body, "version") != "-" => {
            return Check::ok(NAME, format!("{place} answers, asked from here"));
        }
        Ok((status, _)) | Err(Failure::NotAHub { status, .. }) => {
            format!("{place} is answered by something that is no hub (status {status})")
        }
        Err(_) => format!("{place} does not answer"),
    };
    Check::action(PUBLIC_URL_UNREACHABLE, NAME, says, fix)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Without what a proxy's path or query may hold.
fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::{super::check::State, *};

    #[test]
    fn an_address_without_https_is_only_good_for_trying_out() {
        let found = |text: &str| plain(&Url::parse(text).unwrap()).state;
        assert_eq!(found("http://127.0.0.1:8080"), State::Note);
        assert_eq!(found("http://localhost:8080"), State::Note);
        assert_eq!(found("http://hub.example.org"), State::Action);
    }
}
