# shellcheck shell=bash
# Packages of the machine itself: what a purpose needs, what of it is missing, and installing just that.
# Needs say.sh.

# The package manager's family, from os-release: apt, dnf or other.
package_family() {
  local id='' like=''
  # shellcheck disable=SC1090
  id=$(. "${HANDOUT_OS_RELEASE:-/etc/os-release}" 2>/dev/null && printf '%s' "${ID:-}")
  # shellcheck disable=SC1090
  like=$(. "${HANDOUT_OS_RELEASE:-/etc/os-release}" 2>/dev/null && printf '%s' "${ID_LIKE:-}")
  case " $id $like " in
    *' debian '* | *' ubuntu '*) echo apt ;;
    *' fedora '* | *' rhel '*) echo dnf ;;
    *) echo other ;;
  esac
}

# package_names FAMILY PURPOSE: one name a line.
package_names() {
  case $1:$2 in
    apt:build) echo gcc libc6-dev ;;
    dnf:build) echo gcc glibc-devel ;;
    apt:desktop) echo gcc libc6-dev pkg-config libgtk-4-dev libadwaita-1-dev libgtksourceview-5-dev gettext libglib2.0-dev-bin ;;
    dnf:desktop) echo gcc glibc-devel pkgconf-pkg-config gtk4-devel libadwaita-devel gtksourceview5-devel gettext-devel glib2-devel ;;
    apt:root) echo mmdebstrap bubblewrap uidmap debian-archive-keyring ca-certificates ;;
    dnf:root) echo mmdebstrap bubblewrap shadow-utils debian-keyring dpkg apt ca-certificates ;;
    apt:demo) echo iproute2 util-linux ;;
    dnf:demo) echo iproute util-linux ;;
    apt:lab) echo iproute2 nftables util-linux procps python3 ;;
    dnf:lab) echo iproute nftables util-linux procps-ng python3 ;;
    # What Handout is measured beside; Fedora has no uftp.
    apt:bench) echo nginx-light curl aria2 python3-libtorrent udpcast uftp ;;
    dnf:bench) echo nginx curl aria2 rb_libtorrent-python3 udpcast ;;
    # To build with the public runtime; the stand-in is made and used in the root.
    apt:flatpak) echo flatpak flatpak-builder elfutils dbus ;;
    dnf:flatpak) echo flatpak flatpak-builder elfutils dbus-daemon ;;
    # libFuzzer is C++; what it has found is kept packed.
    apt:fuzz) echo g++ tar xz-utils python3 ;;
    dnf:fuzz) echo gcc-c++ tar xz python3 ;;
    apt:scripts) echo shellcheck git python3 ;;
    dnf:scripts) echo ShellCheck git python3 ;;
    *) fail "no package list for '$2' on '$1'" ;;
  esac | tr ' ' '\n'
}

package_present() {
  case $1 in
    apt) [[ $(dpkg-query -W -f='${db:Status-Status}' "$2" 2>/dev/null) == installed ]] ;;
    dnf) rpm -q --quiet --whatprovides "$2" 2>/dev/null ;;
  esac
}

# missing_packages FAMILY PURPOSE…: the names that are not installed.
missing_packages() {
  local family=$1 name purpose
  shift
  for purpose; do package_names "$family" "$purpose"; done | sort -u | while read -r name; do
    package_present "$family" "$name" || echo "$name"
  done
}

# with_rights CMD…: as root directly, else by sudo.
with_rights() {
  if ((EUID == 0)); then
    "$@"
  elif have sudo; then
    say "asking for rights: $*"
    sudo -- "$@"
  else
    fail "administrator rights are needed and sudo is not here" "as root, run: $*"
  fi
}

apt_run() {
  with_rights env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
    -o APT::Install-Recommends=false "$@" </dev/null >&2
}

# ensure_packages PURPOSE…: installs what is missing; asks for no rights when nothing is.
ensure_packages() {
  local family names
  family=$(package_family)
  if [[ $family == other ]]; then
    say "not a Debian, Ubuntu or Fedora: taking what is here for $*"
    return 0
  fi
  mapfile -t names < <(missing_packages "$family" "$@")
  ((${#names[@]})) || return 0
  say "installing: ${names[*]}"
  case $family in
    apt)
      # An interrupted installation is finished first, or nothing else can be installed.
      [[ -z $(dpkg --audit) ]] || with_rights env DEBIAN_FRONTEND=noninteractive dpkg --configure -a </dev/null >&2
      apt_run update
      apt_run install "${names[@]}"
      ;;
    dnf) with_rights dnf install -y --setopt=install_weak_deps=False "${names[@]}" </dev/null >&2 ;;
  esac || fail "could not install: ${names[*]}" "install them by hand and run this again"
}

# ensure_unstarted PURPOSE…: the same, but no server among them is started. (Fedora starts none by itself.)
ensure_unstarted() {
  local policy=${HANDOUT_POLICY:-/usr/sbin/policy-rc.d} family
  family=$(package_family)
  if [[ $family != apt || -e $policy || -z $(missing_packages "$family" "$@") ]]; then
    ensure_packages "$@"
    return
  fi
  # shellcheck disable=SC2016
  with_rights sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
  # shellcheck disable=SC2064
  (
    trap "with_rights rm -f '$policy'" EXIT
    ensure_packages "$@"
  )
}
