//! Due work: claimed once, ended under its fence, and no nudge is lost.

use std::collections::HashSet;

use calhub::store::{Claimed, Claiming, Engine, HostPlace, Share, Taken, Talk, WorkRow};

use super::*;
use crate::support::engines::{on_each_engine, on_postgres};

const LEASE: Duration = Duration::from_mins(1);

async fn claim(
    tx: &mut Tx,
    lane: &str,
    owner: &str,
    limit: i64,
    lease: Duration,
    now: Timestamp,
) -> Vec<WorkRow> {
    let ask = Claiming { share: Share::All, owner, limit, lease, now, last: "" };
    tx.work().claim(lane, &ask).await.unwrap()
}

async fn claim_one(tx: &mut Tx, now: Timestamp) -> WorkRow {
    // No two claims have one name.
    let mut rows = claim(tx, "pull", &format!("hub-{now}"), 10, LEASE, now).await;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[tokio::test]
async fn a_row_is_claimed_once_until_its_lease_ends() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(10)).await.unwrap();
        assert!(claim(&mut tx, "pull", "hub", 10, LEASE, at(9)).await.is_empty());
        assert!(claim(&mut tx, "push", "hub", 10, LEASE, at(10)).await.is_empty());
        let first = claim_one(&mut tx, at(10)).await;
        assert_eq!((first.fence, first.attempts, first.nudges), (1, 1, 0));
        assert!(claim(&mut tx, "pull", "hub", 10, LEASE, at(69)).await.is_empty());
        assert!(!is_due(&mut tx, at(69)).await);
        let held = [Claimed::from(&first)];
        let kept = tx.work().beat(&held, Duration::ZERO, at(60)).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert!(tx.work().hold(&first).await.unwrap(), "ended, but nobody else has it");
        tx.commit().await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        assert!(is_due(&mut tx, at(60)).await);
        let second = claim_one(&mut tx, at(60)).await;
        assert_eq!(second.fence, 2);
        assert!(tx.work().beat(&held, LEASE, at(61)).await.unwrap().is_empty(), "an old fence");
        assert!(!tx.work().hold(&first).await.unwrap(), "an old fence");
        assert_eq!(tx.work().give_back(&held).await.unwrap(), 0, "an old fence");
        assert!(!tx.work().finish(&first, Some(at(500)), None).await.unwrap(), "an old fence");
        assert!(tx.work().hold(&second).await.unwrap());
        assert!(tx.work().finish(&second, Some(at(500)), None).await.unwrap());
        assert!(!tx.work().hold(&second).await.unwrap(), "ended already");
        assert!(!tx.work().finish(&second, Some(at(600)), None).await.unwrap(), "ended already");
        let row = tx.work().get(&tenant, "pull", "cal_a").await.unwrap().unwrap();
        assert_eq!((row.due_at, row.attempts, row.lease_owner), (at(500), 0, None));
    })
    .await;
}

#[tokio::test]
async fn a_heartbeat_extends_the_leases_of_all_rows_of_a_hub() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        for subject in ["cal_a", "cal_b"] {
            tx.work().put(&tenant, "pull", subject, at(0)).await.unwrap();
        }
        let rows = claim(&mut tx, "pull", "hub", 10, Duration::ZERO, at(0)).await;
        let held: Vec<Claimed> = rows.iter().map(Claimed::from).collect();
        assert_eq!(tx.work().beat(&held, LEASE, at(0)).await.unwrap().len(), 2);
        assert!(claim(&mut tx, "pull", "other", 10, LEASE, at(59)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_can_be_claimed_at_once() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        let first = claim_one(&mut tx, at(0)).await;
        assert_eq!(tx.work().give_back(&[Claimed::from(&first)]).await.unwrap(), 1);
        let second = claim_one(&mut tx, at(0)).await;
        assert_eq!(
            (second.fence, second.attempts),
            (2, 1),
            "a claim that did nothing is no attempt"
        );
        assert!(!tx.work().hold(&first).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn leases_are_the_databases_business_where_hubs_disagree_about_the_time() {
    on_postgres(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        claim_one(&mut tx, at(0)).await;
        // A hub whose clock is far ahead finds the lease in force; one far behind, an ended one ended.
        let ahead = at(4_000_000_000);
        assert!(!is_due(&mut tx, ahead).await);
        assert!(claim(&mut tx, "pull", "fast", 10, LEASE, ahead).await.is_empty());
        tx.work().put(&tenant, "pull", "cal_b", at(0)).await.unwrap();
        let rows = claim(&mut tx, "pull", "hub", 10, Duration::ZERO, at(0)).await;
        assert_eq!(rows.len(), 1);
        tx.commit().await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        let rows = claim(&mut tx, "pull", "slow", 10, LEASE, at(0)).await;
        assert_eq!(rows.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_being_written_under_cannot_be_taken() {
    on_postgres(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        let ended = Duration::ZERO;
        let row = claim(&mut tx, "pull", "hub", 1, ended, at(0)).await.remove(0);
        tx.commit().await.unwrap();
        let mut writing = bed.store.begin().await.unwrap();
        assert!(writing.work().hold(&row).await.unwrap());
        let mut tx = bed.store.begin().await.unwrap();
        assert!(claim(&mut tx, "pull", "other", 1, LEASE, at(0)).await.is_empty());
        tx.rollback().await.unwrap();
        writing.commit().await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        assert_eq!(claim(&mut tx, "pull", "other", 1, LEASE, at(0)).await.len(), 1);
        assert!(!tx.work().hold(&row).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn the_only_hub_takes_up_what_its_predecessor_had_claimed() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        let old = claim_one(&mut tx, at(0)).await;
        tx.work().take_over("next").await.unwrap();
        let rows = claim(&mut tx, "pull", "new", 10, LEASE, at(0)).await;
        assert_eq!(rows.len(), usize::from(bed.engine == Engine::Sqlite), "others may be alive");
        assert_eq!(tx.work().hold(&old).await.unwrap(), bed.engine == Engine::Postgres);
    })
    .await;
}

#[tokio::test]
async fn a_hub_that_starts_again_takes_up_what_it_had_claimed_itself() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        let old = claim_one(&mut tx, at(0)).await;
        assert_eq!(tx.work().take_over(old.lease_owner.as_deref().unwrap()).await.unwrap(), 1);
        assert!(!tx.work().hold(&old).await.unwrap(), "what it may still have sent comes too late");
        assert_eq!(claim_one(&mut tx, at(0)).await.fence, old.fence + 1);
    })
    .await;
}

#[tokio::test]
async fn a_nudge_during_a_run_makes_the_row_due_again() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(10)).await.unwrap();
        let row = claim_one(&mut tx, at(10)).await;
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(11)).await.unwrap();
        assert!(tx.work().finish(&row, Some(at(900)), None).await.unwrap());
        let row = claim_one(&mut tx, at(11)).await;
        assert_eq!(row.nudges, 2);
        assert!(tx.work().finish(&row, Some(at(900)), None).await.unwrap());
        assert!(claim(&mut tx, "pull", "hub", 10, LEASE, at(899)).await.is_empty());
        let row = claim_one(&mut tx, at(900)).await;
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(901)).await.unwrap();
        assert!(tx.work().finish(&row, None, None).await.unwrap());
        let row = claim_one(&mut tx, at(901)).await;
        assert!(tx.work().finish(&row, None, None).await.unwrap());
        assert!(tx.work().get(&tenant, "pull", "cal_a").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_failed_run_waits_as_told_even_when_nudged() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        let row = claim_one(&mut tx, at(0)).await;
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(1)).await.unwrap();
        assert!(tx.work().finish(&row, Some(at(60)), Some("throttled")).await.unwrap());
        assert!(claim(&mut tx, "pull", "hub", 10, LEASE, at(59)).await.is_empty());
        let row = claim_one(&mut tx, at(60)).await;
        assert_eq!((row.attempts, row.last_error.as_deref()), (2, Some("throttled")));
        assert!(tx.work().finish(&row, Some(at(900)), None).await.unwrap());
        let row = tx.work().get(&tenant, "pull", "cal_a").await.unwrap().unwrap();
        assert_eq!((row.due_at, row.last_error), (at(900), None));
    })
    .await;
}

#[tokio::test]
async fn a_demand_stays_until_a_run_that_began_after_it_ends_well() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let full = json!({"full": true});
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(0)).await.unwrap();
        let row = claim_one(&mut tx, at(0)).await;
        assert_eq!(row.demand, None);
        tx.work().nudge(&tenant, "pull", "cal_a", Some(&full), at(1)).await.unwrap();
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(2)).await.unwrap();
        assert!(tx.work().finish(&row, Some(at(900)), None).await.unwrap());
        let row = claim_one(&mut tx, at(3)).await;
        assert_eq!(row.demand, Some(full.clone()));
        assert!(tx.work().finish(&row, Some(at(4)), Some("timeout")).await.unwrap());
        let row = claim_one(&mut tx, at(4)).await;
        assert_eq!(row.demand, Some(full));
        tx.work().nudge(&tenant, "pull", "cal_a", None, at(5)).await.unwrap();
        assert!(tx.work().finish(&row, Some(at(900)), None).await.unwrap());
        assert_eq!(claim_one(&mut tx, at(6)).await.demand, None);
    })
    .await;
}

#[tokio::test]
async fn a_lane_counts_its_rows() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        assert!(!is_due(&mut tx, at(1_000)).await);
        tx.work().put(&tenant, "pull", "a", at(10)).await.unwrap();
        tx.work().put(&tenant, "pull", "b", at(500)).await.unwrap();
        tx.work().put(&tenant, "pull", "b", at(400)).await.unwrap();
        tx.work().put(&tenant, "pull", "b", at(600)).await.unwrap();
        assert!(!is_due(&mut tx, at(9)).await);
        assert!(is_due(&mut tx, at(10)).await);
        let row = claim_one(&mut tx, at(20)).await;
        assert!(!is_due(&mut tx, at(79)).await, "leased");
        tx.work().finish(&row, None, None).await.unwrap();
        assert!(!is_due(&mut tx, at(399)).await);
        let counts = tx.work().counts(at(450)).await.unwrap();
        assert_eq!((counts[0].rows, counts[0].ready, counts[0].leased), (1, 1, 0));
        assert_eq!(counts[0].oldest_due, Some(at(400)));
        let listed = tx.work().list(&tenant, Some("pull"), None, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        let after = Some(("pull", "b"));
        assert!(tx.work().list(&tenant, None, after, 10).await.unwrap().is_empty());
        assert!(tx.work().remove(&tenant, "pull", "b").await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_claimers_share_the_rows_without_overlap() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        for n in 0..200 {
            tx.work().put(&tenant, "pull", &format!("cal_{n}"), at(n)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let claimers: Vec<_> = (0..4)
            .map(|n| {
                let store = bed.store.clone();
                tokio::spawn(async move {
                    let owner = format!("hub-{n}");
                    let mut taken = Vec::new();
                    loop {
                        let mut tx = store.begin().await.unwrap();
                        let rows = claim(&mut tx, "pull", &owner, 7, LEASE, at(300)).await;
                        tx.commit().await.unwrap();
                        if rows.is_empty() {
                            return taken;
                        }
                        taken.extend(rows.into_iter().map(|row| row.subject));
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for claimer in claimers {
            all.extend(claimer.await.unwrap());
        }
        assert_eq!(all.len(), all.iter().collect::<HashSet<_>>().len(), "claimed twice");
        // A claimer that sees only locked rows stops early; what it left is still there.
        let mut tx = bed.store.begin().await.unwrap();
        let left = claim(&mut tx, "pull", "last", 500, LEASE, at(300)).await;
        assert_eq!(all.len() + left.len(), 200);
    })
    .await;
}

/// Puts one due row of a host that is known.
async fn put_at(tx: &mut Tx, tenant: &TenantId, subject: &str, host: &str, due: i64) {
    tx.work().put(tenant, "pull", subject, at(due)).await.unwrap();
    let row = tx.work().get(tenant, "pull", subject).await.unwrap().unwrap();
    tx.work().set_host(&row, host).await.unwrap();
}

#[tokio::test]
async fn tenants_take_turns_however_much_one_of_them_has_due() {
    on_each_engine(async |bed| {
        let mut tx = bed.store.begin().await.unwrap();
        let (noisy, quiet, last) = (tenant_id("a"), tenant_id("b"), tenant_id("c"));
        for tenant in [&noisy, &quiet, &last] {
            seed(&mut tx, tenant).await;
        }
        for n in 0..100 {
            tx.work().put(&noisy, "pull", &format!("n{n:03}"), at(n)).await.unwrap();
        }
        tx.work().put(&quiet, "pull", "q", at(500)).await.unwrap();
        tx.work().put(&last, "pull", "l", at(600)).await.unwrap();
        let rows = claim(&mut tx, "pull", "hub", 8, LEASE, at(1_000)).await;
        let of = |tenant: &TenantId| rows.iter().filter(|row| row.tenant_id == *tenant).count();
        assert_eq!((of(&quiet), of(&last)), (1, 1), "behind 100 rows that were due longer");
        assert!(of(&noisy) >= 1);
        assert_eq!(rows[0].subject, "n000", "the longest due first");
        // A claim of one row goes on with the next tenant.
        tx.work().put(&quiet, "pull", "q2", at(500)).await.unwrap();
        let ask = Claiming {
            share: Share::All,
            owner: "hub",
            limit: 1,
            lease: LEASE,
            now: at(1_000),
            last: noisy.as_str(),
        };
        assert_eq!(tx.work().claim("pull", &ask).await.unwrap()[0].subject, "q2");
        let rows = claim(&mut tx, "pull", "hub", 8, LEASE, at(1_000)).await;
        assert_eq!(rows.len(), 8, "alone it may have all");
    })
    .await;
}

#[tokio::test]
async fn of_the_rows_of_one_host_one_is_claimed_and_the_others_are_passed_over() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        for (subject, host, due) in [("a1", "a", 0), ("a2", "a", 1), ("b1", "b", 2)] {
            put_at(&mut tx, &tenant, subject, host, due).await;
        }
        let rows = claim(&mut tx, "pull", "hub.1", 8, LEASE, at(10)).await;
        let subjects: Vec<&str> = rows.iter().map(|row| row.subject.as_str()).collect();
        assert_eq!(subjects.len(), 2);
        assert!(subjects.contains(&"b1"));
        assert!(!is_due(&mut tx, at(10)).await, "nothing that could be claimed");
        assert!(claim(&mut tx, "pull", "hub.2", 8, LEASE, at(10)).await.is_empty());
        let theirs = Talk { host: "a".to_owned(), owner: "hub.2".to_owned() };
        tx.hosts().leave(&theirs).await.unwrap();
        assert!(!is_due(&mut tx, at(10)).await, "only the holder leaves");
        tx.hosts().leave(&Talk { owner: "hub.1".to_owned(), ..theirs }).await.unwrap();
        assert_eq!(claim(&mut tx, "pull", "hub.2", 8, LEASE, at(10)).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_neither_opens_a_host_early_nor_keeps_it_closed() {
    on_each_engine(async |bed| {
        let mut tx = bed.store.begin().await.unwrap();
        tx.hosts().close("host", at(90_060), at(90_000)).await.unwrap();
        tx.hosts().close("other", at(60), at(0)).await.unwrap();
        for _ in 0..2 {
            tx.hosts().turn_back(at(400), at(100)).await.unwrap();
        }
        assert_eq!(tx.hosts().closed_until("host", at(100)).await.unwrap(), Some(at(160)));
        assert_eq!(tx.hosts().closed_until("other", at(0)).await.unwrap(), Some(at(60)));
        tx.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_closed_host_is_left_alone_until_it_opens_and_live_reads_have_their_own_place() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        put_at(&mut tx, &tenant, "a", "host", 0).await;
        tx.hosts().close("host", at(60), at(0)).await.unwrap();
        tx.hosts().close("host", at(30), at(0)).await.unwrap();
        assert!(claim(&mut tx, "pull", "hub", 8, LEASE, at(59)).await.is_empty());
        let talk = |owner: &str| Talk { host: "host".to_owned(), owner: owner.to_owned() };
        let (one, two) = (talk("one"), talk("two"));
        let live = HostPlace::Live;
        let closed = tx.hosts().take(&one, live, LEASE, at(59)).await.unwrap();
        assert_eq!(closed, Taken::Closed(at(60)));
        assert_eq!(claim(&mut tx, "pull", "hub", 8, LEASE, at(60)).await.len(), 1);
        assert_eq!(tx.hosts().take(&one, live, LEASE, at(60)).await.unwrap(), Taken::Yes);
        assert_eq!(tx.hosts().take(&two, live, LEASE, at(60)).await.unwrap(), Taken::Busy);
        assert_eq!(
            tx.hosts().take(&two, HostPlace::Engine, LEASE, at(60)).await.unwrap(),
            Taken::Busy,
            "the claim has it"
        );
        tx.hosts().leave(&one).await.unwrap();
        assert_eq!(tx.hosts().take(&two, live, LEASE, at(60)).await.unwrap(), Taken::Yes);
        assert_eq!(tx.hosts().forget(at(70)).await.unwrap(), 0, "in use");
    })
    .await;
}

async fn is_due(tx: &mut Tx, now: Timestamp) -> bool {
    let both = tx.work().due(&[("no such lane", Share::All), ("pull", Share::All)], now).await;
    let both = both.unwrap();
    assert_eq!((both.len(), both[0]), (2, 0));
    both[1] > 0
}
