# shellcheck shell=bash disable=SC2154 # top, build and stage are set by tools/dev
# Debian packages: tools/packages/<list>.txt, one name a line, with a release number where only that release has it.

debian_release() {
  local ID='' VERSION_ID='' VERSION_CODENAME=''
  # shellcheck source=/dev/null
  [ ! -r /etc/os-release ] || . /etc/os-release
  if [ "$ID" = debian ] && [ -z "$VERSION_ID" ] && [ "$VERSION_CODENAME" = trixie ]; then VERSION_ID=13; fi
  case "$ID:$VERSION_ID" in
    debian:12 | debian:13) echo "$VERSION_ID" ;;
    *) die "this is \"${ID:-an unknown system} ${VERSION_ID:-}\"; the build is kept working on Debian 12 and 13" \
           "run it on one of them, or in a container of debian:12 or debian:13" ;;
  esac
}

# packages_of LIST...: the names for this release.
packages_of() {
  local release list
  release=$(debian_release)
  for list in "$@"; do
    sed -e 's/#.*//' "$top/tools/packages/$list.txt" |
      awk -v release="$release" 'NF == 1 || (NF == 2 && $2 == release) { print $1 }'
  done | sort -u
}

# Those of the names on standard input that are not installed.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | awk '$1 == "installed" { print $2 }' | sort -u)
  comm -23 - <(printf '%s\n' "$installed")
}

# setup LIST...: installs what is missing; silent and offline when nothing is.
setup() {
  local missing
  missing=$(packages_of "$@" | missing_packages)
  [ -n "$missing" ] || return 0
  step "install $(wc -w <<<"$missing") Debian packages: $(tr '\n' ' ' <<<"$missing")"
  [ "$(id -u)" = 0 ] || die "packages are missing and only root can install them" \
    "run this as root, or: sudo apt-get install --no-install-recommends $(tr '\n' ' ' <<<"$missing")"
  local apt=(apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
  "${apt[@]}" update </dev/null >&2 || die "apt-get update failed (its words are above)" \
    "check the network and /etc/apt/sources.list*, then run this again"
  # shellcheck disable=SC2086 # names, one word each
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install --no-install-recommends $missing </dev/null >&2 ||
    die "apt-get install failed (its words are above)" \
      "if it names an unmet dependency or a half-installed package: apt-get -f install; then run this again"
}
