# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# test-cluster.sh - a Ceph cluster of one monitor and one OSD on loopback, for tests: sourced by what
# needs one. Everything that it has lies in the folder $CLUSTER, and cephx is on, as it is in
# every real cluster. There is no manager: images need none, and it would take 300 MiB.
#
#   CLUSTER=FOLDER              where it lies, a short path: the sockets in it have 107 bytes
#   cluster_up, cluster_down    start it (the first time: make it), and end it
#   cluster_pid NAME            the PID of mon or osd
#   $CLUSTER/ceph.conf          what clients need; the keyring of client.admin is found by it
#
# The daemons die with the shell that has started them, however that dies.

cluster_fail() {
    printf 'cluster: %s\n' "$*" >&2
    tail -n 5 "$CLUSTER"/log/*.out >&2 2>/dev/null
    return 1
}

# The first of two neighbouring ports that nobody listens at. The kernel lists ports in hex.
cluster_free_port() {
    port=$((20000 + $$ % 9000))
    while cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        grep -qiE "^ *[0-9]+: [0-9A-F]+:($(printf '%04X|%04X' "$port" $((port + 1)))) "; do
        port=$((port + 2))
    done
    echo "$port"
}

cluster_conf() {
    port=$(cluster_free_port)
    CLUSTER_MONITORS="[v2:127.0.0.1:$port/0,v1:127.0.0.1:$((port + 1))/0]"
    cat >"$CLUSTER/ceph.conf" <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_initial_members = a
mon_host = $CLUSTER_MONITORS
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
run_dir = $CLUSTER/run
admin_socket = $CLUSTER/run/\$name.\$pid.asok
log_file = $CLUSTER/log/\$name.log
crash_dir = $CLUSTER/crash
mon_cluster_log_file = $CLUSTER/log/cluster.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_warn = 2
mon_data_avail_crit = 1
[client]
keyring = $CLUSTER/\$name.keyring
log_file =
admin_socket =
[mon.a]
keyring = $CLUSTER/mon/keyring
mon_data = $CLUSTER/mon
[osd.0]
keyring = $CLUSTER/osd/keyring
osd_data = $CLUSTER/osd
osd_objectstore = bluestore
bluestore_block_size = 4294967296
osd_memory_target = 939524096
osd_fast_shutdown = false
END
}

# cluster_ceph WORD...: as client.admin, and never longer than half a minute.
cluster_ceph() {
    timeout 30 ceph --conf "$CLUSTER/ceph.conf" --connect-timeout 10 "$@"
}

cluster_pid() {
    cat "$CLUSTER/run/$1.pid"
}

# cluster_daemon NAME COMMAND...: in the foreground of a session of its own, so that Ctrl-C is for
# us and not for it.
cluster_daemon() {
    name=$1
    shift
    setsid setpriv --pdeathsig TERM "$@" --conf "$CLUSTER/ceph.conf" -f \
        </dev/null >>"$CLUSTER/log/$name.out" 2>&1 &
    echo $! >"$CLUSTER/run/$name.pid"
}

# cluster_await SECONDS WHAT COMMAND...
cluster_await() {
    deadline=$(($(date +%s) + $1))
    what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$deadline" ] || { cluster_fail "$what"; return 1; }
        sleep 0.2
    done
}

cluster_osd_is_up() {
    cluster_ceph osd stat | grep -q '1 up'
}

cluster_make_monitor() {
    admin=$CLUSTER/client.admin.keyring
    ceph-authtool -C "$CLUSTER/mon.keyring" --gen-key -n mon. --cap mon 'allow *' &&
        ceph-authtool -C "$admin" --gen-key -n client.admin --cap mon 'allow *' \
            --cap osd 'allow *' --cap mgr 'allow *' &&
        ceph-authtool "$CLUSTER/mon.keyring" --import-keyring "$admin" &&
        monmaptool --create --addv a "$CLUSTER_MONITORS" \
            --fsid "$(sed -n 's/^fsid = //p' "$CLUSTER/ceph.conf")" "$CLUSTER/monmap" &&
        ceph-mon --conf "$CLUSTER/ceph.conf" --mkfs -i a --monmap "$CLUSTER/monmap" \
            --keyring "$CLUSTER/mon.keyring"
}

cluster_make_osd() {
    uuid=$(cat /proc/sys/kernel/random/uuid)
    key=$(ceph-authtool --gen-print-key)
    echo "{\"cephx_secret\":\"$key\"}" | cluster_ceph osd new "$uuid" -i - &&
        ceph-authtool -C "$CLUSTER/osd/keyring" -n osd.0 --add-key "$key" &&
        ceph-osd --conf "$CLUSTER/ceph.conf" --mkfs -i 0 --osd-uuid "$uuid" --no-mon-config
}

cluster_up() {
    [ -e "$CLUSTER/ceph.conf" ] || {
        mkdir -p "$CLUSTER/run" "$CLUSTER/log" "$CLUSTER/mon" "$CLUSTER/osd" "$CLUSTER/crash" &&
            cluster_conf && cluster_make_monitor >"$CLUSTER/log/make.out" 2>&1 || {
            cluster_fail "no monitor could be made"
            return 1
        }
    }
    cluster_daemon mon ceph-mon -i a
    cluster_await 30 "the monitor does not answer" cluster_ceph mon stat || return 1
    [ -e "$CLUSTER/made" ] || {
        cluster_make_osd >>"$CLUSTER/log/make.out" 2>&1 || {
            cluster_fail "no OSD could be made"
            return 1
        }
    }
    cluster_daemon osd ceph-osd -i 0
    cluster_await 60 "the OSD does not come up" cluster_osd_is_up || return 1
    [ -e "$CLUSTER/made" ] || {
        cluster_ceph osd pool create rbd 8 8 >>"$CLUSTER/log/make.out" 2>&1 &&
            timeout 60 rbd --conf "$CLUSTER/ceph.conf" pool init rbd || {
            cluster_fail "no pool could be made"
            return 1
        }
        touch "$CLUSTER/made"
    }
    # The monitor may still count an OSD as up that is gone: only an answer of it proves it.
    cluster_await 60 "the OSD does not answer" timeout 30 rbd --conf "$CLUSTER/ceph.conf" ls rbd
}

# Also half of one: what was started ends, and is waited for.
cluster_down() {
    for name in osd mon; do
        [ -e "$CLUSTER/run/$name.pid" ] || continue
        pid=$(cluster_pid "$name")
        kill -CONT "$pid" 2>/dev/null && kill "$pid" || :
        tenths=0
        while kill -0 "$pid" 2>/dev/null && [ "$tenths" -lt 150 ]; do
            sleep 0.1
            tenths=$((tenths + 1))
        done
        kill -9 "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
        rm -f "$CLUSTER/run/$name.pid"
    done
    return 0
}
