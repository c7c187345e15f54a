# shellcheck shell=bash
# The chain from the checkout to a bundle: source archive, runtime, build, bundle. Each link is kept under target/flatpak by the
# hash of what it is made of. Needs say.sh, packages.sh, rust.sh and root.sh of build-aux/lib.

# (Its functions run where `set -e` does not reach: what must not go on after an error says so.)
readonly CHAIN=$TOP/target/flatpak APP_ID=in.ac.gehu.Handout APP_BRANCH=stable
# What the built program depends on, and what else the bundle does; a change of anything else builds nothing anew.
readonly SOURCES=(Cargo.toml Cargo.lock meson.build meson.options COPYING src data po build-aux/meson-cargo build-aux/version build-aux/vendor)
readonly RECIPE=("flatpak/$APP_ID.json" flatpak/lib/manifest flatpak/lib/build)
# shellcheck source=flatpak/stand-in/names.sh
. "$TOP/flatpak/stand-in/names.sh"

# in_sandbox_root CMD…: in the Debian 13 root, without network, where flatpak is and works.
in_sandbox_root() { "$TOP/build-aux/in-root" --no-network "$TOP/flatpak/lib/whole-proc" "$@"; }

# tree_files [PATH…]: what of the checkout exists and belongs to it, each name ended by a zero.
tree_files() {
  git -C "$TOP" ls-files -z --cached --others --exclude-standard -- "$@" | sort -zu | while IFS= read -r -d '' file; do
    [[ ! -e $TOP/$file && ! -L $TOP/$file ]] || printf '%s\0' "$file"
  done
}

# hash_of PATH…: of names and contents.
hash_of() { (cd "$TOP" && tree_files "$@" | xargs -0 sha256sum | sha256sum | cut -c1-12); }

version() { "$TOP/build-aux/version"; }
source_hash() { hash_of "${SOURCES[@]}"; }
stand_in_hash() {
  { hash_of flatpak/stand-in flatpak/lib/package-tree flatpak/lib/finish-tree flatpak/lib/export-tree && root_dir; } |
    sha256sum | cut -c1-12
}

# fresh FOLDER…: empties folders of the chain; what a sandbox left may be unwritable.
fresh() {
  local folder
  for folder; do
    [[ ! -d $folder ]] || chmod -R u+w "$folder"
    rm -rf "$folder" && mkdir -p "$folder"
  done
}

# source_archive: prints the archive that `meson dist` makes of the checkout as it is, also of what is not committed yet.
source_archive() {
  local hash archive copy=$CHAIN/snapshot build=$CHAIN/dist
  hash=$(source_hash)
  archive=$CHAIN/source-$hash/handout-$(version).tar.gz
  if [[ ! -e $archive ]]; then
    say 'making the source archive with all crates'
    fresh "$copy" "$build"
    (cd "$TOP" && tree_files | tar --null -T - -cf -) | tar -x -C "$copy" || return 1
    (cd "$copy" && git init -q && git add -A &&
      git -c user.name=Handout -c user.email=handout@localhost -c commit.gpgsign=false commit -q -m 'The checkout as it is') || return 1
    {
      "$TOP/build-aux/in-root" meson setup "$build" "$copy" --prefix=/usr &&
        "$TOP/build-aux/in-root" meson dist -C "$build" --no-tests --formats gztar
    } >&2 || return 1
    mkdir -p "${archive%/*}"
    mv "$build/meson-dist/${archive##*/}" "$archive" || return 1
    rm -rf "$copy" "$build"
  fi
  printf '%s\n' "$archive"
}

# stand_in: prints the repository with the stand-in runtime and SDK, made of the packages of the Debian 13 root.
stand_in() {
  local repo kind tree lists=("$TOP/flatpak/stand-in/platform")
  repo=$CHAIN/stand-in-$(stand_in_hash)
  if [[ ! -d $repo ]]; then
    say 'making the stand-in runtime and SDK of Debian packages (a minute)'
    fresh "$repo.part" "$CHAIN/trees"
    for kind in platform sdk; do
      tree=$CHAIN/trees/$kind
      [[ $kind == platform ]] || lists+=("$TOP/flatpak/stand-in/sdk")
      cat "${lists[@]}" >"$tree.packages"
      "$TOP/flatpak/lib/package-tree" "$(root_dir)" "$tree.packages" "$tree" || return 1
      in_sandbox_root "$TOP/flatpak/lib/finish-tree" "$tree" "$kind" >&2 || return 1
      in_sandbox_root "$TOP/flatpak/lib/export-tree" "$tree" "$kind" "$repo.part/repo" >&2 || return 1
    done
    rm -rf "$CHAIN/trees"
    mv "$repo.part" "$repo"
  fi
  printf '%s\n' "$repo/repo"
}

# stand_in_bundle: prints the stand-in runtime as one file. (Three minutes of one processor.)
stand_in_bundle() {
  local repo file
  repo=$(stand_in) || return 1
  file=${repo%/repo}/runtime.flatpak
  if [[ ! -e $file ]]; then
    rm -f "$file.part"
    in_sandbox_root flatpak build-bundle --runtime "$repo" "$file.part" "$STAND_IN_PLATFORM" "$STAND_IN_BRANCH" >&2 || return 1
    mv "$file.part" "$file"
  fi
  printf '%s\n' "$file"
}

# build_stand_in ARCHIVE OUT: builds the bundle with the stand-in, in the root.
build_stand_in() {
  local repo work=$CHAIN/build-stand-in
  repo=$(stand_in) || return 1
  fresh "$work"
  mkdir -p "$CHAIN/cargo"
  cp "$1" "$work/"
  "$TOP/flatpak/lib/manifest" "$work/${1##*/}" "$work/$APP_ID.json" --stand-in \
    "$STAND_IN_PLATFORM" "$STAND_IN_SDK" "$STAND_IN_BRANCH" "$(rustc --print sysroot)" "$CHAIN/cargo"
  in_sandbox_root env FLATPAK_USER_DIR="$work/user" "$TOP/flatpak/lib/build" "$work" "$APP_BRANCH" "$repo" \
    "$STAND_IN_PLATFORM" "$STAND_IN_SDK" >&2 || return 1
  mv "$work/$APP_ID.flatpak" "$2"
  mv "$work/apps" "${2%.flatpak}.repo"
  chmod -R u+w "$work" && rm -rf "$work"
}

# build_public ARCHIVE OUT: builds the bundle with the public runtime and SDK that are installed on this computer, by its own flatpak.
build_public() {
  local work=$CHAIN/build-public
  ensure_packages flatpak
  fresh "$work"
  cp "$1" "$work/"
  "$TOP/flatpak/lib/manifest" "$work/${1##*/}" "$work/$APP_ID.json"
  "$TOP/flatpak/lib/build" "$work" "$APP_BRANCH" >&2 || return 1
  mv "$work/$APP_ID.flatpak" "$2"
  mv "$work/apps" "${2%.flatpak}.repo"
  chmod -R u+w "$work" && rm -rf "$work"
}

# bundle_key (public|stand-in): the name of what it is made of.
bundle_key() {
  printf 'bundle-%s-%s%s\n' "$1" "$(hash_of "${SOURCES[@]}" "${RECIPE[@]}")" "$([[ $1 == public ]] || printf -- '-%s' "$(stand_in_hash)")"
}

# bundle (public|stand-in): prints the bundle; beside it is the repository that it was made of, as NAME.repo.
bundle() {
  local archive out
  archive=$(source_archive) || return 1
  out=$CHAIN/$(bundle_key "$1")
  if [[ ! -e $out/$APP_ID.flatpak ]]; then
    say "building the Flatpak with the $1 runtime (some minutes)"
    fresh "$out.part"
    case $1 in
      public) build_public "$archive" "$out.part/$APP_ID.flatpak" || return 1 ;;
      stand-in) build_stand_in "$archive" "$out.part/$APP_ID.flatpak" || return 1 ;;
    esac
    mv "$out.part" "$out"
  fi
  printf '%s\n' "$out/$APP_ID.flatpak"
}
