# shellcheck shell=bash
# Counting tests out of what the tools print.
#
# Counted are cargo's `test result:` lines, closing lines `N passed, N failed, N skipped` and the lines of `check`.

# check WHAT CMD…: one test; its output only when it fails.
check() {
  local what=$1 out
  shift
  if out=$("$@" 2>&1); then
    printf 'check passed: %s\n' "$what"
  else
    printf '%s\ncheck failed: %s\n' "$out" "$what"
    return 1
  fi
}

# count_tests LOG: prints "passed failed skipped".
count_tests() {
  awk '
    /^check passed: / { passed++ }
    /^check failed: / { failed++ }
    /^test result: / { gsub(/[^0-9 ]/, ""); passed += $1; failed += $2; skipped += $3 }
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { passed += $1; failed += $3; skipped += $5 }
    END { printf "%d %d %d\n", passed, failed, skipped }
  ' "$1"
}
