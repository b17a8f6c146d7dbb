#!/bin/sh
# SPDX-License-Identifier: MIT
# script/setup on machines that differ from this one: for a user without sudo it prints one command
# that installs all, and is content when that was run; and it says when it's the network that is missing.
. "${srcdir:-.}/tests/functional/functions.sh"
setup=${abs_top_srcdir:?}/script/setup

# Nothing but these is on that machine.
mkdir bin
for tool in sh env dirname cat sed grep tr head mktemp tee rm; do
    ln -s "$(command -v "$tool")" "bin/$tool"
done
fake() {
    { echo '#!/bin/sh'; cat; } >"bin/$1"
    chmod +x "bin/$1"
}
: >installed
fake id <<'END'
echo "${WHO:-1000}"
END
fake dpkg <<'END'
echo amd64
END
# One package is there for another architecture too.
fake dpkg-query <<'END'
for package; do :; done
grep -qx "$package" "$STATE/installed" || exit 1
case "$*" in
*Architecture*) echo "installed amd64" ;;
*) printf installed ;;
esac
[ "$package" != libc6-dev ] || case "$*" in
*Architecture*) echo "installed i386" ;;
*) printf installed ;;
esac
END
fake apt-cache <<'END'
[ -e "$STATE/lists" ]
END
fake find <<'END'
[ ! -e "$STATE/lists" ] || echo /var/lib/apt/lists
END
fake apt-get <<'END'
echo "$*" >>"$STATE/calls"
[ "$(id -u)" = 0 ] || { echo "E: are you root?"; exit 100; }
down="Temporary failure resolving 'deb.example'"
while [ "$1" != update ] && [ "$1" != install ]; do shift; done
case $1 in
update)
    [ "${NETWORK:-}" = down ] || { : >"$STATE/lists"; exit; }
    echo "Err:1 http://deb.example/debian bookworm InRelease"
    echo "  $down"
    echo "W: Failed to fetch http://deb.example/debian/dists/bookworm/InRelease  $down"
    ;;
install)
    if [ "${NETWORK:-}" = down ]; then
        [ -e "$STATE/lists" ] || { echo "E: Unable to locate package gcc"; exit 100; }
        echo "E: Failed to fetch http://deb.example/debian/pool/main/g/gcc_12_amd64.deb  $down"
        echo "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?"
        exit 100
    fi
    shift
    for package; do
        case $package in
        -*) ;;
        *) echo "$package" >>"$STATE/installed" ;;
        esac
    done
    ;;
esac
END
on_machine() {
    env -i PATH="$TMP/bin" STATE="$TMP" WHO="${WHO:-1000}" NETWORK="${NETWORK:-}" TMPDIR="$TMP" "$@" </dev/null
}
# asked_once: what was printed has one command, which is left in the file "command".
asked_once() {
    same 1 "$(grep -c 'apt-get install' err)" "commands that were printed"
    sed -n 's/^ *\(.*apt-get install.*\)/\1/p' err >command
    [ ! -e calls ] || fail "apt-get was run: $(cat calls)"
}

expect 1 on_machine "$setup" --test
asked_once
grep -q '^apt-get update && apt-get install' command || fail "apt has no lists yet: $(cat command)"
for package in gcc libyaml-dev qemu-system-x86 xz-utils genisoimage valgrind clang libc6-dev; do
    grep -qw -- "$package" command || fail "$package is not in the command: $(cat command)"
done
# What it says is done, and it's content, and does nothing more.
WHO=0 on_machine sh -e command
same 2 "$(wc -l <calls)" "calls of apt-get"
rm calls
expect 0 on_machine "$setup" --test
err_has "all that is needed is installed"
expect 0 on_machine "$setup"
[ ! -e calls ] || fail "it still asks for something: $(cat calls)"
# Another package, which apt knows: its lists are new.
expect 1 on_machine "$setup" more
asked_once
same "apt-get install -y --no-install-recommends more" "$(cat command)"

# All that the packages of Debian are built from, or something that is as good.
mv installed all
: >installed
expect 1 on_machine "$setup" --deb
asked_once
mv all installed
sed -n '/^Build-Depends:/,/^[A-Z].*: [^ ]/p' "$abs_top_srcdir/debian/control" | sed -n 's/^ \(.*\),$/\1/p' |
    sed 's/([^)]*)//g; s/\[[^]]*\]//g; s/<[^>]*>//g; s/-compat//; s/ *| */\\|/g; s/ *$//' >wanted
[ "$(wc -l <wanted)" -ge 10 ] || fail "Build-Depends was not read: $(cat wanted)"
echo build-essential >>wanted
tr ' ' '\n' <command >named
while read -r package; do
    grep -qx -- "\($package\)" named || fail "script/setup --deb does not install $package"
done <wanted

# Somebody whom sudo does not obey is no better off.
fake true </dev/null
fake sudo <<'END'
exit 1
END
expect 1 on_machine "$setup" more
asked_once
fake sudo <<'END'
[ "$1" != -n ] || shift
WHO=0 exec "$@"
END
expect 0 on_machine "$setup" more
grep -qx more installed || fail "it was not installed"

# No network: with apt's lists, and without.
rm -f lists calls
NETWORK=down expect 1 on_machine "$setup" another
err_has "cannot reach the package mirror http://deb.example: Temporary failure resolving 'deb.example'"
: >lists
NETWORK=down expect 1 on_machine "$setup" another
err_has "cannot reach the package mirror http://deb.example: Temporary failure resolving 'deb.example'"
expect 0 on_machine "$setup" another

# ---- where script/test-packages finds Debian ----

requires apt-config
! grep -rn 'deb\.debian\.org' "$abs_top_srcdir/script" || fail "a mirror is named"
fake apt-get <<'END'
[ "$1" = indextargets ] || exit 1
echo "Ubuntu/Ubuntu/main http://ubuntu.example/ubuntu/"
echo "Debian/Debian-Security/main http://security.example/debian-security/"
echo "Debian/Debian/contrib http://contrib.example/debian/"
echo "Debian/Debian/main http://mirror.example:8080/debian/"
echo "Debian/Debian/main http://second.example/debian/"
END
: >ca.pem
cat >apt.conf <<END
Acquire::http::Proxy "http://proxy.example:3128/it's";
Acquire::http::Proxy::near.example "DIRECT";
Acquire::https::CaInfo "$TMP/ca.pem";
Acquire::https::SslCert "/nowhere.pem";
END
export APT_CONFIG="$TMP/apt.conf"
unset http_proxy https_proxy MAQET_DEBIAN_MIRROR
(
    . "$abs_top_srcdir/script/apt.sh"
    PATH="$TMP/bin:$PATH"
    same http://mirror.example:8080/debian "$(debian_mirror)" "the mirror"
    same http://mine.example/d "$(MAQET_DEBIAN_MIRROR=http://mine.example/d debian_mirror)" "the mirror"
    eval "$(proxy_settings http://mirror.example:8080/debian)"
    same "http://proxy.example:3128/it's" "$(env | sed -n 's/^http_proxy=//p')" "the proxy"
    eval "$(proxy_settings http://near.example/debian)"
    same '' "${http_proxy-}" "the proxy of a host without one"
    same '' "$(proxy_settings file:/srv/debian)" "the proxy for files"
    same "$TMP/ca.pem" "$(acquire_files)" "the files"
    fake apt-get </dev/null
    ! debian_mirror || fail "there is no mirror"
)
