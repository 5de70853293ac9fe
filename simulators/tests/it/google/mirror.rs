//! A client that only follows changes has, in the end, what is there.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Api, api::weekly, event};

/// A die that repeats with its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// What a client knows: etags by id, and the master of each exception.
#[derive(Default)]
struct Mirror {
    token: Option<String>,
    rows: BTreeMap<String, (String, Option<String>)>,
}

impl Mirror {
    fn take(&mut self, row: &Value) {
        let word = |name: &str| row[name].as_str().map(str::to_owned);
        let (id, master) = (word("id").unwrap(), word("recurringEventId"));
        if row["status"] == "cancelled" && master.is_none() {
            self.rows.retain(|_, (_, of)| of.as_ref() != Some(&id));
            self.rows.remove(&id);
        } else {
            self.rows.insert(id, (word("etag").unwrap(), master));
        }
    }

    /// Etags by id, without the cancelled instances of masters that are gone.
    fn alive(&self) -> BTreeMap<String, String> {
        let is_told = |master: &Option<String>| {
            master.as_ref().is_none_or(|master| self.rows.contains_key(master))
        };
        let rows = self.rows.iter().filter(|(_, (_, master))| is_told(master));
        rows.map(|(id, (etag, _))| (id.clone(), etag.clone())).collect()
    }

    /// Reads all pages; between two of them the person may do something.
    async fn follow(&mut self, api: &Api, dice: &mut Dice) {
        let base = match &self.token {
            Some(token) => format!("maxResults={}&syncToken={token}", 1 + dice.below(4)),
            None => format!("maxResults={}", 1 + dice.below(4)),
        };
        let mut page = String::new();
        for _ in 0..1_000 {
            let query =
                if page.is_empty() { base.clone() } else { format!("{base}&pageToken={page}") };
            let answer = api.list(&query).await;
            if answer.status == 410 {
                *self = Self::default();
                return;
            }
            assert_eq!(answer.status, 200, "{}", answer.text);
            answer.json["items"].as_array().unwrap().iter().for_each(|row| self.take(row));
            page = answer.page_token();
            if page.is_empty() {
                self.token = Some(answer.sync_token());
                return;
            }
            if dice.below(3) == 0 {
                act(api, dice);
            }
        }
        panic!("the pages have no end");
    }
}

fn act(api: &Api, dice: &mut Dice) {
    let calendar = &api.primary;
    let ids: Vec<String> = calendar.events().into_keys().collect();
    let one = |dice: &mut Dice| {
        let at = usize::try_from(dice.below(ids.len().max(1) as u64)).unwrap();
        ids.get(at).cloned().unwrap_or_default()
    };
    let instance = |dice: &mut Dice| {
        let day = 1 + 7 * dice.below(4);
        let hour = if day >= 28 { 7 } else { 8 };
        format!("{}_202703{day:02}T{hour:02}0000Z", one(dice))
    };
    api.world.advance(Duration::from_secs(dice.below(100)));
    let fresh = format!("e{:08}", dice.below(100_000_000));
    // What cannot be done is not done.
    let _ = match dice.below(9) {
        0 | 1 => calendar.insert(event(&fresh)).map(|_| ()),
        2 => calendar.insert(weekly(&fresh)).map(|_| ()),
        3 => calendar.patch(&one(dice), json!({ "summary": fresh })).map(|_| ()),
        4 => calendar.delete(&one(dice)),
        5 => calendar.delete(&instance(dice)),
        6 => calendar
            .reschedule(&instance(dice), "2027-03-10T10:00:00Z", "2027-03-10T11:00:00Z")
            .map(|_| ()),
        7 => calendar.split(&instance(dice), json!({ "summary": fresh })).map(|_| ()),
        _ => calendar.respond(&one(dice), "declined").map(|_| ()),
    };
    if dice.below(40) == 0 {
        calendar.expire_sync_tokens(dice.below(2) == 0);
    }
}

#[tokio::test]
async fn whoever_follows_the_changes_has_the_truth() {
    for seed in 0..60 {
        let api = Api::new().await;
        let mut dice = Dice(seed);
        let mut mirror = Mirror::default();
        for _ in 0..12 {
            for _ in 0..dice.below(6) {
                act(&api, &mut dice);
            }
            mirror.follow(&api, &mut dice).await;
        }
        // Whatever happened within the last pages comes with the next ones.
        while mirror.token.is_none() || mirror_is_behind(&api, &mirror).await {
            api.world.tune_google(|knobs| knobs.user_per_minute = u32::MAX);
            mirror.follow(&api, &mut Dice(seed)).await;
        }
        let told = mirror.alive();
        let truth: BTreeMap<String, String> = (api.primary.events().into_iter())
            .map(|(id, event)| (id, event["etag"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(told, truth, "seed {seed}");
        api.is_by_the_book();
    }
}

async fn mirror_is_behind(api: &Api, mirror: &Mirror) -> bool {
    let Some(token) = &mirror.token else { return true };
    let answer = api.list(&format!("syncToken={token}")).await;
    answer.status == 410 || !answer.ids().is_empty()
}
