# shellcheck shell=bash disable=SC2154 # top is set by tools/dev
# The root of a Debian release, from Debian's archive: what `tools/dev on` enters.

# release_suite RELEASE: the name in Debian's archive.
release_suite() {
  case $1 in
    12 | bookworm) echo bookworm ;;
    13 | trixie) echo trixie ;;
    *) die "there is no Debian release \"$1\" here" "12 or 13" ;;
  esac
}

# Where this machine's apt gets Debian from; deb.debian.org when it is set up for something else.
release_sources() {
  local suite=$1 sites mirror security
  # shellcheck disable=SC2016 # apt's variables, not the shell's
  sites=$(apt-get indextargets --format '$(LABEL) $(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null || true)
  mirror=$(awk '$1 == "Debian" { print $2; exit }' <<<"$sites")
  security=$(awk '$1 == "Debian-Security" { print $2; exit }' <<<"$sites")
  : "${mirror:=http://deb.debian.org/debian}" "${security:=http://deb.debian.org/debian-security}"
  printf 'deb %s %s main\n' "$mirror" "$suite" "$mirror" "$suite-updates" "$security" "$suite-security"
}

# How this machine's apt reaches its mirror: a proxy, a clock that cannot be trusted.
apt_settings() {
  printf 'Acquire::Languages "none";\nAcquire::Retries "3";\nAPT::Install-Recommends "false";\n'
  apt-config dump | grep -E '^Acquire::(https?::|Check-Valid-Until|Check-Date)' || true
}

# What base/ is made from; when it changes, base/ is made again.
release_key() {
  { release_sources "$1"; apt_settings; cat "$top"/tools/packages/*.txt "$top"/tools/dev.d/{release,packages}.sh; } |
    sha256sum | cut -d ' ' -f 1
}

# Under the exclusive lock. A half-made root has another name, and is removed by the next try.
make_release() {
  local folder=$1 suite=$2 key=$3 making=$1/making
  step "make a root of Debian $suite in ${folder#"$top"/}"
  rm -rf "$making"
  mkdir -p "$making/root"
  apt_settings >"$making/apt.conf"
  release_sources "$suite" | mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
    --aptopt="$making/apt.conf" --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --skip=cleanup/apt/lists "$suite" "$making/root" - </dev/stdin >&2 ||
    die "mmdebstrap could not make a root of Debian $suite (its words are above)" \
      "check the network and /etc/apt/sources.list*, then run this again"
  # No package starts its daemon, as in Debian's container images.
  printf '#!/bin/sh\nexit 101\n' >"$making/root/usr/sbin/policy-rc.d"
  chmod 755 "$making/root/usr/sbin/policy-rc.d"
  enter_release "$folder" "$making" keep online "$top/tools/dev" setup </dev/null ||
    die "the packages could not be installed on Debian $suite (the reason is above)"
  rm -f "$making"/root/var/cache/apt/archives/*.deb
  echo "$key" >"$making/key"
  rm -rf "$folder/base"
  mv -T "$making" "$folder/base"
}
