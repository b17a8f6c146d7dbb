#!/bin/sh
# SPDX-License-Identifier: MIT
# The header still says what it said when the ABI was frozen: every member stands where it stood,
# every constant has its value, every function its type. What was added since came at the ends.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
CC=${CC%% *}
requires "$CC"
frozen="$abs_top_srcdir/tests/abi/1"
current="$abs_top_srcdir/include"

# "STRUCT MEMBER" for each member of a struct, and "- CONSTANT" for each constant of an enum.
names() { # HEADER
    awk '
        /^struct [a-z_]+ \{$/ { inside = "struct " $2; next }
        /^enum [a-z_]+ \{/ {
            inside = /\}/ ? "" : "-"
            if (inside == "") { sub(/.*\{/, ""); sub(/\}.*/, ""); count = split($0, all, ",")
                for (i = 1; i <= count; i++) { sub(/=.*/, "", all[i]); gsub(/ /, "", all[i]); print "- " all[i] } }
            next }
        /^\};/ { inside = ""; next }
        inside == "-" && /^    [A-Z_0-9]+ = / { print "- " $1; next }
        inside != "" && /^    [a-z].*/ {
            if (match($0, /\(\*[a-z_]+\)/)) name = substr($0, RSTART + 2, RLENGTH - 3)
            else if ($0 ~ /;$/) { name = $NF; gsub(/[*;]/, "", name) }
            else next
            print inside " " name }' "$1"
}
names "$frozen/maqet-plugin.h" >names
[ "$(wc -l <names)" -gt 70 ] || fail "only $(wc -l <names) names were found in the frozen header"
grep -q '^struct maqet_storage_plugin emit_args$' names || fail "callbacks were not found"
grep -q '^- MAQET_MEDIA_CDROM$' names || fail "constants in one line were not found"

{
    echo '#include <maqet-plugin.h>'
    echo '#include <stdio.h>'
    echo 'int main(void) {'
    while read -r kind first second; do
        case $kind in
        struct) printf 'printf("%s.%s at %%zu, %%zu bytes\\n", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));\n' \
            "$first" "$second" "$first" "$second" "$first" "$second" ;;
        *) printf 'printf("%s = %%lld\\n", (long long)%s);\n' "$first" "$first" ;;
        esac
    done <names
    printf '%s\n' 'printf("helper %d, kinds %d %d, header %zu\n", MAQET_HELPER_FD,' \
        'MAQET_PLUGIN_KIND_STORAGE, MAQET_PLUGIN_KIND_IFACE, sizeof(struct maqet_plugin_header)); }'
} >layout.c
layout() { # FOLDER OUTPUT
    expect 0 "$CC" -DMAQET_PLUGIN_ABI=1 -I"$1" layout.c -o layout
    ./layout >"$2"
}
layout "$frozen" then
layout "$current" now
diff -u then now >difference || fail "the layout has changed: $(cat difference)"

# The compiler tells whether types are the same. After the header as it is come the frozen
# declarations of all functions, and the frozen structs under other names.
{
    echo '#include <maqet-plugin.h>'
    awk '/^MAQET_EXPORT / { inside = 1 } inside { print } inside && /;$/ { inside = 0 }' \
        "$frozen/maqet-plugin.h"
    sed -n '/^struct maqet_[a-z_]* {$/,/^};/s/^struct maqet_\([a-z_]* {\)/struct then_\1/; /^struct then_/,/^};/p' \
        "$frozen/maqet-plugin.h"
    grep '^struct' names | while read -r kind struct member; do
        a="(($kind $struct *)0)->$member" b="(($kind then_${struct#maqet_} *)0)->$member"
        echo "_Static_assert(__builtin_types_compatible_p(__typeof__($a), __typeof__($b)),"
        echo "    \"$struct.$member has another type\");"
    done
} >types.c
[ "$(grep -c '^MAQET_EXPORT' types.c)" -gt 50 ] || fail "the functions were not found"
[ "$(grep -c '^struct then_' types.c)" -ge 5 ] || fail "the structs were not found"
expect 0 "$CC" -Werror -DMAQET_PLUGIN_ABI=1 -I"$current" -fsyntax-only types.c

# What was written against that header compiles against this one, and nothing is said about it. A
# plugin's source lies beside its binary, whatever becomes of the examples.
cflags=$(pkg-config --cflags json-c)
for source in "$frozen"/src/*.c; do
    # shellcheck disable=SC2086 # one flag a word
    expect 0 "$CC" -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers -Werror -fsyntax-only \
        -DMAQET_PLUGIN_ABI=1 -I"$current" $cflags "$source"
done
for binary in "$frozen"/*/*.so; do
    [ -s "$frozen/src/$(basename "$binary" .so).c" ] || fail "$binary has no source"
done

# Each of these can fail.
mkdir changed
change() { # SED-EXPRESSION
    sed "$1" "$current/maqet-plugin.h" >changed/maqet-plugin.h
    ! cmp -s changed/maqet-plugin.h "$current/maqet-plugin.h" || fail "'$1' changed nothing"
}
change 's/^    const char \*interface;$/    uint32_t interface;/'
layout changed other
! cmp -s then other || fail "a changed member was not noticed"
change 's/MAQET_ERROR_PERMISSION = 11/MAQET_ERROR_PERMISSION = 12/'
layout changed other
! cmp -s then other || fail "a changed constant was not noticed"
change 's/^MAQET_EXPORT bool maqet_drive_has/MAQET_EXPORT int maqet_drive_has/'
expect 1 "$CC" -DMAQET_PLUGIN_ABI=1 -Ichanged -fsyntax-only types.c
err_has maqet_drive_has
change '/(\*validate)/s/struct maqet_drive \*drive/struct maqet_image *drive/'
expect 1 "$CC" -DMAQET_PLUGIN_ABI=1 -Ichanged -fsyntax-only types.c
err_has "maqet_iface_plugin.validate has another type"
err_has "maqet_storage_plugin.validate has another type"

# libabigail, where it is installed, looks at what the compiler made of both. A member that was
# added at an end is allowed.
command -v abidiff >/dev/null || { echo "without abidiff"; exit 0; }
{
    echo '#include <maqet-plugin.h>'
    for struct in storage_plugin iface_plugin option snapshot_table; do
        echo "extern const struct maqet_$struct use_$struct; const struct maqet_$struct use_$struct;"
    done
} >surface.c
surface() { # FOLDER OUTPUT
    expect 0 "$CC" -DMAQET_PLUGIN_ABI=1 -I"$1" -g -fPIC -shared surface.c -o "$2"
}
# It exits with 4 when something was added; what it then must not tell of is any other change.
same_types() { # OTHER
    status=0
    abidiff then.so "$1" >out || status=$?
    [ "$status" -eq 0 ] || { [ "$status" -eq 4 ] &&
        ! grep -v 'no data member change' out |
            grep -qE 'data member change|data member deletion|enumerator|type name changed'; }
}
surface "$frozen" then.so
surface "$current" now.so
same_types now.so || fail "abidiff: $(cat out)"
change "s/^    int64_t minimum;/    int32_t minimum;/"
surface changed other.so
! same_types other.so || fail "abidiff did not notice a changed member"
change 's/^    const struct maqet_overlay_table \*overlay;$/&\n    int (*newer)(void);/'
layout changed other
diff -u then other || fail "an appended member changes others"
surface changed other.so
same_types other.so || fail "abidiff: $(cat out)"
