# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Kernel modules for an initramfs. A script sources this that has a function `fail`, and a folder
# $work; modules are copied to lib/modules in $work/tree.

# Unpacks a file to stdout, whatever it is compressed with.
decompress() {
    case $(od -An -tx1 -N4 "$1" | tr -d ' ') in
    fd377a58) xz -dc --single-stream "$1" ;;
    28b52ffd) zstd -dcq "$1" ;;
    1f8b*) gzip -dc "$1" ;;
    *) return 1 ;;
    esac
}

# Notes which modules there are below DIRECTORY: add_module looks for them there.
index_modules() { # DIRECTORY
    find "$1" -name modules.builtin -exec cat {} + >"$work/builtin"
    find "$1" -name '*.ko' -o -name '*.ko.xz' -o -name '*.ko.zst' -o -name '*.ko.gz' |
        sed 's|.*/\([^/]*\)\.ko[.a-z]*$|\1 &|' | awk '{ gsub("-", "_", $1); print }' >"$work/index"
}

# add_module LIST NAME: puts a module and what it depends on into the initrd, and on LIST, each
# once.
add_module() (
    list=$work/tree/lib/modules/$1
    name=$(printf %s "$2" | tr -d '()' | tr - _)
    if grep -qx "$name" "$list"; then return; fi
    file=$(sed -n "s/^$name //p" "$work/index" | head -n 1)
    if [ -z "$file" ]; then
        case $2 in
        '('*) return ;;
        esac
        tr - _ <"$work/builtin" | grep -q "/$name\.ko$" ||
            fail "the kernel's package has no module $name"
        return
    fi
    target=$work/tree/lib/modules/$name.ko
    [ -e "$target" ] || decompress "$file" >"$target" || cp "$file" "$target"
    # A module's file says itself what it needs, so depmod isn't needed.
    for needed in $(tr '\0' '\n' <"$target" | sed -n 's/^depends=//p' | tr ',' ' '); do
        add_module "$1" "$needed"
    done
    echo "$name" >>"$list"
)

# add_list LIST NAME...
add_list() {
    list=$1
    shift
    : >"$work/tree/lib/modules/$list"
    for name; do add_module "$list" "$name"; done
}
