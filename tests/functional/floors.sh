#!/bin/sh
# SPDX-License-Identifier: MIT
# The form of the house (docs/architecture.md): includes and calls point down, files call one
# another in no circle, a header's functions are in the file of its name, and files and functions
# are short.
. "${srcdir:-.}/tests/functional/functions.sh"
requires nm

# Where a folder stands; plugin/ and qemu/ stand beside one another, as do guest/
# and job/. What is in core/ itself is on top.
floors='base=0 config=1 qemu=2 plugin=2 storage=3 public=4 machine=5 guest=6 job=6
    lifecycle=7 snapshot=8 checkpoint=9 backup=9 clone=9 fork=10 conformance=10 doctor=10 top=11 cli=12'
# Of a path: "core/base/x.c" is in base, "cli/x.c" in cli. down(FROM, TO) tells whether that way
# is down.
words='
function folder_of(path,  parts, count) {
    count = split(path, parts, "/")
    return parts[1] != "core" ? parts[1] : count > 2 ? parts[2] : "top"
}
function down(from, to) {
    from = folder_of(from); to = folder_of(to)
    return from == to || height[to] < height[from]
}
BEGIN {
    count = split(floors, list)
    for (i = 1; i <= count; i++) { split(list[i], pair, "="); height[pair[1]] = pair[2] }
}'

# includes TREE: those that point up.
includes() {
    (cd "$1" && grep -rE '^#include "(core|cli)/' core cli --include='*.[ch]') |
        awk -v floors="$floors" "$words"'
            { split($0, parts, ":"); split($0, quoted, "\"") }
            !(folder_of(parts[1]) in height) { print "no floor: " parts[1] }
            !down(parts[1], quoted[2]) { print "include " parts[1] " " quoted[2] }' |
        sort -u
}
# objects TREE BUILD: "FILE LETTER SYMBOL" for each symbol of each file of C below TREE.
objects() {
    (cd "$1" && find core cli -name '*.c') | LC_ALL=C sort >sources
    sed "s|^\(.*\)\.c\$|$2/\1.o|" sources | xargs nm -A -P -g >named || fail "not every file has an object"
    awk -v build="$2/" '{
        file = substr($1, length(build) + 1); sub(/\.o:$/, ".c", file)
        print file, $3, $2
    }' named
}
# calls SYMBOLS: "FROM TO" for each file that uses what another one defines.
calls() {
    awk '$2 ~ /^[TDRBCVWGS]$/ { file[$3] = $1 }
        $2 == "U" { from[++count] = $1; symbol[count] = $3 }
        END {
            for (i = 1; i <= count; i++)
                if (symbol[i] in file && file[symbol[i]] != from[i])
                    print from[i], file[symbol[i]]
        }' "$1" | LC_ALL=C sort -u
}
# calls_up CALLS: those that point up.
calls_up() {
    awk -v floors="$floors" "$words"'!down($1, $2) { print "call", $1, $2 }' "$1"
}
# circles CALLS: files from which calls lead back to them, each with the shortest way.
circles() {
    awk '
        { out[$1] = out[$1] " " $2 }
        END {
            for (start in out) {
                split("", came)
                queue[head = tail = 1] = start
                while (head <= tail && !(start in came)) {
                    file = queue[head++]
                    count = split(out[file], next_ones)
                    for (i = 1; i <= count; i++)
                        if (!(next_ones[i] in came)) {
                            came[next_ones[i]] = file
                            queue[++tail] = next_ones[i]
                        }
                }
                if (!(start in came))
                    continue
                way = start
                for (file = came[start]; file != start; file = came[file])
                    way = file " > " way
                print "circle " start ": " start " > " way
            }
        }' "$1" | LC_ALL=C sort
}
# declared TREE: "HEADER FUNCTION" for each function that a header declares.
declared() {
    # Without comments and the preprocessor, what ends at a brace or a semicolon, outside of
    # braces, is a declaration; what stands before the first parenthesis is its name.
    (cd "$1" && find core cli -name '*.h' | LC_ALL=C sort | LC_ALL=C xargs awk '
        function say(  count, parts, i, c, word, depth) {
            while ((at = index(text, "/*")) > 0)
                text = substr(text, 1, at - 1) " " substr(text, at + index(substr(text, at), "*/") + 1)
            gsub(/\\\n/, " ", text)
            gsub(/\n *#[^\n]*/, "\n", text)
            gsub(/\n[A-Z_]+\([^\n]*\)\n/, "\n", text) # a macro that defines one
            # Each part ends with one of these, which c is.
            while (match(text, /[{};]/)) {
                c = substr(text, RSTART, 1)
                if (depth == 0) word = word substr(text, 1, RSTART - 1)
                text = substr(text, RSTART + 1)
                if (c == "{") {
                    depth++
                } else if (c == "}") {
                    if (--depth == 0 && word ~ /\)[ \n]*$/) word = "" # a function with its body
                } else if (depth == 0) {
                    if (word !~ /^[ \n]*(typedef|static)[ \n]/ && match(word, /[A-Za-z_0-9]+\(/))
                        print header, substr(word, RSTART, RLENGTH - 1)
                    word = ""
                }
            }
            text = ""
        }
        FNR == 1 { say(); header = FILENAME }
        { sub(/\/\/.*/, ""); text = text $0 "\n" }
        END { say() }')
}
# elsewhere DECLARED SYMBOLS: functions that are not in the file of their header.
elsewhere() {
    awk 'NR == FNR { if ($2 ~ /^[TW]$/) file[$3] = $1; next }
        {
            own = $1; sub(/\.h$/, ".c", own)
            if (!($2 in file)) print "nowhere " $1 " " $2
            else if (file[$2] != own) print "elsewhere " $1 " " $2 " " file[$2]
        }' "$2" "$1"
}
# long_ones TREE: files of more than 500 lines, functions of more than 60.
long_ones() {
    (cd "$1" && find core cli plugins -name '*.[ch]' | LC_ALL=C sort | xargs awk '
        FNR == 1 { start = 0 }
        FNR == 501 { print "long " FILENAME }
        /^[a-z_A-Z0-9]+\(/ { name = $0; sub(/\(.*/, "", name); start = FNR }
        /^}$/ && start > 0 {
            if (FNR - start + 1 > 60) print "long " FILENAME " " name
            start = 0
        }')
}
# faults TREE BUILD: all of it.
faults() {
    objects "$1" "$2" >symbols
    calls symbols >calls
    declared "$1" >declared
    { includes "$1"; calls_up calls; circles calls; elsewhere declared symbols; long_ones "$1"; }
}

# Each check can fail: a tree in which all is wrong, and right beside it.
made=$TMP/made
mkdir -p "$made/core/base" "$made/core/machine" "$made/cli" "$made/plugins"
header() { # FILE TEXT
    printf '#pragma once\n/* int no_function(void); */\n%s\n' "$2" >"$made/$1"
}
header core/base/low.h 'int low(void);
int low_elsewhere(int (*with)(void),
                  int x) __attribute__((const));
typedef int low_call(void);
struct low { int (*member)(void); };
static inline int low_inline(void) { return 1; }'
header core/base/one.h 'int one(void);'
header core/base/two.h 'int two(void); int nowhere(void);'
header core/machine/high.h 'int high(void);
extern const char *const high_names[];'
header cli/top.h 'int top(void);'
cat >"$made/core/base/low.c" <<'EOF'
#include "core/base/low.h"
#include "core/machine/high.h"
int
low(void)
{
    return high();
}
EOF
cat >"$made/core/base/one.c" <<'EOF'
#include "core/base/two.h"
int low_elsewhere(int (*with)(void), int x) { return with() + x; }
int one(void) { return two(); }
EOF
printf 'int one(void); int two(void) { return one(); }\n' >"$made/core/base/two.c"
{
    printf '#include "core/base/low.h"\nconst char *const high_names[] = {""};\n'
    printf 'int\nhigh(void)\n{\n    int x = 0;\n'
    seq -f '    x += %.0f;' 55
    printf '    return x;\n}\n'
} >"$made/core/machine/high.c"
{
    printf '#include "core/machine/high.h"\nint\ntop(void)\n{\n    int x = high();\n'
    seq -f '    x += %.0f;' 56
    printf '    return x + *high_names[0];\n}\n'
    seq -f '/* %.0f */' 450
} >"$made/cli/top.c"
seq -f '/* %.0f */' 500 >"$made/plugins/long-enough.h"
seq -f '/* %.0f */' 501 >"$made/plugins/too-long.h"
for file in core/base/low core/base/one core/base/two core/machine/high cli/top; do
    mkdir -p "$made/build/${file%/*}"
    "${CC:-cc}" -I "$made" -c "$made/$file.c" -o "$made/build/$file.o" ||
        fail "cannot compile $file"
done
faults "$made" "$made/build" >found
cat >expected <<'EOF'
include core/base/low.c core/machine/high.h
call core/base/low.c core/machine/high.c
circle core/base/one.c: core/base/one.c > core/base/two.c > core/base/one.c
circle core/base/two.c: core/base/two.c > core/base/one.c > core/base/two.c
elsewhere core/base/low.h low_elsewhere core/base/one.c
nowhere core/base/two.h nowhere
long cli/top.c top
long cli/top.c
long plugins/too-long.h
EOF
diff expected found || fail "the checks don't find what is wrong"

# And now the house.
faults "$abs_top_srcdir" "$abs_top_builddir" >found
[ "$(wc -l <calls)" -gt 500 ] || fail "only $(wc -l <calls) calls between files"
[ "$(wc -l <declared)" -gt 500 ] || fail "only $(wc -l <declared) functions in headers"
[ ! -s found ] || {
    cat found >&2
    fail "$(wc -l <found) faults in the form of the tree"
}
