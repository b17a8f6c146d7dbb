#!/bin/sh
# SPDX-License-Identifier: MIT
# An operation on snapshots is interrupted, and something happens to the images before the next
# command: nothing newer is discarded. Every command that would put it right stops, says what
# has changed and leaves the images alone; list and tree never repair; recover --finish and
# --forget decide. Without a change, recovery needs no question.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 4M, file: data.qcow2}
EOF
sed 's/memory: 64M/memory: 80M/' vm.yaml >changed.yaml
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
pending=data/vms/vm/pending.json

expect 0 maqet recover vm
out_has "VM 'vm' has nothing to recover."
expect 0 maqet recover vm --finish
expect 0 maqet recover vm --forget --format json
out_has '"outcome": "nothing"'
expect 3 maqet recover vm --finish --forget
expect 3 maqet recover none

# 1 is kept as "keep", 2 is there now.
fill hdd.qcow2 1
fill data.qcow2 1
expect 0 maqet snapshot vm create --all keep
fill hdd.qcow2 2
fill data.qcow2 2
mkdir saved
cp hdd.qcow2 data.qcow2 data/vms/vm/snapshots.json saved
begin_anew() {
    cp saved/hdd.qcow2 saved/data.qcow2 .
    cp saved/snapshots.json data/vms/vm
    [ ! -e $pending ] || fail "$what: pending at the beginning"
}
number_in() {
    for number in 1 2 3; do
        qemu-io -f qcow2 -c "read -P $number 0 64k" "$1" | grep -q failed || echo "$number"
    done
}
# What was killed with maqet has ended too, when somebody else can have the machine's lock; a
# question that nobody answers needs it, and changes nothing.
settled() {
    [ ! -e $pending ] || expect 2 maqet recover vm --finish </dev/null
}

# half_loaded WHAT: the load of both drives was killed when hdd had been reverted, and data not.
half_loaded() {
    what=$1
    step=0
    until [ -e $pending ] && [ "$(number_in hdd.qcow2)$(number_in data.qcow2)" = 12 ]; do
        [ ! -e $pending ] || expect 0 maqet recover vm
        begin_anew
        step=$((step + 1))
        expect 137 traced clone "signal=KILL:when=$step" snapshot vm load --yes --all keep
        settled
    done
}
# single_loaded WHAT: the load of hdd alone was killed before it was said to be over.
single_loaded() {
    what=$1
    step=0
    until grep -qs '"phase":"revert"' $pending; do
        [ ! -e $pending ] || expect 0 maqet recover vm
        begin_anew
        step=$((step + 1))
        expect 137 traced clone "signal=KILL:when=$step" snapshot vm load --yes hdd keep
        settled
    done
}

# What lies in the folder, but for what only reading leaves: all of it stays as it is.
remember() {
    sha256sum ./*.qcow2 $pending data/vms/vm/vm.json >sums
}
untouched() {
    sha256sum -c --quiet sums || fail "$what: changed by: $1"
}
# asks TEXT...: each command that changes something, or starts the VM, stops with this error.
asks() {
    remember
    while read -r command; do
        code=3
        case $command in run*) code=125 ;; esac
        # shellcheck disable=SC2086 # words
        expect $code maqet $command
        for text in "VM 'vm'" "interrupted on 20" "maqet recover vm --finish" \
            "maqet recover vm --forget" "$@"; do
            err_has "$text"
        done
        untouched "$command"
        same stopped "$(vm_status vm)" "$what: after $command"
    done <<EOF
recover vm
start vm
start vm --foreground
restart vm
apply vm changed.yaml
resize vm data 8M
rm vm --yes
rm vm --yes --delete-storage
snapshot vm create hdd other
snapshot vm create --all keep --overwrite
snapshot vm load --yes hdd keep
snapshot vm load --all keep --yes
snapshot vm delete --all keep
snapshot vm export hdd keep exported.qcow2
checkpoint vm load --yes none
run vm --from none --discard -- true
EOF
    for command in "recover vm --finish" "recover vm --forget"; do
        # shellcheck disable=SC2086 # words
        expect 2 maqet $command </dev/null
        err_has "Nothing was done"
        err_has "--yes"
        untouched "$command"
    done
}
# What only looks goes on, says that something is pending, and repairs nothing.
only_shown() {
    remember
    for shows in "snapshot vm list" "snapshot vm list hdd" "snapshot vm tree" "checkpoint vm list"; do
        # shellcheck disable=SC2086 # words
        expect 0 maqet $shows
        err_has "interrupted"
        err_has "maqet recover vm"
        untouched "$shows"
    done
}
finished() {
    expect 0 maqet recover vm --finish --yes
    out_has "Recovered VM 'vm'."
    [ ! -e $pending ] || fail "$what: still pending"
}
forgotten() {
    remember
    expect 0 maqet recover vm --forget --yes
    out_has "are unchanged"
    [ ! -e $pending ] || fail "$what: still pending"
    sed -i '/pending/d' sums
    untouched "recover --forget"
    cp out kept
    expect 0 maqet recover vm
    out_has "nothing to recover"
    mv kept out
}

# ---- unchanged ----

# Looking repairs nothing, and what nothing has happened to is finished without a question.
while read -r command; do
    half_loaded "$command of what is unchanged"
    only_shown
    out_has "No checkpoints"
    # shellcheck disable=SC2086 # words
    expect 0 maqet $command
    err_has "load of snapshot 'keep' was interrupted; it has been completed"
    [ ! -e $pending ] || fail "$what: still pending"
    expect 0 maqet stop vm --timeout 0 --force
    holds hdd.qcow2 1
    holds data.qcow2 1
    sound hdd.qcow2 data.qcow2
done <<EOF
recover vm
recover vm --finish --yes
start vm
restart vm
apply vm changed.yaml
snapshot vm export hdd keep exported.qcow2
resize vm data 8M
EOF
rm exported.qcow2
expect 0 maqet apply vm vm.yaml
# A folder that is moved keeps its files.
half_loaded "a data folder that was moved"
mv data/vms moved
mv moved data/vms
expect 0 maqet recover vm
err_has "it has been completed"

# ---- written to ----

single_loaded "one drive that was written to"
fill hdd.qcow2 3
asks "load of snapshot 'keep' was interrupted" "drive 'hdd': $TMP/hdd.qcow2 was written to since" \
    "reverts drive 'hdd' to snapshot 'keep'; what has been written since is lost"
only_shown
finished
holds hdd.qcow2 1
holds data.qcow2 2
single_loaded "one drive that was written to, forgotten"
fill hdd.qcow2 3
forgotten
holds hdd.qcow2 3
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# Of several, either may be the one: the reverted one has gone on from there, and the other one
# from what it was.
half_loaded "the reverted drive was written to"
fill hdd.qcow2 3
asks "drive 'hdd': $TMP/hdd.qcow2 was written to since"
err_lacks "drive 'data': "
finished
holds hdd.qcow2 1
holds data.qcow2 1
same '' "$(qemu-img snapshot -l hdd.qcow2 | grep before-load)" "what is left in hdd"

# Once forgotten, what was saved is a snapshot like others, and not taken for another one's.
half_loaded "the other drive was written to"
fill data.qcow2 3
asks "drive 'data': $TMP/data.qcow2 was written to since"
forgotten
for drive in hdd data; do
    out_has "Kept: the snapshot '.maqet-before-load' of drive '$drive', its state before the load"
done
holds hdd.qcow2 1
holds data.qcow2 3
expect 0 maqet snapshot vm list
out_has '- .maqet-before-load ('
expect 3 maqet snapshot vm load --yes --all keep
err_has "maqet snapshot vm delete hdd .maqet-before-load"
holds data.qcow2 3
expect 0 maqet snapshot vm load --yes hdd .maqet-before-load
holds hdd.qcow2 2
expect 0 maqet snapshot vm delete --all .maqet-before-load
expect 0 maqet snapshot vm load --yes --all keep
holds data.qcow2 1

# A failure that leaves something pending is no different from a kill.
begin_anew
what="a load that failed, and its repair too"
wrap_qemu_img 'snapshot\ -q\ -a\ *' 'echo "qemu-img: no luck" >&2; exit 1'
expect 1 wrapped maqet snapshot vm load --yes hdd keep
err_has "maqet recover vm"
[ -e $pending ] || fail "$what: nothing is pending"
cp -p $pending hdd.qcow2 saved
fill hdd.qcow2 3
asks "was written to since"
forgotten
begin_anew
expect 1 wrapped maqet snapshot vm load --yes hdd keep
expect 0 maqet recover vm
err_has "it has been completed"
holds hdd.qcow2 1
# What it has written before it failed is its own.
wrap_qemu_img 'snapshot\ -q\ -a\ *' "'$(command -v qemu-img)' \"\$@\"; echo 'qemu-img: no luck' >&2; exit 1"
begin_anew
expect 1 wrapped maqet snapshot vm load --yes hdd keep
holds hdd.qcow2 1
[ -e $pending ] || fail "$what: nothing is pending"
expect 0 maqet recover vm
err_has "it has been completed"

# Where the journal cannot be written before the first drive reverts, the load is undone, and not
# finished: a kill finds the journal and the images in step.
step=0 code=137
while [ $code -eq 137 ]; do
    begin_anew
    step=$((step + 1))
    what="a load that could not write its journal, killed at clone $step"
    code=0
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=clone,rename \
        -e inject=rename:error=ENOSPC:when=2+ -e "inject=clone:signal=KILL:when=$step" \
        "$MAQET" snapshot vm load --yes --all keep >out 2>err || code=$?
    cp err failed
    settled
    expect 0 maqet recover vm
    holds hdd.qcow2 2
    holds data.qcow2 2
done
grep -q "pending.json: No space left on device" failed || fail "$what: $(cat failed)"
[ $step -gt 3 ] || fail "never killed"

# What is under way gives signs of life, which reach the disk: after a power cut they tell which
# writes were its own.
begin_anew
what="signs of life"
rm -f reached go
wrap_qemu_img 'snapshot\ -q\ -a\ *hdd*' ": >'$TMP/reached'; until [ -e '$TMP/go' ]; do sleep 0.1; done"
wrapped env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -y -o signs -e trace=utimensat,fsync \
    "$MAQET" snapshot vm load --yes --all keep >load.out 2>&1 &
load=$!
eventually 60 test -e reached
given() {
    [ "$(grep -c utimensat signs)" -ge 2 ]
}
eventually 60 given
: >go
wait "$load" || fail "$what: $(cat load.out)"
sign=$(grep -m 1 utimensat signs)
file=$(echo "$sign" | sed -n 's/^\([0-9]* *\)utimensat(\([0-9]*<.*pending.json>\).*/\1fsync(\2)/p')
[ "$file" ] || fail "$what: not by a file descriptor: $sign"
grep -qF "$file" signs || fail "$what are not synced: $sign"

# ---- other files ----

half_loaded "an image that was replaced by its own copy"
cp -p hdd.qcow2 copy.qcow2
mv copy.qcow2 hdd.qcow2
asks "drive 'hdd': $TMP/hdd.qcow2 was replaced by another file"
only_shown
forgotten
expect 0 maqet snapshot vm delete --all .maqet-before-load

half_loaded "an image that is missing"
mv data.qcow2 away
asks "drive 'data': $TMP/data.qcow2 is missing"
[ ! -e data.qcow2 ] || fail "$what: made anew"
expect 3 maqet recover vm --finish --yes
err_has "drive 'data': $TMP/data.qcow2 is missing"
err_has "move it back, and then: maqet recover vm --finish"
err_lacks "--create-missing"
mv away data.qcow2
expect 0 maqet recover vm
err_has "it has been completed"
holds data.qcow2 1
half_loaded "an image that is missing, forgotten"
mv data.qcow2 away
forgotten
out_has "Kept: the snapshot '.maqet-before-load' of drive 'hdd', its state before the load"
mv away data.qcow2
expect 0 maqet snapshot vm delete --all .maqet-before-load

# The very snapshot that was to be loaded is gone, and another one has its name.
single_loaded "another snapshot of that name"
qemu-img snapshot -d keep hdd.qcow2
fill hdd.qcow2 3
qemu-img snapshot -c keep hdd.qcow2
fill hdd.qcow2 2
asks "was written to since"
expect 0 maqet recover vm --finish --yes
err_has "There is no longer a snapshot 'keep' of drive 'hdd'"
holds hdd.qcow2 2

# ---- a backup of the data folder ----

# killed_delete: that of hdd's snapshot, before it was gone.
killed_delete() {
    begin_anew
    what="a delete"
    expect 137 traced clone signal=KILL:when=2 snapshot vm delete hdd keep
    [ -e $pending ] || fail "nothing is pending"
    settled
    [ "$(count_snapshots hdd.qcow2)" = 1 ] || fail "it is gone"
}
for operation in load delete; do
    for change in "fill hdd.qcow2 3" true; do
        case $operation in
        load) half_loaded "a backup of the data folder" ;;
        delete) killed_delete ;;
        esac
        noun=$operation
        [ $operation != delete ] || noun=deletion
        rm -rf backup
        cp -a data backup
        expect 0 maqet recover vm
        err_has "VM 'vm': $noun of snapshot 'keep' was interrupted; it has been completed"
        begin_anew
        $change
        rm -rf data
        cp -a backup data
        asks "the data folder is a copy, or was restored from a backup"
        only_shown
        forgotten
        # Over the folder that is there, too.
        cp -a backup/. data/
        asks "the data folder is a copy, or was restored from a backup"
        forgotten
    done
done
same 1 "$(count_snapshots hdd.qcow2)" "snapshots in hdd"

# A VM that runs is neither ended nor changed by what a backup says.
expect 0 maqet start vm
pid=$(vm_pid vm)
for operation in load:revert checkpoint-load:resume checkpoint-create:save; do
    sed "s/\"kind\":\"[a-z-]*\"/\"kind\":\"${operation%:*}\"/
        s/\"phase\":\"[a-z-]*\"/\"phase\":\"${operation#*:}\"/" backup/vms/vm/pending.json >$pending
    grep -q "\"${operation#*:}\"" $pending || fail "the journal is another one"
    expect 3 maqet recover vm
    err_has "the data folder is a copy"
    expect 3 maqet restart vm
    same "$pid" "$(vm_pid vm)" "$operation: QEMU's PID"
    # What reverts is not finished while QEMU has the images.
    [ $operation != load:revert ] || expect 3 maqet recover vm --finish --yes
    same "$pid" "$(vm_pid vm)" "$operation: QEMU's PID"
    expect 0 maqet recover vm --forget --yes
    same "$pid" "$(vm_pid vm)" "$operation: QEMU's PID"
    expect 0 maqet --format plain qmp vm query-status
    out_has '"running":true'
done
expect 0 maqet stop vm --timeout 0 --force

# ---- later snapshots of the same name ----

# half_created: the set was killed when hdd had its snapshot, and data not.
half_created() {
    step=0
    until [ -e $pending ] && [ "$(count_snapshots hdd.qcow2)$(count_snapshots data.qcow2)" = 21 ]; do
        [ ! -e $pending ] || expect 0 maqet recover vm
        begin_anew
        step=$((step + 1))
        expect 137 traced clone "signal=KILL:when=$step" snapshot vm create --all new
        settled
    done
}
half_created
expect 0 maqet recover vm
err_has "VM 'vm': creation of snapshot 'new' was interrupted; the incomplete snapshot has been deleted"
same 1 "$(count_snapshots hdd.qcow2)" "snapshots in hdd"
# The same, an hour earlier: so the snapshot that is there now was made later.
half_created
hour=3600000000000
while read -r key; do
    number=$(sed -n "s/.*\"$key\":\([0-9]*\).*/\1/p" $pending)
    sed "s/\"$key\":$number/\"$key\":$((number - hour))/" $pending >edited
    cat edited >$pending
done <<EOF
begun
interrupted
EOF
expect 0 maqet recover vm
same 2 "$(count_snapshots hdd.qcow2)" "snapshots in hdd"
[ ! -e $pending ] || fail "still pending"

# ---- nobody is left to look at the images ----

# killed_together IMAGE: everything is killed at once while the image is being reverted.
killed_together() {
    begin_anew
    what="all killed at $1"
    rm -f reached
    wrap_qemu_img "snapshot\\ -q\\ -a\\ *$1*" ": >'$TMP/reached'; exec sleep 600"
    wrapped "$MAQET" snapshot vm load --yes --all keep >load.out 2>&1 &
    load=$!
    eventually 60 test -e reached
    pids=$(find /proc/[0-9]*/fd -lname "$TMP/data/vms/vm/lock" 2>/dev/null | cut -d / -f 3 | sort -u)
    # shellcheck disable=SC2086 # words
    same 2 "$(echo $pids | wc -w)" "$what: processes that have the lock"
    # shellcheck disable=SC2086 # words
    kill -STOP $pids
    # shellcheck disable=SC2086 # words
    kill -KILL $pids
    wait "$load" || :
    grep -q '"sealed":false' $pending || fail "$what: sealed"
}
# Nothing had been done since the journal was written.
killed_together hdd.qcow2
expect 0 maqet recover vm
err_has "it has been completed"
holds hdd.qcow2 1
holds data.qcow2 1
# Something had, and it could have been anybody's.
killed_together data.qcow2
asks "drive 'hdd': $TMP/hdd.qcow2 was written to since"
# After a power cut, it is the operation's own as long as that gave signs of life.
sed 's/"boot":"[^"]*"/"boot":"another"/' $pending >edited
cat edited >$pending
touch -d '1 minute ago' $pending
asks "drive 'hdd': $TMP/hdd.qcow2 was written to since"
# But not when their state was recorded after the end: what came then is somebody else's.
cp $pending edited
sed 's/"sealed":false/"sealed":true/' edited >sealed
cat sealed >$pending
asks "drive 'hdd': $TMP/hdd.qcow2 was written to since"
cat edited >$pending
expect 0 maqet recover vm
err_has "it has been completed"
holds hdd.qcow2 1
holds data.qcow2 1

# ---- journals that say less ----

begin_journal() {
    begin_anew
    printf '%s' "$1" >$pending
}
begin_journal '{"operation": "load", "name": "keep", "drives": ["hdd", "data"]}'
what="an earlier maqet's"
asks "it was begun by an earlier version of maqet"
finished
holds hdd.qcow2 1
holds data.qcow2 1
begin_journal '{"operation": "load", "na'
what="a damaged one"
remember
for command in "recover vm" "recover vm --finish --yes" "start vm" "resize vm hdd 8M" \
    "apply vm changed.yaml" "snapshot vm load --yes --all keep" "snapshot vm create hdd other" \
    "rm vm --yes"; do
    # shellcheck disable=SC2086 # words
    expect 1 maqet $command
    err_has "$TMP/$pending is damaged"
    grep -v '^ ' err | grep -q "interrupted, but cannot be read" || fail "$what: no explanation"
    err_has "maqet recover vm --forget"
    err_lacks "remove that"
    untouched "$command"
done
expect 0 maqet snapshot vm list
err_has "is damaged"
out_has '- keep ('
untouched "snapshot vm list"
forgotten
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# ---- forgotten while QEMU runs ----

# What was kept is named even where QEMU does not answer.
begin_anew
expect 0 maqet start vm
step=0
until [ -e $pending ] && qemu-img snapshot -U -l hdd.qcow2 | grep -q " new "; do
    [ ! -e $pending ] || expect 0 maqet recover vm
    step=$((step + 1))
    expect 137 traced recvfrom "signal=KILL:when=$step" snapshot vm create --all new --live
done
kill -STOP "$(vm_pid vm)"
expect 0 maqet recover vm --forget --yes --wait 1
for drive in hdd data; do
    out_has "Kept: the snapshot 'new' of drive '$drive'"
done
kill -CONT "$(vm_pid vm)"
expect 0 maqet snapshot vm delete --all new --live

# No guest is left paused by a checkpoint's load that nobody will finish.
expect 0 maqet checkpoint vm create point
step=0 paused=0 code=137
while [ $code -eq 137 ]; do
    step=$((step + 1))
    what="the load of a checkpoint, killed at sendmsg $step"
    code=0
    traced sendmsg "signal=KILL:when=$step" checkpoint vm load point --yes >out 2>err || code=$?
    grep -qs '"phase":"resume"' $pending || { expect 0 maqet recover vm; continue; }
    [ "$(vm_status vm)" != paused ] || paused=$((paused + 1))
    expect 0 maqet recover vm --forget --yes
    case $(vm_status vm) in
    running) ;;
    stopped) err_has "is stopped" ;;
    *) fail "$what: left $(vm_status vm)" ;;
    esac
    expect 0 maqet checkpoint vm list
    out_has "point"
done
[ $paused -gt 0 ] || fail "no guest was ever paused"
expect 0 maqet stop vm --timeout 0 --force

# ---- rm --force ----

half_loaded "rm --force"
fill hdd.qcow2 3
expect 0 maqet rm vm --force
err_has "was written to since"
holds hdd.qcow2 3
