//! What the machine gives: zone rules, names, networks, a port.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    check::Check,
    classes::{
        ADDRESS_DIFFERS, ADDRESS_IN_USE, ADDRESS_UNUSABLE, NAMES, NETWORKS_OPEN, ZONE_RULES_OLD,
    },
};
use crate::model::time::{Source, system_tzdb_version, tzdb};

const PATIENCE: Duration = Duration::from_secs(4);
/// A name of the root zone's keepers: it resolves wherever names resolve at all.
const KNOWN_NAME: &str = "iana.org";

/// The zone rules in use, against the machine's own.
pub(crate) fn zone_rules(now: Timestamp) -> Check {
    const NAME: &str = "zone rules";
    let (version, source) = (tzdb().version(), tzdb().source());
    let year = version.get(..4).and_then(|text| text.parse::<i16>().ok());
    let old = year.is_none_or(|year| year + 1 < now.to_zoned(TimeZone::UTC).year());
    let system = system_tzdb_version();
    if old {
        let says = format!("tzdb {version} is more than a year old");
        return Check::note(
            ZONE_RULES_OLD,
            NAME,
            says,
            "update the machine's tzdata package, or calhub",
        );
    }
    match (source, system.as_deref()) {
        (Source::System, _) => Check::ok(
            NAME,
            format!("tzdb {version}, the machine's (newer than the one compiled in)"),
        ),
        (Source::Bundled, Some(other)) if other != version => Check::note(
            ZONE_RULES_OLD,
            NAME,
            format!("tzdb {version}, compiled in; the machine's own is the older {other}"),
            "calhub is right; update tzdata so that other programs agree with it",
        ),
        (Source::Bundled, Some(_)) => {
            Check::ok(NAME, format!("tzdb {version}, compiled in; the machine has the same"))
        }
        (Source::Bundled, None) => Check::ok(NAME, format!("tzdb {version}, compiled in")),
    }
}

/// Whether names resolve.
pub(crate) async fn names() -> Check {
    const NAME: &str = "names (DNS)";
    let asked = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((KNOWN_NAME, 443))).await;
    let fix = "check /etc/resolv.conf; without names only calendars on this machine can be read";
    match asked {
        // An empty answer is an error here.
        Ok(Ok(_)) => Check::ok(NAME, "names resolve"),
        Ok(Err(_)) => Check::note(NAMES, NAME, format!("{KNOWN_NAME} does not resolve"), fix),
        Err(_) => Check::note(NAMES, NAME, "the name servers do not answer", fix),
    }
}

/// The networks that connectors may reach beyond the public ones.
pub(crate) fn networks(allowed: &[IpNet]) -> Check {
    const NAME: &str = "networks";
    let metadata: IpNet = "169.254.169.254/32".parse().expect("a fixed network");
    let names: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    if let Some(wide) = allowed.iter().find(|net| net.prefix_len() == 0) {
        let fix = "name the networks of your calendar servers instead";
        return Check::note(
            NETWORKS_OPEN,
            NAME,
            format!("{wide} lets linked calendars reach everything inside"),
            fix,
        );
    }
    if let Some(net) = allowed.iter().find(|net| net.contains(&metadata)) {
        let fix = "take it out of allow_net unless a calendar server really is there";
        return Check::note(
            NETWORKS_OPEN,
            NAME,
            format!("{net} holds the cloud's metadata service"),
            fix,
        );
    }
    match names.as_slice() {
        [] => Check::ok(NAME, "only public addresses can be linked"),
        names => {
            Check::ok(NAME, format!("public addresses and {} can be linked", names.join(", ")))
        }
    }
}

/// Whether the API can listen, or does.
pub(crate) fn port(listen: SocketAddr, hub_runs: bool) -> Check {
    const NAME: &str = "address";
    match std::net::TcpListener::bind(listen) {
        Ok(_) if hub_runs => Check::note(
            ADDRESS_DIFFERS,
            NAME,
            format!("the hub that runs does not listen on {listen}"),
            "the settings shown here are not the running hub's",
        ),
        Ok(_) => Check::ok(NAME, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && hub_runs => {
            Check::ok(NAME, format!("the hub listens on {listen}"))
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Check::action(
            ADDRESS_IN_USE,
            NAME,
            format!("something else listens on {listen}"),
            "find it with `ss -ltnp`: stop it, or choose another address with --listen",
        ),
        Err(error) => Check::action(
            ADDRESS_UNUSABLE,
            NAME,
            format!("{listen}: {error}"),
            "choose another address with --listen",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::State, *};

    #[test]
    fn a_taken_port_needs_action_unless_the_hub_has_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        assert_eq!(port(listen, false).state, State::Action);
        assert_eq!(port(listen, true).state, State::Ok);
        drop(taken);
        assert_eq!(port(listen, false).state, State::Ok);
    }

    #[test]
    fn networks_that_open_too_much_are_noted() {
        let found = |text: &str| networks(&[text.parse().unwrap()]).state;
        assert_eq!(networks(&[]).state, State::Ok);
        assert_eq!(found("10.0.0.0/8"), State::Ok);
        assert_eq!(found("0.0.0.0/0"), State::Note);
        assert_eq!(found("169.254.0.0/16"), State::Note);
    }

    #[test]
    fn rules_from_long_ago_are_noted() {
        assert_eq!(zone_rules("2031-01-01T00:00:00Z".parse().unwrap()).state, State::Note);
    }
}
