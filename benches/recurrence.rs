//! What a window of a series costs, near its start and far from it.

fn main() {
    divan::main();
}
