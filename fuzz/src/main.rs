//! Runs one target under libFuzzer: `HANDOUT_FUZZ=TARGET fuzz [OPTION…] [CORPUS…]`.
#![no_main]

use std::sync::OnceLock;

use handout_fuzz::{TARGETS, Target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn chosen() -> Target {
    let wanted = std::env::var("HANDOUT_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let Some((_, target)) = found else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("HANDOUT_FUZZ must be one of: {}", names.join(" "));
        std::process::exit(2);
    };
    *target
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHOSEN.get_or_init(chosen)(data));
