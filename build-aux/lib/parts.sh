# shellcheck shell=bash
# The parts of build-aux/test. Each prints lines that counts.sh counts, and ends with an error when something failed.
# Needs say.sh, packages.sh, rust.sh, root.sh, demo.sh, counts.sh and machine.sh.

in_root() { "$TOP/build-aux/in-root" "$@"; }

# (They run where `set -e` does not reach: what must not go on after an error says so.)

# Everything is tried, whatever fails; the part fails if one did.
all_of() {
  local step failed=0
  for step; do $step || failed=1; done
  return $failed
}

# need_script PATH: the tests of a part, or a clear word that they are not there.
need_script() {
  [[ -x $TOP/$1 ]] || {
    echo "check failed: $1 is not there, or not executable"
    return 1
  }
}

part_lint() { all_of lint_format lint_engine lint_desktop lint_tree; }
lint_format() { check 'formatting (cargo fmt)' cargo fmt --all --check; }
lint_engine() {
  check 'clippy: engine and cli' \
    cargo clippy --release --locked -p handout-engine -p handout-cli --all-targets -- -D warnings
}
lint_desktop() { check 'clippy: desktop program' in_root cargo clippy --release --locked -p handout --all-targets -- -D warnings; }
lint_tree() { check 'rules of the tree' "$TOP/build-aux/check-tree"; }

part_unit() { cargo test --release --locked --no-fail-fast -p handout-engine -p handout-cli; }

part_engine-alone() { all_of alone_declared alone_built alone_linked; }
alone_declared() { check 'engine and cli depend on no GTK or GLib crate' no_toolkit_crate; }
alone_built() {
  check 'engine and cli build where pkg-config finds nothing' \
    env PKG_CONFIG=false cargo build --release --locked -p handout-engine -p handout-cli
}
alone_linked() { check 'handout-cli is linked with no GTK or GLib' no_toolkit_library; }
no_toolkit_crate() {
  ! cargo tree --locked -e normal,build -p handout-engine -p handout-cli --prefix none |
    grep -E '^(gtk|gdk|gsk|glib|gio|gobject|pango|cairo|libadwaita|graphene)[a-z0-9-]* v'
}
no_toolkit_library() { ! ldd "$TOP/target/release/handout-cli" | grep -E 'libg(tk|dk|lib|io|object)|libadwaita'; }

part_scripts() { all_of scripts_shellcheck scripts_tests scripts_bench; }
scripts_shellcheck() {
  local files
  mapfile -t files < <(cd "$TOP" && git ls-files | while read -r file; do
    [[ ! -f $file ]] || head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh$|^# shellcheck shell=' && printf '%s\n' "$TOP/$file"
  done)
  check 'shellcheck' shellcheck -x "${files[@]}"
}
scripts_tests() { "$TOP/tests/scripts/run"; }
scripts_bench() { "$TOP/tests/bench/unit/run"; }

part_data() { in_root --no-network "$TOP/tests/data/run"; }

part_lab() {
  need_script tests/lab/run && build_cli || return 1
  "$TOP/tests/lab/run"
}

part_desktop() {
  in_root cargo build --release --locked -p handout || return 1
  all_of desktop_unit desktop_desk desktop_windows
}
desktop_unit() { in_root --no-network cargo test --release --locked --offline -p handout; }
desktop_desk() { in_root --no-network "$TOP/tests/desktop/lib/run"; }
desktop_windows() {
  need_script tests/desktop/run || return 1
  in_root --no-network "$TOP/tests/desktop/run"
}

# Meson in the root: what a distribution does. Cargo's output is shared with the part `desktop`.
part_install() {
  local build=$TOP/target/meson stage=$TOP/target/stage
  rm -rf "$build" "$stage"
  check 'meson setup' in_root meson setup "$build" "$TOP" --prefix=/usr &&
    check 'meson compile' in_root meson compile -C "$build" &&
    check 'meson test' in_root --no-network meson test -C "$build" --suite data &&
    check 'meson install' in_root env DESTDIR="$stage" meson install -C "$build" --no-rebuild &&
    check 'everything is installed' "$TOP/tests/data/installed" "$stage/usr"
}

part_demo() { check 'build-aux/run demo: eight students have the file and the message' "$TOP/build-aux/run" demo; }

part_bench() {
  need_script build-aux/bench || return 1
  "$TOP/build-aux/bench" --gate
}
