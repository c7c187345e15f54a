//! `handout-cli`: the engine without a display.
fn main() {}
