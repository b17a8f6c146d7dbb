#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages tell of all that there is, and of nothing else: every option of every plugin,
# with its type and default; every function, struct, enum and constant of the public header.
. "${srcdir:-.}/tests/functional/functions.sh"
docs="$abs_top_builddir/docs"
reference="$abs_top_srcdir/docs/configuration.md"
header="$abs_top_srcdir/include/maqet-plugin.h"

# "NAME TYPE DEFAULT" for each option, "map.option" for nested ones, as the program has them.
options_of() { # PLUGIN
    expect 0 maqet plugin info "$1"
    sed -n '/^Options of a drive:/,$p' out | sed 1d | while read -r name type rest; do
        default=$(printf '%s\n' "$rest" | sed -n 's/.*(default: \([^)]*\)).*/\1/p')
        printf '%s %s %s\n' "$name" "$type" "$default"
    done
}
# The same as the page has them, and whatever else it may have.
documented_in() { # PAGE
    sed -n '/^\.SH OPTIONS/,/^\.SH [^O]/p' "$1" | sed 's/\\-/-/g' |
        sed -n 's/^\\fB\([a-z0-9_.]*\)\\fR (\\fI\([a-z]*\)\\fR.*/\1 \2/p'
}

for page in storage-qcow2 storage-raw storage-virtfs storage-virtiofs storage-cloud-init iface-virtio iface-sata \
    iface-ide iface-scsi; do
    plugin=${page#*-}
    file="$docs/maqet-$page.5"
    [ -s "$file" ] || fail "there is no page maqet-$page(5)"
    options_of "$plugin" >options
    [ -s options ] || fail "$plugin has no options"
    cut -d ' ' -f 1,2 options >said
    documented_in "$file" >documented
    diff -u said documented || fail "the options of $plugin and of its page differ"
    while read -r name type default; do
        [ -z "$default" ] || sed 's/\\-/-/g' "$file" | grep -qF "Default: \\fB$default\\fR" ||
            fail "the default of $name, a $type of $plugin, is not in its page"
        # The reference for users has all of them too, `map.option` within a mapping.
        grep -qE "\`(encryption\.)?${name#*.}\`|^\| .*\`${name#*.}|[ {]${name#*.}[:}]" "$reference" ||
            fail "docs/configuration.md doesn't tell of $name of $plugin"
    done <options
    grep -q '^\.SH CAPABILITIES' "$file" || case $plugin in qcow2 | raw | virtio | scsi)
        fail "the page of $plugin doesn't tell what it can" ;;
    esac
done

# What the reference's tables call an option of a type is one.
known() { # SECTION PLUGIN
    options_of "$2" | sed 's/ .*//; s/\..*//' | sort -u >options
    sed -n "/^## $1\$/,/^## /p" "$reference" | sed -n 's/^| \(`[^|]*`\) |.*/\1/p' |
        grep -o '`[a-z_0-9]*`' | tr -d '`' | sort -u >told
    [ -s told ] || fail "no table of options in '$1' of docs/configuration.md"
    while read -r option; do
        grep -qx "$option" options || fail "docs/configuration.md: $2 has no option '$option'"
    done <told
}
known qcow2 qcow2
known virtfs virtfs
known virtiofs virtiofs
known cloud-init cloud-init

# The header, the list of exported symbols and maqet-plugin(3).
page="$docs/maqet-plugin.3"
sed 's/\\-/-/g; s/\\e/\\/g' "$page" >page
sed -n 's/^ *\(maqet_[a-z_]*\);/\1/p' "$abs_top_builddir/host.syms" | sort >functions
[ "$(wc -l <functions)" -gt 50 ] || fail "the list of functions is too short to be true"
{
    cat functions
    grep -oE '^(struct|enum) maqet_[a-z_]+ ?[{;]' "$header" | sed 's/ *[{;]$//' | sort -u
} >symbols
while read -r symbol; do
    grep -qE "(^\.SS \"$symbol\"|^$symbol - )" page || fail "$symbol is not in maqet-plugin(3)"
done <symbols
grep -oE '^#define MAQET_[A-Z_]+' "$header" | sed 's/#define //' |
    grep -vE '^MAQET_(PLUGIN_H|PRINTF|SENTINEL|EXPORT|ENTRY|PLUGIN_KIND_.*)$' | sort -u >macros
while read -r macro; do
    grep -q "$macro" page || fail "$macro is not in maqet-plugin(3)"
done <macros
# And the other way around: what the page has a heading for is in the header.
sed -n 's/^\.SS "\(\(struct \|enum \)\{0,1\}maqet_[a-z_]*\)"$/\1/p' page >headings
[ "$(wc -l <headings)" -gt 60 ] || fail "too few headings in maqet-plugin(3)"
grep -oE '^(struct|enum) maqet_[a-z_]+' "$header" | sort -u >>symbols
while read -r symbol; do
    grep -qx "$symbol" symbols || fail "maqet-plugin(3) tells of $symbol, which is not in the header"
done <headings
# Every constant of an enum and every member of a struct that is not opaque has its paragraph
# within the section of its type, and no paragraph is of anything else.
awk '/^(struct|enum) maqet_[a-z_]+ \{/ { type = $1 " " $2 }
    type != "" {
        line = $0
        sub(/\/\*.*/, "", line)
        if (type ~ /^enum/) {
            while (match(line, /MAQET_[A-Z_]+ =/)) {
                print type, substr(line, RSTART, RLENGTH - 2)
                line = substr(line, RSTART + RLENGTH)
            }
        } else if (match(line, /\(\*[a-z_]+\)/)) {
            print type, substr(line, RSTART + 2, RLENGTH - 3)
        } else if (line ~ /^    [a-z]/ && match(line, /[a-z_]+;$/)) {
            print type, substr(line, RSTART, RLENGTH - 1)
        }
    }
    /};/ { type = "" }' "$header" | sort >members
[ "$(wc -l <members)" -gt 50 ] || fail "too few members were found in the header"
awk '/^\.S[SH] / { type = ""; if ($0 ~ /"(struct|enum) /) { type = $0; gsub(/^\.SS "|"$/, "", type) } }
    type != "" && /^\\fI[A-Za-z_]+\\fR$/ { name = $0; gsub(/\\fI|\\fR/, "", name); print type, name }' \
    page | sort >told
diff -u members told || fail "the members of the header's types and of maqet-plugin(3) differ"
# The page shows the declarations as they are: a compiler takes them beside the header's own.
{
    printf '#define MAQET_PLUGIN_ABI 1\n#include <maqet-plugin.h>\n'
    awk '/^\.SS / { function_ = /^\.SS "maqet_/ } /^\.EX/ { inside = function_; next }
        /^\.EE/ { inside = 0 } inside' page
} >declarations.c
[ "$(grep -c ';$' declarations.c)" -ge "$(wc -l <functions)" ] ||
    fail "maqet-plugin(3) shows fewer declarations than there are functions"
: "${CC:=cc}"
expect 0 "${CC%% *}" -std=c11 -pedantic -Wall -Wextra -Werror -I"$abs_top_srcdir/include" \
    -fsyntax-only declarations.c
! grep -n '^ *;' page || fail "maqet-plugin(3) has a declaration that is torn apart"
# Each of them says since when it is there.
awk '/^\.SS "(struct |enum )?maqet_/ { if (name != "" && !since) print name; name = $0; since = 0 }
    /Since: / { since = 1 } END { if (!since) print name }' page >without
[ ! -s without ] || fail "without a version: $(cat without)"

# A page for each command, with each of its options, and what `--help` says it is for.
maqet --list-commands >commands
[ "$(wc -l <commands)" -gt 15 ] || fail "too few commands"
while IFS='	' read -r command summary; do
    file=$docs/commands/maqet-$command.1
    [ -s "$file" ] || fail "there is no page maqet-$command(1)"
    sed 's/\\-/-/g; s/\\(aq/'"'"'/g' "$file" >page
    grep -qxF "$summary." page || fail "maqet-$command(1) does not say: $summary"
    expect 0 maqet help "$command"
    sed -n 's/^    *\([a-z]*\) .*/\1/p' out >words
    sed -n 's/^ *\(-[a-zA-Z], \)\{0,1\}--\([a-z-]*\).*/\2/p' out | while read -r option; do
        grep -qF -- "--$option" page || fail "--$option is not in maqet-$command(1)"
    done
done <commands
# No page is left of a command that there is no more.
same "$(wc -l <commands)" "$(find "$docs/commands" -name '*.1' | wc -l)" "pages of commands"

# References lead to pages that are there, which refer back.
references() { # PAGE: "NAME.SECTION" for each page of maqet; COMMANDS in maqet(1) is a list of pages, too
    sed -n '/^\.SH \(SEE ALSO\|COMMANDS\)$/,/^\.SH [^SC]/p' "$1" | sed 's/\\-/-/g' |
        sed -n 's/^\.BR \(maqet[a-z0-9.-]*\) (\([135]\)).*/\1.\2/p'
}
find "$docs" -name '*.[135]' | sort >files
while read -r file; do
    references "$file" >found
    [ -s found ] || fail "$file has no SEE ALSO"
    same '' "$(sort found | uniq -d)" "pages that $file names twice"
    sed "s/^/${file##*/} /" found
done <files >from-to
sed 's/\(.*\) \(.*\)/\2 \1/' from-to | sort >to-from
sort -o from-to from-to
diff -u from-to to-from || fail "one page refers to another, which does not exist or does not refer to it"
# maqet(1) leads to all of them.
sed 's,.*/,,' files | grep -vx maqet.1 | sort >pages
sed -n 's/^maqet\.1 //p' from-to | diff -u pages - || fail "maqet(1) does not lead to every page"
# Commands that belong together, and one that mentions another.
same 'maqet.1 maqet-console.1 maqet-cp.1 maqet-exec.1 maqet-new.1 maqet-wait.1' \
    "$(references "$docs/commands/maqet-ssh.1" | tr '\n' ' ' | sed 's/ $//')" "SEE ALSO of maqet-ssh(1)"
references "$docs/commands/maqet-stop.1" | grep -qx maqet-resume.1 || fail "maqet-stop(1) lacks maqet-resume(1)"
for command in new add apply validate edit diff; do
    references "$docs/commands/maqet-$command.1" | grep -qx maqet.yaml.5 ||
        fail "maqet-$command(1) lacks maqet.yaml(5)"
done
# The list is sorted after maqet(1), and ends without a comma.
while read -r file; do
    sed -n '/^\.SH SEE ALSO$/,$p' "$file" | sed 's/\\-/-/g' | sed -n '/^\.PP$/q; s/^\.BR \(.*\) (\([0-9]\)).*/\2 \1/p' >order
    grep -v '^1 maqet$' order | LC_ALL=C sort -c || fail "$file: SEE ALSO is not sorted"
    ! sed -n '/^\.SH SEE ALSO$/,$p' "$file" | sed '/^\.PP$/,$d' | tail -n 1 | grep ',$' ||
        fail "$file: SEE ALSO ends with a comma"
done <files

# maqet(1) has every exit status that is not an error code's, and every variable that is read.
section() { # PAGE TITLE
    sed 's/\\-/-/g' "$1" | sed -n "/^\.SH $2\$/,/^\.SH /p" | sed '$d'
}
section "$docs/maqet.1" 'EXIT STATUS' >status
for page in "$docs"/commands/*.1; do
    name=${page##*/maqet-}
    ! sed '/^The options of all commands/d' "$page" | grep -qi 'exit \(status\|code\) is' ||
        grep -q "maqet ${name%.1}\b" status || fail "maqet(1) lacks the exit status of ${name%.1}"
done
for number in 0 1 2 3 4 124 125 126 127 129 130 143 255; do
    grep -qw "$number" status || fail "maqet(1) lacks the exit status $number"
done
section "$docs/maqet.1" ENVIRONMENT >environment
grep -rl 'getenv(' "$abs_top_srcdir/cli" "$abs_top_srcdir/core" --include='*.c' |
    xargs grep -hoE '"[A-Z][A-Z_]{3,}"' | tr -d '"' | sort -u >variables
grep -qx VISUAL variables && grep -qx LD_PRELOAD variables && grep -qx MAQET_STORAGE_DIR variables ||
    fail "variables were not found: $(cat variables)"
while read -r variable; do
    grep -qw "$variable" environment || fail "maqet(1) does not tell of the variable $variable"
done <variables

# docs/configuration.md has every key that there is, of the file and of the mappings in it, and the
# greatest value of a number; the schema for editors is made from the same tables.
expect 0 maqet --format json plugin schema
perl -MJSON::PP -0777 -e '
    sub keys_of {
        my ($schema, $before) = @_;
        for my $key (sort keys %{$schema->{properties} || {}}) {
            my $value = $schema->{properties}{$key};
            print "$before$key ", $value->{maximum} // "", "\n";
            keys_of($_, "$key.") for $value, @{$value->{anyOf} || []};
        }
    }
    keys_of(decode_json(<STDIN>), "");' <out >keys
[ "$(wc -l <keys)" -gt 25 ] || fail "too few keys in the schema"
while read -r key maximum; do
    grep -qE "^\|.*\`${key#*.}\`.*\||^### \`${key#*.}\`|^In a mapping, .*\`${key#*.}\`|\{type: .*${key#*.}: " "$reference" ||
        fail "docs/configuration.md does not tell of the key $key"
    case $key in
    hotplug_slots) grep "^| \`$key\`" "$reference" | grep -q "$maximum at most" ||
        fail "docs/configuration.md does not say that the maximum of $key is $maximum" ;;
    esac
done <keys

# maqet.yaml(5) has all that docs/configuration.md has: each key, each heading, each example.
sed 's/\\-/-/g; s/\\f[BRI]//g; s/\\(aq/'"'"'/g; s/\\&//g; s/\\e/\\/g' "$docs/maqet.yaml.5" >page
sed -n 's/^| \(`[^|]*`\) |.*/\1/p' "$reference" | grep -o '`[^`]*`' | tr -d '`' | sort -u >keys
[ "$(wc -l <keys)" -gt 40 ] || fail "too few keys in docs/configuration.md"
while read -r key; do
    grep -qF -- "$key" page || fail "$key is not in maqet.yaml(5)"
done <keys
sed -n 's/^##* //p' "$reference" | sed 1d | tr -d '`' | tr '[:lower:]' '[:upper:]' | while read -r title; do
    tr '[:lower:]' '[:upper:]' <page | grep -qF "\"$title\"" || fail "maqet.yaml(5) lacks the section $title"
done
! grep -n '[`|]' page | grep -v ': |$\|tcp::\|maqet plugin schema\||=' || fail "Markdown in maqet.yaml(5)"

# They are well-formed, and fit a terminal.
requires groff
for file in "$docs"/*.[135] "$docs"/commands/*.1; do
    groff -man -Tutf8 -ww "$file" >/dev/null 2>warnings
    [ ! -s warnings ] || fail "$file: $(cat warnings)"
    # What stands in the header is as wide as that.
    [ "${file##*/}" != maqet-plugin.3 ] || continue
    groff -man -Tascii -P-c -P-b -P-u -rLL=80n "$file" | awk 'length > 80' >wide
    [ ! -s wide ] || fail "$file has lines of more than 80 columns: $(cat wide)"
    ! grep -n '`' "$file" || fail "$file shows marks of Markdown"
done
