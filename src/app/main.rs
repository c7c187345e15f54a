//! `handout`: the desktop program.
fn main() {}
