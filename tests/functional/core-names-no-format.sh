#!/bin/sh
# SPDX-License-Identifier: MIT
# The core knows no storage format and no bus: not in code, not in comments.
. "${srcdir:-.}/tests/functional/functions.sh"

core="$abs_top_srcdir/core"
[ -d "$core" ] || fail "no folder $core"
# Words that can be part of others stand alone; the rest is looked for within names too.
words='qcow|virtfs|virtio|scsi|ahci|piix|\bsata|\bide\b|\b9p'
# But for names of QEMU's: those of its options, in the table of them all, and those of its block
# drivers whose nodes name other files.
tables='/qemu_options.c:[0-9]+: +FINE(_LIKE)?\("[^"]*"(, "[^"]*")?\),$'
tables="$tables|/block_nodes.c:[0-9]+: +DRIVER\("
if grep -rniE "$words" "$core" --include='*.c' --include='*.h' | grep -vE "$tables"; then
    fail "core/ names a format or a bus"
fi
# `raw` is a word of its own in English, so only where it would be a format's name. The kit has
# qemu-img make plain data of that name, and asks plugins for it, as every plugin must know it.
if grep -rnE '"raw"' "$core" --include='*.c' --include='*.h' |
    grep -vE "$tables|/conformance/(bait|made_up|scenarios).c:"; then
    fail "core/ names a format"
fi
# The check itself can fail.
printf 'static const char *x = "qcow2";\n' >"$TMP/x.c"
grep -qiE "$words" "$TMP/x.c" || fail "the search finds nothing"

# The core never prints and never exits (it defines the exit that plugins get), and calls nothing of
# the banned list.
if grep -rnE '\b(printf|puts|putchar|exit|system|popen|strcpy|strcat|sprintf|gets) *\(' \
    "$core" --include='*.c' | grep -vE '_exit *\(|/base/ending.c:[0-9]+:exit\(int code\)'; then
    fail "core/ prints, exits, or uses what is banned"
fi
