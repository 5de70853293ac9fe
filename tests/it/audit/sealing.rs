//! Acts wait for no sealer, sealers wait for each other, and one that dies leaves nothing half done.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use calhub::{
    audit::{Act, AuditLog, By, Fault, Sealing, Verb},
    drill::{Bug, Drill, Point},
    store::{Engine, Store},
};

use super::{Book, at, log_on};
use crate::support::engines::{Bed, on_each_engine, on_postgres};

/// Writes acts in their transactions, of which every fifth is taken back; answers how many stayed.
async fn acts(store: Store, log: Arc<AuditLog>, count: usize) -> i64 {
    let tenant = "ten_a".parse().unwrap();
    let mut stayed = 0;
    for n in 0..count {
        let mut tx = store.begin().await.unwrap();
        let act = Act::on(&tenant, Verb::JobRetried, "cal_a");
        log.note(&mut tx, &By::hub(), act).await.unwrap();
        if n % 5 == 4 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            stayed += 1;
        }
    }
    stayed
}

/// Seals until told to stop.
async fn sealer(log: Arc<AuditLog>, stop: Arc<AtomicBool>, sealed: Arc<AtomicI64>) {
    while !stop.load(Ordering::SeqCst) {
        if let Sealing::Sealed(some) = log.seal().await.unwrap() {
            sealed.fetch_add(some as i64, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
}

/// Two hubs that seal while six others act.
async fn crowd(bed: &Bed, book: &Book) -> (i64, i64) {
    let (stop, sealed) = (Arc::<AtomicBool>::default(), Arc::<AtomicI64>::default());
    let mut stores = vec![bed.store.clone()];
    if bed.engine == Engine::Postgres {
        stores.push(bed.open_again().await);
    }
    let mut hubs = Vec::new();
    for nth in 0..8 {
        let store = stores[nth % stores.len()].clone();
        hubs.push((store.clone(), log_on(&store, &book.clock, 10 + nth as u64).await));
    }
    let sealers = hubs.drain(..2).map(|(_, log)| sealer(log, stop.clone(), sealed.clone()));
    let sealers: Vec<_> = sealers.map(tokio::spawn).collect();
    let actors = hubs.into_iter().map(|(store, log)| tokio::spawn(acts(store, log, 40)));
    let stayed: Vec<i64> = futures::future::try_join_all(actors).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    futures::future::try_join_all(sealers).await.unwrap();
    if let Sealing::Sealed(rest) = book.log.seal().await.unwrap() {
        sealed.fetch_add(rest as i64, Ordering::SeqCst);
    }
    for store in stores.into_iter().skip(1) {
        store.close().await;
    }
    (stayed.iter().sum(), sealed.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_of_many_find_their_places_while_two_hubs_seal() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        let (stayed, sealed) = crowd(bed, &book).await;
        assert_eq!(stayed, 6 * 32);
        assert_eq!(sealed, stayed, "each entry is sealed once, and what was taken back never");
        book.whole(stayed).await;
        book.close().await;
    })
    .await;
}

/// The control: sealers that do not wait for each other put the head back or give a place twice.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_lock_two_sealers_break_the_chain() {
    on_postgres(async |bed| {
        let book = Book::new(bed).await;
        let other = bed.open_again().await;
        let logs = [log_on(&bed.store, &book.clock, 1).await, log_on(&other, &book.clock, 2).await];
        let broke = async |bugs: &[Bug]| {
            for _ in 0..300 {
                let writing = book.write(2);
                let seals = logs.clone().map(|log| {
                    let drill = Drill::with_bugs(bugs);
                    tokio::spawn(
                        async move { drill.run(async { log.seal().await.unwrap() }).await },
                    )
                });
                writing.await;
                futures::future::try_join_all(seals).await.unwrap();
                if log_on(&bed.store, &book.clock, 3)
                    .await
                    .verify(None)
                    .await
                    .unwrap()
                    .broken
                    .is_some()
                {
                    return true;
                }
            }
            false
        };
        assert!(!broke(&[]).await, "the real sealers broke it");
        assert!(broke(&[Bug::SealerUnlocked]).await, "the control stayed whole");
        other.close().await;
        book.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_sealer_that_dies_anywhere_leaves_a_whole_chain() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(3).await;
        let mut entries = 3;
        for point in [Point::SealBegun, Point::SealWritten, Point::SealStored] {
            book.write(4).await;
            let drill = Drill::default();
            drill.stop_at(point, 1);
            assert!(drill.run(book.log.seal()).await.is_none(), "{point:?} was not reached");
            // Its connection notices a little later that nobody holds it any more.
            let verdict = book.log.verify(None).await.unwrap();
            assert_eq!(verdict.broken, None, "{point:?}");
            let is_stored = point == Point::SealStored;
            assert_eq!(
                (verdict.checked, verdict.unsealed),
                if is_stored { (entries + 4, 0) } else { (entries, 4) }
            );
            entries += 4;
            // Another hub goes on.
            let next = log_on(&bed.store, &book.clock, 50 + entries as u64).await;
            let ended = loop {
                match next.seal().await.unwrap() {
                    Sealing::Elsewhere => tokio::task::yield_now().await,
                    ended => break ended,
                }
            };
            assert_eq!(ended, Sealing::Sealed(if is_stored { 0 } else { 4 }), "{point:?}");
            book.whole(entries).await;
        }
        book.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_the_hub_did_not_write_never_gets_a_place() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(2).await;
        for n in 0..3 {
            book.tamper(&format!(
                "INSERT INTO audit SELECT tenant_id, 'aud_0{n}', verb, subject, actor, request_id, detail, at_us, mac, \
                 NULL, NULL FROM audit WHERE n = 1"
            ))
            .await;
        }
        book.write(3).await;
        assert_eq!(book.log.seal().await.unwrap(), Sealing::Sealed(3), "those of the hub do");
        let verdict = book.log.verify(None).await.unwrap();
        assert_eq!((verdict.checked, verdict.unsealed), (5, 3));
        let broken = verdict.broken.unwrap();
        assert_eq!((broken.n, broken.fault), (None, Fault::Forged));
        assert_eq!(broken.audit_id.as_deref(), Some("aud_00"));
        book.tamper("DELETE FROM audit WHERE audit_id LIKE 'aud\\_0_' ESCAPE '\\'").await;
        book.whole(5).await;
        book.close().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_added_to_a_log_that_was_tampered_with() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(4).await;
        book.tamper("CREATE TABLE old_head AS SELECT * FROM instance WHERE name = 'audit.head'").await;
        book.chain(2).await;
        book.keep().await;
        let changes: [&[&str]; 3] = [
            &["DELETE FROM instance WHERE name = 'audit.head'"],
            &["UPDATE instance SET value = REPLACE(value, '6', '5') WHERE name = 'audit.head'"],
            &[
                "UPDATE instance SET value = (SELECT value FROM old_head) WHERE name = 'audit.head'",
                "DELETE FROM audit WHERE n > 4",
            ],
        ];
        for change in changes {
            for sql in change {
                book.tamper(sql).await;
            }
            book.write(1).await;
            assert_eq!(book.log.seal().await.unwrap(), Sealing::Refused, "{change:?}");
            assert!(book.broken().await.is_some());
            book.put_back().await;
        }
        book.write(1).await;
        assert_eq!(book.log.seal().await.unwrap(), Sealing::Sealed(1));
        book.whole(7).await;
        book.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_tail_that_waits_is_told_and_every_day_has_a_signed_head() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(1).await;
        book.write(3).await;
        let verdict = book.log.verify(None).await.unwrap();
        assert_eq!((verdict.broken, verdict.checked, verdict.unsealed), (None, 1, 3));
        let signed = verdict.head.unwrap().1;
        assert_eq!(verdict.oldest_unsealed.unwrap().duration_since(signed).as_secs(), 1);
        book.log.seal().await.unwrap();
        // A day on which nothing is done.
        book.clock.advance(std::time::Duration::from_secs(86_400));
        assert_eq!(book.log.seal().await.unwrap(), Sealing::Sealed(0));
        let later = book.log.verify(None).await.unwrap().head.unwrap().1;
        assert_eq!(later.duration_since(signed).as_hours(), 24);
        assert_eq!(at(book.broken().await), None);
        book.close().await;
    })
    .await;
}
