#!/bin/sh
# SPDX-License-Identifier: MIT
#
# QEMU can open what was looked at, and nothing else; and it is told how to have more. Programs
# that stand in for QEMU try what a QEMU in the hands of its guest would try.

# shellcheck source=SCRIPTDIR/functions.sh
. "$(dirname "$0")/functions.sh"

qemu_required
requires strace perl

vm_yaml vm <<'END'
storage:
  - {name: hdd, size: 1M, file: hdd.qcow2}
  - {name: base, type: raw, size: 1M, file: base.raw}
END
expect 0 maqet -q add vm.yaml
expect 0 maqet -q start vm
maqet --format json status vm >state
# What the kernel offers is asked of the kernel: landlock_create_ruleset(2), whose number is the
# same everywhere. Before version 2, maqet does without.
offered=$(perl -e 'print syscall(444, 0, 0, 1)')
if [ "$offered" -lt 2 ]; then
    grep -q '"landlock": null' state || fail "Landlock where the kernel has none"
    skip_always "the kernel offers no Landlock, or an old one"
fi
! grep -q '"landlock": null' state || fail "the kernel offers Landlock $offered, and QEMU runs without"

# opens NAME FILE READ-ONLY: the VM's QEMU opens a file by its name.
opens() {
    maqet qmp "$1" blockdev-add \
        "{\"driver\":\"file\",\"node-name\":\"n$((opened += 1))\",\"filename\":\"$2\",\"read-only\":$3}"
}
opened=0

# ---- by default ----

echo secret >secret
expect 1 opens vm "$TMP/secret" true
err_has "Could not open '$TMP/secret': Permission denied"
err_has 'sandbox: {read: [PATH], write: [PATH]}'
err_has "$TMP/run/vm/rules"
expect 1 opens vm /etc/shadow true
# What the machine names it may open, and a second time as well.
expect 0 opens vm "$TMP/base.raw" true
grep -qF "read,write $TMP/hdd.qcow2" run/vm/rules || fail "a rule is not listed"
expect 0 maqet status vm
grep -qE '^confined +landlock, seccomp, user' out || fail "not said to be confined: $(cat out)"
grep -q '"landlock": [0-9]' state || fail "status --format json lacks the version of Landlock"
grep -q '"seccomp": true' state || fail "status --format json lacks seccomp"
# Snapshots, growing and going on with them need nothing else.
expect 0 maqet snapshot vm create hdd s1 --live
expect 0 maqet resize vm hdd 2M
expect 0 maqet -q stop vm --timeout 0 --force

# ---- named by the user ----

mkdir more
echo data >more/file
cp vm.yaml plain.yaml
cat >>vm.yaml <<END
sandbox:
  read: [secret]
  write: [more]
END
expect 0 maqet -q apply vm vm.yaml
expect 0 maqet -q start vm
expect 0 opens vm "$TMP/secret" true
expect 1 opens vm "$TMP/secret" false
expect 0 opens vm "$TMP/more/file" false
expect 0 maqet -q stop vm --timeout 0 --force
mv more elsewhere
expect 0 maqet start vm
err_has "\`sandbox\` lets QEMU open $TMP/more, which does not exist"
mv elsewhere more
expect 0 maqet -q stop vm --timeout 0 --force

# ---- switched off ----

expect 0 maqet -q apply vm plain.yaml --set sandbox.landlock=off
expect 0 maqet -q start vm
expect 0 opens vm "$TMP/secret" false
expect 0 maqet status vm
grep -qE '^confined +seccomp, user' out || fail "not said to be confined: $(cat out)"
[ ! -e run/vm/rules ] || fail "rules are listed that nobody enforces"
expect 0 maqet -q stop vm --timeout 0 --force
expect 0 maqet -q apply vm plain.yaml --set sandbox=off
expect 0 maqet -q start vm
expect 0 maqet status vm
grep -qE '^confined +user' out || fail "not said to be confined: $(cat out)"
expect 0 maqet -q stop vm --timeout 0 --force

# ---- wrong words ----

expect 3 maqet validate plain.yaml --set sandbox=perhaps
err_has "'sandbox' is 'perhaps'; it can be: on, off"
expect 3 maqet validate plain.yaml --set sandbox.raed=/x
err_has "'read'"
expect 3 maqet validate plain.yaml --set sandbox.read=/x
err_has "'read' must be a list of paths"

# ---- a QEMU in the hands of its guest ----

# Each line of `tries` is one attempt; what came of it goes to the image, which it may write to.
cat >qemu-taken <<'END'
#!/bin/sh
for file; do
    case $file in
    *'"filename":"'*hdd.qcow2*) image=${file##*'"filename":"'} && image=${image%%'"'*} ;;
    esac
done
try() {
    word=$1 && shift
    if ("$@") >/dev/null 2>&1; then echo "$word yes"; else echo "$word no"; fi
}
reads() { : <"$1"; }
writes() { : >>"$1"; }
{
    try read-secret reads secret
    try write-beside writes beside
    try write-system writes /usr/lib/maqet-was-here
    try read-shadow reads /etc/shadow
    try read-run-file reads "data/vms/vm/run"
    try remove-run-file rm "data/vms/vm/run"
    try list-folder ls .
    try read-memory reads "/proc/$PPID/mem"
    try kill-parent kill -0 "$PPID"
    try make-device mknod device c 1 3
    try run-own-program ./secret-program
    try read-image reads "$image"
} >"$image"
sync "$image"
exec qemu-system-x86_64 -this-ends
END
printf '#!/bin/sh\n:\n' >secret-program
chmod +x qemu-taken secret-program
cat >taken.yaml <<'END'
name: vm
binary: ./qemu-taken
accel: tcg
memory: 64M
sandbox: {seccomp: off}
storage:
  - {name: hdd, size: 1M, file: hdd.qcow2}
END
expect 0 maqet -q apply vm taken.yaml
cp hdd.qcow2 sound.qcow2
expect 1 maqet start vm
cat >wanted <<'END'
read-secret no
write-beside no
write-system no
read-shadow no
read-run-file no
remove-run-file no
list-folder no
read-memory no
kill-parent no
make-device no
run-own-program no
read-image yes
END
diff wanted hdd.qcow2 || fail "QEMU's process could do what it must not"
cat sound.qcow2 >hdd.qcow2

# ---- another file under the name that was looked at ----

# maqet stands still just before it makes its rules; by then the image has been looked at.
expect 0 maqet -q apply vm plain.yaml
cp hdd.qcow2 other.qcow2
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=landlock_create_ruleset \
    -e inject=landlock_create_ruleset:signal=STOP:when=2 "$MAQET" start vm >out 2>err &
tracer=$!
eventually 60 grep -q -e '--- stopped by SIGSTOP' trace
mv other.qcow2 hdd.qcow2
kill -CONT "$(cat "/proc/$tracer/task/$tracer/children")"
got=0
wait "$tracer" || got=$?
[ "$got" -ne 0 ] || fail "an image that was swapped was opened"
grep -q 'replaced' err || { cat err; fail "not said that the image was replaced"; }
same stopped "$(vm_status vm)" "status"

# ---- files of `arguments` ----

mkdir share
(umask 077 && echo word >key)
cat >named.yaml <<END
name: named
binary: qemu-system-x86_64
accel: tcg
memory: 64M
arguments:
  - chardev: "file,id=out,path=out.log"
  - chardev: "socket,id=listening,path=listening.sock,server=on,wait=off"
  - chardev: "pty,id=terminal"
  - serial: "file:serial.log"
  - D: debug.log
  - object: "secret,id=s,file=key"
  - object: "memory-backend-file,id=m,size=1M,mem-path=memory,share=on"
  - fsdev: "local,id=f,path=share,security_model=mapped-xattr"
  - drive: "file=$TMP/base.raw,format=raw,if=none,id=d,snapshot=on"
END
expect 0 maqet -q add named.yaml
expect 0 maqet -q start named
same running "$(vm_status named)" "status"
[ -S listening.sock ] || fail "QEMU does not listen"
for file in out.log serial.log debug.log memory; do
    [ -f "$file" ] || fail "not made: $file"
    same 600 "$(stat -c %a "$file")" "mode of $file"
done
expect 0 maqet -q stop named --timeout 0 --force
# A socket that QEMU could not remove is in nobody's way.
expect 0 maqet -q start named
expect 0 maqet -q stop named --timeout 0 --force
rm out.log serial.log debug.log memory
# What a failed start has made goes again.
sed 's/^memory:.*/&\ncpu: nosuchcpu/' named.yaml >failing.yaml
expect 0 maqet -q apply named failing.yaml
expect 1 maqet start named
for file in out.log serial.log debug.log memory; do
    [ ! -e "$file" ] || fail "left behind: $file"
done

# ---- a temporary folder that is somebody else's by now ----

# A maqet that was killed has left its link; what the link names has gone, and is another link.
mkdir victim
: >victim/file
ln -s "$TMP/victim" reused
ln -s "$TMP/reused" run/named/scratch
expect 1 maqet start named
[ -e victim/file ] || fail "a folder was removed that is not maqet's"
[ ! -h run/named/scratch ] || fail "the link stays"

# ---- another user ----

vm_yaml user <<'END'
run_as: nobody
storage:
  - {name: hdd, size: 1M, file: user.qcow2}
END
if [ "$(id -u)" -eq 0 ]; then
    expect 0 maqet -q add user.yaml
    expect 4 maqet -q start user
    err_has "cannot access the folder $TMP"
    chmod o+x "$TMP"
    expect 0 maqet -q start user
    pid=$(vm_pid user)
    same "$(id -u nobody)" "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" "QEMU's user"
    same 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")" "its capabilities"
    same 1 "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")" "no_new_privs"
    same 0 "$(stat -c %u user.qcow2)" "the image's owner"
    expect 0 maqet status user
    out_has 'user nobody'
    expect 0 maqet snapshot user create hdd s1 --live
    # It ends in order, and that is seen.
    expect 0 maqet qmp user quit
    eventually 60 sh -c "! kill -0 $pid"
    same stopped "$(vm_status user)" "status after QEMU has quit"
    expect 0 maqet -q start user
    expect 0 maqet -q stop user --timeout 0 --force
    same stopped "$(vm_status user)" "status"
    # Until QEMU has written its PID file, as root, its user could put a link in its place.
    cat >watching <<'END'
#!/bin/sh
stat -c %u run/user/qemu >owner
exec qemu-system-x86_64 "$@"
END
    chmod +x watching
    expect 0 maqet -q apply user user.yaml --set binary=./watching --set sandbox.landlock=off
    expect 0 maqet -q start user
    same 0 "$(cat owner)" "whose QEMU's folder is before QEMU runs"
    same "$(id -u nobody)" "$(stat -c %u run/user/qemu)" "whose it is afterwards"
    expect 0 maqet -q stop user --timeout 0 --force
    # A test run ends with its maqet, also where the kernel does not see to that.
    expect 0 maqet -q apply user user.yaml
    expect 0 maqet -q start user
    expect 0 maqet -q checkpoint user create one
    expect 0 maqet -q stop user --timeout 0 --force
    "$MAQET" run user --from one --discard -- sh -c ': >begun; exec sleep 600' &
    run=$!
    eventually 60 test -e begun
    pid=$(vm_pid user-run-1)
    kill -9 "$run"
    eventually 60 sh -c "! kill -0 $pid"
    expect 0 maqet -q run user --from one --discard -- true
    [ ! -e data/vms/user-run-1 ] || fail "a run has left something"
    expect 3 maqet -q apply user user.yaml --set run_as=nosuchuser
    err_has "there is no such user"
    # The user may be gone by now.
    sed -i 's/"nobody"/"nosuchuser"/' data/vms/user/vm.json
    expect 3 maqet start user
    err_has "there is no such user"
fi
