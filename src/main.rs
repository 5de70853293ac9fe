//! The `calhub` program. All it does is in `calhub::cli`.

use std::process::ExitCode;

use clap::Parser;

/// Answers are made and dropped by the thousand a second: this allocator serves large, short-lived buffers without asking
/// the kernel each time (docs/results/speed.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    calhub::cli::run(&calhub::cli::Cli::parse())
}
