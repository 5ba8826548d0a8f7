# shellcheck shell=bash disable=SC2154 # top, build and stage are set by tools/dev
# Configure, compile, build the guest image, install into build/stage. Each step redoes only what changed.

configure() {
  # A build folder that was copied or moved with its clone points at the old place.
  if [ -f "$build/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$build/CMakeCache.txt"; then
    rm -rf "$build"
  fi
  [ ! -f "$build/build.ninja" ] || return 0
  step "configure (cmake --preset dev)"
  local launcher=()
  if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  (cd "$top" && cmake --preset dev "${launcher[@]}" >&2) || {
    rm -f "$build/build.ninja"
    die "cmake could not configure the tree (its words are above)" \
      "if a package is missing: tools/dev setup; if $build is from an older state: rm -rf it"
  }
}

# The stage holds exactly what the last install put there.
install_stage() {
  local log=$build/install.log before=$build/installed-before.txt
  cp "$build/install_manifest.txt" "$before" 2>/dev/null || : >"$before"
  cmake --install "$build" >"$log" 2>&1 || { cat "$log" >&2; die "cmake --install into build/stage failed"; }
  comm -23 <(sort -u "$before") <(sort -u "$build/install_manifest.txt") | while IFS= read -r file; do
    [ -z "$file" ] || rm -f -- "$file"
  done
}

build_all() {
  setup build runtime
  configure
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$top} CCACHE_NOHASHDIR=1
  step "compile (ninja)"
  NINJA_STATUS='[%f/%t %es] ' ninja -C "$build" >&2 || die "the build failed (the compiler's words are above)"
  if ninja -C "$build" -t query guest-image >/dev/null 2>&1; then
    step "guest kernel and initrd"
    ninja -C "$build" guest-image >&2 || die "the guest image could not be made (its words are above)"
  fi
  install_stage
}

# What follows from the schemas of the core and of the plugins just built.
make_docs() {
  build_all
  step "configuration.toml.in, docs/configuration.md"
  "$stage/bin/nacre" config schema --json | /usr/bin/python3 "$top/tools/dev.d/configuration.py"
}
