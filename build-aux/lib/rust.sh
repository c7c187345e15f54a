# shellcheck shell=bash
# The Rust toolchain: the user's own, never installed for them. Needs say.sh.

readonly RUST_FLOOR=1.92

# at_least HAVE WANT: compares dotted versions.
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

need_rust() {
  local version
  # A first-time rustup user has cargo there but not yet on the path of this shell.
  have cargo || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  { have cargo && have rustc; } || fail "Rust $RUST_FLOOR or newer is needed and there is no cargo here" \
    "install it from https://rustup.rs (no administrator rights needed), then run this again"
  version=$(rustc --version | cut -d' ' -f2)
  at_least "${version%%-*}" "$RUST_FLOOR" || fail "Rust $RUST_FLOOR or newer is needed; this is $version" \
    "with rustup: rustup update stable; else install rustup from https://rustup.rs"
}
