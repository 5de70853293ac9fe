//! What a provider lets an account and a client ask: two hubs over one database stay below it together.

use std::{sync::Arc, time::Duration};

use calhub::{
    audit::By,
    drill::{Bug, Drill},
    sync::Selector,
};
use serde_json::json;
use simulators::{GoogleAccountSpec, GoogleClientSpec, World};

use crate::{
    api::world::{NOW, TestHub, at},
    linking::scene::{CLIENT, SCOPES, SECRET, hub_with, memory},
    support::simulated::Simulated,
};

const ACCOUNTS: u32 = 4;
const OF_CLIENT: u32 = 64;
const OF_ACCOUNT: u32 = 32;
/// Seconds between two looks of the hubs.
const LOOK: u64 = 3;

/// Two hubs, and as many accounts with two calendars each.
struct Pair {
    world: World,
    hubs: [TestHub; 2],
}

impl Pair {
    async fn new((of_client, of_account): (u32, u32)) -> Self {
        let world = World::new(at(NOW));
        let mut client = GoogleClientSpec::new(CLIENT, SECRET);
        client.per_minute = Some(of_client);
        world.add_google_client(client);
        world.tune_google(|knobs| knobs.user_per_minute = of_account);
        let store = memory().await;
        let (client, account) = (of_client.to_string(), of_account.to_string());
        let budgets = [
            ("CALHUB_GOOGLE_REQUESTS_PER_MINUTE", client.as_str()),
            ("CALHUB_GOOGLE_ACCOUNT_REQUESTS_PER_MINUTE", account.as_str()),
        ];
        let service = || Arc::new(Simulated(world.clone()));
        let one = hub_with(0, store.clone(), service(), &budgets).await;
        let two = hub_with(1, store, service(), &budgets).await;
        Self { world, hubs: [one, two] }
    }

    /// Links all accounts, a few at a time.
    async fn link(&self) {
        for n in 0..ACCOUNTS {
            let account =
                self.world.add_google_account(GoogleAccountSpec::new(&format!("p{n}@example.com")));
            account.add_calendar(simulators::GoogleCalendarSpec::new(&format!("c{n}")));
            let asked =
                json!({"provider": "google", "refresh_token": account.grant(CLIENT, &SCOPES)});
            self.hubs[n as usize % 2].post("/v1/connections", asked).await.expect(201);
            self.run(2 * LOOK).await;
        }
        self.run(60).await;
    }

    /// Lets time pass, with both hubs at work at once.
    async fn run(&self, seconds: u64) {
        for _ in 0..seconds / LOOK {
            self.world.advance(Duration::from_secs(LOOK));
            for hub in &self.hubs {
                hub.clock.advance(Duration::from_secs(LOOK));
            }
            let [one, two] = &self.hubs;
            let (one, two) = (&one.hub.engine, &two.hub.engine);
            let (one, two) = tokio::join!(Box::pin(one.step()), Box::pin(two.step()));
            one.unwrap();
            two.unwrap();
        }
    }

    async fn nudge(&self) {
        let hub = &self.hubs[0];
        hub.hub.engine.request_sync(&By::hub(), &hub.tenant, &Selector::All, false).await.unwrap();
    }

    fn calls(&self) -> usize {
        self.world.count(|entry| entry.report.as_deref().is_some_and(|it| !it.starts_with("oauth")))
    }
}

/// How much was asked in four minutes of more than there is to be had, how often Google refused, and the most that its
/// client and an account asked in a minute.
async fn overload(bugs: &[Bug]) -> (usize, u64, u32, u32) {
    let pair = Pair::new((OF_CLIENT, OF_ACCOUNT)).await;
    let drill = Drill::with_bugs(bugs);
    let running = async {
        pair.link().await;
        let before = pair.calls();
        for _ in 0..240 / LOOK {
            pair.nudge().await;
            pair.run(LOOK).await;
        }
        pair.calls() - before
    };
    let asked = drill.run(Box::pin(running)).await.unwrap();
    let peaks = pair.world.google_peaks();
    let refused = peaks.iter().map(|(_, _, refused)| refused).sum();
    let most = |is_account: bool| {
        let of = peaks.iter().filter(|(name, ..)| name.contains('/') == is_account);
        of.map(|(_, peak, _)| *peak).max().unwrap()
    };
    (asked, refused, most(false), most(true))
}

#[tokio::test]
async fn two_hubs_together_never_overdraw_a_clients_or_an_accounts_minute() {
    let (asked, refused, client, account) = overload(&[]).await;
    assert_eq!(refused, 0, "{client} in a minute");
    assert!(client <= OF_CLIENT && account <= OF_ACCOUNT, "{client} {account}");
    // What there is is used: four fifths of four minutes, and a little that waits for its turn.
    assert!(asked >= 4 * OF_CLIENT as usize * 7 / 10, "{asked}");
}

#[tokio::test]
async fn hubs_that_count_alone_overdraw_it() {
    let (_, refused, client, _) = overload(&[Bug::BudgetPerProcess]).await;
    assert!(refused > 0 && client > OF_CLIENT, "the test cannot see it: {refused} {client}");
}
