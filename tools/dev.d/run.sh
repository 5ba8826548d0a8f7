# shellcheck shell=bash disable=SC2154 # top, build and stage are set by tools/dev
# Commands that use the built tree.

use_stage() {
  export PATH=$stage/bin:$PATH NACRE_STAGE=$stage NACRE_BUILD_DIR=$build
}

run_demo() {
  build_all
  use_stage
  "$top/tools/dev.d/demo" "$@"
}

run_shell() {
  build_all >&2
  use_stage
  [ "${1:-}" != -- ] || shift
  if [ $# -eq 0 ]; then set -- "${SHELL:-/bin/bash}"; fi
  exec "$@"
}

run_bench() {
  local name=${1:-} script
  if [ -z "$name" ]; then
    for script in "$top"/tests/bench/*.py; do [ ! -x "$script" ] || basename "$script" .py; done
    return 0
  fi
  shift
  script=$top/tests/bench/$name.py
  [ -x "$script" ] || die "there is no benchmark \"$name\"" "tools/dev bench lists them"
  setup build runtime test
  build_all
  use_stage
  exec /usr/bin/python3 "$script" "$@"
}

run_lab() {
  setup runtime test
  exec /usr/bin/python3 "$top/tests/lab/lab.py" "$@"
}

cpp_sources() {
  find "$top/core" "$top/plugins" "$top/agent" "$top/examples" "$top/tests" \( -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.c' \) -print0
}

# format_sources -i | --dry-run -Werror
format_sources() {
  setup test
  cpp_sources | xargs -0 clang-format "$@"
}

run_lint() {
  setup build test
  step "clang-format"
  format_sources --dry-run -Werror || die "some files are not formatted" "tools/dev fmt"
  configure
  step "the rules of the house"
  ctest --test-dir "$build" --output-on-failure -L house
}
