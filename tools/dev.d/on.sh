# shellcheck shell=bash disable=SC2154 # top is set by tools/dev
# A command on another Debian release, or on a fresh one of this: `tools/dev on 13 -- CMD`.
#
# build/debian-RELEASE/ holds
#   base/   the release's root, made by mmdebstrap and then by `tools/dev setup` inside it, as on a fresh machine, and
#           base/key, which says what it was made from
#   build/  what is build/ there: nothing that the two releases build is ever mixed
#   lock    shared while a command runs, exclusive while base/ is made
# What a command changes of the root is gone afterwards; only build/ and the source tree stay.

# enter_release FOLDER BASE keep|drop offline|online CMD...: see tools/dev.d/enter, which is the first process there.
enter_release() {
  local folder=$1 base=$2 changes=$3 network=$4
  shift 4
  local spaces=(--mount --pid --ipc --fork --kill-child)
  [ "$network" = online ] || spaces+=(--net)
  unshare "${spaces[@]}" "$top/tools/dev.d/enter" "$folder" "$base" "$changes" "$network" "$top" "$@"
}

run_on() {
  local release=${1:-} network=online suite folder key
  [ -n "$release" ] || die "the release is missing" "tools/dev on 13 [--offline] [-- CMD]"
  suite=$(release_suite "$release")
  shift
  if [ "${1:-}" = --offline ]; then network=offline; shift; fi
  [ "${1:-}" != -- ] || shift
  [ $# -gt 0 ] || set -- /bin/bash
  [ "$(id -u)" = 0 ] || die "only root can enter another root" "run this as root"
  setup other-release
  case $suite in bookworm) release=12 ;; trixie) release=13 ;; esac
  folder=$top/build/debian-$release
  mkdir -p "$folder/build" "$folder/mount"
  key=$(release_key "$suite")
  exec 9>"$folder/lock"
  until flock --shared 9 && [ "$(cat "$folder/base/key" 2>/dev/null)" = "$key" ]; do
    flock --unlock 9
    flock --exclusive 9
    [ "$(cat "$folder/base/key" 2>/dev/null)" = "$key" ] || make_release "$folder" "$suite" "$key"
    flock --unlock 9
  done
  enter_release "$folder" "$folder/base" drop "$network" "$@"
}
