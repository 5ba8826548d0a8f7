# shellcheck shell=bash disable=SC2154 # top, build and stage are set by tools/dev
# ctest over everything; its summary is the end of the output, the skips with their reasons just before it.

# Passes ctest's output through and puts the list of skips in front of its summary.
with_skips() {
  local skips=$1
  awk -v skips="$skips" '
    /tests passed, .* tests? failed out of/ {
      count = 0
      while ((getline line < skips) > 0) {
        if (count++ == 0) print "Skipped, with the reason:"
        print "  " line
      }
      if (count > 0) print count " skipped\n"
    }
    { print; fflush() }'
}

run_tests() {
  setup build runtime test
  build_all
  step "test"
  export NACRE_SKIPS=$build/skipped.txt
  : >"$NACRE_SKIPS"
  local status=0
  ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "$@" </dev/null 2>&1 |
    with_skips "$NACRE_SKIPS" || status=$?
  return "$status"
}
