# What the e2e scripts have in common; it is sourced, with $name and $last, the file in
# $dir whose end is shown when a check fails. Give up with fail, and end without cleaning
# up: that is done here, also for the simulator whose process is $sim_pid.

dir=$(mktemp -d)
sim_pid=

finish() {
  local code=$?
  if [ -n "$sim_pid" ]; then
    kill "$sim_pid" 2>/dev/null || true
    wait "$sim_pid" 2>/dev/null || true
  fi
  if [ "$code" != 0 ]; then
    echo "--- the last lines of $last" >&2
    tail -n 40 "$dir/$last" >&2 || true
    echo "$name: failed" >&2
  fi
  rm -rf "$dir"
  exit "$code"
}
trap finish EXIT

fail() {
  printf 'FAIL %s\n' "$*" >&2
  exit 1
}

# ok WHAT: one check.
ok() { printf 'ok %s\n' "$*" | tee -a "$dir/passed"; }

# same WHAT GOT WANT
same() {
  [ "$2" = "$3" ] || fail "$1"$'\n'"  got  $2"$'\n'"  want $3"
  ok "$1"
}

# passed: how it ended, for the last line.
passed() { printf '\n%s: %d passed, 0 failed\n' "$name" "$(grep -c '^ok ' "$dir/passed")"; }
