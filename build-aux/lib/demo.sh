# shellcheck shell=bash
# The demo: one teacher and eight students, each a process of its own, on loopback. Needs say.sh, packages.sh and rust.sh.

build_cli() {
  say "building handout-cli"
  (cd "$TOP" && cargo build --release --locked -p handout-engine -p handout-cli) >&2
}

# Whether a network of our own can be made, in which nothing but lo is there.
can_unshare() { have unshare && have ip && unshare -Urnm ip link set lo up 2>/dev/null; }

# run_demo [ARGUMENT…]: replaces this shell by the demo.
run_demo() {
  local program=$TOP/target/release/handout-cli
  if can_unshare; then
    say "running the demo in a network of its own: nothing leaves this machine"
    # shellcheck disable=SC2016
    exec unshare -Urnm sh -c 'ip link set lo up && exec "$@"' sh "$program" demo "$@"
  fi
  say "this system allows no network of one's own: running the demo on the loopback interface, lo"
  exec "$program" demo "$@"
}
