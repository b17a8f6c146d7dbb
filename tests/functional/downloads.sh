#!/bin/sh
# SPDX-License-Identifier: MIT
# What the test guest is made of is downloaded once, for all build folders: the cache is verified, may be
# damaged or removed, and is written by many at once; and a network that is missing is said to be that.
. "${srcdir:-.}/tests/functional/functions.sh"
requires sha256sum
fetch=${abs_top_srcdir:?}/tests/guest/fetch

# An apt that knows of two packages, and has them in the folder "mirror".
mkdir bin mirror
echo "this is one" >mirror/one_1%3a1.0_amd64.deb
echo "this is two" >mirror/two_2.0_amd64.deb
cat >bin/apt-get <<'END'
#!/bin/sh
uris=
shift
while :; do
    case $1 in
    --print-uris) uris=1 ;;
    -o) shift ;;
    -*) ;;
    *) break ;;
    esac
    shift
done
for package; do
    for file in "$STATE/mirror/${package}"_*.deb; do
        [ -e "$file" ] || { echo "E: Unable to locate package $package" >&2; exit 100; }
        name=${file##*/}
        if [ "$uris" ]; then
            echo "'http://deb.example/pool/$name' $name 12 SHA256:$(sha256sum <"$file" | cut -d ' ' -f 1)"
        elif [ "${NETWORK:-}" = down ]; then
            echo "Err:1 http://deb.example/debian bookworm/main amd64 $package amd64 1.0"
            echo "  Could not connect to deb.example:80 (192.0.2.1), connection timed out"
            exit 100
        else
            cp "$file" "$name"
            [ "${NETWORK:-}" != wrong ] || echo "something else" >"$name"
            echo "$package" >>"$STATE/downloaded"
        fi
    done
done
END
chmod +x bin/apt-get
export STATE="$TMP" XDG_CACHE_HOME="$TMP/cache"
unset MAQET_TEST_CACHE
PATH="$TMP/bin:$PATH"
cache=$XDG_CACHE_HOME/maqet/packages

# fetched CODE: into a new folder.
fetched() {
    rm -rf target downloaded
    mkdir target
    : >downloaded
    expect "$1" "$fetch" target one two
    [ "$1" -ne 0 ] || diff -r mirror target || fail "not what the mirror has"
    rm -rf tmp
}
# downloads PACKAGE...: what the last one has downloaded.
downloads() {
    same "$*" "$(sort downloaded | tr '\n' ' ' | sed 's/ $//')" "what was downloaded"
    same 2 "$(ls -A "$cache" | wc -l)" "files in the cache"
}

fetched 0
downloads one two
fetched 0
downloads
# Another build folder, without a network.
NETWORK=down fetched 0
# One that is damaged, and a cache that is removed.
echo "damaged" >"$cache/two_2.0_amd64.deb"
fetched 0
downloads two
rm -r "$XDG_CACHE_HOME"
fetched 0
downloads one two
# A newer version.
mv mirror/two_2.0_amd64.deb mirror/two_2.1_amd64.deb
echo "this is newer" >mirror/two_2.1_amd64.deb
fetched 0
same two "$(cat downloaded)"

# What is not what apt's lists say is used by nobody.
rm -r "$cache"
NETWORK=wrong fetched 1
err_has "is not what apt's lists say"
same '' "$(ls -A "$cache")" "what is in the cache"
NETWORK=down fetched 1
err_has "cannot reach the package mirror http://deb.example: Could not connect to deb.example:80"
# apt has no such package: its lists may be old.
expect 3 "$fetch" target three

# Many at once.
for i in 1 2 3 4 5 6 7 8; do
    mkdir "target$i"
    "$fetch" "$TMP/target$i" one two >"said$i" 2>&1 &
    pids="${pids:-} $!"
done
for pid in $pids; do
    wait "$pid" || fail "$(cat said*)"
done
for i in 1 2 3 4 5 6 7 8; do
    diff -r mirror "target$i" || fail "not what the mirror has"
done
downloads $(sort downloaded | tr '\n' ' ')

# Where nothing can be kept.
fetched_by() {
    rm -rf target
    mkdir target
    expect 0 env -u XDG_CACHE_HOME "$@" "$fetch" target one two
    diff -r mirror target || fail "not what the mirror has"
}
fetched_by -u HOME
# Not even by root.
fetched_by HOME=/proc/nonexistent
