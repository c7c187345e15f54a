# shellcheck shell=bash
# The Debian 13 root: GTK and libadwaita new enough to build and look at the desktop program on any Linux.
# Needs say.sh, packages.sh and rust.sh.

root_packages() { sed 's/#.*//; /^[[:space:]]*$/d' "$TOP/build-aux/root-packages"; }

# The root's folder; its name holds the hash of what is in it, so that two checkouts never fight over one root.
root_dir() { printf '%s/debian-13-%s\n' "$(cache_dir)" "$(root_packages | sort | sha256sum | cut -c1-8)"; }

mmdebstrap_args() {
  printf '%s\n' --variant=apt --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt=force-unsafe-io --include="$(root_packages | paste -sd,)"
}

# fill_root DIR: as root straight into the folder; else through an archive, so that every file belongs to the user.
fill_root() {
  local args
  mapfile -t args < <(mmdebstrap_args)
  if ((EUID == 0)); then
    mmdebstrap --mode=root "${args[@]}" trixie "$1"
  else
    mkdir -p "$1"
    mmdebstrap --mode=unshare --format=tar "${args[@]}" trixie - | tar -x -C "$1" --exclude='./dev/*' --no-same-owner
  fi </dev/null >&2
}

# Roots of older package lists, unless something still runs in one.
prune_roots() {
  local lock
  for lock in "$(cache_dir)"/debian-13-*.lock; do
    [[ -e $lock && ${lock%.lock} != "$1" ]] || continue
    flock -n -x "$lock" rm -rf -- "${lock%.lock}" "$lock" || true
  done
}

# ensure_root: makes the root when it is not there. Made under another name and renamed, so a root that is there is whole.
ensure_root() {
  local root started=$SECONDS
  root=$(root_dir)
  [[ -d $root ]] && have bwrap && return 0
  ensure_packages root
  mkdir -p "$(cache_dir)"
  (
    flock -x 9
    [[ ! -d $root ]] || exit 0
    say "making a Debian 13 root with GTK and libadwaita in $root (two minutes, about 1.6 GB)"
    rm -rf --one-file-system "$root.part"
    fill_root "$root.part" || fail "the Debian 13 root could not be made" \
      "look at the messages above; running this again starts afresh"
    mv -T "$root.part" "$root"
    say "the root is ready ($((SECONDS - started)) s)"
    prune_roots "$root"
  ) 9>"$root.lock"
}

# The files and folders that are bound in at their own path, as bwrap arguments, one a line.
root_binds() {
  local sysroot file cargo_home=${CARGO_HOME:-$HOME/.cargo}
  sysroot=$(rustc --print sysroot)
  [[ $sysroot != /usr ]] || fail "the distribution's Rust cannot be used inside the root" \
    "install it from https://rustup.rs, then run this again"
  mkdir -p "$cargo_home"
  printf '%s\n' --ro-bind "$sysroot" "$sysroot" \
    --bind "$cargo_home" "$cargo_home" --bind "$TOP" "$TOP" --setenv CARGO_HOME "$cargo_home" \
    --setenv CARGO_TARGET_DIR "$TOP/target/root" \
    --setenv PATH "$sysroot/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  # Cargo looks for its helpers here first, and rustup's stand-ins do not work without rustup's own folder.
  [[ ! -d $cargo_home/bin ]] || printf '%s\n' --tmpfs "$cargo_home/bin"
  # The machine's own certificates: a private authority may be in use.
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    [[ ! -e $file ]] || printf '%s\n' --ro-bind "$(readlink -f "$file")" "$file"
  done
}

# The user's display, bus and home, for a window on a real screen.
display_binds() {
  local run=${XDG_RUNTIME_DIR:-}
  printf '%s\n' --bind "$HOME" "$HOME" --setenv HOME "$HOME"
  [[ -z $run || ! -d $run ]] || printf '%s\n' --bind "$run" "$run" --setenv XDG_RUNTIME_DIR "$run"
  [[ -z ${XAUTHORITY:-} || ! -e ${XAUTHORITY:-} ]] || printf '%s\n' --ro-bind "$XAUTHORITY" "$XAUTHORITY"
}

# enter_root [--display] [--no-network] CMD…: replaces this shell by CMD in the root. --no-network leaves only lo.
enter_root() {
  local root args binds display=()
  root=$(root_dir)
  mapfile -t binds < <(root_binds)
  ((${#binds[@]})) || exit 1
  args=(--bind "$root" / --dev-bind /dev /dev --proc /proc --ro-bind /sys /sys --tmpfs /run --bind /tmp /tmp
    --tmpfs /dev/shm --tmpfs /etc/glib-2.0/settings --tmpfs /home --dir /home/handout --setenv HOME /home/handout
    --perms 0700 --dir /run/user --setenv XDG_RUNTIME_DIR /run/user
    --unshare-pid --die-with-parent --chdir "$PWD")
  # A user stays who they are: the session bus of a desktop knows them by their number.
  if ((EUID == 0)); then args+=(--cap-add ALL); else args+=(--unshare-user --ro-bind /etc/passwd /etc/passwd); fi
  if [[ ${1:-} == --display ]]; then
    mapfile -t display < <(display_binds)
    shift
  else
    args+=(--unsetenv DISPLAY --unsetenv WAYLAND_DISPLAY --unsetenv DBUS_SESSION_BUS_ADDRESS)
  fi
  if [[ ${1:-} == --no-network ]]; then
    args+=(--unshare-net)
    shift
  fi
  # Held as long as anything runs in here: prune_roots leaves this root alone.
  exec 8<"$root.lock" && flock -s 8
  exec bwrap "${args[@]}" "${display[@]}" "${binds[@]}" -- "$@"
}
