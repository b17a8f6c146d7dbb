# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# backup-image-functions.sh - backups of a VM 'web' that are written by hand, so that no guest is needed;
# after functions.sh. The disk has 16 blocks of 64K, and is described by a digit for each.

block=65536
blocks=16
for digit in 0 1 2 3 4 5 6 7 8 9; do
    head -c $block /dev/zero | tr '\0' "\\$(printf %03o "$digit")" >"block$digit"
done
# disk DIGITS: the content of the whole disk.
disk() {
    disk_files=
    for disk_digit in $(echo "$1" | sed 's/./& /g'); do disk_files="$disk_files block$disk_digit"; done
    # shellcheck disable=SC2086
    cat $disk_files
}

# The ID of the backup with a number.
id() { printf '20260101T0000%02dZ' "$1"; }
# of FOLDER NUMBER [DRIVE]: its image.
of() { echo "$1/web/$(id "$2")/${3:-hdd}.qcow2"; }

# image_row NUMBER BASE [DRIVE] [CHECKSUM]: the row of a drive in a manifest.
image_row() {
    row_image=$(of b "$1" "${3:-hdd}")
    row_base=null
    [ -z "$2" ] || row_base="\"$(id "$2")\""
    cat <<END
{"name": "${3:-hdd}", "type": "qcow2", "format": "qcow2", "file": "${3:-hdd}.qcow2",
 "incremental": $([ -z "$2" ] && echo false || echo true), "base": $row_base,
 "virtual_size": $(qemu-img info "$row_image" | sed -n 's/^virtual size: .*(\([0-9]*\) bytes).*/\1/p'),
 "size": $(stat -c %s "$row_image"), "modified": 1, "checksum": "${4:-xxh3:0}"}
END
}

# make_image NUMBER BASE DIGITS [DRIVE]: the image, which holds the blocks that are not '-'.
make_image() {
    made=$(of b "$1" "${4:-hdd}")
    mkdir -p "$(dirname "$made")"
    if [ -z "$2" ]; then
        qemu-img create -q -f qcow2 "$made" $((block * blocks))
    else
        qemu-img create -q -u -f qcow2 -F qcow2 -b "../$(id "$2")/${4:-hdd}.qcow2" "$made" \
            $((block * blocks))
    fi
    made_at=0
    for made_digit in $(echo "$3" | sed 's/./& /g'); do
        [ "$made_digit" = - ] ||
            qemu-io -f qcow2 -c "write -q -P $made_digit $((made_at * block)) $block" "$made"
        made_at=$((made_at + 1))
    done
}

# make_manifest NUMBER ROW...: the checksums are those that `verify` finds.
make_manifest() {
    manifest_number=$1
    shift
    manifest="b/web/$(id "$manifest_number")/manifest.json"
    manifest_rows=$(printf '%s,' "$@")
    cat >"$manifest" <<END
{"format": 1, "id": "$(id "$manifest_number")", "vm": "web", "uuid": "$(uuid)", "chain": "01234567",
 "date": $((1767225600 + manifest_number)), "version": "0", "running": false, "quiesced": false,
 "drives": [${manifest_rows%,}], "skipped": [], "slots": [],
 "definition": $(cat data/vms/web/vm.json)}
END
    maqet backup web verify b "$(id "$manifest_number")" >verified 2>&1 || :
    sed -n "s,^  .*$(id "$manifest_number")/\(.*\) has changed: its checksum is \(.*\) instead.*,\1 \2,p" verified >sums
    while read -r manifest_file manifest_sum; do
        perl -0pi -e "s/(\"file\": \"$manifest_file\".*?\"checksum\": \")xxh3:0/\${1}$manifest_sum/s" "$manifest"
    done <sums
}
uuid() { sed -n 's/^  "uuid":"\(.*\)",/\1/p' data/vms/web/vm.json; }

# make_backup NUMBER BASE DIGITS: a backup of one drive; BASE '' for a full one.
make_backup() {
    make_image "$1" "$2" "$3"
    make_manifest "$1" "$(image_row "$1" "$2")"
}

# shows FOLDER NUMBER DIGITS [DRIVE]: what qemu-img reads, which knows nothing of maqet.
shows() {
    qemu-img convert -O raw "$(of "$1" "$2" "${4:-hdd}")" shown.raw ||
        fail "backup $2 cannot be read"
    disk "$3" | cmp -s - shown.raw || fail "backup $2 of drive ${4:-hdd} is not as it was"
}

# The numbers of the backups in a folder that `list` calls complete.
complete() {
    maqet --format plain backup web list "$1" 2>/dev/null | awk -F '\t' '$NF == "complete" { print $2 }' |
        sed 's/.*T0*\([1-9][0-9]*\)Z$/\1/' | tr '\n' ' '
}

add_web() {
    vm_yaml web <<END
storage:
- {name: hdd, type: qcow2, file: hdd.qcow2, size: $((block * blocks))}
END
    expect 0 maqet add web.yaml
}

# Five backups, each an increment on the one before. What they show is state1 to state5.
make_five() {
    state1=1111000000000000
    state2=1211200000000000
    state3=1213203000000000
    state4=1213204000000004
    state5=5213204050000004
    make_backup 1 '' $state1
    make_backup 2 1 -2--2-----------
    make_backup 3 2 ---3--3---------
    make_backup 4 3 ------4--------4
    make_backup 5 4 5-------5-------
}
state() { eval "echo \$state$1"; }
