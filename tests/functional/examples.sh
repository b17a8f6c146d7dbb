#!/bin/sh
# SPDX-License-Identifier: MIT
# Each example in the manual pages of commands is typed as it stands there, on a terminal, where
# questions are answered with yes; it must succeed. The scene is what a reader has in mind: a VM
# 'myvm' with a guest that reacts to its power button, small VMs beside it, and some files.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires bash script cc pkg-config qemu-nbd ssh ssh-keygen tar
programs=$PWD/bin
mkdir -p "$programs" backup vms srv mnt/fast

# The program has its everyday name. What is not on every host, and not maqet's, is replaced.
program=$(command -v "$MAQET")
cat >"$programs/maqet" <<EOF
#!/bin/sh
exec $program "\$@"
EOF
command -v man >/dev/null || printf '#!/bin/sh\nexec cat\n' >"$programs/man"
# Without systemd, nothing can be started by it.
printf '#!/bin/sh\nexit 0\n' >"$programs/systemctl"
# Editors that save nothing.
printf '#!/bin/sh\nexit 0\n' | tee "$programs/nano" >"$programs/editor"
chmod +x "$programs"/*
export EDITOR=editor
PATH=$programs:$PATH
export MANPAGER=cat PAGER=cat
# KVM need not work where the test runs.
mkdir -p config/maqet
echo 'accel: tcg' >config/maqet/maqet.conf

# ---- the scene ----

ssh-keygen -q -t ed25519 -N '' -f key
cat >myvm.yaml <<EOF
name: myvm
binary: qemu-system-x86_64
accel: tcg
memory: 256M
guest_agent: on
serial: console
ports: ["auto:22"]
ssh: {user: root, key: key}
arguments:
  - machine: q35
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
  - device: {driver: qemu-xhci, id: xhci}
  - device: {driver: usb-tablet, id: usb0}
storage:
  - {name: hdd, size: 64M, file: hdd.qcow2}
  - {name: disk, size: 1G, file: disk.qcow2, overcommit: true}
  - {name: install, type: raw, interface: sata, media: cdrom}
EOF
truncate -s 1M debian.iso
for vm in web db cache; do
    vm_yaml $vm </dev/null
done
vm_yaml fresh <<EOF
storage:
  - {name: hdd, size: 1M, file: fresh.qcow2}
EOF
mv fresh.yaml vm.yaml
vm_yaml base </dev/null
printf 'memory: 96M\n' >big.yaml
printf '#!/bin/sh\nexit 0\n' >test.sh
chmod +x test.sh

there() {
    [ -e "data/vms/$1" ] || expect 0 maqet add "$1.yaml"
}
stopped() {
    for vm; do
        there "$vm"
        expect 0 maqet stop "$vm" --timeout 0 --force
    done
}
running() {
    for vm; do
        there "$vm"
        [ "$(vm_status "$vm")" = running ] || {
            stopped "$vm"
            expect 0 maqet start "$vm"
        }
    done
}
paused() {
    running "$@"
    expect 0 maqet pause "$@"
}
# The guest listens to its power button.
booted() {
    running myvm
    guest_wait "$TMP/run/myvm/console.sock" || fail "the guest does not answer"
}
# Its network is up, and one can log in.
reachable() {
    booted
    in_myvm "network '$(cat key.pub)' >/dev/null 2>&1; mkdir -p /etc /var/log; echo hello >/var/log/syslog"
}
in_myvm() {
    guest_run "$TMP/run/myvm/console.sock" "$1" >/dev/null || fail "in the guest: $1"
}
has_snapshot() {
    there myvm
    maqet --format plain snapshot myvm list hdd | grep -qw -- "$1" ||
        expect 0 maqet snapshot myvm create hdd "$1" --auto
}
lacks_snapshot() {
    there myvm
    "$MAQET" -q snapshot myvm delete hdd "$1" --auto 2>/dev/null || :
}
has_checkpoint() {
    running myvm
    maqet --format plain checkpoint myvm list | grep -qw -- "$1" ||
        expect 0 maqet checkpoint myvm create "$1"
}
lacks_checkpoint() {
    running myvm
    "$MAQET" -q checkpoint myvm delete "$1" 2>/dev/null || :
}
without() {
    [ -e "data/vms/$1" ] || return 0
    stopped "$1"
    expect 0 maqet rm "$1" --force --yes # though it may have forks
}
# Its images go, too. A discarded fork has gone when it has stopped.
unmade() {
    [ -e "data/vms/$1" ] || return 0
    stopped "$1"
    [ -e "data/vms/$1" ] || return 0
    expect 0 maqet rm "$1" --force --delete-storage --yes
}
# web has disks, and no snapshots.
web_with_disks() {
    without web
    rm -f web-hdd.qcow2 web-data.*
    vm_yaml disks <<EOF
storage:
  - {name: hdd, size: 4M, file: web-hdd.qcow2}
  - {name: data, type: raw, size: 4M, file: web-data.raw}
EOF
    expect 0 maqet add disks.yaml --name web
    running web
    stopped web
}
# A VM that runs, all of whose drives can be overlays.
with_overlay() { # NAME
    without "$1"
    rm -rf overlay.qcow2*
    vm_yaml overlay <<EOF
storage:
  - {name: hdd, size: 1M, file: overlay.qcow2, snapshots: overlay}
EOF
    expect 0 maqet add overlay.yaml --name "$1"
    running "$1"
}
has_backup() {
    [ ! -e srv/backups/web ] || return 0
    web_with_disks
    expect 0 maqet backup web create "$TMP/srv/backups"
}
# A plugin outside of the tree, as its author has it in his folder.
plugin() { # NAME
    [ -e "maqet-storage-$1.so" ] ||
        "${CC:-cc}" -shared -fPIC -I "$abs_top_srcdir/include" -o "maqet-storage-$1.so" \
            "$abs_top_srcdir/examples/plugins/$1/$1.c" || fail "cannot compile the plugin $1"
}
# What nbd's plugin takes without a name: localhost:10809.
served() {
    [ -e served.raw ] || qemu-img create -q -f raw served.raw 16M
    qemu-nbd -t -e 8 -f raw served.raw &
    cleanup_fn "kill $! 2>/dev/null"
    eventually 20 qemu-io -f raw -c quit nbd://localhost
}

# ---- what an example needs ----

# prepare EXAMPLE: without a row here, it needs the running VM.
prepare() {
    case $1 in
    'maqet add '*) ;;
    'maqet new dev '*)
        [ ! -e data/vms/dev ] || without dev
        rm -f dev.yaml
        mkdir -p src
        for image in debian-13-genericcloud-amd64.qcow2 noble.img; do
            printf '\125\252' | dd of=$image bs=1 seek=510 status=none
            truncate -s 10M $image
        done
        ;;
    'maqet import '*)
        printf '\125\252' | dd of=import.raw bs=1 seek=510 status=none
        truncate -s 1M import.raw
        qemu-img convert -f raw -O vmdk import.raw server.vmdk
        qemu-img convert -f raw -O vdi import.raw win.vdi
        ;;
    'maqet clone web '*) there web ;;
    'maqet clone base '*)
        without base
        vm_yaml cloned <<EOF
storage:
  - {name: hdd, size: 1M, file: cloned.qcow2, snapshots: overlay}
EOF
        expect 0 maqet add cloned.yaml --name base
        running base
        stopped base
        expect 0 maqet snapshot base create hdd installed
        ;;
    'maqet fork web '*)
        unmade web-test
        with_overlay web
        ;;
    'maqet fork base '*--exec*)
        unmade one
        unmade two
        for number in 1 2 3 4 5 6 7 8; do unmade worker-$number; done
        without base
        rm -rf overlay.qcow2*
        sed '/^storage:/,$d; s/^name: .*/name: base/' myvm.yaml >agent.yaml
        cat >>agent.yaml <<EOF
storage:
  - {name: hdd, size: 1M, file: overlay.qcow2, snapshots: overlay}
EOF
        expect 0 maqet add agent.yaml
        expect 0 maqet start base
        guest_wait "$TMP/run/base/console.sock" || fail "the guest does not answer"
        eventually 20 guest_run "$TMP/run/base/console.sock" 'pidof qemu-ga'
        expect 0 maqet checkpoint base create ready
        ;;
    'maqet fork base '*)
        for number in 1 2 3 4 5 6 7 8; do unmade worker-$number; done
        with_overlay base
        expect 0 maqet checkpoint base create ready
        ;;
    'maqet backup web '*) has_backup ;;
    'maqet compact web'* | 'maqet export web '* | 'maqet convert web '*)
        web_with_disks
        case $1 in *' --snapshot nightly'*) expect 0 maqet snapshot web create hdd nightly ;; esac
        ;;
    'maqet move '*) stopped myvm ;;
    'maqet flatten '*)
        without web-test
        rm -f web-test.qcow2
        qemu-img create -q -f qcow2 debian.qcow2 4M
        vm_yaml web-test <<EOF
storage:
  - {name: hdd, file: web-test.qcow2, backing_file: debian.qcow2, backing_format: qcow2}
EOF
        expect 0 maqet add web-test.yaml
        running web-test
        stopped web-test
        ;;
    'maqet start myvm --from '*)
        has_checkpoint before-test
        stopped myvm
        ;;
    'maqet start web db cache') stopped web db cache ;;
    'maqet start '*) stopped myvm ;;
    'maqet stop myvm --timeout 0 --force') running myvm ;;
    'maqet stop '* | 'maqet restart '*) booted ;;
    'maqet exec '*)
        booted
        guest_run "$TMP/run/myvm/console.sock" 'mkdir -p /etc; pidof qemu-ga' >/dev/null ||
            fail "the guest has no agent"
        echo hello >motd
        ;;
    'maqet wait myvm --for '*login*)
        booted
        in_myvm "echo 'login: ' >/dev/ttyS0"
        ;;
    'maqet ssh '* | 'maqet wait '* | 'maqet cp '*)
        reachable
        echo setting >site.conf
        rm -rf logs
        ;;
    'maqet attach '*'--name data'*) running myvm ;;
    'maqet attach '*old.img*) [ -e old.img ] || truncate -s 1M old.img ;;
    'maqet detach '*' data')
        running myvm
        ! maqet config myvm | grep -q storage.data || return 0
        expect 0 maqet attach myvm --name data --size 1G
        ;;
    'maqet rename test '*)
        [ ! -e data/vms/web ] || without web
        [ -e data/vms/test ] || {
            vm_yaml test </dev/null
            expect 0 maqet add test.yaml
        }
        ;;
    'maqet resume myvm') paused myvm ;;
    'maqet resume web db') paused web db ;;
    'maqet pause web db') running web db ;;
    *' web db' | *' web db cache') running web db cache ;;
    'maqet snapshot myvm create hdd before-upgrade')
        lacks_snapshot before-upgrade
        stopped myvm
        ;;
    'maqet snapshot myvm create '*) running myvm ;;
    'maqet snapshot myvm load '* | 'maqet snapshot myvm delete '*)
        stopped myvm
        has_snapshot before-upgrade
        ;;
    'maqet snapshot myvm convert '*)
        stopped myvm
        "$MAQET" -q checkpoint myvm delete before-test 2>/dev/null || :
        "$MAQET" -q checkpoint myvm delete ready 2>/dev/null || :
        has_snapshot before-upgrade
        ;;
    'maqet snapshot myvm export '*)
        has_snapshot nightly
        rm -f backup/*
        ;;
    'maqet checkpoint myvm create '*)
        lacks_checkpoint before-test
        running myvm
        ;;
    'maqet checkpoint myvm '*) has_checkpoint before-test ;;
    'maqet run '*)
        has_checkpoint ready
        mkdir -p tests
        cp test.sh tests/one.sh
        cp test.sh tests/two.sh
        ;;
    'maqet resize '* | 'maqet check '* | 'maqet recover '* | 'maqet rm '*) stopped myvm ;;
    'maqet storage rm '*)
        vm_yaml old <<EOF
storage:
  - {name: hdd, size: 1M, file: vms/old.qcow2}
EOF
        running old
        without old
        ;;
    'maqet plugin check '*vdi*) plugin vdi ;;
    'maqet plugin check '*nbd*)
        plugin nbd
        served
        ;;
    'maqet diff web '*)
        there web
        expect 0 maqet apply web web.yaml
        ;;
    'maqet apply web '* | 'maqet validate '* | 'maqet help '* | 'maqet plugin '* | 'maqet doctor'*)
        there web
        ;;
    *)
        there web
        running myvm
        ;;
    esac
}

# What is typed instead: folders at the root are the test's, nobody waits for long, disks are small, and
# only myvm has a server.
typed() {
    printf '%s\n' "$1" | sed -e "s, /\(backup\|vms\|srv\|mnt\)/, $TMP/\1/,g" -e "s, /tmp/web, $TMP/web," -e 's/^\(maqet run .*\) --timeout 60$/\1 --timeout 0.1/' \
        -e 's/^maqet doctor/& --timeout 1/; s/ --size [0-9]*G/ --size 1G/; s/ 40G$/ 2G/; s/ +10G$/ +1G/' \
        -e 's/ web db --for port:80 / myvm --for port:22 /'
}
# The exit status; not 0 where the example ends something that would go on.
wanted() {
    case $1 in
    'maqet run '*' --timeout 60') echo 124 ;;
    'maqet diff '*' --set '*) echo 1 ;; # they differ
    *) echo 0 ;;
    esac
}

# What goes on until a key is pressed: that key; Ctrl-C, and Ctrl-] for a console.
key_to_leave() {
    case $1 in
    'maqet console '*) printf '\035' ;;
    'maqet ssh myvm') printf 'exit\r' ;;
    'maqet top' | *' -f' | *' --follow'* | *' tail -f '*) printf '\003' ;;
    esac
}
# What a person types: y to each question, or the key again and again, until the line has ended.
typing() { # KEY
    if [ -z "$1" ]; then
        yes y | head -n 3
    else
        while sleep 0.3 && printf '%s' "$1"; do :; done 2>/dev/null
    fi
}

# on_terminal LINE KEY: what is shown goes to the file screen.
on_terminal() {
    printf '%s\n' "$1" >line
    typing "$2" | TERM=vt100 script -qefc "bash -o pipefail $TMP/line" screen >/dev/null 2>&1
}

# run_example EXAMPLE
run_example() {
    note_step "$1"
    line=$(typed "$1")
    key=$(key_to_leave "$1")
    code=0
    case $1 in
    *' --foreground')
        # It holds the terminal until the VM is stopped from another one.
        on_terminal "$line" '' &
        foreground=$!
        eventually 60 sh -c "[ \"\$($MAQET --format plain ls --status running | cut -f 1 | grep -x myvm)\" ]"
        # Needs the lock, which the start has until it is complete; an end by force does not.
        expect 0 maqet recover myvm
        expect 0 maqet stop myvm --timeout 0 --force
        wait "$foreground" || code=$?
        ;;
    *) on_terminal "$line" "$key" || code=$? ;;
    esac
    [ "$code" = "$(wanted "$1")" ] || { [ "$key" ] && { [ "$code" = 130 ] || [ "$code" = 255 ]; }; } ||
        fail "exit status $code: $line: $(tr -d '\r' <screen)"
}

maqet --list-commands | cut -f 1 >commands
while read -r command; do
    # shellcheck disable=SC1003 # a backslash
    sed -n '/^\.EX$/,/^\.EE$/p' "$abs_top_builddir/docs/commands/maqet-$command.1" |
        sed -e '/^\.E[XE]$/d' -e 's/\\-/-/g; s/\\(aq/'"'"'/g; s/\\&//g; s/\\e/\\/g' >page
    [ -s page ] || fail "maqet-$command(1) has no example"
    cat page
done <commands >examples
[ "$(wc -l <examples)" -gt 40 ] || fail "too few examples"

# Each is run, in the order of the commands; MAQET_TEST_EXAMPLES selects some, by a pattern.
while read -r example <&3; do
    printf '%s\n' "$example" | grep -q -- "${MAQET_TEST_EXAMPLES:-.}" || continue
    prepare "$example"
    run_example "$example"
    # Later ones, and the file of the VM, have the snapshots inside of the image.
    case $example in
    "maqet snapshot myvm convert hdd overlay") expect 0 maqet snapshot myvm convert hdd internal ;;
    esac
    echo "ok: $example"
done 3<examples
