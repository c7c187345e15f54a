# shellcheck shell=bash
# The parts of build-aux/test. Each prints lines that counts.sh counts, and ends with an error when something failed.
# Needs say.sh, packages.sh, rust.sh, root.sh, demo.sh, counts.sh and machine.sh, and `long`, which is 1 for the long forms.

is_long() { ((${long:-0})); }
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

# take_over: gives the root, where nothing was built in it yet, what the tests' build made: it is the same compiler, and the engine and
# the crates of others have the same features there.
take_over() {
  local made=$TOP/target/release root=$TOP/target/root/release
  [[ -d $made && ! -d $root ]] || return 0
  rm -rf "$root.part" && mkdir -p "$root.part"
  cp -a "$made"/{.fingerprint,build,deps} "$root.part" && mv "$root.part" "$root"
}

# The first part that needs the root. (Making it waits for the network and for one processor.)
ahead_lint() { ensure_root; }
part_lint() {
  take_over
  all_of lint_format lint_code lint_tree lint_crates lint_features lint_fuzz
}
lint_format() { check 'formatting (cargo fmt)' cargo fmt --all --check; }
# In the root, where everything can be looked at by one run; that engine and cli need nothing of it is the part `engine-alone`.
lint_code() { check 'clippy' in_root cargo clippy --release --locked --workspace --all-targets -- -D warnings; }
lint_tree() { check 'rules of the tree' "$TOP/build-aux/check-tree"; }
# What `take_over` rests on, and build-aux/fuzz.
lint_features() { check "the window's crates ask for no features that the tests' build lacks (src/cli/Cargo.toml)" same_features; }
lint_fuzz() { check "the fuzzer's crates are those of the tests' build (fuzz/Cargo.toml)" same_to_fuzz; }
same_features() {
  local tests=(-p handout-engine -p handout-cli) here=$LOGS/features
  features "${tests[@]}" >"$here-tests" && features "${tests[@]}" -p handout >"$here-all" || return 1
  ! comm -23 "$here-tests" "$here-all" | grep .
}
same_to_fuzz() {
  local here=$LOGS/features
  features -p handout-engine -p handout-cli >"$here-tests" && (cd fuzz && features) >"$here-fuzz" || return 1
  ! comm -13 "$here-tests" "$here-fuzz" | grep -vE '^(arbitrary|handout-fuzz|libfuzzer-sys) '
}
features() { cargo tree --locked -e normal,build --prefix none -f '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u; }
lint_crates() { check 'crates of others: licences, versions, sources, use' "$TOP/build-aux/check-crates"; }

part_unit() {
  ! is_long || export PROPTEST_CASES=20000 HANDOUT_POWER_CUTS=${HANDOUT_POWER_CUTS:-40} HANDOUT_KILLS=${HANDOUT_KILLS:-200}
  local tests=(cargo test --release --locked --no-fail-fast -p handout-engine -p handout-cli)
  local largest=a_thousand_students_keep_their_ratio log=$LOGS/unit-largest.log process failed=0
  "${tests[@]}" --no-run || return 1
  # The largest class takes as long as all others together, on one processor: it begins with them. In a group of its own, which
  # ends with this part. It waits for memory most of the time, less in large pages.
  rm -f "$log"
  set -m
  GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "${tests[@]}" -- "$largest" >"$log" 2>&1 &
  process=$!
  set +m
  # shellcheck disable=SC2064 # its number now
  trap "kill -- -$process 2>/dev/null || true" EXIT
  "${tests[@]}" -- --skip "$largest" || failed=1
  wait "$process" || failed=1
  trap - EXIT
  cat "$log"
  return $failed
}

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

part_data() { all_of data_files data_file_managers; }
data_files() { in_root --no-network "$TOP/tests/data/run"; }
data_file_managers() { in_root --no-network "$TOP/tests/file-managers/run"; }

part_lab() {
  need_script tests/lab/run && build_cli || return 1
  ! is_long || export HANDOUT_KILLS=${HANDOUT_KILLS:-200}
  "$TOP/tests/lab/run"
}

# The example is made with the tests of `unit`.
part_hostile() {
  need_script tests/hostile/run && build_cli || return 1
  cargo test --release --locked --no-run -p handout-engine -p handout-cli || return 1
  ! is_long || export HANDOUT_HOSTILE_MIB=${HANDOUT_HOSTILE_MIB:-64}
  "$TOP/tests/hostile/run"
}

# The same crates each time, and those of `unit`: others would be built again, with other features.
readonly DESKTOP=(--release --locked -p handout -p handout-cli -p handout-engine)
ahead_desktop() {
  take_over
  in_root cargo build "${DESKTOP[@]}" && in_root cargo test "${DESKTOP[@]}" --bin handout --no-run
}
part_desktop() {
  ahead_desktop || return 1
  all_of desktop_unit desktop_desk desktop_windows
}
desktop_unit() { in_root --no-network cargo test "${DESKTOP[@]}" --offline --bin handout; }
desktop_desk() { in_root --no-network "$TOP/tests/desktop/lib/run"; }
desktop_windows() {
  need_script tests/desktop/run || return 1
  in_root --no-network "$TOP/tests/desktop/run" || return 1
  is_long || return 0
  in_root cargo build --release --locked -p handout --features scenes || return 1
  all_of desktop_speed desktop_forms
}
desktop_speed() { in_root --no-network "$TOP/tests/desktop/run" speed; }
desktop_forms() { in_root --no-network "$TOP/tests/desktop/run" forms; }

# Meson in the root: what a distribution does. Cargo's output is shared with the part `desktop`.
part_install() {
  local build=$TOP/target/meson stage=$TOP/target/stage devel=$TOP/target/meson-devel
  rm -rf "$build" "$stage" "$devel"
  check 'meson setup' in_root meson setup "$build" "$TOP" --prefix=/usr &&
    check 'meson compile' in_root meson compile -C "$build" &&
    check 'meson test' in_root --no-network meson test -C "$build" --suite data &&
    check 'meson install' in_root env DESTDIR="$stage" meson install -C "$build" --no-rebuild &&
    check 'everything is installed' "$TOP/tests/data/installed" "$stage/usr" &&
    check 'meson uninstall leaves nothing' uninstalled "$build" "$stage" &&
    check 'meson setup, development profile' in_root meson setup "$devel" "$TOP" --prefix=/usr -Dprofile=development &&
    check 'a development build installs beside a release' beside "$build" "$devel"
}
# Both would put the same schema, firewall files, examples and translations there; nothing else of one name.
beside() {
  local same
  same=$(comm -12 <(installed_names "$1") <(installed_names "$2") | grep -vE '\.gschema\.xml$|/firewalld/|/ufw/|/doc/handout/|\.mo$')
  printf '%s' "$same"
  [[ -z $same ]]
}
installed_names() {
  in_root meson introspect --installed "$1" | python3 -c 'import json, sys; print(*json.load(sys.stdin).values(), sep="\n")' | sort
}
uninstalled() { in_root env DESTDIR="$2" ninja -C "$1" uninstall && [[ -z $(find "$2" -type f -o -type l) ]]; }

ahead_flatpak() { "$TOP/tests/flatpak/run" --make; }
part_flatpak() {
  need_script tests/flatpak/run || return 1
  "$TOP/tests/flatpak/run"
}

part_demo() { check 'build-aux/run demo: eight students have the file and the message' "$TOP/build-aux/run" demo; }

part_bench() {
  need_script build-aux/bench || return 1
  if is_long; then "$TOP/build-aux/bench"; else "$TOP/build-aux/bench" --gate; fi
}

ahead_fuzz() { "$TOP/build-aux/fuzz" --make; }
part_fuzz() {
  if is_long; then "$TOP/build-aux/fuzz" 300; else "$TOP/build-aux/fuzz" --check 3; fi
}
