#!/bin/sh
# SPDX-License-Identifier: MIT
# The library knows no command and no option of the program: it says which step it means
# (core/base/next.h), and cli/hints.c has the words. Which there are is asked of the program.
. "${srcdir:-.}/tests/functional/functions.sh"
requires perl

# Each text in C files as "FILE: TEXT"; those that the compiler joins are one. Comments, characters and
# included names are none.
cat >texts <<'END'
undef $/;
for my $file (@ARGV) {
    open(my $in, '<', $file) or die "$file: $!";
    my $text = <$in>;
    my ($name, $joined) = ($file, undef);
    $name =~ s/^\Q$ENV{abs_top_srcdir}\E\///;
    $text =~ s/^ *# *include.*$//mg;
    while ($text =~ m{\G(?:(/\*.*?\*/|//[^\n]*|\s+|\\\n)|("(?:[^"\\]|\\.)*")|('(?:[^'\\]|\\.)*'|.))}gs) {
        if (defined $2) {
            $joined = defined $joined ? substr($joined, 0, -1) . substr($2, 1) : $2;
        } elsif (defined $3 && defined $joined) {
            print "$name: $joined\n";
            undef $joined;
        }
    }
    print "$name: $joined\n" if defined $joined;
}
END

commands=$(maqet --list-commands | cut -f 1)
options=$(for command in $commands; do
    maqet --complete "$command"
    actions=$(maqet --complete "$command" VM | grep '|' | tr '|' ' ') || true
    for action in $(maqet --complete "$command" | grep '^[a-z|]*|' | tr '|' ' ') $actions; do
        maqet --complete "$command" VM "$action"
        maqet --complete "$command" "$action"
    done
done | sed -n 's/^--//p' | sort -u | grep -vx -e help -e version) # which every program has
for option in live exclude delete-storage timeout data-dir only; do
    printf '%s\n' "$options" | grep -qx "$option" || fail "--$option is not looked for"
done
grammar="maqet ($(printf '%s\n' "$commands" | paste -sd '|' -))([^a-z-]|\$)"
grammar="$grammar|(^|[^a-z-])--($(printf '%s\n' "$options" | paste -sd '|' -))([^a-z-]|\$)"

# What is found, as "FILE: TEXT".
find_grammar() { # FILE...
    perl "$TMP/texts" "$@" | grep -E "[^:]*: .*($grammar)" || true
}

# It finds what it is to find, and nothing else.
cat >seeded.c <<'END'
#include "maqet start.h"
/* maqet stop, --force */
const char *const one = "Stop it: maqet "
                        "stop %s";
const char *const two = "say \"so\" --force";
const char *const three = "maqet starts, and so does qemu --object or --forced";
END
find_grammar seeded.c >found
cat >wanted <<'END'
seeded.c: "Stop it: maqet stop %s"
seeded.c: "say \"so\" --force"
END
diff -u wanted found || fail "what is seeded is not found"

# Places of what was set on the command line are named as their user knows them, and the kit,
# which is a command, says how its options are used. systemctl has an option of the same name.
cat >allowed <<'END'
core/config/tree.c: "--set "
core/config/tree.c: "maqet edit"
core/conformance/bench.c: "it creates nothing, and there is nothing to try it with (--set %s=VALUE names something): %s"
core/conformance/check_qemu.c: "both drives would have %s; {drive} and {number} in --set stand for what differs"
core/machine/autostart.c: "--user"
core/machine/merge.c: "--set %s"
END
# shellcheck disable=SC2046 # words
find_grammar $(find "$abs_top_srcdir/core" -name '*.[ch]' | sort) >found
diff -u allowed found || fail "texts in core/ name commands or options of the program"
