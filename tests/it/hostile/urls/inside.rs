//! What runs inside the namespace.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::atomic::Ordering,
    time::Duration,
};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use url::{Host, Url};

use super::{
    corpus,
    dns::{Names, PUBLIC, TURNED},
    lure::{HOSTS, Lure},
    net::{Canaries, LURE, NAMES, arrange},
};
use crate::support::hub::HubProcess;

/// Requests to the hub at once.
const AT_ONCE: usize = 8;

/// Ways to make the hub fetch an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum Path {
    LinkCaldav,
    LinkIcs,
    PatchCaldav,
    PatchIcs,
    /// The well-known address of an account redirects there.
    Known,
    /// Every address of an account redirects there.
    Moved,
    Principal,
    Home,
    Calendar,
    /// A calendar redirects there.
    Sync,
    /// A calendar's objects redirect there.
    Bodies,
    /// A calendar's objects lie there.
    Members,
    /// A feed redirects there.
    FeedMoved,
    /// A feed redirects there after it was linked.
    FeedLater,
    /// A domain's service record names it.
    Dns,
}

/// An account or a feed for each address.
const EACH: [Path; 5] = [Path::Known, Path::Moved, Path::Principal, Path::Home, Path::FeedMoved];
/// A few accounts for all addresses.
const ALL: [Path; 4] = [Path::Calendar, Path::Sync, Path::Bodies, Path::Members];

/// A hub, what it may reach, and everything that watches it.
struct World {
    hub: HubProcess,
    canaries: Canaries,
    lure: Lure,
    vectors: Vec<(String, String)>,
}

/// The namespace, arranged, with its servers.
async fn arranged() -> (tempfile::TempDir, Canaries, Names) {
    let dir = tempfile::tempdir().unwrap();
    arrange(dir.path());
    let canaries = Canaries::watch();
    canaries.expect(SocketAddr::from((LURE, 0)));
    canaries.expect(SocketAddr::from((NAMES, 53)));
    // Where names lead that are only names: by https, to somewhere public.
    for port in [443, 8443] {
        canaries.expect(SocketAddr::from((PUBLIC, port)));
    }
    let names = Names::serve().await;
    (dir, canaries, names)
}

async fn started(canaries: &Canaries, allowed: &[&str]) -> HubProcess {
    let hub = HubProcess::start_allowing(allowed).await;
    canaries.expect(hub.url.strip_prefix("http://").unwrap().parse().unwrap());
    // What was said to it before.
    canaries.strayed().await;
    hub
}

/// The corpus as it stands, and once more behind names of the luring server's own domain: what lies there may see the
/// login, so that some paths lead further.
fn targets(vectors: &[(String, String)]) -> Vec<String> {
    let plain = vectors.iter().map(|(_, url)| url.clone());
    plain.chain(vectors.iter().map(|(_, url)| behind_a_name(url))).collect()
}

fn behind_a_name(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    let name = match url.host() {
        Some(Host::Ipv4(v4)) => format!("a{}.lure.test", v4.to_string().replace('.', "-")),
        Some(Host::Ipv6(v6)) => format!("six-{:032x}.lure.test", u128::from(v6)),
        Some(Host::Domain(_)) | None => return text.to_owned(),
    };
    url.set_host(Some(&name)).unwrap();
    url.into()
}

impl World {
    fn login(&self, path: Path, number: usize) -> Value {
        let name: &str = path.into();
        let caldav = |url: String| json!({"provider": "caldav", "url": url, "username": "anna", "password": "word"});
        let ics = |url: String| json!({"provider": "ics", "url": url});
        let target = &self.lure.targets[number];
        match path {
            Path::LinkCaldav => caldav(target.clone()),
            Path::LinkIcs => ics(target.clone()),
            Path::FeedMoved | Path::FeedLater => {
                ics(format!("http://{name}-{number}.lure.test/a.ics"))
            }
            Path::Dns => {
                let url = Url::parse(target).ok();
                let host = url.as_ref().and_then(Url::host_str).unwrap_or("a10-0-0-9.lure.test");
                let host = host.strip_suffix(".lure.test").unwrap_or("a10-0-0-9");
                let port = url.as_ref().and_then(Url::port_or_known_default).unwrap_or(443);
                caldav(format!("srv-{port}-{host}.lure.test"))
            }
            _ => caldav(format!("http://{name}-{number}.lure.test/")),
        }
    }

    /// Links by a path at each of these addresses; answers how often each status came.
    async fn link(&self, path: Path, numbers: &[usize]) -> BTreeMap<u16, usize> {
        let statuses = stream::iter(numbers)
            .map(|number| async move {
                let (status, said) =
                    self.hub.post("/v1/connections", &self.login(path, *number)).await;
                assert!(status < 500, "{path:?} {}: {said}", self.lure.targets[*number]);
                status
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let mut counted = BTreeMap::new();
        for status in statuses {
            *counted.entry(status).or_default() += 1;
        }
        counted
    }

    /// Gives a linked connection each of these addresses in turn.
    async fn patch(&self, connection: &str, numbers: &[usize]) {
        for number in numbers {
            let url = format!("{}/v1/connections/{connection}", self.hub.url);
            let change = json!({"url": self.lure.targets[*number]});
            let request = self.hub.client().patch(url).header("if-match", "*").json(&change);
            let (status, said) = self.hub.answer(request).await;
            assert!((400..500).contains(&status), "{}: {said}", self.lure.targets[*number]);
        }
    }

    /// Waits until the hub has done what is due.
    async fn at_rest(&self) {
        for _ in 0..1_000 {
            // Asking is not free.
            tokio::time::sleep(Duration::from_millis(300)).await;
            if self.is_at_rest().await {
                return;
            }
        }
        panic!("the hub does not come to rest");
    }

    async fn is_at_rest(&self) -> bool {
        let mut after = String::new();
        loop {
            let (_, page) = self.hub.get(&format!("/v1/ops/jobs?lane=pull&limit=500{after}")).await;
            let is_busy = |job: &Value| job["state"] == "ready" || job["state"] == "running";
            if page["items"].as_array().unwrap().iter().any(is_busy) {
                return false;
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return true,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a test of this folder, inside a network namespace"]
async fn every_address_by_every_path() {
    let (_dir, canaries, _names) = arranged().await;
    a_canary_of_every_class_is_seen(&canaries).await;
    // For a quick look: only every so many.
    let nth = std::env::var("CALHUB_TEST_EVERY_NTH").ok().and_then(|nth| nth.parse().ok());
    let vectors: Vec<_> = corpus().into_iter().step_by(nth.unwrap_or(1)).collect();
    let lure = Lure::serve(targets(&vectors)).await;
    let hub = started(&canaries, &["203.0.113.7/32"]).await;
    let world = World { hub, canaries, lure, vectors };
    let all: Vec<usize> = (0..world.vectors.len()).collect();
    let named: Vec<usize> = (world.vectors.len()..world.lure.targets.len()).collect();
    let began = world.canaries.seen();
    let mut sent = 0;
    let start = std::time::Instant::now();
    for path in [Path::LinkCaldav, Path::LinkIcs] {
        sent += all.len();
        let answers = world.link(path, &all).await;
        assert!(answers.keys().all(|status| (400..500).contains(status)), "{path:?}: {answers:?}");
        world.is_quiet(path).await;
    }
    sent += world.feeds_that_turn(&all).await;
    eprintln!("{:?} FeedLater", start.elapsed());
    for path in EACH {
        sent += all.len();
        let answers = world.link(path, &all).await;
        world.at_rest().await;
        let lured = world.lure.lured(path.into());
        eprintln!(
            "{:?} {path:?}: {} addresses, {answers:?}, pointed at {lured}",
            start.elapsed(),
            all.len()
        );
        assert_eq!(lured, all.len(), "{path:?}: some account never came to point anywhere");
        world.is_quiet(path).await;
    }
    for path in ALL {
        sent += world.shared_out(path, HOSTS).await;
        eprintln!("{:?} {path:?}: pointed at {}", start.elapsed(), world.lure.lured(path.into()));
        world.is_quiet(path).await;
    }
    sent += named.len();
    let answers = world.link(Path::Dns, &named).await;
    assert!(answers.keys().all(|status| (400..500).contains(status)), "{answers:?}");
    world.is_quiet(Path::Dns).await;
    sent += world.patches(&all).await;
    eprintln!("{sent} times sent after one of {} addresses; no packet strayed", all.len());
    eprintln!("{} packets seen in all", world.canaries.seen() - began);
    world.a_hub_that_may_reach_everything_strays_by_every_path(&named).await;
}

impl World {
    #[track_caller]
    fn is_quiet(&self, path: Path) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let strayed = self.canaries.strayed().await;
            assert!(strayed.is_empty(), "{place}: {path:?} leads to {strayed:?}");
        }
    }

    /// Links the accounts of a path, and waits until all of their calendars were asked for.
    async fn shared_out(&self, path: Path, hosts: usize) -> usize {
        let name: &str = path.into();
        let links = stream::iter(0..hosts).map(|share| async move {
            let url = format!("http://{name}-all{share}.lure.test/");
            let login =
                json!({"provider": "caldav", "url": url, "username": "anna", "password": "word"});
            let (status, said) = self.hub.post("/v1/connections", &login).await;
            assert_eq!(status, 201, "{said}");
        });
        links.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
        let most = self.lure.targets.len();
        let most = if matches!(path, Path::Calendar | Path::Members) { most } else { most / 2 };
        let expected = (0..most).filter(|number| number % HOSTS < hosts).count();
        for _ in 0..4 {
            self.at_rest().await;
            if self.lure.lured(name) == expected {
                break;
            }
        }
        assert_eq!(self.lure.lured(name), expected, "{path:?}: some calendar was never asked for");
        expected
    }

    async fn feeds_that_turn(&self, all: &[usize]) -> usize {
        let answers = self.link(Path::FeedLater, all).await;
        assert_eq!(answers.into_iter().collect::<Vec<_>>(), [(201, all.len())]);
        self.at_rest().await;
        self.lure.turned.store(true, Ordering::SeqCst);
        let (status, said) = self.hub.post("/v1/ops/sync", &json!({"all": true})).await;
        assert!(status < 300, "{said}");
        for _ in 0..4 {
            self.at_rest().await;
            if self.lure.lured("feedlater") == all.len() {
                break;
            }
        }
        assert_eq!(self.lure.lured("feedlater"), all.len(), "some feed was not asked again");
        self.at_rest().await;
        self.is_quiet(Path::FeedLater).await;
        all.len()
    }

    async fn patches(&self, all: &[usize]) -> usize {
        let caldav = json!({"provider": "caldav", "url": "http://plain-0.lure.test/", "username": "anna", "password": "word"});
        self.lure.turned.store(false, Ordering::SeqCst);
        let ics = json!({"provider": "ics", "url": "http://feedlater-0.lure.test/other.ics"});
        for (path, login) in [(Path::PatchCaldav, caldav), (Path::PatchIcs, ics)] {
            let (status, made) = self.hub.post("/v1/connections", &login).await;
            assert_eq!(status, 201, "{made}");
            self.patch(made["id"].as_str().unwrap(), all).await;
            self.is_quiet(path).await;
        }
        2 * all.len()
    }

    /// The control: the same accounts, and a hub whose guard lets everything through. By every path but one it does
    /// reach what it should not, so that the silence of the other hub is the guard's.
    async fn a_hub_that_may_reach_everything_strays_by_every_path(mut self, named: &[usize]) {
        let open = ["0.0.0.0/0", "::/0"];
        self.hub = started(&self.canaries, &open).await;
        self.lure.lured.lock().unwrap().clear();
        let some: Vec<usize> =
            (0..self.vectors.len()).step_by(self.vectors.len().div_ceil(25)).collect();
        let named: Vec<usize> =
            named.iter().copied().step_by(self.vectors.len().div_ceil(25)).collect();
        for path in [Path::LinkCaldav, Path::LinkIcs, Path::Dns].into_iter().chain(EACH).chain(ALL)
        {
            match path {
                Path::Dns => drop(self.link(path, &named).await),
                _ if ALL.contains(&path) => drop(self.shared_out(path, 2).await),
                _ => drop(self.link(path, &some).await),
            }
            self.at_rest().await;
            let strayed = self.canaries.strayed().await;
            eprintln!("without the guard, {path:?} leads to {} places", strayed.len());
            // Of a member's address only the path is taken, whatever its host is: what is seen then comes from the
            // accounts of the other paths, which are still read.
            assert!(!strayed.is_empty() || path == Path::Members, "{path:?}: {strayed:?}");
        }
    }
}

/// Sends a packet to one address of every class, and sees it.
async fn a_canary_of_every_class_is_seen(canaries: &Canaries) {
    for text in [
        "0.0.0.0",
        "10.1.2.3",
        "127.0.0.2",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "240.0.0.1",
        "168.63.129.16",
        "8.8.8.8",
        "::1",
        "fc00::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001::1",
    ] {
        let address: IpAddr = text.parse().unwrap();
        for port in [80, 443] {
            let _ = TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(1));
        }
        assert!(!canaries.strayed().await.is_empty(), "{text} is not watched");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a test of this folder, inside a network namespace"]
async fn names_that_change() {
    let (_dir, canaries, names) = arranged().await;
    let lure = Lure::serve(vec!["https://a10-0-0-1.lure.test/".to_owned()]).await;
    let hub = started(&canaries, &["203.0.113.7/32"]).await;
    let world = World { hub, canaries, lure, vectors: Vec::new() };
    // Names that lead elsewhere from the second look-up on, and names that lead elsewhere every other time; asked
    // for over and over as an account and as a feed.
    let tries: Vec<usize> = (0..330).collect();
    for kind in ["turn", "flip"] {
        for provider in ["caldav", "ics"] {
            let world = &world;
            stream::iter(&tries)
                .map(|n| async move {
                    let url = format!("http://{kind}{}{provider}.lure.test/", n % 66);
                    let mut login = json!({"provider": provider, "url": url});
                    if provider == "caldav" {
                        login["username"] = json!("anna");
                        login["password"] = json!("word");
                    }
                    let (status, said) = world.hub.post("/v1/connections", &login).await;
                    assert!(status < 500, "{said}");
                })
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>()
                .await;
        }
    }
    world.at_rest().await;
    let turned = names.turned.load(Ordering::SeqCst);
    eprintln!("{turned} look-ups led to {TURNED}");
    assert!(turned >= 1_000, "{turned}");
    assert!(world.canaries.strayed().await.is_empty());
    // The control: where the hub may reach that address, it does.
    let open = started(&world.canaries, &["203.0.113.7/32", "10.66.0.0/16"]).await;
    let login = json!({"provider": "ics", "url": "http://turn0ics.lure.test/"});
    open.post("/v1/connections", &login).await;
    let there = (IpAddr::from(TURNED), 80);
    assert_eq!(world.canaries.strayed().await.first(), Some(&there));
}
