//! The functions that `scripts/fuzz` runs for hours, here for seconds on the stable toolchain: over their seeds, over
//! every input that ever broke one, and over mutations of both.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use calhub::clock::{Entropy, SeededEntropy};

/// Mutations of each target.
const MUTATIONS: usize = 1_500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut places: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
    places.sort();
    places.iter().map(|place| fs::read(place).unwrap()).collect()
}

struct Dice(SeededEntropy);

impl Dice {
    /// Below `most`, which is not 0.
    fn roll(&self, most: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::from_le_bytes(bytes) % most
    }

    fn mutated(&self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.roll(seeds.len())].clone();
        input.truncate(8_192);
        for _ in 0..=self.roll(6) {
            let at = self.roll(input.len() + 1);
            let end = (at + self.roll(40)).min(input.len());
            match self.roll(6) {
                0 => input.truncate(at),
                1 => drop(input.drain(at..end)),
                2 => drop(input.splice(
                    at..end,
                    vec![input[..at].last().copied().unwrap_or(b'9'); self.roll(300)],
                )),
                3 => {
                    let part = input[at..end].to_vec();
                    input.splice(at..at, part);
                }
                4 => {
                    let other = &seeds[self.roll(seeds.len())];
                    let from = self.roll(other.len() + 1);
                    let to = (from + self.roll(200)).min(other.len());
                    input.splice(at..at, other[from..to].iter().copied());
                }
                _ => {
                    if let Some(byte) = input.get_mut(at) {
                        *byte = u8::try_from(self.roll(256)).unwrap();
                    }
                }
            }
        }
        input
    }
}

/// Tries a target on everything; what breaks it is kept where its message says.
fn survives(name: &str) {
    let target = targets::target(name).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .arg(root().join("fuzz/seeds.py"))
        .arg(name)
        .arg(dir.path())
        .status()
        .unwrap();
    assert!(made.success(), "no seeds");
    let mut seeds = files(dir.path());
    assert!(seeds.len() > 10, "{}", seeds.len());
    seeds.extend(files(&root().join("fixtures/hostile/crashes").join(name)));
    let dice = Dice(SeededEntropy::new(11));
    let mutations = (0..MUTATIONS).map(|_| dice.mutated(&seeds));
    for input in seeds.iter().cloned().chain(mutations) {
        let tried = std::panic::catch_unwind(|| target(&input));
        if tried.is_err() {
            let place = std::env::temp_dir().join(format!("calhub-fuzz-{name}"));
            fs::write(&place, &input).unwrap();
            panic!("{name} breaks on {}: {}", place.display(), String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn no_calendar_file_breaks_the_reader() {
    survives("ics");
}

#[test]
fn no_rule_breaks_the_expansion() {
    survives("rrule");
}

#[test]
fn no_answer_of_a_server_breaks_the_caldav_connector() {
    survives("multistatus");
}

#[test]
fn no_answer_of_google_breaks_its_connector() {
    survives("google");
}

#[test]
fn no_body_breaks_a_route() {
    survives("http_bodies");
}

#[test]
fn no_address_fools_the_guard() {
    survives("url");
}
