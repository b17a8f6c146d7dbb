#!/bin/sh
# SPDX-License-Identifier: MIT
# The author's guide is true: its samples compile, and its walk-through, done step by step against
# an installed maqet, ends with an installed plugin that makes a disk for a real QEMU.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
qemu_required
outside_install
guide="$abs_top_srcdir/docs/plugins.md"
examples=$(find "$outside_root" -path '*/examples/plugins' -type d)
[ -n "$examples" ] || fail "the examples were not installed"

# Every block goes into a file: NUMBER.LANGUAGE, with what the line before it says of it.
mkdir blocks
awk -v folder=blocks '
    /^<!-- .* -->$/ { note = $0; sub(/^<!-- /, "", note); sub(/ -->$/, "", note); next }
    /^```[a-z]+$/ && !inside { inside = 1; file = sprintf("%s/%02d.%s", folder, ++n, substr($0, 4))
        print note > (file ".note"); close(file ".note"); note = ""; printf "" > file; next }
    /^```$/ && inside { inside = 0; close(file); next }
    inside { print > file }' "$guide"
[ "$(find blocks -name '*.c' | wc -l)" -ge 8 ] || fail "the samples were not found"

# A fragment stands in a plugin with the header and what a C file includes anyway.
for block in blocks/*.c; do
    case $(cat "$block.note") in
    fragment)
        { printf '#define MAQET_PLUGIN_ABI 1\n#include <maqet-plugin.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n'
            cat "$block"; } >fragment.c
        for standard in c99 c11; do
            expect 0 "$CC" -std=$standard -pedantic -Wall -Wextra -Werror -Wno-unused-function \
                -Wno-unused-variable -Wno-unused-const-variable \
                -I"$abs_top_srcdir/include" -fsyntax-only fragment.c
        done
        ;;
    'file: '*) ;;
    *) fail "$block is neither a file nor a fragment" ;;
    esac
done

# The walk-through, up to its end or the first step that fails. What is to be typed is typed;
# EXAMPLES is where the examples are.
{
    echo 'set -e'
    for block in blocks/*; do
        case $block in
        *.note) continue ;;
        *.sh) sed "s|EXAMPLES|${examples%/plugins}|" "$block" ;;
        *)
            note=$(cat "$block.note")
            [ "$note" = "${note#file: }" ] || echo "cat '$TMP/$block' >'${note#file: }'"
            ;;
        esac
    done
} >steps
[ "$(grep -c make steps)" -ge 3 ] || fail "the steps were not found"
mkdir bin
# The folder that an installed maqet was built with is in this root only.
cat >bin/maqet <<END
#!/bin/sh
MAQET_PLUGIN_PATH="\$MAQET_PLUGIN_PATH:$MAQET_PLUGIN_PATH" exec "$MAQET" "\$@"
END
chmod +x bin/maqet
PATH="$TMP/bin:$PATH"
export PATH
expect 0 sh steps
cd parallels
grep -q 'maqet\\-storage\\-parallels' maqet-storage-parallels.5 || fail "no manual page"
MAQET_PLUGIN_PATH="$(find package -name maqet-storage-parallels.so -exec dirname {} \;):$MAQET_PLUGIN_PATH"
export MAQET_PLUGIN_PATH
sed -i 's/20G/20M/' vm.yaml
expect 0 maqet add vm.yaml
expect 0 maqet start desktop
expect 0 maqet qmp desktop query-named-block-nodes
out_has '"drv": "parallels"'
expect 0 maqet stop desktop --timeout 0 --force
cd ..

# Every callback is told of, with what comes of its failure, and every example is in the table.
sed -n '/^## When a callback fails/,/^## /s/^| \([^|]*\) |.*/\1/p' "$guide" | grep -o '`[a-z_.]*`' |
    tr -d '`' | sort -u >failures
awk '/^struct maqet_(storage|iface)_plugin \{/ { before = ""; inside = 1 }
    /^struct maqet_snapshot_table \{/ { before = "snapshot."; inside = 1 }
    /^struct maqet_overlay_table \{/ { before = "overlay."; inside = 1 }
    /^};/ { inside = 0 }
    inside && match($0, /\(\*[a-z_]+\)/) { print before substr($0, RSTART + 2, RLENGTH - 3) }' \
    "$abs_top_srcdir/include/maqet-plugin.h" | sort -u >callbacks
[ "$(wc -l <callbacks)" -gt 20 ] || fail "too few callbacks were found in the header"
diff -u callbacks failures || fail "the guide must tell what comes of each callback's failure"
for example in "$examples"/*/; do
    grep -q "^| \`$(basename "$example")\` |" "$guide" || fail "the guide doesn't list $example"
done
