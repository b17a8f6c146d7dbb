# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by check.sh, whose words it uses
# Snapshots and checkpoints, alone and together with a drive of another type.

step "snapshots are the cluster's own"
fresh
io disk "write -P 1 0 1M"
maqet 0 snapshot vm create disk off
io disk "write -P 2 0 1M"
maqet 0 start vm
maqet 0 snapshot vm create disk live --live
same "live off " "$(snapshots_in_cluster disk)" "what rbd lists"
same "live off " "$(snapshots_of vm disk)" "what maqet lists while it runs"
maqet 0 --format json snapshot vm list disk
out_has "$(date +%Y-%m-)"
cp out running
guest_io vm "write -P 3 0 1M"
halt
maqet 0 --format json snapshot vm list disk
sed 's/"live": [a-z]*//' out >at-rest
sed 's/"live": [a-z]*//' running | diff - at-rest >difference || fail "the list differs: $(cat difference)"
maqet 0 snapshot vm tree disk
out_has '   └─ live'
maqet 0 snapshot vm load --yes disk off
io disk "read -P 1 0 1M"
maqet 0 snapshot vm load --yes disk live
io disk "read -P 2 0 1M"
# One that somebody else has made, with the cluster's own words.
rbd_admin snap create --no-progress rbd/disk@outside
same "live off outside " "$(snapshots_of vm disk)" "with one of somebody else"
maqet 0 snapshot vm delete disk outside
maqet 0 snapshot vm create disk off --overwrite
maqet 0 snapshot vm load --yes disk off
io disk "read -P 2 0 1M"
maqet 0 start vm
maqet 0 snapshot vm create disk live --live --overwrite
maqet 0 snapshot vm delete disk off --live
same "live " "$(snapshots_in_cluster disk)" "what is left"
# Loading ends the QEMU that runs, and starts it again.
guest_io vm "write -P 3 0 1M"
maqet 0 snapshot vm load --yes disk live --live
guest_io vm "read -P 2 0 1M"
halt
rbd_admin snap protect rbd/disk@live
maqet 1 snapshot vm delete disk live
err_has "is protected"
rbd_admin snap unprotect rbd/disk@live

step "a snapshot is exported"
maqet 0 snapshot vm export disk live out.qcow2 --format qcow2 --compress
expect 0 qemu-io -r -f qcow2 -c "read -P 2 0 1M" out.qcow2
! grep -q 'verification failed' out || fail "the export holds something else"
maqet 0 snapshot vm delete disk live

step "sets with a qcow2 drive"
machine vm "{name: disk, type: rbd, image: disk, $identity}" \
    "{name: near, type: qcow2, file: near.qcow2, size: 16M}"
maqet 0 apply vm vm.yaml
maqet 0 start vm
maqet 0 snapshot vm create --all set --live
guest_io vm "write -P 5 0 1M"
halt
expect 0 qemu-io -f qcow2 -c "write -P 5 0 1M" near.qcow2
maqet 0 snapshot vm create --all later
same "later set " "$(snapshots_in_cluster disk)" "the snapshots in the cluster"
same "later set " "$(snapshots_of vm near)" "those of the other drive"
# All or nothing: the name is taken on one drive alone.
rbd_admin snap create --no-progress rbd/disk@taken
maqet 0 start vm
maqet 3 snapshot vm create --all taken --live
same "later set " "$(snapshots_of vm near)" "those of the other drive after a refusal"
halt
rbd_admin snap rm --no-progress rbd/disk@taken
maqet 0 snapshot vm load --yes --all set
io disk "read -P 2 0 1M"
expect 0 qemu-io -r -f qcow2 -c "read -P 0 0 1M" near.qcow2
! grep -q 'verification failed' out || fail "the other drive did not go back"
maqet 0 snapshot vm load --yes --all later
io disk "read -P 5 0 1M"
for name in set later; do
    maqet 0 snapshot vm delete --all $name
done

step "what was interrupted is put right, when the cluster has forgotten who was killed"
for wait in 0.2 0.6 1; do
    "$MAQET" -q snapshot vm create --all half >out 2>err &
    victim=$!
    sleep $wait
    kill -9 $victim 2>/dev/null || :
    wait $victim 2>/dev/null || :
    killed=$(now)
    until timeout 60 "$MAQET" snapshot vm list >out 2>err; do
        grep -q "in use by client" err || fail "$(cat err)"
        [ $(($(now) - killed)) -lt 45000 ] || fail "still refused"
        sleep 1
    done
    far=$(snapshots_of vm disk)
    same "$far" "$(snapshots_of vm near)" "both drives after a kill"
    same "$far" "$(snapshots_in_cluster disk)" "what rbd lists"
    [ -z "$far" ] || maqet 0 snapshot vm delete --all half
done

step "a checkpoint: made, tested, loaded"
maqet 0 start vm
guest_io vm "write -P 6 0 1M"
maqet 0 checkpoint vm create point
same "point " "$(snapshots_in_cluster disk)" "the snapshot of the checkpoint"
guest_io vm "write -P 7 0 1M"
halt
maqet 0 run vm --from point --discard -- true
# Its server did not stay as a user of the image.
io disk "read -P 7 0 1M"
maqet 0 checkpoint vm load --yes point
guest_io vm "read -P 6 0 1M"
maqet 0 checkpoint vm load --yes point
guest_io vm "read -P 6 0 1M"
halt
maqet 0 checkpoint vm delete point
same "" "$(snapshots_in_cluster disk)" "what is left"
gone
