//! From what a person types to their calendars, at simulated servers (RFC 6764 and what servers make of it).

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use connectors::{
    Connector, Kind,
    caldav::{Caldav, Credentials, Login},
    transport::{ResolveFailure, Resolver, ServiceRecord, Settings, Transport},
};
use serde_json::Value;
use simulators::{Account, AccountSpec, CalendarSpec, Profile, World, profile::Scheme};

use crate::support::simulated::{ORIGIN, Simulated, transport};

const PASSWORD: &str = "word";

fn world(tune: impl FnOnce(&mut Profile)) -> (World, Account) {
    let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
    world.set_partition("https://p42.sim.example");
    let spec = AccountSpec::new("anna", PASSWORD).profile(Profile::generic().with(tune));
    let account = world.add_account(spec);
    account.add_calendar(CalendarSpec::new("work"));
    (world, account)
}

fn connect(world: &World, url: &str, password: &str) -> Caldav {
    let login = Login::with_password(url, "anna", password.to_owned().into());
    Caldav::connect(transport(world), login, Value::Null).unwrap()
}

async fn names(connector: &Caldav) -> Result<Vec<String>, Kind> {
    connector.account().await.map_err(|error| error.kind)?;
    let listed = connector.list_calendars().await.map_err(|error| error.kind)?;
    Ok(listed.into_iter().map(|calendar| calendar.name).collect())
}

#[tokio::test]
async fn a_well_known_address_is_followed_whatever_its_status() {
    for status in [301, 302, 303, 307, 308, 207] {
        let (world, _) = world(|profile| profile.discovery.well_known = status);
        let found = names(&connect(&world, "sim.example", PASSWORD)).await;
        assert_eq!(found, Ok(vec!["work".to_owned()]), "{status}");
    }
}

#[tokio::test]
async fn an_address_below_the_host_needs_no_well_known_one() {
    for status in [404, 405, 501] {
        let (world, account) = world(|profile| profile.discovery.well_known = status);
        let url = format!("{ORIGIN}{}", account.path());
        assert_eq!(names(&connect(&world, &url, PASSWORD)).await, Ok(vec!["work".to_owned()]));
    }
}

#[tokio::test]
async fn a_login_that_is_asked_for_before_the_redirect_is_given() {
    for schemes in [vec![Scheme::Basic], vec![Scheme::DigestMd5], vec![Scheme::DigestSha256]] {
        let (world, _) = world(|profile| {
            profile.discovery.login_first = true;
            profile.auth.schemes.clone_from(&schemes);
            profile.auth.one_header = true;
        });
        let found = names(&connect(&world, "anna@sim.example", PASSWORD)).await;
        assert_eq!(found, Ok(vec!["work".to_owned()]), "{schemes:?}");
    }
}

#[tokio::test]
async fn homes_on_another_host_of_the_same_party_are_walked() {
    let (world, account) = world(|profile| profile.discovery.partitioned = true);
    let url = format!("{ORIGIN}{}", account.path());
    assert_eq!(names(&connect(&world, &url, PASSWORD)).await, Ok(vec!["work".to_owned()]));
}

#[tokio::test]
async fn homes_of_another_party_never_see_the_login() {
    let (world, account) = world(|profile| profile.discovery.partitioned = true);
    world.set_partition("https://caldav.evil.test");
    let url = format!("{ORIGIN}{}", account.path());
    world.clear_log();
    let found = names(&connect(&world, &url, PASSWORD)).await;
    assert!(found != Ok(vec!["work".to_owned()]), "{found:?}");
}

#[tokio::test]
async fn two_homes_are_both_listed_and_none_is_made_up() {
    let (world, account) = world(|profile| profile.discovery.homes = 2);
    let mut second = CalendarSpec::new("shared");
    second.home = 1;
    account.add_calendar(second);
    let url = format!("{ORIGIN}{}", account.path());
    let mut found = names(&connect(&world, &url, PASSWORD)).await.unwrap();
    found.sort();
    assert_eq!(found, ["shared", "work"]);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_told() {
    for schemes in
        [vec![Scheme::Basic], vec![Scheme::DigestMd5], vec![Scheme::Basic, Scheme::DigestSha256]]
    {
        let (world, account) = world(|profile| profile.auth.schemes.clone_from(&schemes));
        let url = format!("{ORIGIN}{}", account.path());
        let found = names(&connect(&world, &url, "wrong")).await;
        assert_eq!(found, Err(Kind::Unauthorized));
        assert!(world.log().len() <= 2, "{} tries with {schemes:?}", world.log().len());
    }
}

#[tokio::test]
async fn a_stale_nonce_is_renewed_without_the_person() {
    let (world, account) = world(|profile| {
        profile.auth.schemes = vec![Scheme::DigestSha256];
        profile.auth.nonce_uses = Some(1);
    });
    let url = format!("{ORIGIN}{}", account.path());
    let connector = connect(&world, &url, PASSWORD);
    for _ in 0..3 {
        assert_eq!(names(&connector).await, Ok(vec!["work".to_owned()]));
    }
}

#[tokio::test]
async fn a_token_is_a_login_too() {
    let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
    let account = world.add_account(AccountSpec::new("anna", PASSWORD).bearer("tok"));
    account.add_calendar(CalendarSpec::new("work"));
    let url = format!("{ORIGIN}{}", account.path());
    for (token, expected) in [("tok", Ok(vec!["work".to_owned()])), ("x", Err(Kind::Unauthorized))]
    {
        let credentials = Credentials::Bearer(token.to_owned().into());
        let login = Login { url: url.clone(), credentials };
        let connector = Caldav::connect(transport(&world), login, Value::Null).unwrap();
        assert_eq!(names(&connector).await, expected);
    }
}

#[tokio::test]
async fn a_host_that_speaks_something_else_is_told() {
    let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
    let found = names(&connect(&world, "sim.example", PASSWORD)).await;
    assert!(matches!(found, Err(Kind::NotCalDav | Kind::Unauthorized)), "{found:?}");
    assert!(world.log().len() <= 12, "{} requests", world.log().len());
}

/// DNS that knows where the calendars of `example.org` are.
#[derive(Debug)]
struct Records;

#[async_trait]
impl Resolver for Records {
    async fn addresses(&self, _host: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        Ok(vec!["93.184.216.34".parse().unwrap()])
    }

    async fn services(&self, name: &str) -> Vec<ServiceRecord> {
        let target = |priority, target: &str| ServiceRecord {
            priority,
            weight: 0,
            port: 443,
            target: target.into(),
        };
        match name {
            "_caldavs._tcp.example.org." => {
                vec![target(20, "spare.sim.example"), target(10, "sim.example")]
            }
            _ => Vec::new(),
        }
    }

    async fn texts(&self, _name: &str) -> Vec<String> {
        vec!["txtvers=1".into(), "path=/.well-known/caldav".into()]
    }
}

#[tokio::test]
async fn the_records_of_a_mail_domain_lead_to_its_server() {
    let (world, _) = world(|_| ());
    let settings = Settings { resolver: Some(Arc::new(Records)), ..Settings::default() };
    let transport = Transport::in_process(Arc::new(Simulated(world.clone())), settings);
    let login = Login::with_password("anna@example.org", "anna", PASSWORD.to_owned().into());
    let connector = Caldav::connect(transport, login, Value::Null).unwrap();
    assert_eq!(names(&connector).await, Ok(vec!["work".to_owned()]));
    assert_eq!(connector.account().await.unwrap().label, "anna@sim.example");
}
