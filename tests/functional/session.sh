#!/bin/sh
# SPDX-License-Identifier: MIT
# The session in README.md is what happens: each of its commands is typed, in order, and prints what is
# shown there, but for numbers and dates. MAQET_TEST_UPDATE=1 writes what is printed into the page.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
readme=$abs_top_srcdir/README.md
section() { sed -n '/^## A session$/,/^## More of it$/p' "$readme"; }

# The VM of the page; beside it, the medium and the test. It boots the tests' guest, as if that were
# installed on its disk.
section | sed -n '/^```yaml$/,/^```$/p' | sed '/^```/d' >vm.yaml
[ -s vm.yaml ] || fail "README.md defines no VM in the section 'A session'"
head -c 1M /dev/zero >debian.iso
cat >test.sh <<EOF
#!/bin/sh
exec $GUEST_CONSOLE "\$MAQET_CONSOLE" run 'echo passed; rm -f /init'
EOF
chmod +x test.sh
mkdir bin
program=$(command -v "$MAQET")
cat >bin/maqet <<EOF
#!/bin/sh
[ "\$1" != add ] || exec $program "\$@" --set binary=qemu-system-x86_64 --set accel=tcg \
    --set arguments.kernel="$KERNEL" --set arguments.initrd="$INITRD" \
    --set arguments.append="$GUEST_APPEND"
exec $program "\$@"
EOF
chmod +x bin/maqet
PATH=$TMP/bin:$PATH

# A file shown.NUMBER and printed.NUMBER for each command: what the page shows, and what is printed.
section | awk '/^```console$/ { inside = 1; next } /^```$/ { inside = 0 }
    inside && /^\$ / { file = "shown." ++count; print substr($0, 3) > ("command." count); printf "" > file; next }
    inside { print > file } END { print count + 0 }' >count
count=$(cat count)
[ "$count" -ge 8 ] || fail "only $count commands in the session"
number=0
while [ $((number += 1)) -le "$count" ]; do
    note_step "$(cat "command.$number")"
    sh "command.$number" >"printed.$number" 2>&1 </dev/null ||
        fail "$(cat "command.$number"): $(cat "printed.$number")"
    sed -i "s,$TMP/data,/home/alice/.local/share/maqet,g; s,$TMP,/srv/vms,g" "printed.$number"
    case $(cat "command.$number") in
    'maqet start '*) guest_wait run/demo/console.sock || fail "the guest does not answer" ;;
    esac
done

if [ "${MAQET_TEST_UPDATE:-}" ]; then
    awk '/^## A session$/ { session = 1 } /^## More of it$/ { session = 0 }
        session && /^```console$/ { inside = 1; print; next }
        inside && /^```$/ { inside = 0 }
        inside && /^\$ / { print; file = "printed." ++count
            while ((getline line < file) > 0) print line
            next }
        !inside' "$readme" >new
    cat new >"$readme"
    exit 0
fi
# Numbers, with their units, dates and the way memory was saved depend on the host.
alike() {
    sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+/DATE/g; s/method: .*/method: M/' \
        -e 's/[0-9][0-9.]*[a-zA-Z%\/]*/N/g; s/[[:space:]]+/ /g; s/N( N)+/N/g' "$1"
}
number=0
while [ $((number += 1)) -le "$count" ]; do
    alike "shown.$number" >shown
    alike "printed.$number" >printed
    diff -u shown printed >difference || fail "README.md: $(cat "command.$number"): $(cat difference)"
done
