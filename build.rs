//! Tells cargo that a new migration changes the program.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
