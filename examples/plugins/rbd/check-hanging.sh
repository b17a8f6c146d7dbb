# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by check.sh, whose words it uses
# A cluster that doesn't answer lets everything wait for ever. Nothing of maqet does.

# hangs CODE WORD...: it ends in time, in words that name the cluster.
hangs() {
    maqet "$@"
    err_has "The Ceph cluster of the drive 'disk' does not answer"
    err_has "ceph --conf $CLUSTER/ceph.conf status"
}

step "the OSD hangs: a start, snapshots and growing end in time"
fresh
kill -STOP "$(cluster_pid osd)"
hangs 2 start vm
same stopped "$(status_of vm)" "the machine"
hangs 2 snapshot vm list
hangs 2 resize vm disk 256M
kill -CONT "$(cluster_pid osd)"
maqet 0 start vm

step "the OSD hangs while the VM is running"
kill -STOP "$(cluster_pid osd)"
hangs 2 snapshot vm create disk stuck --live
kill -CONT "$(cluster_pid osd)"
guest_io vm "read -P 8 0 1M"
same "" "$(snapshots_in_cluster disk)" "what a refused snapshot has left"
halt

step "no monitor: a start ends in time"
kill "$(cluster_pid mon)"
hangs 2 start vm
