# SPDX-License-Identifier: MIT
#
# reference.awk - the sections of maqet-plugin(3) from the comments in include/maqet-plugin.h:
# a heading for each part of the header, and for each comment of the form "/** ... */" the
# declaration that follows it and what the comment says.

# Text as roff reads it; "@name" and "%NAME" stand for names.
function roff(words) {
    gsub(/\\/, "\\e", words)
    gsub(/-/, "\\-", words)
    gsub(/'/, "\\(aq", words)
    words = gensub_names(words)
    if (words ~ /^\./)
        words = "\\&" words
    return words
}

function gensub_names(words,    result) {
    result = ""
    while (match(words, /@[a-z_]+/)) {
        result = result substr(words, 1, RSTART - 1) "\\fI" substr(words, RSTART + 1, RLENGTH - 1) "\\fR"
        words = substr(words, RSTART + RLENGTH)
    }
    return result words
}

function flush_comment(    i, line, in_list) {
    print ".SS \"" roff(title) "\""
    if (code != "") {
        print ".EX"
        printf "%s", code
        print ".EE"
    }
    print ".PP"
    in_list = 0
    for (i = 1; i <= count; i++) {
        line = text[i]
        if (line ~ /^@[a-z_A-Z0-9]+: /) {
            name = line
            sub(/^@/, "", name)
            sub(/: .*/, "", name)
            sub(/^@[a-zA-Z_0-9]+: /, "", line)
            print ".TP"
            print "\\fI" roff(name) "\\fR"
            print roff(line)
            in_list = 1
        } else if (line == "") {
            print ".PP"
            in_list = 0
        } else {
            sub(/^ +/, "", line)
            print roff(line)
        }
    }
    title = ""
    code = ""
    count = 0
}

/^\/\* ---- .* -*/ {
    heading = $0
    sub(/^\/\* -+ /, "", heading)
    sub(/ -+ \*\/$/, "", heading)
    print ".SH " toupper(heading)
    next
}

/^\/\*\*$/ { inside = 1; title = ""; count = 0; next }

inside && /^ \*\/$/ { inside = 0; declaring = 1; next }

inside {
    sub(/^ \* ?/, "")
    if (title == "") {
        # "struct x - what it is": the name is the title, the rest the first sentence.
        title = $0
        if (match(title, / - /)) {
            text[++count] = toupper(substr(title, RSTART + 3, 1)) substr(title, RSTART + 4)
            title = substr(title, 1, RSTART - 1)
        }
    } else {
        text[++count] = $0
    }
    next
}

declaring && /^$/ { declaring = 0; flush_comment(); next }

declaring {
    line = $0
    sub(/^MAQET_EXPORT /, "", line)
    # Attributes on a line of their own leave the semicolon to the line before.
    if (line ~ /^ +MAQET_(PRINTF\([0-9], [0-9]\)|SENTINEL);$/) {
        sub(/\n$/, ";\n", code)
        next
    }
    sub(/ MAQET_PRINTF\([0-9], [0-9]\)/, "", line)
    sub(/ MAQET_SENTINEL/, "", line)
    gsub(/\\/, "\\e", line)
    gsub(/-/, "\\-", line)
    if (line != "")
        code = code line "\n"
}

END { if (title != "") flush_comment() }
