# shellcheck shell=bash
# Puts the lab kit together. Needs chain.sh and runtime.sh.

kit_hash() { { hash_of flatpak data docs/images && bundle_key "$1"; } | sha256sum | cut -c1-12; }

# What flatpak itself calls the processor.
kit_arch() { uname -m; }

# runtime_bundles (public|stand-in) FOLDER: NUMBER.flatpak and NUMBER.ref for each runtime that the application needs.
runtime_bundles() {
  mkdir -p "$2"
  case $1 in
    stand-in)
      printf 'runtime/%s/%s/%s\n' "$STAND_IN_PLATFORM" "$(kit_arch)" "$STAND_IN_BRANCH" >"$2/1.ref"
      cp "$(stand_in_bundle)" "$2/1.flatpak" || return 1
      ;;
    public) public_bundles "$2" ;;
  esac
}

# public_bundles FOLDER: out of this computer's own installation, the drivers for its graphics with them.
public_bundles() {
  local ref store number=0
  for ref in "$(flatpak info --show-ref "$(runtime_name public)")" \
    $(flatpak list --runtime --columns=ref | grep -E '^(runtime/)?org\.freedesktop\.Platform\.GL\.default/'); do
    number=$((number + 1))
    ref=runtime/${ref#runtime/}
    store=$(dirname "$(dirname "$(dirname "$(dirname "$(dirname "$(flatpak info --show-location "${ref#runtime/}")")")")")")
    printf '%s\n' "$ref" >"$1/$number.ref"
    flatpak build-bundle --runtime "$store/repo" "$1/$number.flatpak" "$(cut -d/ -f2 <<<"$ref")" "$(cut -d/ -f4 <<<"$ref")" >&2
  done
}

# kit_files BUNDLE FOLDER: what is copied to the system as it is, out of the built application: there it is translated.
kit_files() {
  local app=$2.app file
  fresh "$app"
  in_sandbox_root ostree --repo="${1%.flatpak}.repo" checkout -U --subpath=/files/share "app/$APP_ID/$(kit_arch)/$APP_BRANCH" \
    "$app/share" >&2 || return 1
  for file in handout-send nautilus-python caja-python nemo Thunar kio; do
    mkdir -p "$2/usr/local/share"
    cp -r "$app/share/$file" "$2/usr/local/share/" || return 1
  done
  while IFS= read -r file; do
    mkdir -p "$2/usr/local/share/$(dirname "$file")"
    cp "$app/share/$file" "$2/usr/local/share/$file"
  done < <(cd "$app/share" && find locale -name handout.mo 2>/dev/null)
  # Their places in the sandbox become those on the system.
  grep -rlZ /app/ "$2/usr/local/share" | xargs -0r sed -i \
    "s|/app/bin/handout|/var/lib/flatpak/exports/bin/$APP_ID|g; s|/app/share|/usr/local/share|g"
  install -D -m 644 "$TOP/flatpak/kit/autostart.desktop" "$2/etc/xdg/autostart/$APP_ID.desktop"
  install -D -m 644 "$TOP/data/firewall/handout.xml" "$2/etc/firewalld/services/handout.xml"
  install -D -m 644 "$TOP/data/firewall/handout.ufw" "$2/etc/ufw/applications.d/handout"
  chmod -R u+w "$app" && rm -rf "$app"
}

# make_kit (public|stand-in) FOLDER: the folder, as an administrator unpacks it.
make_kit() {
  local app
  app=$(bundle "$1") || return 1
  mkdir -p "$2/institution" "$2/policy" "$2/images"
  cp "$app" "$2/handout.flatpak"
  runtime_bundles "$1" "$2/runtimes" || return 1
  kit_files "$app" "$2/files" || return 1
  cp "$TOP/flatpak/kit/install" "$TOP/flatpak/kit/GUIDE.html" "$2/"
  cp "$TOP/flatpak/kit/institution.txt" "$2/institution/README.txt"
  cp "$TOP"/data/policy/{handout.conf,handout.locks,profile} "$2/policy/"
  cp "$TOP"/docs/images/{teacher,student}.png "$2/images/"
  cp "$TOP/COPYING" "$2/"
  printf '%s\n' "ID=$APP_ID" "BRANCH=$APP_BRANCH" "ARCH=$(kit_arch)" "VERSION=$(version)" >"$2/kit.conf"
  # The keys of institution/ and an edited policy come later: they are not under the sums.
  (cd "$2" && find . -type f ! -path './institution/*' ! -path './policy/*' ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum) \
    >"$2.sums" && mv "$2.sums" "$2/SHA256SUMS"
}

# kit (public|stand-in): prints the archive.
kit() {
  local out name
  name=handout-lab-kit-$(version)-$(kit_arch)
  out=$CHAIN/kit-$1-$(kit_hash "$1")
  if [[ ! -e $out/$name.tar ]]; then
    fresh "$out.part"
    make_kit "$1" "$out.part/$name" || return 1
    # Nothing of the hour or the person it was made by.
    tar -C "$out.part" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$out.part/$name.tar" "$name"
    rm -rf "$out.part/$name"
    mv "$out.part" "$out"
  fi
  printf '%s\n' "$out/$name.tar"
}
