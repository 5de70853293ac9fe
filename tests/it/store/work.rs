//! Due work: claimed once, ended under its fence, and no nudge is lost.

use std::collections::HashSet;

use super::*;
use crate::support::engines::on_each_engine;

const LEASE: Duration = Duration::from_mins(1);

async fn claim_one(tx: &mut Tx, now: Timestamp) -> calhub::store::WorkRow {
    let mut rows = tx.work().claim("pull", "hub", 10, LEASE, now).await.unwrap();
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
        assert!(tx.work().claim("pull", "hub", 10, LEASE, at(9)).await.unwrap().is_empty());
        assert!(tx.work().claim("push", "hub", 10, LEASE, at(10)).await.unwrap().is_empty());
        let first = claim_one(&mut tx, at(10)).await;
        assert_eq!((first.fence, first.attempts, first.nudges), (1, 1, 0));
        assert!(tx.work().claim("pull", "hub", 10, LEASE, at(69)).await.unwrap().is_empty());
        assert!(tx.work().renew(&first, LEASE, at(60)).await.unwrap());
        assert!(tx.work().claim("pull", "hub", 10, LEASE, at(119)).await.unwrap().is_empty());
        let second = claim_one(&mut tx, at(120)).await;
        assert_eq!(second.fence, 2);
        assert!(!tx.work().renew(&first, LEASE, at(121)).await.unwrap(), "an old fence");
        assert!(!tx.work().finish(&first, Some(at(500)), None).await.unwrap(), "an old fence");
        assert!(tx.work().finish(&second, Some(at(500)), None).await.unwrap());
        assert!(!tx.work().finish(&second, Some(at(600)), None).await.unwrap(), "ended already");
        let row = tx.work().get(&tenant, "pull", "cal_a").await.unwrap().unwrap();
        assert_eq!((row.due_at, row.attempts, row.lease_owner), (at(500), 0, None));
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
        assert!(tx.work().claim("pull", "hub", 10, LEASE, at(899)).await.unwrap().is_empty());
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
        assert!(tx.work().claim("pull", "hub", 10, LEASE, at(59)).await.unwrap().is_empty());
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
async fn the_next_due_time_counts_free_and_leased_rows() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        assert_eq!(tx.work().next_due("pull").await.unwrap(), None);
        tx.work().put(&tenant, "pull", "a", at(10)).await.unwrap();
        tx.work().put(&tenant, "pull", "b", at(500)).await.unwrap();
        tx.work().put(&tenant, "pull", "b", at(400)).await.unwrap();
        tx.work().put(&tenant, "pull", "b", at(600)).await.unwrap();
        assert_eq!(tx.work().next_due("pull").await.unwrap(), Some(at(10)));
        let row = claim_one(&mut tx, at(20)).await;
        assert_eq!(tx.work().next_due("pull").await.unwrap(), Some(at(80)), "the lease's end");
        tx.work().finish(&row, None, None).await.unwrap();
        assert_eq!(tx.work().next_due("pull").await.unwrap(), Some(at(400)));
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
                        let rows =
                            tx.work().claim("pull", &owner, 7, LEASE, at(300)).await.unwrap();
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
        let left = tx.work().claim("pull", "last", 500, LEASE, at(300)).await.unwrap();
        assert_eq!(all.len() + left.len(), 200);
    })
    .await;
}
