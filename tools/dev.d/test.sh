# shellcheck shell=bash disable=SC2154 # top, build and stage are set by tools/dev
# ctest over everything; its summary is the end of the output, the skips with their reasons just before it.

# Passes ctest's output through, line by line as it comes, and puts the list of skips in front of its summary.
with_skips() {
  local skips=$1 line
  while IFS= read -r line; do
    if [[ $line == *"tests passed, "*" failed out of "* && -s $skips ]]; then
      echo "Skipped, with the reason:"
      sed 's/^/  /' "$skips"
      printf '%s skipped\n\n' "$(wc -l <"$skips")"
    fi
    printf '%s\n' "$line"
  done
}

run_tests() {
  setup build runtime test other-release
  build_all
  step "test"
  export NACRE_SKIPS=$build/skipped.txt
  : >"$NACRE_SKIPS"
  local status=0
  ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "$@" </dev/null 2>&1 |
    with_skips "$NACRE_SKIPS" || status=$?
  return "$status"
}
