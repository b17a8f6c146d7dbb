#!/bin/sh
# SPDX-License-Identifier: MIT
# A maqet that runs with somebody else's rights takes no plugin from the caller's environment.
. "${srcdir:-.}/tests/functional/functions.sh"
requires setpriv
[ "$(id -u)" -eq 0 ] || skip_always "only root can make a program of another user's setuid"
nobody=65534

umask 022
chmod 755 "$TMP"
mkdir plugins
cp "$abs_top_builddir/tests/plugins/.libs/maqet-storage-good.so" plugins/
cp "$abs_top_builddir/maqet" maqet
MAQET_PLUGIN_PATH="$TMP/plugins"
export MAQET_PLUGIN_PATH
as_nobody() { # PROGRAM
    expect 0 setpriv --reuid=$nobody --regid=$nobody --clear-groups --reset-env \
        env MAQET_PLUGIN_PATH="$MAQET_PLUGIN_PATH" ASAN_OPTIONS=detect_leaks=0 \
        "$1" --format plain plugin list
}

# The plugins are root's, so anybody may load them; it is who asks that counts.
as_nobody "$TMP/maqet"
out_has "$TMP/plugins/maqet-storage-good.so"
chmod 4755 maqet
if [ -n "$(find maqet -perm -4000)" ] && ! grep -qE " $(stat -c %m "$TMP") [^ ]* ([^ ]*,)?nosuid" /proc/mounts; then
    as_nobody "$TMP/maqet"
    ! grep -qF "$TMP/plugins/maqet-storage-good.so" out || fail "a plugin of the caller's folder was loaded"
else
    skip_always "this file system has no setuid programs"
fi
