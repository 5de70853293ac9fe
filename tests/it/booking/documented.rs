//! The examples of docs/bookings.md, one after the other, as they stand there.

use axum::http::Method;
use serde_json::Value;

use super::place::Place;
use crate::support::engines::on_each_engine;

/// A request with what is answered.
#[derive(Debug)]
struct Example {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    status: u16,
    /// What the answer holds at least.
    answer: Value,
}

fn examples() -> Vec<Example> {
    let page = include_str!("../../../docs/bookings.md");
    let blocks = page.split("```http\n").skip(1);
    blocks.map(|block| example(block.split("```").next().unwrap())).collect()
}

fn example(block: &str) -> Example {
    let (request, answer) = block.split_once("\n\n").unwrap();
    let mut lines = request.lines();
    let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
    let (mut headers, mut body) = (Vec::new(), None);
    for line in lines {
        match line.split_once(": ") {
            Some((name, value)) if !line.starts_with('{') => {
                headers.push((name.to_lowercase(), value.to_owned()));
            }
            _ => body = Some(serde_json::from_str(line).unwrap()),
        }
    }
    let (status, answer) = answer.split_once('\n').unwrap();
    Example {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        headers,
        body,
        status: status.parse().unwrap(),
        answer: serde_json::from_str(answer).unwrap(),
    }
}

/// Whether an answer holds what is told of it.
fn holds(answer: &Value, told: &Value) -> bool {
    match (answer, told) {
        (Value::Object(answer), Value::Object(told)) => told
            .iter()
            .all(|(name, told)| answer.get(name).is_some_and(|answer| holds(answer, told))),
        (Value::Array(answer), Value::Array(told)) => {
            answer.len() == told.len() && answer.iter().zip(told).all(|(a, t)| holds(a, t))
        }
        _ => answer == told,
    }
}

#[tokio::test]
async fn every_example_of_the_page_on_bookings_is_answered_as_it_says() {
    let examples = examples();
    assert!(examples.len() >= 7, "{examples:?}");
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        for example in &examples {
            let headers: Vec<(&str, &str)> = example
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let (method, body) = (example.method.clone(), example.body.clone());
            let answer = place.hub.call(method, &example.path, body, &headers).await;
            assert_eq!(answer.status.as_u16(), example.status, "{example:?}: {}", answer.text);
            assert!(holds(&answer.body, &example.answer), "{example:?}: {}", answer.text);
            place.settle().await;
        }
    })
    .await;
}
