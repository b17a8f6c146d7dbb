#!/bin/sh
# SPDX-License-Identifier: MIT
# What every command shows, in terminals of 80 columns and 24 lines, and of 200 and 50: tests/screens/day
# says what is typed, and tests/screens/SIZE has a file for each screen.
# MAQET_TEST_UPDATE=1 writes these files; read what has changed in them.
TMPDIR=/tmp # paths have the same length everywhere
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires tmux stty perl
stored=$abs_top_srcdir/tests/screens
sizes='80x24 200x50'

# Both days at the same time, each in a session of a server of our own.
cat >tmux.conf <<'END'
set -g status off
set -g history-limit 10000
set -g default-terminal screen
END
terminal() { tmux -u -S "$TMP/tmux" -f "$TMP/tmux.conf" "$@"; }
# Their VMs are in folders of their own.
end_days() {
    terminal kill-server 2>/dev/null
    for size in $sizes; do
        MAQET_DATA_DIR=$TMP/$size/data MAQET_RUNTIME_DIR=$TMP/$size/run \
            "$MAQET" -q stop --all --timeout 0 --force
    done
}
cleanup_fn end_days
# The program itself, whose plugins are in a folder of the same name everywhere.
mkdir plugins
cp "$abs_top_builddir"/.libs/maqet-*.so plugins
chmod go-w plugins plugins/*
MAQET=$abs_top_builddir/maqet MAQET_PLUGIN_PATH=$TMP/plugins
export MAQET MAQET_PLUGIN_PATH MAQET_TEST_SLOW
for size in $sizes; do
    mkdir "$size"
    terminal new-session -d -s "$size" -x "${size%x*}" -y "${size#*x}" \
        "TTY=\$(tty) sh '$stored/day' '$TMP/$size'"
done
# A day ends with its session.
over() { ! terminal has-session -t "=$1"; }
for size in $sizes; do
    eventually 300 over "$size"
    [ -e "$size/done" ] || fail "the day ended at $(cat "$size/at")"
    [ ! -e "$size/faults" ] || fail "$(cat "$size/faults")"
    mkdir "$size/shown"
    for file in "$size"/screens/*; do
        perl "$stored/normalise.pl" "$TMP/$size" <"$file" >"$size/shown/${file##*/}"
    done
done

# A command has a screen of its help, and at least one on which it is used.
"$MAQET" --list-commands | cut -f 1 >commands
[ "$(wc -l <commands)" -ge 30 ] || fail "only $(wc -l <commands) commands"
while read -r command; do
    cat 80x24/shown/*.txt | grep -E "^\\$ (.* )?maqet $command( |\$)" | grep -qv -- --help ||
        fail "'maqet $command' is on no screen: add it to tests/screens/day"
done <commands

# Colours, as the terminal has understood them.
for size in $sizes; do
    grep -q "$(printf '\033\\[32m')running" "$size/colours" || fail "'running' is not green"
    grep -q "$(printf '\033')\\[[0-9;]*31mERROR:" "$size/colours" || fail "'ERROR:' is not red"
    grep -q "$(printf '\033')\\[[0-9;]*1mNAME" "$size/colours" || fail "titles are not bold"
done

if [ "${MAQET_TEST_UPDATE:-}" ]; then
    for size in $sizes; do
        rm -rf "${stored:?}/$size"
        cp -R "$size/shown" "$stored/$size"
    done
    exit 0
fi
for size in $sizes; do
    diff -ru "$stored/$size" "$size/shown" >differences ||
        fail "screens of $size differ (MAQET_TEST_UPDATE=1 stores them): $(cat differences)"
done
