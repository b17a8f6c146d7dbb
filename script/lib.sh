# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the scripts here have in common. They source it from the top of the source tree, where it
# finds them:
#
#   cd "$(dirname "$0")/.." && . script/lib.sh

set -eu

# For apt and dpkg, and for comparisons: no messages in other languages, and no complaint about
# a missing locale.
LC_ALL=C
export LC_ALL

say() {
    printf '== %s\n' "$*" >&2
}

fail() {
    printf '%s: %s\n' "script/${0##*/}" "$*" >&2
    exit 1
}

[ -e /proc/self/stat ] || fail "/proc is not mounted; run: mount -t proc proc /proc"

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "not root, and there is no sudo; run as root: $*"
    fi
}

# One lock is shared by everything that uses apt, so wait for it.
run_apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null >&2
}

# Fetches apt's lists. A source that can't be reached is no reason to stop: the others may have
# what is needed.
apt_update() {
    say "fetching the lists of packages"
    run_apt update || say "some of the lists could not be fetched"
}

# Prints those of the packages that aren't installed.
missing_packages() {
    for package; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# Installs those of the packages that aren't installed.
install_packages() {
    command -v apt-get >/dev/null ||
        fail "this needs apt; elsewhere install what README.md lists"
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    apt_update
    say "installing $missing"
    # shellcheck disable=SC2086 # one package a word
    run_apt install -y --no-install-recommends $missing
}

# Makes the guest that the tests and the demo boot, in build/guest. When apt doesn't have the
# packages, its lists may be missing or old.
build_guest() {
    [ -z "${MAQET_TEST_KERNEL:-}" ] || [ -z "${MAQET_TEST_INITRD:-}" ] || return 0
    say "making the test guest"
    tests/guest/build build/guest || {
        apt_update
        tests/guest/build build/guest
    }
}
