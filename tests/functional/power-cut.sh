#!/bin/sh
# SPDX-License-Identifier: MIT
# Whatever gets a name is on the disk before it, and the name after it, so that a power cut
# leaves the old or the new, and never a name without its content: seen by tracing all commands
# that write. published.awk has the rules.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace awk

rules=$srcdir/tests/functional/published.awk
calls=open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,fallocate,copy_file_range
calls=$calls,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat

# safe COMMAND...: it succeeds, and keeps the rules; what it has published and removed is in the
# file names. A machine that it starts is stopped.
safe() {
    rm -f code
    # shellcheck disable=SC2016 # for the inner shell
    ASAN_OPTIONS=detect_leaks=0 strace -f -y -qq -s 0 --seccomp-bpf -o trace -e "trace=$calls" \
        sh -c 'code=0; "$@" || code=$?; echo $code >code' sh "$MAQET" "$@" >out 2>err &
    tracer=$!
    eventually 300 test -s code
    [ "$(cat code)" -eq 0 ] || { cat err >&2; fail "exit code $(cat code): $*"; }
    case $* in
    start*) expect 0 maqet stop "$2" --timeout 0 --force ;;
    *load*) expect 0 maqet stop vm --timeout 0 --force ;;
    esac
    wait $tracer
    awk -v top="$TMP" -v except="$TMP/run" -f "$rules" trace >names ||
        { cat names >&2; fail "not safe from a power cut: $*"; }
}
# published NAME..., gone NAME...: what the last command has done, among other things.
published() {
    for name; do
        grep -qx "published $TMP/$name" names || { cat names >&2; fail "not published: $name"; }
    done
}
gone() {
    for name; do
        grep -qx "removed $TMP/$name" names || { cat names >&2; fail "not removed: $name"; }
    done
}

vm_yaml vm <<END
storage:
  - {name: hdd, type: qcow2, size: 4M, file: images/hdd.qcow2}
  - {name: data, type: qcow2, size: 4M, file: images/data.qcow2}
END
safe add vm.yaml
published data/vms/vm
sed -i 's/memory: .*/memory: 65M/' vm.yaml
safe apply vm vm.yaml
published data/vms/vm/vm.json
safe start vm
published images/hdd.qcow2 images/data.qcow2 data/vms/vm/images.json data/vms/vm/started

# Snapshots of a machine at rest, and what they hold.
safe snapshot vm create --all one
published data/vms/vm/pending.json data/vms/vm/snapshots.json
gone data/vms/vm/pending.json
safe snapshot vm load --yes --all one
published data/vms/vm/pending.json data/vms/vm/snapshots.json
gone data/vms/vm/pending.json
for format in qcow2 raw; do
    safe snapshot vm export hdd one "exported.$format" --format "$format"
    published "exported.$format"
done
safe snapshot vm create --all one --overwrite
published data/vms/vm/snapshots.json
safe snapshot vm delete --all one
published data/vms/vm/snapshots.json
gone data/vms/vm/pending.json
safe resize vm hdd 8M

# What was interrupted is finished.
expect 137 traced clone signal=KILL:when=2 snapshot vm create --all one
[ -e data/vms/vm/pending.json ] || fail "nothing was interrupted"
safe recover vm
published data/vms/vm/pending.json
gone data/vms/vm/pending.json

# The same while it runs, and with the guest's memory.
expect 0 maqet start vm
safe snapshot vm create --all live --live
published data/vms/vm/pending.json data/vms/vm/snapshots.json
for option in --method=stop --method=background --compress; do
    safe checkpoint vm create cp "$option"
    published data/vms/vm/checkpoints/cp.state data/vms/vm/checkpoints/cp.json
    safe checkpoint vm delete cp
    gone data/vms/vm/checkpoints/cp.state data/vms/vm/checkpoints/cp.json
done
safe resize vm hdd 12M
expect 0 maqet checkpoint vm create cp
expect 0 maqet stop vm --timeout 0 --force
safe checkpoint vm load --yes cp
published data/vms/vm/pending.json

# Machines and images go.
safe rm vm --delete-storage --yes
gone images/hdd.qcow2 images/data.qcow2
grep -q "published $TMP/data/vms/.maqet-rm" names || fail "the machine has not gone in one step"
vm_yaml old <<END
storage:
  - {name: plain, type: raw, size: 1M, file: images/plain.img}
END
expect 0 maqet add old.yaml
safe start old
published images/plain.img
safe rm old --yes
published data/images.json
safe storage rm images/plain.img --yes
gone images/plain.img
published data/images.json
