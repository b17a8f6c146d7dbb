# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# bench-functions.sh - what every benchmark begins with: the words of the functional tests with
# a guest, and these. Run by script/bench. A series is a file with a figure a line, in
# microseconds; the same line of two series is of the same round.

. "${srcdir:?run by script/bench}/tests/functional/guest-functions.sh"

: "${BENCH_ROUNDS:?}"
bench_programs=$abs_top_builddir/tests/bench
mkdir "$TMP/series"
trap 'exit 141' PIPE # the table goes to a program that ends early

# in_turn FUNCTION...: all of them, round after round; every other round backwards, so that none
# always comes after the same one.
in_turn() {
    backwards=
    for turn; do backwards="$turn $backwards"; done
    forwards=$*
    order=$forwards
    round=0
    while [ $((round += 1)) -le "$BENCH_ROUNDS" ]; do
        for turn in $order; do $turn; done
        if [ "$order" = "$forwards" ]; then order=$backwards; else order=$forwards; fi
    done
}

# add SERIES FIGURE
add() {
    echo "$2" >>"$TMP/series/$1"
}

# took SERIES COMMAND...: the time of a command from its start to its end.
took() {
    series=$1
    shift
    figure=$("$bench_programs/stopwatch" "$@") || fail "$*"
    add "$series" "$figure"
}

# median FILE, p95 FILE: of the figures in a file. The 95th percentile is one of them, and with 20
# of them the largest but one.
median() {
    sort -n "$1" |
        awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
p95() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR * 95 + 99) / 100)] }'
}

# table TITLE BASE: what follows is compared with BASE. The table is Markdown.
table() {
    printf '\n| %-50s | median ms | p95 ms |  ratio |\n' "$1"
    printf '|:---------------------------------------------------|----------:|-------:|-------:|\n'
    table_base=$2
}

# row LABEL SERIES: the ratio is the median of the rounds' own ratios.
row() {
    file=$TMP/series/$2
    paste "$file" "$TMP/series/$table_base" | awk '$2 > 0 { print $1 / $2 }' >"$TMP/ratios"
    printf '| %-50s | %9.2f | %6.2f | %6.2f |\n' "$1" \
        "$(in_ms "$(median "$file")")" "$(in_ms "$(p95 "$file")")" "$(median "$TMP/ratios")"
}
in_ms() {
    awk -v figure="$1" 'BEGIN { print figure / 1000 }'
}

# What was measured where, without naming the machine.
machine() {
    case $(stat -f -c %T "$TMP") in
    tmpfs | ramfs) place='in memory' ;;
    *) place='on a disk' ;;
    esac
    version=$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
    printf '%s cores, accel: tcg, images %s, QEMU %s, %s rounds\n' "$(nproc)" "$place" \
        "$version" "$BENCH_ROUNDS"
}

# watch SERIES COMMAND...: the longest gap of the guest whose heart beats on the socket $TMP/beat
# or that which $beat names, within a second, or more when the command takes longer, and the time
# of the command. What that printed is in the file out.
watch() {
    series=$1
    shift
    "$bench_programs/heartbeat" watch "${beat:-$TMP/beat}" 1000 "$@" >out 2>err ||
        fail "$*: $(cat err)"
    # shellcheck disable=SC2046 # three numbers
    set -- $(tail -n 1 out)
    add "$series.gap" "$1"
    add "$series.took" "$2"
}

# receipt SERIES: its pause, from milliseconds, after a watch.
receipt() {
    pause=$(sed -n 's/.*"pause_ms": *\([0-9.]*\).*/\1/p' out)
    add "$1.pause" "$(awk -v ms="${pause:?no receipt}" 'BEGIN { print ms * 1000 }')"
}
