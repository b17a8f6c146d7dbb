# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by check.sh, whose words it uses
# One image, one QEMU.

# Another QEMU, which maqet knows nothing of: it stands for one on another host.
stranger() {
    setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg -display none -S -monitor none -serial none \
        -drive "if=virtio,format=raw,file=rbd:rbd/disk:conf=$CLUSTER/ceph.conf" 2>stranger.err &
    stranger=$!
    cluster_await 30 "the other QEMU does not open the image" sh -c \
        "rbd --conf '$CLUSTER/ceph.conf' status disk | grep -q watcher="
}
# Nobody waits for it, so the shell would say that it was killed.
stranger_ends() { # SIGNAL
    kill "-$1" $stranger
    wait $stranger 2>/dev/null || :
}

has_crashed() {
    [ "$(status_of vm)" = crashed ]
}

step "no start beside another QEMU, nor any change"
fresh
maqet 0 snapshot vm create disk old
stranger
for words in "start vm" "resize vm disk 256M" "snapshot vm create disk new" \
    "snapshot vm load --yes disk old" "snapshot vm delete disk old" \
    "snapshot vm export disk old out2.img"; do
    # shellcheck disable=SC2086 # words
    maqet 1 $words
    err_has "drive 'disk' is in use by client."
    err_has "at 127.0.0.1:0/"
    err_has "ceph osd blocklist add 127.0.0.1:0/"
done
same "old " "$(snapshots_in_cluster disk)" "the snapshots"
stranger_ends TERM
maqet 0 start vm
halt
maqet 0 snapshot vm delete disk old

step "whoever only looks is no user"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rbd_admin info disk >/dev/null
done &
maqet 0 start vm
wait $!
halt

step "two starts at once: never do both run"
machine twin "{name: disk, type: rbd, image: disk, $identity}"
maqet 0 add twin.yaml
rounds=0
while [ $rounds -lt 5 ]; do
    rounds=$((rounds + 1))
    "$MAQET" start vm >a.out 2>a.err &
    first=$!
    "$MAQET" start twin >b.out 2>b.err &
    second=$!
    won=0
    ! wait $first || won=$((won + 1))
    ! wait $second || won=$((won + 1))
    [ $won -le 1 ] || fail "both run on one image"
    runs=0
    for vm in vm twin; do
        [ "$(status_of $vm)" != running ] || runs=$((runs + 1))
    done
    same $won $runs "machines that run"
    [ $won -eq 1 ] || grep -qh "in use by client" a.err b.err || fail "$(cat a.err b.err)"
    halt vm
    halt twin
done
maqet 0 rm twin --yes

step "after kill -9 the cluster needs half a minute"
maqet 0 start vm
guest_io vm "write -P 5 8M 1M"
guest_io vm flush
kill -9 "$(pid_of vm)"
cluster_await 30 "QEMU does not end" has_crashed
maqet 1 start vm
err_has "drive 'disk' is in use by client."
err_has "The cluster forgets a QEMU that was killed"
err_has "after 30 s"
killed=$(now)
until "$MAQET" -q start vm 2>err; do
    grep -q "in use by client" err || fail "$(cat err)"
    [ $(($(now) - killed)) -lt 45000 ] || fail "still refused"
    sleep 1
done
guest_io vm "read -P 5 8M 1M"
guest_io vm "write -P 6 8M 1M"
halt
io disk "read -P 8 0 4M" "read -P 6 8M 1M"

step "who is shut out cannot write any more"
stranger
maqet 1 start vm
address=$(sed -n 's/.*ceph osd blocklist add \([0-9.:/]*\).*/\1/p' err | head -n 1)
kill -STOP $stranger
cluster_ceph osd blocklist add "$address" 2>/dev/null
maqet 0 start vm
guest_io vm "write -P 4 8M 1M"
kill -CONT $stranger
stranger_ends KILL
halt
io disk "read -P 4 8M 1M"
gone
