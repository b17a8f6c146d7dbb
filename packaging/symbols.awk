# SPDX-License-Identifier: MIT
#
# symbols.awk - the functions that plugins of one ABI may call, from the comments in
# include/maqet-plugin.h: a line "FUNCTION VERSION" for each, with the version of maqet that
# introduced it.
#
# usage: awk -f symbols.awk -v abi=NUMBER -v release=VERSION maqet-plugin.h
#
# What stands between "#if MAQET_PLUGIN_ABI == 2" (or another comparison) and "#endif" is for those
# numbers only.

function holds(operator, number,    order) {
    order = abi - number
    if (operator == "==") return order == 0
    if (operator == "!=") return order != 0
    if (operator == ">=") return order >= 0
    if (operator == "<=") return order <= 0
    if (operator == ">") return order > 0
    return order < 0
}

BEGIN {
    print "# What plugins of ABI " abi " may call in maqet " release ": a function, and since when it is there."
}

# Other conditions are no matter of the ABI.
/^#if/ {
    depth++
    hidden[depth] = hidden[depth - 1]
    counts[depth] = $1 == "#if" && $2 == "MAQET_PLUGIN_ABI"
    if (counts[depth] && !holds($3, $4))
        hidden[depth] = 1
    next
}
/^#else/ {
    if (counts[depth])
        hidden[depth] = hidden[depth - 1] || !hidden[depth]
    next
}
/^#endif/ { depth--; next }
hidden[depth] { next }

/^\/\*\*$/ { since = "" }
/^ \* Since: / { since = $3 }
/^MAQET_EXPORT / {
    while ($0 !~ /\(/) {
        getline more
        $0 = $0 " " more
    }
    sub(/\(.*/, "")
    sub(/.*[ *]/, "")
    if (since == "") {
        print FILENAME ": " $0 "() does not say since when it is there" > "/dev/stderr"
        failed = 1
    }
    print $0, since
    count++
}

END { exit failed || !count }
