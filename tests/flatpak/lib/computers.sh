# shellcheck shell=bash
# Computers made of network namespaces, on one wire; each has a home. Needs the folder $work and the list `processes`, of which
# somebody ends all.

declare -A host
# Where each computer has a command of its name that runs a command on it.
export COMPUTERS=${work:?}/computers

lay_the_wire() {
  ip link set lo up
  ip link add wire type bridge
  ip link set wire up
  mkdir -p "$COMPUTERS"
}

# computer NAME ADDRESS
computer() {
  mkdir -p "$work/$1/.config" "$work/$1/Downloads"
  # shellcheck disable=SC2016 # the file itself says $HOME
  printf 'XDG_DOWNLOAD_DIR="$HOME/Downloads"\n' >"$work/$1/.config/user-dirs.dirs"
  unshare --net sleep 1800 &
  host[$1]=$!
  processes+=($!)
  # The namespace is there when the process has become `sleep`.
  until [[ $(readlink "/proc/${host[$1]}/exe") == */sleep ]]; do read -rt 0.05 <> <(:) || true; done
  ip link add "wire-$1" type veth peer name eth0 netns "${host[$1]}"
  ip link set "wire-$1" master wire up
  nsenter --net="/proc/${host[$1]}/ns/net" sh -c "ip link set lo up; ip address add $2/24 brd + dev eth0; ip link set eth0 up"
  printf '#!/bin/sh\nHOME=%q exec nsenter --net=/proc/%s/ns/net "$@"\n' "$work/$1" "${host[$1]}" >"$COMPUTERS/$1"
  chmod 755 "$COMPUTERS/$1"
}

# at NAME CMD…: on that computer.
at() { "$COMPUTERS/$1" "${@:2}"; }
