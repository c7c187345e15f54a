# shellcheck shell=bash
# What this machine has of what the tests use. Needs say.sh.

# has WHAT CMD…: one line about it.
has() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then printf '  has    %s\n' "$what"; else printf '  LACKS  %s\n' "$what"; fi
}

can_bridge() { unshare -Urnm sh -c 'ip link add name br0 type bridge && ip link add name x type veth peer name y'; }
can_filter() { unshare -Urnm nft add table inet t; }
can_tunnel() { unshare -Urnm ip tuntap add dev t mode tun; }

describe_machine() {
  printf '  %s, %s, %s cores, %s GiB free in %s\n' \
    "$(. /etc/os-release && printf '%s' "$PRETTY_NAME")" "$(uname -m)" "$(nproc)" \
    "$(df -BG --output=avail "$TOP" | tail -n 1 | tr -dc 0-9)" "$TOP"
  has 'user and network namespaces (unshare -Urnm)' unshare -Urnm true
  has 'bridges and veth pairs in them' can_bridge
  has 'nftables in them' can_filter
  has 'tunnels in them (/dev/net/tun)' can_tunnel
  has 'bubblewrap' bwrap --ro-bind / / true
  has '/dev/fuse' test -w /dev/fuse
  has 'Rust' rustc --version
}
