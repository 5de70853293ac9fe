//! The people of a seed: what they have at the providers, and how they link it.

use std::time::Duration;

use calhub::{link::LinkRequest, sync::Login};
use jiff::tz::TimeZone;
use simulators::{AccountSpec, CalendarSpec, FeedSpec, Profile, profile::LimitPolicy};

use super::{
    chance::Chance,
    events::{Event, ZONES},
    google,
    run::Run,
    time::Time,
    truth::{Diary, Home, Link, Place, Truth},
};

/// The dialects that accounts are drawn from.
const PROFILES: [&str; 12] = [
    "generic",
    "sabre",
    "baikal",
    "nextcloud",
    "radicale",
    "xandikos",
    "cyrus",
    "sogo",
    "davmail",
    "stalwart",
    "zimbra",
    "ctag_only",
];

impl Run {
    /// People with calendars and feeds, all linked and read once.
    pub async fn settle_in(&mut self) {
        google::set_up(&self.world, &mut self.chance);
        // Somebody at Google and somebody elsewhere, or two at Google, whose client's quota is one.
        self.add_google(0);
        if self.chance.one_in(4) {
            self.add_google(1);
        } else {
            self.add_person(0);
        }
        for n in 0..self.chance.below(2) {
            self.add_feed(n);
        }
        let links = self.wire.truth.lock().unwrap().links.len();
        for link in 0..links {
            self.link(link).await;
        }
        self.time.pass(Duration::from_secs(1));
        self.settle().await;
    }

    fn add_person(&mut self, n: u64) {
        let chance = &mut self.chance;
        let profile = *chance.pick(&PROFILES);
        let spec =
            AccountSpec::new(&format!("p{n}"), "right").profile(Profile::named(profile).unwrap());
        let account = self.world.add_account(spec);
        // Small pages stand for large calendars.
        let page = chance.one_in(3).then(|| usize::try_from(3 + chance.below(4)).unwrap());
        account.tune(|profile| {
            if profile.sync.limit == LimitPolicy::Paged {
                profile.sync.page = page.or(profile.sync.page);
            }
        });
        let mut truth = self.wire.truth.lock().unwrap();
        let link = truth.links.len();
        for _ in 0..1 + chance.below(2) {
            let name = truth.fresh("cal");
            let owner = if chance.one_in(2) { "UTC" } else { *chance.pick(&ZONES) };
            let transparent = chance.one_in(10);
            let timezone_id = Some(owner.to_owned());
            let spec = CalendarSpec { timezone_id, transparent, ..CalendarSpec::new(&name) };
            let place = Place::Collection(account.add_calendar(spec));
            let mut diary = Diary::new(link, place, owner, self.auditor.window);
            diary.transparent = transparent;
            fill(&mut truth, diary, &self.time, chance);
        }
        self.trace.line(format!("# p{n} at {profile}"));
        truth.links.push(Link::new(format!("dav{n}.example"), Home::Caldav(account)));
    }

    fn add_feed(&mut self, n: u64) {
        let chance = &mut self.chance;
        let mut truth = self.wire.truth.lock().unwrap();
        let owner = *chance.pick(&ZONES);
        let feed = self.world.add_feed(FeedSpec::new(&format!("feed{n}"), ""));
        let link = truth.links.len();
        let diary = Diary::new(link, Place::Feed(feed), owner, self.auditor.window);
        fill(&mut truth, diary, &self.time, chance);
        self.trace.line(format!("# feed{n}"));
        truth.links.push(Link::new(format!("ics{n}.example"), Home::Feed));
    }

    /// Links, or links again with today's password, as the person would; answers whether that went well.
    pub async fn link(&mut self, n: usize) -> bool {
        let (login, host) = {
            let mut truth = self.wire.truth.lock().unwrap();
            let feed = truth.diaries.iter().find(|d| d.link == n).map(Diary::path);
            let link = &mut truth.links[n];
            link.is_out_of_date = false;
            let login = match &link.home {
                Home::Google(account) => google::login(account),
                Home::Caldav(account) => Login::Caldav {
                    url: format!("https://{}{}", link.host, account.path()),
                    username: account.user().to_owned(),
                    password: link.password.clone().into(),
                },
                Home::Feed => {
                    Login::Ics { url: format!("https://{}{}.ics", link.host, feed.unwrap()).into() }
                }
            };
            (login, link.host.clone())
        };
        let asked = LinkRequest { login, access: None, external_id: None, metadata: None };
        self.wire.by_person(true);
        let linked = self.hub.linker.link(&self.hub.tenant, asked).await;
        self.wire.by_person(false);
        let told = match &linked {
            Ok(linked) => format!("{} {}", linked.connection_id, linked.created),
            Err(error) => error.code().to_owned(),
        };
        self.trace.line(format!("@ link {host}: {told}"));
        let is_linked = linked.is_ok();
        let mut truth = self.wire.truth.lock().unwrap();
        match linked {
            Ok(linked) => {
                let link = &mut truth.links[n];
                (link.connection, link.revoked) = (Some(linked.connection_id), None);
            }
            Err(_) => truth.links[n].is_out_of_date = true,
        }
        is_linked
    }

    /// The person changes the password, or tells the hub of the last change.
    pub async fn change_password(&mut self) -> String {
        let wire = self.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let with: Vec<usize> = (0..truth.links.len())
            .filter(|n| !matches!(truth.links[*n].home, Home::Feed))
            .collect();
        let n = *self.chance.pick(&with);
        let link = &mut truth.links[n];
        if link.is_out_of_date {
            drop(truth);
            self.link(n).await;
            return "the person links again".to_owned();
        }
        link.is_out_of_date = true;
        match &link.home {
            Home::Caldav(account) => {
                link.password = format!("{}x", link.password);
                account.set_password(&link.password);
            }
            Home::Google(account) => {
                account.revoke_grants();
                link.revoked = Some((self.time.truth(), 0));
                link.actions = self.tally.actions;
                return format!("{} takes its grants back", account.email());
            }
            Home::Feed => {}
        }
        format!("{} has another password", link.host)
    }
}

/// Gives a calendar its events.
pub fn fill(truth: &mut Truth, mut diary: Diary, time: &Time, chance: &mut Chance) {
    let today = time.truth().to_zoned(TimeZone::UTC).date();
    for _ in 0..2 + chance.below(9) {
        let uid = truth.fresh("ev");
        let event = Event::any(uid.clone(), today, chance);
        diary.write(&uid, Some(event), time);
    }
    truth.diaries.push(diary);
}
