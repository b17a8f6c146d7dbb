# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# image-functions.sh - what is in a qcow2 image, for tests of snapshots; after functions.sh.

# fill IMAGE NUMBER, holds IMAGE NUMBER: the first 64K of what a guest would see.
fill() {
    qemu-io -f qcow2 -c "write -q -P $2 0 64k" "$1" >/dev/null
}
holds() {
    held=$(qemu-io -f qcow2 -c "read -P $2 0 64k" "$1") || fail "$1 cannot be read, or holds another number than $2"
    case $held in *'Pattern verification failed'*) fail "$1 does not hold $2" ;; esac
}

# sound IMAGE...: without a fault, and without a leaked cluster.
sound() {
    for image; do
        qemu-img check -q "$image" || fail "$image is not sound"
    done
}

count_snapshots() {
    qemu-img snapshot -l "$1" | grep -c ':[0-9][0-9]:' || :
}

# wrap_qemu_img PATTERN COMMANDS: with `wrapped` before it, a command finds a qemu-img that
# runs COMMANDS first where its arguments match PATTERN.
wrap_qemu_img() {
    real=$(command -v qemu-img)
    mkdir -p "$TMP/bin"
    cat >"$TMP/bin/qemu-img" <<END
#!/bin/sh
case "\$*" in
$1)
    $2
    ;;
esac
exec "$real" "\$@"
END
    chmod +x "$TMP/bin/qemu-img"
}
wrapped() (
    PATH=$TMP/bin:$PATH
    export PATH
    "$@"
)

# traced CALL WHAT ARGUMENT...: maqet (without its helpers) with something done to it at a
# system call, in strace's words: `traced rename signal=KILL:when=2 snapshot ...`. The leak
# detector doesn't work there.
traced() {
    traced_call=$1
    injected=$2
    shift 2
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o "$TMP/trace" -e "trace=$traced_call" \
        -e "inject=$traced_call:$injected" "$MAQET" "$@"
}
