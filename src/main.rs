//! The `calhub` program. All it does is in `calhub::cli`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    calhub::cli::run(&calhub::cli::Cli::parse())
}
