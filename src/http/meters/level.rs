//! A histogram of how things are now, not of what has happened: made anew each time it is set.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{
    core::{Collector, Desc},
    proto::{Bucket, Histogram, Metric, MetricFamily, MetricType},
};

/// How many of something lie below each bound at this moment. Use its buckets as they are, without `rate()`.
#[derive(Clone, Debug)]
pub(super) struct Level {
    desc: Desc,
    bounds: &'static [f64],
    now: Arc<Mutex<Reading>>,
}

/// What was counted: one place a bound and one beyond.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    counts: Vec<u64>,
    sum: f64,
}

impl Level {
    pub(super) fn new(name: &str, help: &str, bounds: &'static [f64]) -> Self {
        let desc = Desc::new(name.to_owned(), help.to_owned(), vec![], Default::default())
            .expect("a plain name");
        Self { desc, bounds, now: Arc::default() }
    }

    pub(super) fn set(&self, values: impl Iterator<Item = f64>) {
        let mut counts = vec![0; self.bounds.len() + 1];
        let mut sum = 0.0;
        for value in values {
            let place = self.bounds.partition_point(|bound| *bound < value);
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
            sum += value;
        }
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Reading { counts, sum };
    }
}

impl Collector for Level {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut below = 0;
        let buckets = self.bounds.iter().zip(&now.counts).map(|(bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(below);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(now.counts.iter().sum());
        histogram.set_sample_sum(now.sum);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_tells_how_things_are_now_and_forgets_how_they_were() {
        let level = Level::new("age", "Ages.", &[10.0, 100.0]);
        level.set([5.0, 10.0, 50.0, 500.0].into_iter());
        level.set([10.0, 11.0, 101.0].into_iter());
        let families = level.collect();
        let histogram = families[0].get_metric()[0].get_histogram();
        let counts: Vec<u64> =
            histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count()).collect();
        assert_eq!(counts, [1, 2]);
        assert_eq!(histogram.get_sample_count(), 3);
    }
}
