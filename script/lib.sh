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

. script/apt.sh

# Whether a command can be run as root. Somebody who may type a password is asked for it.
has_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || return 1
    if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Runs apt, and shows and keeps what it says. One lock is shared by everything that uses apt, so wait for
# it. When it fails since the network does, says so and ends.
run_apt() {
    apt_log=$(mktemp)
    {
        status=0
        as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
            apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null || status=$?
        echo "$status" >"$apt_log.status"
    } 2>&1 | tee "$apt_log" >&2
    status=$(cat "$apt_log.status")
    # A list that cannot be fetched is no failure to apt-get update.
    said=$(network_fault "$apt_log") || said=
    rm -f "$apt_log" "$apt_log.status"
    [ -z "$said" ] || network_said=$said
    return "$status"
}
network_said=

# Ends with what was said of the network, if anything.
fail_of_network() {
    [ -z "$network_said" ] || fail "$network_said"
}

# Fetches apt's lists. A source that cannot be reached is no reason to stop: the others may have
# what is needed.
apt_update() {
    say "fetching the lists of packages"
    run_apt update || say "some of the lists could not be fetched"
}

# Prints those of the packages that aren't installed, for this architecture: one that is there for
# others too has a line for each.
missing_packages() {
    native=$(dpkg --print-architecture)
    for package; do
        dpkg-query -W -f '${db:Status-Status} ${Architecture}\n' "$package" 2>/dev/null |
            grep -qxE "installed ($native|all)" || printf '%s ' "$package"
    done
}

# Whether apt has no list, or none from the last week, or one that lacks a package.
lists_needed() {
    [ -n "$(find /var/lib/apt/lists -maxdepth 0 -mtime -7 2>/dev/null)" ] || return 0
    for package; do
        apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || return 0
    done
    return 1
}

# Ends with the one command that somebody who is root has to run for us.
fail_without_root() {
    printf '%s: this needs root, and there is no sudo for you. Have this one command run by root, and start again:\n\n    %s\n\n' \
        "script/${0##*/}" "$*" >&2
    exit 1
}

# Installs those of the packages that aren't installed.
install_packages() {
    command -v apt-get >/dev/null ||
        fail "this needs apt; elsewhere install what README.md lists"
    missing=$(missing_packages "$@")
    missing=${missing% }
    [ -n "$missing" ] || return 0
    if ! has_root; then
        update=
        # shellcheck disable=SC2086 # one package a word
        ! lists_needed $missing || update="apt-get update && "
        fail_without_root "${update}apt-get install -y --no-install-recommends $missing"
    fi
    apt_update
    say "installing $missing"
    # shellcheck disable=SC2086 # one package a word
    run_apt install -y --no-install-recommends $missing || {
        fail_of_network
        fail "apt-get could not install what is missing; see above"
    }
}

# Makes the guest that the tests and the demo boot, in build/guest. When apt doesn't know the
# packages (exit code 3), its lists are missing or old.
build_guest() {
    [ -z "${MAQET_TEST_KERNEL:-}" ] || [ -z "${MAQET_TEST_INITRD:-}" ] || return 0
    say "making the test guest"
    status=0
    tests/guest/build build/guest || status=$?
    case $status in
    0) return ;;
    3) ;;
    *) fail "the test guest could not be made; see above" ;;
    esac
    has_root || fail_without_root "apt-get update"
    apt_update
    tests/guest/build build/guest || {
        fail_of_network
        fail "the test guest could not be made; see above"
    }
}
