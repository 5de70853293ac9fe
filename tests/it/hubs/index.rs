//! Every hub's answers follow what any hub pulls.

use std::time::{Duration, Instant};

use futures::StreamExt as _;

use super::{
    cell::{Cell, put},
    site::Site,
};

#[tokio::test]
async fn what_one_hub_pulls_all_answer_and_stream_within_seconds() {
    let Some(cell) = Cell::open().await else { return };
    let site = Site::open().await;
    let work = site.calendar("work");
    let (one, two) = (cell.serve().await, cell.serve().await);
    let worker = cell.work();
    let resource = one.link(&cell, &site).await;
    let mut streams = Vec::new();
    for hub in [&one, &two] {
        let answer = hub.stream().send().await.unwrap();
        assert_eq!(answer.status(), 200);
        streams.push(answer.bytes_stream());
    }
    for round in 0..6 {
        put(&work, &format!("e{round}"), round * 2);
        cell.nudge().await;
        let hours: Vec<i64> = (0..=round).map(|n| n * 2).collect();
        let began = Instant::now();
        one.shows(&resource, &hours).await;
        two.shows(&resource, &hours).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        for stream in &mut streams {
            heard(stream, "event: busy.changed").await;
        }
    }
    let claims = "SELECT COUNT(DISTINCT split_part(lease_owner, '.', 1)) FROM work";
    assert!(cell.sql(claims).await.is_some());
    drop((one, two, worker));
    cell.close().await;
}

/// Reads a stream up to this word.
async fn heard<S>(stream: &mut S, word: &str)
where
    S: futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin,
{
    let mut text = String::new();
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !text.contains(word) {
            let part = stream.next().await.expect("the stream goes on").unwrap();
            text += &String::from_utf8_lossy(&part);
        }
    })
    .await;
    assert!(waited.is_ok(), "no {word} in {text}");
}
