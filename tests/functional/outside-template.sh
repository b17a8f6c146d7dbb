#!/bin/sh
# SPDX-License-Identifier: MIT
# The template for plugins: it builds and passes its tests as it is and under any name that a
# plugin may have, with its manual page.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
qemu_required
outside_install
template=${abs_top_srcdir:?}/examples/plugins/maqet-plugin-template
# fresh NAME: a copy of the template, in the folder NAME.
fresh() {
    cp -R "$template" "$1"
    chmod -R u+w "$1"
}

fresh as-it-is
expect 0 make -C as-it-is CC="$CC" CFLAGS="-O2 -Wall -Wextra -Werror"
outside_check as-it-is

# A name that is none in C, and one in which the old name stands.
for name in 9-lives my-template; do
    fresh $name
    expect 0 sh $name/rename $name
    expect 0 make -C $name CC="$CC" CFLAGS="-O2 -Wall -Wextra -Werror"
    [ -e "$name/maqet-storage-$name.so" ] || fail "no plugin of that name was built"
    expect 0 make -C $name install DESTDIR="$outside_root"
    expect 0 maqet plugin info $name
    expect 0 env MAQET="$MAQET" make -C $name check CC="$CC"
    out_has "$name: all is well"
    grep -q "^Package: maqet-plugin-$name\$" $name/debian/control || fail "its package has another name"
    expect 0 env MAQET="$MAQET" make -C $name manual
    grep -q "file that contains the disk byte by byte" "$name/maqet-storage-$name.5" ||
        fail "the page lacks its prose"
    grep -q "ize that the guest sees" "$name/maqet-storage-$name.5" || fail "the page lacks the options"
    expect 0 make -C $name install DESTDIR="$outside_root"
    [ -n "$(find "$outside_root" -path "*/man/man5/maqet-storage-$name.5")" ] ||
        fail "the page was not installed"
done
! grep -r template 9-lives || fail "the old name is left"
# What it makes is what QEMU takes.
vm_yaml vm <<'END'
storage:
  - {name: disk, type: 9-lives, file: images/disk, size: 1M}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
same 1048576 "$(stat -c %s images/disk)" "the disk's size"
expect 0 maqet stop vm --timeout 0 --force

# What cannot be a name changes nothing.
fresh again
for name in '' template Upper under_score -x a/b; do
    expect 2 sh again/rename "$name"
done
expect 0 diff -r "$template" again
