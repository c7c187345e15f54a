# shellcheck shell=bash
# Whether this machine's own GTK is new enough for the desktop program. Needs say.sh, packages.sh and rust.sh.

readonly GTK_FLOOR=4.14 ADWAITA_FLOOR=1.5

gtk_is_here() {
  have pkg-config && pkg-config --atleast-version=$GTK_FLOOR gtk4 2>/dev/null &&
    pkg-config --atleast-version=$ADWAITA_FLOOR libadwaita-1 2>/dev/null
}

# The version of a package that could be installed, without its epoch and revision; nothing when there is none.
apt_offers() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p'; }

gtk_is_offered() {
  local offered fedora
  case $(package_family) in
    apt)
      # A fresh machine has no package lists yet.
      [[ -n $(apt_offers libc6-dev) ]] || apt_run update
      offered=$(apt_offers libadwaita-1-dev)
      [[ -n $offered ]] && at_least "$offered" $ADWAITA_FLOOR && at_least "$(apt_offers libgtk-4-dev)" $GTK_FLOOR
      ;;
    dnf)
      # shellcheck disable=SC1090
      fedora=$(. "${HANDOUT_OS_RELEASE:-/etc/os-release}" && [[ $ID == fedora ]] && printf '%s' "$VERSION_ID") || return 1
      at_least "$fedora" 40
      ;;
    *) return 1 ;;
  esac
}

# How the desktop program is built here: native (with what that needs installed) or root.
desktop_way() {
  if gtk_is_here; then
    echo native
  elif gtk_is_offered; then
    ensure_packages desktop
    echo native
  else
    echo root
  fi
}
