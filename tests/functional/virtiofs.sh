#!/bin/sh
# SPDX-License-Identifier: MIT
# virtiofs: virtiofsd runs beside QEMU, and ends with it however that ends; a guest mounts the folder,
# also if an ordinary user has started it. MAQET_TEST_VIRTIOFSD names another virtiofsd.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
: "${VIRTIOFS_PLUGIN:=$abs_top_builddir/.libs}" # the folder of the plugin
MAQET_PLUGIN_PATH="$VIRTIOFS_PLUGIN${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH
mkdir shared 'a, folder'

virtiofsd=${MAQET_TEST_VIRTIOFSD-}
for place in /usr/libexec/virtiofsd /usr/lib/virtiofsd /usr/lib/qemu/virtiofsd; do
    [ -n "$virtiofsd" ] || [ ! -x "$place" ] || virtiofsd=$place
done
# share NAME LINE...: an entry of the storage list.
share() {
    printf '  - name: %s\n    type: virtiofs\n' "$1"
    shift
    for line; do printf '    %s\n' "$line"; done
}
machine() { # ENTRY-OF-SHARE...
    { echo storage: && share "$@"; } | vm_yaml vm
}
refused() { # WORDS
    expect 3 maqet validate vm.yaml
    err_has "$1"
    err_has "vm.yaml:"
}

# What is wrong is said before anything runs.
machine work 'path: nowhere'
refused "there is no"
machine work 'path: shared' 'virtiofsd: shared/none'
refused "$TMP/shared/none is no"
machine work 'path: shared' 'mount_tag: more-than-the-36-bytes-that-a-tag-has'
refused "mount tag"
machine work 'path: shared' 'interface: virtio'
refused "attaches itself"

[ -n "$virtiofsd" ] || skip "virtiofsd is not installed"
newer=
translates=
! "$virtiofsd" --help | grep -q -- --shared-dir || newer=1
! "$virtiofsd" --help | grep -q -- --translate-uid || translates=1
[ -n "$newer" ] || [ "$(id -u)" -eq 0 ] || skip_always "this virtiofsd wants to be root"

# Where namespaces are refused, the error names what to do, before anything runs.
# A plugin of an earlier maqet does not look.
if [ "$VIRTIOFS_PLUGIN" = "$abs_top_builddir/.libs" ]; then
    mkdir refusing
    printf '#!/bin/sh\necho "unshare: not permitted" >&2\nexit 1\n' >refusing/unshare
    chmod +x refusing/unshare
    machine work 'path: shared' "virtiofsd: $virtiofsd"
    expect 0 maqet add vm.yaml
    PATH="$TMP/refusing:$PATH" expect 4 maqet start vm
    err_has "$virtiofsd must create namespaces to confine itself, and cannot: "
    err_has 'unshare: not permitted'
    err_has 'to the share'
    [ "$(id -u)" -ne 0 ] || err_has 'Add `sandbox: chroot`'
    expect 0 maqet rm vm --yes --force
fi

# Where a container or a chroot forbids virtiofsd the namespaces that it uses by default, it is told
# to do with less.
sandbox='sandbox: namespace'
machine work 'path: shared' "virtiofsd: $virtiofsd"
expect 0 maqet add vm.yaml
"$MAQET" -q start vm >out 2>err || { err_has namespaces; sandbox='sandbox: chroot'; }
expect 0 maqet rm vm --yes --force
expect 0 maqet plugin check --set "$(echo "$sandbox" | sed 's/: /=/')" \
    --set "virtiofsd=$virtiofsd" "$VIRTIOFS_PLUGIN/maqet-storage-virtiofs.so"

# One machine, two shares, one of them with an odd name.
{
    echo storage:
    share work 'path: shared' "virtiofsd: $virtiofsd" "$sandbox"
    share more "path: 'a, folder'" 'cache: never' "virtiofsd: $virtiofsd" "$sandbox"
} | vm_yaml vm
alive() { # the helpers that still run, of those in PIDS
    for pid in $pids; do
        case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
        '' | Z*) ;;
        *) printf '%s ' "$pid" ;;
        esac
    done
}
running() {
    pids=$(cut -d ' ' -f 1 run/vm/helpers)
    same 2 "$(echo "$pids" | wc -l)" helpers
    same 2 "$(alive | wc -w)" "helpers that run"
}
gone() {
    eventually 20 eval '[ -z "$(alive)" ]'
}
expect 0 maqet add vm.yaml
expect 0 maqet start vm
running
tr '\0' '\n' <"/proc/$(vm_pid vm)/cmdline" >line
grep -q 'vhost-user-fs-pci' line || fail "QEMU has no such device"
same 1 "$(grep -c 'memory-backend-memfd' line)" "shared memory"
expect 0 maqet stop vm --force --timeout 0
gone
same '' "$(find run/vm -name 'helper*')" "sockets"

# QEMU is killed: they end, too.
expect 0 maqet start vm
running
kill -9 "$(vm_pid vm)"
gone
expect 0 maqet rm vm --yes

# A program that fails at once, and one that is none: what it says is in the error.
cat >broken <<'EOF'
#!/bin/sh
case "$1" in --help) echo --shared-dir ;; *) echo "no, not today" >&2; exit 1 ;; esac
EOF
printf 'no program\n' >text
chmod +x broken text
machine work 'path: shared' "virtiofsd: broken"
expect 0 maqet add vm.yaml
expect 1 maqet start vm
err_has "no, not today"
expect 0 maqet rm vm --yes
machine work 'path: shared' "virtiofsd: text"
expect 0 maqet add vm.yaml
expect 1 maqet start vm
expect 0 maqet rm vm --yes

# A guest mounts the folder.
echo 'from the host' >shared/word
share work 'path: shared' "virtiofsd: $virtiofsd" "$sandbox" | guest_yaml vm q35
expect 0 maqet add vm.yaml
boot vm
in_guest vm "mkdir -p /mnt && mount -t virtiofs work /mnt"
same "from the host" "$(in_guest vm 'cat /mnt/word')" "what the guest reads"
in_guest vm "echo 'from the guest' >/mnt/answer && mkdir /mnt/folder && mv /mnt/word /mnt/folder/"
same "from the guest" "$(cat shared/answer)" "what the guest wrote"
same "from the host" "$(cat shared/folder/word)" "what the guest moved"
# Large enough to go through the memory that both map.
in_guest vm "head -c 3000000 /dev/urandom >/mnt/large && sync"
same "$(in_guest vm 'md5sum </mnt/large')" "$(md5sum <shared/large)" "a large file"
pids=$(cut -d ' ' -f 1 run/vm/helpers)
shut_down vm
gone
[ "$VIRTIOFS_PLUGIN" = "$abs_top_builddir/.libs" ] || exit 0

# An ordinary user: with a newer virtiofsd, all files are the user's, by the same number in the guest;
# with that of QEMU 7.2 the start fails and says why.
[ "$(id -u)" -eq 0 ] || exit 0
requires setpriv
mkdir bin home
cp "$abs_top_builddir/maqet" "$abs_top_builddir"/.libs/*.so bin
cp "$KERNEL" home/kernel
cp "$INITRD" home/initrd
chmod 755 "$TMP" bin bin/*
share work 'path: shared' "virtiofsd: $virtiofsd" | guest_yaml user q35
sed -i -e "s|unix:$TMP/|unix:$TMP/home/|; s|$KERNEL|kernel|; s|$INITRD|initrd|" user.yaml
mkdir home/shared
echo 'from the host' >home/shared/word
chmod 640 home/shared/word
mv user.yaml home
chown -R 1234:1235 home
as_user() {
    (cd home && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        setpriv --reuid=1234 --regid=1235 --clear-groups "$TMP/bin/maqet" "$@")
}
cleanup_fn "as_user -q stop user --timeout 0 --force || :"
expect 0 as_user add user.yaml
if [ -z "$newer" ]; then
    expect 4 as_user start user
    err_has "only root can run"
    err_has "type: virtfs"
    exit 0
fi
as_user start user --wait "$(patience 30)" >out 2>err || {
    grep -q namespace err || { cat err >&2; fail "an ordinary user cannot start it"; }
    skip_always "no namespaces for ordinary users here"
}
guest_wait "$TMP/home/user.serial" || fail "the guest does not answer"
guest() {
    guest_run "$TMP/home/user.serial" "$1" || fail "in the guest: $1"
}
guest "mkdir -p /mnt && mount -t virtiofs work /mnt"
guest "echo x >/mnt/new && chmod 600 /mnt/new && ln -s word /mnt/link && ln /mnt/new /mnt/second"
same "from the host" "$(guest 'cat /mnt/link')" "what the guest reads through its link"
same "1234 1235 600 2" "$(stat -c '%u %g %a %h' home/shared/new)" "the guest's file on the host"
same word "$(readlink home/shared/link)" "the guest's link on the host"
[ -n "$translates" ] || exit 0
same "1234 1235 640" "$(guest 'stat -c "%u %g %a" /mnt/word')" "the host's file in the guest"
same "1234 1235 600" "$(guest 'stat -c "%u %g %a" /mnt/new')" "the guest's file in the guest"
# Another user of the guest may write where it may, and the file is the user's, too.
guest "mkdir -m 777 /mnt/open && echo 'other::5:6::/:/bin/sh' >>/etc/passwd"
guest "su other -c 'echo y >/mnt/open/file'"
same "1234 1235" "$(stat -c '%u %g' home/shared/open/file)" "the file of another user of the guest"
