#!/bin/sh
# SPDX-License-Identifier: MIT
# The links in the documents lead to files and headings that are there: in the source tree, and in
# what `make install` installs.
. "${srcdir:-.}/tests/functional/functions.sh"
requires make
unset MAKEFLAGS MFLAGS MAKELEVEL
umask 022

# links FILE: the targets of its links, one a line; what stands in code is none.
links() {
    awk '/^ *```/ { code = !code } !code && !/^    / { gsub(/`[^`]*`/, ""); print }' "$1" |
        grep -oE '\]\([^)]+\)|^\[[^]]+\]: *[^ ]+' | sed -E 's/^\]\((.*)\)$/\1/; s/^\[[^]]*\]: *//; s/ ".*//'
}
# anchors FILE: those of its headings, as they are made where Markdown is shown.
anchors() {
    awk '/^ *```/ { code = !code } !code && /^#+ / { sub(/^#+ +/, ""); print }' "$1" | sed 's/\[\([^]]*\)\]([^)]*)/\1/g' |
        tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g' |
        awk '{ print $0 (seen[$0]++ ? "-" seen[$0] - 1 : "") }'
}

# check FOLDER: every document below it; prints what leads nowhere.
check() {
    find "$1" \( -name '.git' -o -name 'build' -o -name 'build-*' \) -prune -o -name '*.md' -print >documents
    while read -r document; do
        links "$document" >targets
        while read -r target; do
            case $target in
            *://* | mailto:*) continue ;;
            esac
            file=${target%%#*}
            path=${file:+${document%/*}/$file}
            path=${path:-$document}
            if [ ! -e "$path" ]; then
                echo "$document: $target: no such file"
            elif [ "$file" != "$target" ] && ! anchors "$path" | grep -qxF -- "${target#*#}"; then
                echo "$document: $target: no such heading"
            fi
            echo >>checked
        done <targets
    done <documents
}
# sound FOLDER LEAST: all of its links, of which there are that many or more.
sound() {
    : >checked
    check "$1" >wrong
    [ ! -s wrong ] || fail "links that lead nowhere:
$(cat wrong)"
    [ "$(wc -l <checked)" -ge "$2" ] || fail "only $(wc -l <checked) links were found in $1"
}

sound "$abs_top_srcdir" 20
expect 0 make -C "$abs_top_builddir" install-data DESTDIR="$TMP/root"
sound "$TMP/root" 20

# What leads nowhere is found.
mkdir wrong.d
cat >wrong.d/a.md <<'END'
# One heading: it's `here`

[right](a.md#one-heading-its-here) and [wrong](a.md#two), [nowhere](b.md), `[code](c.md)`
[also right](#one-heading-its-here) [and wrong](#three)
END
check wrong.d >wrong
same 'a.md#two b.md #three' "$(sed 's/^[^:]*: \(.*\): .*/\1/' wrong | tr '\n' ' ' | sed 's/ $//')" "what is found"

# README leads to every page, and the tree of docs/architecture.md has every folder.
for page in "$abs_top_srcdir"/docs/*.md; do
    links "$abs_top_srcdir/README.md" | grep -qxF "docs/${page##*/}" || fail "README.md does not lead to ${page##*/}"
done
sed -n '/^## The tree$/,/^Arrows/p' "$abs_top_srcdir/docs/architecture.md" >tree
for folder in "$abs_top_srcdir"/*/; do
    folder=${folder%/}
    case ${folder##*/} in
    build | build-* | autom4te.cache | m4) ;;
    rpm) grep -q 'rpm/' tree || fail "rpm/ is not in the tree of docs/architecture.md" ;;
    *) grep -q "^    ${folder##*/}/ " tree || fail "${folder##*/}/ is not in the tree of docs/architecture.md" ;;
    esac
done

# Every test that the page on security names is there, and run.
pages=0
for test in $(sed -n 's/^|.*| \([^|]*\) |$/\1/p' "$srcdir/docs/security.md" | grep -o '`[^`]*`' | tr -d '`'); do
    case $test in
    tests/*) file=$test ;;
    *) file=tests/functional/$test.sh ;;
    esac
    [ -f "$srcdir/$file" ] || fail "docs/security.md names a test that is not there: $file"
    case $file in
    tests/functional/*) grep -q "$file" "$srcdir/tests/functional/local.mk" || fail "not run: $file" ;;
    esac
    pages=$((pages + 1))
done
[ "$pages" -gt 20 ] || fail "docs/security.md names $pages tests only"
