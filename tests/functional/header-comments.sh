#!/bin/sh
# SPDX-License-Identifier: MIT
# Whatever the public header declares is documented, with the version that introduced it: functions,
# structs and their members, enums and their values, macros. What is documented is there. And
# whatever takes a format has a variant that takes plain text.
. "${srcdir:-.}/tests/functional/functions.sh"
header="$abs_top_srcdir/include/maqet-plugin.h"

# What is wrong with a header, a line each. Comments of the form "/** ... */" document what follows
# them up to the next empty line, each by "NAME - " or "struct NAME - ", and members and parameters by "@NAME: ".
cat >comments.awk <<'EOF'
function wrong(what) { print what }
function begin_comment() {
    split("", documented); split("", members); split("", seen)
    since = 0; declaring = 0
}
# A declared thing: its name, with "struct" or "enum" before it.
function declare(name) {
    if (!declaring)
        wrong(name " is not documented")
    else if (!(name in documented))
        wrong(name " is not documented by the comment before it")
    else if (!since)
        wrong(name " does not say since when it is there")
    delete documented[name]
    declared++
}
function member(of, name) {
    if (!(name in members))
        wrong("the member " name " of " of " is not documented")
    seen[name] = 1
}
function end_of_block(    name) {
    if (!declaring)
        return
    for (name in documented)
        wrong(name " is documented, but not declared")
    for (name in members)
        if (!(name in seen))
            wrong("@" name " is documented, but not there, before line " NR)
    begin_comment()
}
/^\/\*\*$/ { end_of_block(); begin_comment(); inside = 1; next }
inside && /^ \*\/$/ { inside = 0; declaring = 1; next }
inside {
    if (match($0, /^ \* ((struct|enum) )?[a-zA-Z_0-9]+ - /)) {
        name = substr($0, 4, RLENGTH - 6)
        documented[name] = 1
    }
    if (match($0, /^ \* @[a-zA-Z_0-9]+: /))
        members[substr($0, 5, RLENGTH - 6)] = 1
    if ($0 ~ /^ \* Since: [0-9]+(\.[0-9]+)+$/)
        since = 1
    next
}
# A struct of which only the name is known.
/^struct [a-z_]+;$/ { declare(substr($0, 1, length($0) - 1)); next }
/^(struct|enum) [a-z_]+ \{/ {
    whole = $1 " " $2
    declare(whole)
    body = $0
    sub(/^[^{]*\{/, "", body)
    kind = $1
    while (body !~ /\};/) {
        getline more
        body = body " " more
    }
    sub(/\};.*/, "", body)
    count = split(body, parts, kind == "enum" ? "," : ";")
    for (i = 1; i <= count; i++) {
        part = parts[i]
        if (match(part, /\(\*[a-z_]+\)/))
            part = substr(part, RSTART + 2, RLENGTH - 3)
        else {
            sub(/ *=.*/, "", part)
            sub(/^.*[ *]/, "", part)
        }
        gsub(/[ \t]/, "", part)
        if (part != "")
            member(whole, part)
    }
    next
}
# MAQET_PRINTF and its like are for the header alone.
/^#define MAQET_/ && !/MAQET_(PLUGIN_H|PRINTF|SENTINEL|EXPORT)/ {
    name = $2
    sub(/\(.*/, "", name)
    declare(name)
    while ($0 ~ /\\$/)
        getline
    next
}
/^MAQET_EXPORT / {
    whole = $0
    while (whole !~ /;/) {
        getline more
        whole = whole " " more
    }
    name = whole
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    declare(name)
    functions[name] = 1
    if (whole ~ /\.\.\./)
        variadic[name] = 1
    parameters = whole
    sub(/^[^(]*\(/, "", parameters)
    gsub(/MAQET_(PRINTF|SENTINEL)/, " ", parameters)
    # All words of it: some belong to types, which members do not have as names.
    count = split(parameters, parts, /[^a-z_A-Z0-9]+/)
    for (i = 1; i <= count; i++)
        seen[parts[i]] = 1
    next
}
/^$/ { end_of_block() }
END {
    # Step by step, instead of all at once.
    plain["maqet_run"] = "maqet_command_run"
    plain["maqet_command_arg"] = "maqet_command_word"
    for (name in variadic) {
        other = name in plain ? plain[name] : name "_text"
        if (!(other in functions))
            wrong(name " has no variant for plain text, " other)
    }
    if (declared < 100)
        wrong("only " declared + 0 " declarations were found")
}
EOF
faults() {
    LC_ALL=C awk -f comments.awk "$1" | sort
}
faults "$header" >found
[ ! -s found ] || { cat found >&2; fail "the header's comments are not complete"; }

# finds MESSAGE COMMAND...: a header that the command changed has that fault.
finds() {
    message=$1
    shift
    "$@" <"$header" >changed.h
    ! cmp -s changed.h "$header" || fail "nothing was changed by: $*"
    faults changed.h >found
    grep -qxF "$message" found || { cat found >&2; fail "not found: $message"; }
}
finds "maqet_warn has no variant for plain text, maqet_warn_text" \
    sed '/^MAQET_EXPORT void maqet_warn_text/d'
finds "maqet_warn_text is documented, but not declared" \
    sed '/^MAQET_EXPORT void maqet_warn_text/d'
finds "maqet_free is not documented by the comment before it" \
    sed 's/ \* maqet_free - / * maqet_frees - /'
finds "maqet_later is not documented" \
    sed 's/^#ifdef __cplusplus$/\n&\nMAQET_EXPORT int maqet_later(void);/'
finds "the member name of struct maqet_option is not documented" \
    sed 's/^ \* @name: the key, .*/ * x/'
finds "the member later of struct maqet_storage_plugin is not documented" \
    sed 's/^    const struct maqet_overlay_table \*overlay;/&\n    int (*later)(void *drive);/'
finds "the member MAQET_LATER of enum maqet_creation is not documented" \
    sed 's/^    MAQET_CREATION_ONCE = 1,/&\n    MAQET_LATER = 3,/'
finds "struct maqet_drive does not say since when it is there" \
    awk '/^ \* struct maqet_drive - / { skip = 1 } skip && /Since/ { skip = 0; next } { print }'
finds "MAQET_HELPER_FD is not documented by the comment before it" \
    sed 's/^ \* MAQET_HELPER_FD - / * x/'
