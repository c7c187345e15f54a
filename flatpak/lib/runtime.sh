# shellcheck shell=bash
# Which runtime is used. Needs say.sh and chain.sh.

# manifest_value KEY: a text of the manifest.
manifest_value() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$TOP/flatpak/$APP_ID.json" "$1"
}

# runtime_name (public|stand-in)
runtime_name() {
  case $1 in
    public) printf '%s//%s\n' "$(manifest_value runtime)" "$(manifest_value runtime-version)" ;;
    stand-in) printf '%s//%s\n' "$STAND_IN_PLATFORM" "$STAND_IN_BRANCH" ;;
  esac
}

public_is_here() {
  have flatpak && flatpak info "$(runtime_name public)" >/dev/null 2>&1 &&
    flatpak info "$(manifest_value sdk)//$(manifest_value runtime-version)" >/dev/null 2>&1
}

# runtime_way [public|stand-in]: the one that was asked for, or else the one that can be used here.
runtime_way() {
  if [[ -z $1 ]] && public_is_here; then
    echo public
  elif [[ -z $1 ]]; then
    say "$(runtime_name public) and its SDK are not installed here: taking the stand-in of Debian packages"
    echo stand-in
  elif [[ $1 == public ]] && ! public_is_here; then
    fail "$(runtime_name public) and its SDK are not installed" \
      "flatpak install $(manifest_value runtime)//$(manifest_value runtime-version) $(manifest_value sdk)//$(manifest_value runtime-version)"
  else
    printf '%s\n' "$1"
  fi
}
