# shellcheck shell=bash
# Words for the person at the terminal. Everything goes to standard error: standard output belongs to the command.

say() { printf '==> %s\n' "$*" >&2; }

# fail WHAT [WHAT TO DO…]: each further argument is a line of its own.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The cache that outlives a checkout; the Debian root lives there.
cache_dir() { printf '%s/handout\n' "${XDG_CACHE_HOME:-$HOME/.cache}"; }
