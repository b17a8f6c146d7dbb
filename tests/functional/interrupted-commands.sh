#!/bin/sh
# SPDX-License-Identifier: MIT
# Ctrl-C in every command: those that undo something do, and say so; nothing else is left of them
# than before, in the folders or in QEMU, nor a process; and they can be repeated. The commands are
# those of the program, so a new one must be added here. tests/functional/interrupted.sh interrupts
# the longest ones at every wait; here it is some waits and some opened files of each.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace perl tar bsdtar ssh-keygen

# ---- programs in the place of others ----

# The guest of ssh is this host, in a folder of its own.
mkdir bin guest home host
HOME="$TMP/home"
EDITOR="$TMP/bin/editor"
export HOME EDITOR
unset VISUAL
cat >bin/ssh <<EOF
#!/bin/sh
for last; do :; done
cd "$TMP/guest" && sh -c "\$last"
EOF
cat >bin/editor <<EOF
#!/bin/sh
echo '# edited' >>"\$1"
EOF
# systemctl --user enable|disable UNIT
cat >bin/systemctl <<EOF
#!/bin/sh
folder=$TMP/units/multi-user.target.wants
mkdir -p "\$folder"
case \$2 in
enable) touch "\$folder/\$3" ;;
disable) rm -f "\$folder/\$3" ;;
esac
EOF
chmod +x bin/*
PATH=$TMP/bin:$PATH

# ---- what is there ----

# What QEMU has, by one conversation with its monitor: perl ask SOCKET.
cat >ask <<'EOF'
use IO::Socket::UNIX;
my $monitor = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit;
sub ask {
    print $monitor "{\"execute\": $_[0]}\n";
    while (my $line = <$monitor>) { return $line if $line =~ /^\{"(return|error)"/ }
}
<$monitor>;
ask '"qmp_capabilities"';
for (qw(query-named-block-nodes query-block query-chardev query-fdsets query-block-jobs query-status)) {
    my $answer = ask "\"$_\"";
    print "$1\n" while $answer =~ /("(?:node-name|device|qdev|label|fdset-id|tray_open|running)": *[^,}]*)/g;
}
my $devices = ask '"qom-list", "arguments": {"path": "/machine/peripheral"}';
print "$1\n" while $devices =~ /("name": *[^,}]*)/g;
EOF

echo "$TMP" >folder

# The names of all files, the processes, and what QEMU has. What a command may leave is a lock, an
# event, and the date of a file.
listing() {
    find . -path ./bin -prune -o -type p -prune -o ! -name out ! -name tool.log ! -name err ! -name trace \
        ! -name before ! -name after ! -name lock \
        ! -path './run/*/forced' ! -path './run/*/qemu' -print | LC_ALL=C sort
    grep -laF -f folder /proc/[0-9]*/cmdline 2>/dev/null | while read -r words; do
        case $(tr "\\0" " " <"$words") in
        "" | *strace* | *"$0"*) ;;
        *) basename "$(readlink "${words%cmdline}exe")" ;;
        esac
    done 2>/dev/null | sort
    for monitor in run/*/qmp.sock; do
        [ ! -S "$monitor" ] || perl ask "$monitor" | sed 's/#block[0-9]*/#block/' | sort
    done
}
as_before() {
    listing >after
    cmp -s before after
}

# ---- interrupting ----

# What is different if the test fails.
cleanup_fn "diff '$TMP/before' '$TMP/after'; cat '$TMP/err'; [ -z \"\$last\" ] || echo \"\$last\""
last=
said_in_all=0
# An interrupted command may also say that it has been completed, or what is there now.
elsewhere="has been completed|the drive is empty|is complete|QEMU was told to"
commands=
# interrupted_at CALL STEP ARGUMENT...: runs a command with Ctrl-C at that system call.
interrupted_at() {
    call=$1
    at=$2
    shift 2
    code=0
    last="$*, interrupted at $call $at"
    note_step "$last"
    traced "$call" "signal=INT:when=$at" "$@" >out 2>err </dev/null || code=$?
}

# undoes NAME CODE AFTER ARGUMENT...: the command NAME, whose exit code is CODE otherwise, is
# interrupted ever later, and finally repeated as a whole. What it leaves is compared; AFTER
# restores what was before the whole command.
undoes() {
    name=$1
    wanted=$2
    after=$3
    shift 3
    commands="$commands$name
"
    expect "$wanted" maqet "$@"
    $after
    listing >before
    said=0
    for call in openat poll; do
        # The libraries come first.
        [ $call = openat ] && step=20 || step=1
        while :; do
            interrupted_at $call $step "$@"
            if [ $code -eq "$wanted" ]; then
                $after
                break
            fi
            [ $code -eq 130 ] || fail "$*, interrupted at $call $step: exit code $code: $(cat err)"
            if grep -q "interrupted by" err && ! grep -qE "$elsewhere" err; then
                said=$((said + 1))
                [ "$name" = wait ] ||
                    grep -A 9 "interrupted by" err | sed 1d | grep -qvE '^(ERROR|WARNING)' ||
                    fail "$*, at $call $step: it is not said what was undone: $(cat err)"
            else
                $after
            fi
            # These may have stopped or deleted it, and say so; and what systemctl has done is not seen in
            # a folder of the test.
            case $name in stop | restart | "checkpoint load" | *delete | autostart*) $after ;; esac
            eventually 10 as_before || fail "unreachable"
            step=$((step * 2))
        done
    done
    expect "$wanted" maqet "$@"
    $after
    eventually 10 as_before
    said_in_all=$((said_in_all + said))
}

# ends NAME ARGUMENT...: a command that begins nothing is ended at once.
ends() {
    name=$1
    shift
    commands="$commands$name
"
    listing >before
    for step in 8 40; do
        interrupted_at openat $step "$@"
        [ $code -eq 130 ] || [ $code -eq 0 ] || fail "$*: exit code $code: $(cat err)"
        ! grep -q "interrupted by" err || fail "$*: caught"
        eventually 10 as_before
    done
}
nothing() {
    :
}

# ---- VMs ----

vm_yaml vm <<EOF
ssh: {user: root}
network: user
ports: ["auto:22"]
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2}
  - {name: cd, type: raw, media: cdrom, interface: ide, file: disc.iso}
EOF
echo disc >file
bsdtar --format iso9660 -cf disc.iso file
cp disc.iso other.iso
vm_yaml small <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: small.qcow2}
EOF
printf '\125\252' | dd of=cloud.raw bs=1 seek=510 status=none
truncate -s 1M cloud.raw

stop_vm() {
    expect 0 maqet stop vm --timeout 0 --force
}
removed() {
    [ -z "$("$MAQET" --format plain ls | grep "^$1")" ] ||
        expect 0 maqet rm "$1" --yes --delete-storage
}
new_removed() {
    removed new
    rm -f new.yaml new.key new.key.pub
}
small_removed() {
    removed small
    rm -f small.qcow2
}
undoes new 0 new_removed new new --image cloud.raw
import_removed() {
    removed imported
    rm -f imported.yaml imported.qcow2
}
undoes import 0 import_removed import cloud.raw --name imported
undoes add 0 small_removed add small.yaml
expect 0 maqet add small.yaml
applied() {
    expect 0 maqet apply small small.yaml
}
undoes apply 0 applied apply small small.yaml --set memory=32M
undoes edit 0 applied edit small
named_back() {
    [ ! -e data/vms/tiny ] || expect 0 maqet rename tiny small
}
undoes rename 0 named_back rename small tiny
not_cloned() {
    [ ! -e data/vms/other ] || expect 0 maqet rm other --delete-storage --yes
}
undoes clone 0 not_cloned clone small other
expect 0 maqet start small
expect 0 maqet checkpoint small create ready
not_forked() {
    for fork in data/vms/other*; do
        [ ! -e "$fork" ] || expect 0 maqet rm "${fork##*/}" --force --delete-storage --yes
    done
}
undoes fork 0 not_forked fork small other --from ready
expect 0 maqet checkpoint small delete ready
expect 0 maqet stop small --timeout 0 --force
mkdir elsewhere
image_back() {
    [ ! -e elsewhere/small.qcow2 ] || expect 0 maqet move small hdd .
}
undoes move 0 image_back move small hdd elsewhere
type_back() {
    [ ! -e small.raw ] || expect 0 maqet convert small hdd qcow2
}
undoes convert 0 type_back convert small hdd raw
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-io -f qcow2 -c 'write -q -P 1 0 64k' base.qcow2
thin_again() {
    [ ! -e data/vms/thin ] || expect 0 maqet rm thin --delete-storage --yes
    expect 0 maqet add thin.yaml
    expect 0 maqet start thin
    expect 0 maqet stop thin --timeout 0 --force
}
vm_yaml thin <<'END'
storage:
- {name: hdd, type: qcow2, file: thin.qcow2, backing_file: base.qcow2, backing_format: qcow2}
END
thin_again
undoes flatten 0 thin_again flatten thin hdd
expect 0 maqet rm thin --delete-storage --yes
expect 0 maqet snapshot small create hdd kept
kind_back() {
    [ ! -e small.qcow2.maqet ] || expect 0 maqet snapshot small convert hdd internal
}
undoes "snapshot convert" 0 kind_back snapshot small convert hdd overlay
expect 0 maqet snapshot small delete hdd kept
mkdir -p units/multi-user.target.wants
autostarted() {
    rm -f units/*/*
}
undoes "autostart on" 0 autostarted autostart small on
undoes "autostart off" 0 autostarted autostart small off
added_again() {
    [ -e data/vms/small ] || expect 0 maqet add small.yaml
}
undoes rm 0 added_again rm small --yes
ends validate validate small.yaml
ends args args small
ends config config small
ends diff diff small small.yaml

expect 0 maqet add vm.yaml
undoes start 0 stop_vm start vm
started() {
    [ "$(vm_status vm)" = running ] || expect 0 maqet start vm
}
started
undoes stop 0 started stop vm --timeout 0.3 --force
undoes restart 0 started restart vm --timeout 0.3 --force
resumed() {
    expect 0 maqet resume vm
}
undoes pause 0 resumed pause vm
expect 0 maqet pause vm
paused() {
    expect 0 maqet pause vm
}
undoes resume 0 paused resume vm
resumed
for command in ls status events logs; do
    case $command in
    events | logs) ends $command $command vm ;;
    status) ends status status vm ;;
    *) ends $command $command ;;
    esac
done
ends top top
ends console console vm
ends qmp qmp vm query-status
ends ssh ssh vm true
ends help help
ends "plugin list" plugin list
ends "plugin info" plugin info qcow2
ends "plugin schema" plugin schema
ends "plugin manual" plugin manual qcow2
ends doctor doctor

# ---- drives ----

detached() {
    stop_vm
    ! "$MAQET" config vm | grep -q d2.qcow2 || expect 0 maqet detach vm d2
    [ ! -e d2.qcow2 ] || expect 0 maqet storage rm "$TMP/d2.qcow2" --yes
    started
}
undoes attach 0 detached attach vm --name d2 --size 1M file="$TMP/d2.qcow2"
# No guest gives it back, so it is refused in the end.
undoes detach 2 nothing detach vm hdd --timeout 0.3
disc_back() {
    expect 0 maqet cdrom vm cd insert "$TMP/disc.iso"
}
undoes "cdrom insert" 0 disc_back cdrom vm cd insert "$TMP/other.iso"
undoes "cdrom eject" 0 disc_back cdrom vm cd eject
undoes resize 0 nothing resize vm hdd +1M
expect 0 maqet attach vm --name moving --size 1M file="$TMP/moving.qcow2"
image_back() {
    [ ! -e elsewhere/moving.qcow2 ] || expect 0 maqet move vm moving .
}
undoes move 0 image_back move vm moving elsewhere

# ---- the guest ----

echo content >host/file
mkdir host/folder
echo inside >host/folder/file
copied() {
    rm -rf guest/* host/copy
}
undoes cp 0 copied cp -r host/folder vm:copy
undoes cp 0 copied cp host/file vm:copy
back() {
    rm -rf host/copy
}
cp -r host/file host/folder guest
undoes cp 0 back cp vm:file host/copy
undoes cp 0 back cp -r vm:folder host/copy
undoes wait 2 nothing wait vm --for console:login --timeout 0.3
# Without an agent in the guest.
expect 0 maqet apply vm vm.yaml --set guest_agent=on
expect 0 maqet restart vm --timeout 0 --force
undoes exec 125 nothing exec vm --wait 0.3 -- true

# ---- snapshots and checkpoints ----

deleted() {
    expect 0 maqet checkpoint vm delete one
}
undoes "checkpoint create" 0 deleted checkpoint vm create one
created() {
    "$MAQET" --format plain checkpoint vm list | grep -q '^one' ||
        expect 0 maqet checkpoint vm create one
}
created
undoes "checkpoint load" 0 started checkpoint vm load one --yes
ends "checkpoint list" checkpoint vm list
ends "checkpoint verify" checkpoint vm verify one
undoes "checkpoint delete" 0 created checkpoint vm delete one
stop_vm
undoes start 0 stop_vm start vm --from one --yes
undoes run 0 nothing run vm --from one --discard -- true
snapshot_deleted() {
    expect 0 maqet snapshot vm delete hdd two
}
undoes "snapshot create" 0 snapshot_deleted snapshot vm create hdd two
snapshot_created() {
    "$MAQET" --format plain snapshot vm list hdd | grep -q '^two' ||
        expect 0 maqet snapshot vm create hdd two
}
snapshot_created
ends "snapshot list" snapshot vm list
ends "snapshot tree" snapshot vm tree
undoes "snapshot load" 0 nothing snapshot vm load hdd two --yes
undoes "snapshot delete" 0 snapshot_created snapshot vm delete hdd two
exported() {
    rm -f host/copy
}
undoes "snapshot export" 0 exported snapshot vm export hdd two "$TMP/host/copy"
backed_up() {
    rm -rf host/backups/vm/2*
}
undoes "backup create" 0 backed_up backup vm create "$TMP/host/backups" --drive hdd
expect 0 maqet backup vm create "$TMP/host/backups" --drive hdd
ends "backup list" backup vm list "$TMP/host/backups"
undoes "backup verify" 0 nothing backup vm verify "$TMP/host/backups"
# What an image has inside would not be that of the restored one.
deleted
snapshot_deleted
restored() {
    rm -f hdd.qcow2.before-restore*
}
undoes "backup restore" 0 restored backup vm restore "$TMP/host/backups" --drive hdd
expect 0 maqet backup vm create "$TMP/host/backups" --drive hdd
cp -a host/backups host/kept
not_pruned() {
    rm -rf host/backups
    cp -a host/kept host/backups
}
undoes "backup prune" 0 not_pruned backup vm prune "$TMP/host/backups" --keep 1
undoes export 0 exported export vm hdd "$TMP/host/copy"
undoes compact 0 nothing compact vm hdd
undoes check 0 nothing check vm

# ---- what was left ----

# An interrupted job; and it is interrupted again.
traced pwrite64 "signal=KILL:when=1" snapshot vm create hdd three >out 2>err || :
undoes recover 0 nothing recover vm
left_again() {
    [ -e small.qcow2 ] || {
        expect 0 maqet add small.yaml
        expect 0 maqet start small
        expect 0 maqet stop small --timeout 0 --force
        expect 0 maqet rm small --yes
    }
}
expect 0 maqet rm small --yes
left_again
ends "storage ls" storage ls
undoes "storage rm" 0 left_again storage rm "$TMP/small.qcow2" --yes

# ---- all of them ----

[ "$said_in_all" -ge 30 ] || fail "only $said_in_all waits were interrupted"

# A check of a plugin has a test of its own, tests/functional/plugin-check.sh.
commands="${commands}plugin check"
for command in $("$MAQET" --list-commands | cut -f 1); do
    actions=$("$MAQET" "$command" --help | awk '
        /^Actions:/ { inside = 1; next }
        /^$/ { inside = 0 }
        inside && /^  [^ ]/ { for (i = 1; i <= NF; i++) if ($i ~ /^[a-z]+$/) { print $i; break } }')
    [ "$actions" ] || echo "$command"
    for action in $actions; do
        echo "$command $action"
    done
done | LC_ALL=C sort >known
printf '%s\n' "$commands" | LC_ALL=C sort -u >tested
diff known tested || fail "say here what Ctrl-C does in a command"
