# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# backup-functions.sh - what tests of backups share: a machine "vm" whose disks are described by a
# digit for each of their 16 blocks, which are filled with that number; after functions.sh.

block=65536 blocks=16
for digit in 0 1 2 3 4 5 6 7 8 9; do
    head -c $block /dev/zero | tr '\0' "\\$(printf %03o "$digit")" >"block$digit"
done
disk() { # DIGITS
    local i files=()
    for ((i = 0; i < blocks; i++)); do files+=("block${1:i:1}"); done
    cat "${files[@]}"
}

is_running() { [ "$(vm_status vm)" = running ]; }
# The options and the name by which qemu-io opens what the guest writes to.
image_of() { # DRIVE
    local id
    case $1 in
    data)
        id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' data.raw.maqet/tree.json 2>/dev/null || :)
        if [ "${id:-0}" -gt 0 ]; then echo "-f qcow2 data.raw.maqet/$id.qcow2"; else echo "-f raw data.raw"; fi
        ;;
    *) echo "-f qcow2 $1.qcow2" ;;
    esac
}
inside() { # DRIVE COMMAND: qemu-io's command, in QEMU
    maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$1/virtio-backend \\\"$2\\\"\"}" \
        >out 2>err && [ "$(cat out)" = '""' ] || fail "QEMU does not write: $(cat out err)"
}
put() { # DRIVE DIGIT BLOCK
    local words="write -P $2 $(($3 * block)) $block"
    if [ "$2" = 0 ]; then words="write -z $(($3 * block)) $block"; fi
    if is_running; then
        inside "$1" "$words"
        inside "$1" flush
    else
        # shellcheck disable=SC2046
        qemu-io $(image_of "$1") -c "$words" >out 2>&1 || fail "$(cat out)"
    fi
}
# changed DISK DIGIT BLOCK
changed() { echo "${1:0:$3}$2${1:$(($3 + 1))}"; }

# The IDs in a folder of backups, the oldest first, and the last one.
ids() { find "$1/vm" -mindepth 1 -maxdepth 1 -name '2*Z' -printf '%f\n' | sort; }
last_id() { ids "$1" | tail -n 1; }
# shown FOLDER ID DRIVE DIGITS: what the image in a backup shows, to qemu-img.
shown() {
    qemu-img convert -f qcow2 -O raw "$1/vm/$2/$3.qcow2" got.raw >out 2>&1 ||
        fail "$1/vm/$2/$3.qcow2: $(cat out)"
    disk "$4" | cmp -s - got.raw
}
is_increment() { # FOLDER ID DRIVE
    qemu-img info "$1/vm/$2/$3.qcow2" | grep -q '^backing file: \.\./'
}
# Neither QEMU nor the folder has anything of a backup that was not completed.
nothing_left() { # FOLDER
    [ -z "$(find "$1" -name '*.maqet-new')" ] || fail "$what: $(find "$1" -name '*.maqet-new')"
    if is_running; then
        maqet qmp vm query-named-block-nodes | grep '"maqet-backup-' && fail "$what: a node is left"
        maqet qmp vm query-jobs | grep '"maqet-backup-' && fail "$what: a job is left"
        maqet qmp vm query-fdsets | grep 'maqet backup' && fail "$what: a file is left"
    fi
    return 0
}
