#!/bin/sh
# SPDX-License-Identifier: MIT
# What a guest may say while something is copied from it: it chooses neither what is replaced here,
# nor rights, nor how much is written. A program in the place of ssh answers for the guest.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires tar

vm_yaml vm <<EOF
ssh: {user: root}
arguments:
  - netdev: "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"
  - device: "virtio-net-pci,netdev=net"
EOF
mkdir bin home
cat >bin/ssh <<EOF
#!/bin/sh
printf '%s\\n' "\$@" >"$TMP/words"
for last; do :; done
case \$last in
*k=folder*) cat "$TMP/look" ;;
*mktemp*) echo /tmp/packed ;;
*'exec cat'*) . "$TMP/data.sh" ;;
esac
EOF
chmod +x bin/ssh
PATH=$TMP/bin:$PATH
expect 0 maqet add vm.yaml
expect 0 maqet start vm

# Options end before the host.
: >look
expect 0 maqet ssh vm -- -x
same "-- 127.0.0.1 -x" "$(tail -n 3 words | paste -sd ' ')" "the last words of ssh"

# says KIND MODE SIZE PATH DATA: what the guest answers.
says() {
    printf '%s %s %s\n%s\n' "$1" "$2" "$3" "$4" >look
    printf '%s\n' "$5" >data.sh
}

# A source without a name gets none from the guest, unless it is a folder, which replaces nothing.
echo mine >home/.bashrc
for source in . .. / ./..; do
    says file 644 5 /root/.bashrc 'echo evil'
    expect 3 maqet cp "vm:$source" home
    err_has "has no name that the copy can get"
    says folder 755 0 /root/.bashrc "exit 1"
    expect 3 maqet cp -r "vm:$source" home
    err_has ".bashrc exists"
done
same mine "$(cat home/.bashrc)" "the user's file"
says folder 755 0 /root/.. "tar -c -C '$TMP' ./bin"
expect 3 maqet cp -r vm:/root home/copy
err_has "whole file system"
# What was said to be a folder is one.
mkdir evil
echo evil >evil/root
says folder 755 0 /root "tar -c -C '$TMP/evil' ./root"
expect 3 maqet cp -r vm:. home
err_has "'root' is not a folder"
[ ! -e home/root ] || fail "a file came as a folder"

# The user's umask holds, and nobody else may write.
umask 027
says file 4777 5 /x 'echo good'
expect 0 maqet cp vm:/x home/x
same 750 "$(stat -c %a home/x)" "the permissions"
umask 000
expect 0 maqet cp vm:/x home/x
same 755 "$(stat -c %a home/x)" "the permissions without a umask"
umask 022

# Only files are replaced.
mkfifo home/pipe
ln -s .bashrc home/link
for there in pipe link; do
    expect 3 maqet cp vm:/x home/$there
    err_has "is not a regular file"
done
[ -p home/pipe ] || fail "the pipe was replaced"
[ -L home/link ] || fail "the link was replaced"

# A file that does not end; one of /proc has more than it says.
says file 644 10 /x 'exec cat /dev/zero'
expect 1 maqet cp vm:/x home/endless
err_has "more than the 10 bytes"
says file 444 0 /proc/x 'echo content'
expect 0 maqet cp vm:/proc/x home/proc
same content "$(cat home/proc)" "a file that said it is empty"

# A folder that its owner may not write to.
mkdir -p evil/fixed/sub
touch evil/fixed/sub/file
chmod 6755 evil/fixed/sub/file
chmod 555 evil/fixed/sub evil/fixed
says folder 555 0 /fixed "tar -c -C '$TMP/evil' ./fixed"
expect 0 maqet cp -r vm:/fixed home
same '555 555' "$(stat -c %a home/fixed home/fixed/sub | paste -sd ' ')" "the permissions of folders"
same 755 "$(stat -c %a home/fixed/sub/file)" "the permissions of a program of the guest's"
# A pipe is not copied, nor what is beside it.
mkdir -p evil/piped/sub
mkfifo evil/piped/pipe
chmod 555 evil/piped/sub
says folder 755 0 /piped "tar -c -C '$TMP/evil' ./piped"
expect 3 maqet cp -r vm:/piped home
err_has "'piped/pipe' is neither a file"
[ ! -e home/piped ] || fail "a part of a folder"
[ -z "$(find home -name '*maqet*' -o -name endless)" ] || fail "left: $(ls -a home)"
expect 0 maqet stop vm --timeout 0 --force
chmod -R u+rwx evil home
