#!/bin/sh
# SPDX-License-Identifier: MIT
# `autostart` enables and disables the unit of systemd, `status` shows it, and `rename` keeps it.
# The real systemctl does it, for an ordinary user, who can change nothing else.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# Without systemd one is told what to do instead.
mkdir without
for program in env sh; do
    ln -s "$(command -v $program)" without/$program
done
vm_yaml web </dev/null
expect 0 maqet add web.yaml
expect 0 maqet status web
grep -q '^autostart  *off$' out || fail "it does not say that it is off"
expect 3 env PATH="$TMP/without" "$abs_top_builddir/maqet" autostart web on
err_has 'there is no systemctl'
err_has 'Have the init system of this host run it: maqet start web'
expect 3 maqet autostart web maybe
expect 3 maqet autostart nobody on

requires systemctl setpriv
user=$(id -u)
[ "$user" -ne 0 ] || user=65534
mkdir bin home
cp "$abs_top_builddir/maqet" "$abs_top_builddir"/.libs/*.so bin
chmod 755 "$TMP" bin bin/*
mkdir -p home/.config/systemd/user
cp "$abs_top_builddir/systemd/user/maqet@.service" home/.config/systemd/user/
cp web.yaml home
[ "$(id -u)" -ne 0 ] || chown -R "$user:$user" home
links=home/.config/systemd/user/default.target.wants
as_user() {
    (
        cd home
        unset XDG_CONFIG_HOME XDG_RUNTIME_DIR MAQET_DATA_DIR
        export HOME="$TMP/home" MAQET_PLUGIN_PATH="$TMP/bin" ASAN_OPTIONS=detect_leaks=0 \
            SYSTEMD_IGNORE_CHROOT=0 SYSTEMD_OFFLINE=1
        if [ "$(id -u)" -eq 0 ]; then
            exec setpriv --reuid="$user" --regid="$user" --clear-groups "$TMP/bin/maqet" "$@"
        fi
        exec "$TMP/bin/maqet" "$@"
    )
}

expect 0 as_user add web.yaml
expect 0 as_user autostart web on
out_has "VM 'web' starts automatically."
err_has 'loginctl enable-linger'
[ -L $links/maqet@web.service ] || fail "the unit is not enabled"
expect 0 as_user status web --format json
out_has '"autostart": true'
expect 0 as_user status web
grep -q '^autostart  *on$' out || fail "it does not say that it is on"

# Another name, and it starts under that.
expect 0 as_user rename web site.1
[ -L $links/maqet@site.1.service ] || fail "the unit is not enabled under the new name"
[ ! -L $links/maqet@web.service ] || fail "the unit is still enabled under the old name"

# A service does not know --data-dir.
expect 0 as_user --data-dir "$TMP/home/data" add web.yaml
expect 0 as_user --data-dir "$TMP/home/data" autostart web on
err_has "Environment=\"MAQET_DATA_DIR=$TMP/home/data\""

expect 0 as_user autostart site.1 off
[ ! -L $links/maqet@site.1.service ] || fail "the unit is still enabled"
expect 0 as_user status site.1 --format json
out_has '"autostart": false'

# What systemctl says is said.
rm home/.config/systemd/user/maqet@.service
expect 1 as_user autostart site.1 on
err_has "VM 'site.1'"
err_has 'systemctl'
