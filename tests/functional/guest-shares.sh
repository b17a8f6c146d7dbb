#!/bin/sh
# SPDX-License-Identifier: MIT
# What each kind of share does to modes, owners and links, in a guest, is what docs/shares.md says.
# MAQET_TEST_VIRTIOFSD names another virtiofsd.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires setpriv
[ "$(id -u)" -eq 0 ] || skip_always "needs root, to become another user"
page=$abs_top_srcdir/docs/shares.md
id=1234

mkdir bin home
cp "$abs_top_builddir/maqet" "$abs_top_builddir"/.libs/*.so bin
cp "$KERNEL" home/kernel
cp "$INITRD" home/initrd
chmod 755 "$TMP" bin bin/*
as_user() {
    (cd home && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        setpriv --reuid=$id --regid=$id --clear-groups "$TMP/bin/maqet" "$@")
}
cleanup_fn "as_user -q stop user --timeout 0 --force || :"
virtiofsd=${MAQET_TEST_VIRTIOFSD-}
for place in /usr/libexec/virtiofsd /usr/lib/virtiofsd /usr/lib/qemu/virtiofsd; do
    [ -n "$virtiofsd" ] || [ ! -x "$place" ] || virtiofsd=$place
done

# share MODEL FOLDER: an entry, and the folder with what a host has in it.
share() {
    mkdir "home/$1"
    echo text >"home/$1/text"
    ln -s text "home/$1/link"
    case $1 in
    virtiofs*) echo "  - {name: $1, type: virtiofs, path: $2/$1, virtiofsd: $virtiofsd, sandbox: $3}" ;;
    *) echo "  - {name: $1, type: virtfs, path: $2/$1, security_model: $1}" ;;
    esac
}
# machine NAME SHARE...
machine() {
    name=$1
    shift
    printf '%s\n' "$@" | guest_yaml "$name" q35
    sed -i -e "s|unix:$TMP/|unix:$TMP/home/|; s|$KERNEL|$TMP/home/kernel|; s|$INITRD|$TMP/home/initrd|" \
        "$name.yaml"
    cp "$name.yaml" home
}
guest() {
    guest_run "$TMP/home/$vm.serial" "$1" || fail "in the guest: $1"
}
# row MODEL: what the guest's root does in the folder, and what becomes of it; a row of the page.
row() {
    case $1 in
    virtiofs*) guest "mkdir -p /mnt/$1 && mount -t virtiofs $1 /mnt/$1" ;;
    *) guest "mkdir -p /mnt/$1 && mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 $1 /mnt/$1" ;;
    esac
    guest "cd /mnt/$1 && echo new >new && chmod 640 new && ln -s new pointer"
    guest "cd /mnt/$1 && { mkfifo pipe 2>/dev/null || :; }"
    changed=$(guest "cd /mnt/$1 && chown 5:6 new 2>/dev/null && echo yes || echo no")
    seen=$(guest "stat -c %u:%g /mnt/$1/new")
    followed=$(guest "cat /mnt/$1/link 2>/dev/null || echo no")
    file=home/$1/new
    mode="not kept" owner=root chown=refused pointer="a file" link="not followed" pipe="a file"
    [ "$(stat -c %a "$file")" != 640 ] || mode=kept
    [ "$(stat -c %u "$file")" != $id ] || owner="the user"
    case $changed:$seen:$(stat -c %u:%g "$file") in
    yes:5:6:5:6) chown=kept owner="the guest's" ;;
    yes:5:6:*) chown="for the guest" ;;
    yes:*) chown=ignored ;;
    esac
    [ ! -L "home/$1/pointer" ] || pointer="a link"
    [ "$followed" != text ] || link=followed
    [ -e "home/$1/pipe" ] || pipe=refused
    [ ! -p "home/$1/pipe" ] || pipe="a pipe"
    # With QEMU and Linux of Debian 12, and with those of Debian 13.
    case $1:$pipe in
    none:refused | passthrough:refused | none:'a pipe' | passthrough:'a pipe') pipe="refused, or a pipe" ;;
    esac
    echo "| $2 | $mode | $owner | $chown | $pointer | $link | $pipe |"
}

# What an ordinary user can have. With that of QEMU 7.2, virtiofs is not among it.
shares="mapped-xattr mapped-file none"
user_virtiofs=
if [ -n "$virtiofsd" ] && "$virtiofsd" --help | grep -q -- --translate-uid; then
    user_virtiofs=$(share virtiofs . namespace)
fi
machine user "$(for model in $shares; do share $model .; done)" "$user_virtiofs"
chown -R $id:$id home
expect 0 as_user add user.yaml
if ! as_user start user --wait "$(patience 30)" >out 2>err; then
    # No namespaces for ordinary users here.
    grep -q namespace err || { cat err >&2; fail "it does not start"; }
    expect 0 as_user apply user user.yaml --set storage.virtiofs.sandbox=none
    expect 0 as_user start user --wait "$(patience 30)"
fi
vm=user
guest_wait "$TMP/home/user.serial" || fail "the guest does not answer"
{
    for model in $shares; do row $model "virtfs, \`$model\`"; done
    [ -z "$user_virtiofs" ] || row virtiofs '`virtiofs`'
} >rows
expect 0 as_user stop user --timeout 0 --force

# What root can have.
mkdir home/root
machine root "$(share passthrough home)" "$([ -z "$virtiofsd" ] || share virtiofs-root home chroot)"
expect 0 maqet add root.yaml
vm=root
expect 0 maqet start root
guest_wait "$TMP/home/root.serial" || fail "the guest does not answer"
{
    row passthrough 'virtfs, `passthrough`, as root'
    [ -z "$virtiofsd" ] || row virtiofs-root '`virtiofs`, as root'
} >>rows
expect 0 maqet stop root --timeout 0 --force

cat rows
[ "$(wc -l <rows)" -ge 4 ] || fail "too few shares"
while read -r line; do
    grep -qxF -- "$line" "$page" || fail "docs/shares.md does not say: $line"
done <rows
