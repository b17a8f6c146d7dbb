#!/bin/sh
# SPDX-License-Identifier: MIT
# `maqet plugin check` fails no plugin that is right, however unusual: those of tests/plugins/right,
# each with what its kind is easily failed for. What they have is checked, and not skipped.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires qemu-img qemu-io qemu-nbd "${CC%% *}"
qemu_required
umask 022
unset MAQET_PLUGIN_PATH
sources="$abs_top_srcdir/tests/plugins/right"

# "NAME SOURCE FLAG CHECK..." for each: a flag of the compiler or "-", and the checks that it
# passes. Others may be skipped.
cat >plugins <<'EOF'
lone iface-lone - capacity hotplug qemu hostile-values two-drives memory
lone-fixed iface-lone -DFIXED capacity qemu
numbered iface-numbered - capacity qemu hotplug two-drives
limited storage-filtered - create create-odd-path inspect qemu hotplug resize live-resize emit memory
copying storage-filtered -DCOPIES create create-odd-path inspect qemu hotplug resize emit
served storage-served - create create-existing create-killed inspect qemu hotplug hostile-images
device storage-device - options drive validate emit
prepared storage-device -DFILES drive emit inspect qemu hotplug
scratch storage-scratch - create emit qemu writes reads descriptors children
disc storage-scratch -DDISC emit qemu writes
volumes storage-volumes - create inspect qemu hotplug resize two-drives writes reads descriptors
mirrored storage-mirrored - create inspect qemu emit readonly writes hostile-values
EOF

cat >try <<'EOF'
name=$1 source=$2 flag=$3
mkdir -p "$name/tmp"
plugin=$name/maqet-${source%%-*}-right.so
[ "$flag" != - ] || flag=
"${CC%% *}" -std=gnu11 -Wall -Wextra -Werror -O1 -shared -fPIC -I"$abs_top_srcdir/include" $flag \
    -o "$plugin" "$sources/$source.c" || exit 255
code=0
TMPDIR=$PWD/$name/tmp "$MAQET" --format plain plugin check "$plugin" >"$name/out" 2>"$name/err" ||
    code=$?
echo "$code" >"$name/code"
EOF
export CC MAQET abs_top_srcdir sources
note_step "the plugins"
cut -d ' ' -f 1-3 plugins | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 3 sh try || fail "one cannot be built"

failed=
while read -r name _ _ checks; do
    echo "$name: $(cut -f 2 "$name/out" | sort | uniq -c | tr '\n' ' ')"
    awk -F '\t' '$2 != "ok" { print "  " $1 ": " $2 ": " $3 }' "$name/out"
    [ "$(cat "$name/code")" = 0 ] || failed="$failed $name"
    [ -z "$(ls -A "$name/tmp")" ] || failed="$failed $name (leaves $(ls -A "$name/tmp"))"
    for check in $checks; do
        grep -q "^$check	ok" "$name/out" || failed="$failed $name ($check)"
    done
done <plugins
[ -z "$failed" ] || fail "plugins that are right, and fail:$failed"

# No source was forgotten.
cut -d ' ' -f 2 plugins | sort -u >tried
(cd "$sources" && ls ./*.c) | sed 's|^\./||; s/\.c$//' | sort >there
diff -u there tried || fail "plugins that are not tried"
