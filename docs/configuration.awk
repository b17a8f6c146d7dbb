# SPDX-License-Identifier: MIT
#
# configuration.awk - the sections of maqet.yaml(5) from docs/configuration.md: headings, paragraphs,
# tables (a key, and what it means), lists, and code. What that page says stands there alone.

# Text as roff reads it.
function roff(words) {
    gsub(/\\/, "\\e", words)
    gsub(/…/, "...", words)
    gsub(/-/, "\\-", words)
    gsub(/'/, "\\(aq", words)
    return words
}

# The same, with `code` and **words** in bold, and links as their text.
function marked(words,    result, part, bar) {
    result = ""
    while (match(words, /`[^`]*`|\*\*[^*]*\*\*|\[[^]]*\]\([^)]*\)/)) {
        part = substr(words, RSTART, RLENGTH)
        result = result roff(substr(words, 1, RSTART - 1))
        words = substr(words, RSTART + RLENGTH)
        if (part ~ /^`/)
            result = result "\\fB" roff(substr(part, 2, length(part) - 2)) "\\fR"
        else if (part ~ /^\*\*/)
            result = result "\\fB" roff(substr(part, 3, length(part) - 4)) "\\fR"
        else {
            bar = index(part, "](")
            result = result linked(substr(part, 2, bar - 2), substr(part, bar + 2, length(part) - bar - 2))
        }
    }
    return result roff(words)
}

# A link to another page names that page once.
function linked(text, target) {
    return text == target || target ~ /^#/ || text ~ /\.md$/ ? roff(text) \
        : roff(text) " (" roff(target) ")"
}

# A line of its own, which must not be a request.
function line(words) {
    print (words ~ /^[.']/ ? "\\&" : "") words
}

function flush(    words) {
    if (paragraph == "")
        return
    words = paragraph
    paragraph = ""
    if (!begun)
        print ".PP"
    begun = 0
    line(marked(words))
}

function open_code() {
    flush()
    begun = 0
    print ".PP\n.RS 4\n.EX"
    code = 1
}
function close_code() {
    print ".EE\n.RE"
    code = 0
}

# Cells are separated by bars, but not by those in code.
function cells(row,    i, c, count, inside) {
    split("", cell)
    count = 1
    cell[1] = ""
    for (i = 2; i < length(row); i++) {
        c = substr(row, i, 1)
        if (c == "`")
            inside = !inside
        if (c == "|" && !inside)
            cell[++count] = ""
        else
            cell[count] = cell[count] c
    }
    for (i = 1; i <= count; i++)
        gsub(/^ +| +$/, "", cell[i])
    return count
}

/^```/ {
    if (code)
        close_code()
    else
        open_code()
    fenced = code
    next
}
code && (fenced || /^    / || /^$/) {
    if (!fenced)
        sub(/^    /, "")
    held = held roff($0) "\n"
    if ($0 != "") {
        printf "%s", (held ~ /^[.']/ ? "\\&" : "") held
        held = ""
    }
    next
}
code {
    held = ""
    close_code()
}
/^    / {
    open_code()
    fenced = 0
    sub(/^    /, "")
    line(roff($0))
    next
}
/^# / { next }
/^#+ / {
    flush()
    deep = /^###/
    sub(/^#+ /, "")
    gsub(/`/, "")
    print (deep ? ".SS \"" roff($0) "\"" : ".SH \"" toupper(roff($0)) "\"")
    begun = 1
    next
}
/^\|[-|]+\|$/ { next }
/^\|/ {
    flush()
    count = cells($0)
    # The first row has the titles.
    if (!table) {
        table = 1
        next
    }
    begun = 0
    print ".TP"
    line(marked(cell[1]))
    line(marked(cell[2]))
    next
}
/^- / {
    flush()
    print ".IP \\(bu 2"
    begun = 1
    sub(/^- /, "")
}
/^$/ {
    flush()
    table = 0
    next
}
{
    table = 0
    sub(/^ +/, "")
    paragraph = paragraph (paragraph == "" ? "" : " ") $0
}
END {
    flush()
    if (code)
        close_code()
}
