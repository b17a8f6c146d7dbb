#!/bin/sh
# SPDX-License-Identifier: MIT
# `edit` opens the YAML file that a VM was added from, or else the stored definition, and stores
# what is right. Text that is not right is never lost.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required
requires script

vm_yaml web <<'END'
# What a person wrote.
storage:
- {name: hdd, size: 8M, file: hdd.qcow2}
END
# An editor: says which file it got, and does what the file `does` says.
cat >editor <<'END'
#!/bin/sh
[ "$1" = --wait ] || exit 9
printf '%s\n' "$2" >>"${0%/*}/edited"
exec sh "${0%/*}/does" "$2"
END
chmod +x editor
export VISUAL="$TMP/editor --wait" EDITOR=false
does() {
    : >edited
    printf '%s\n' "$1" >does
}
value() {
    "$MAQET" --format plain config web | sed -n "s/^$1	//p"
}

# Of one file, that file is edited, and applied.
expect 0 maqet add web.yaml
does 'sed -i s/64M/80M/ "$1"'
expect 0 maqet edit web
out_has "Changed VM 'web'."
same "$TMP/web.yaml" "$(cat edited)" "what was edited"
same "80M	$TMP/web.yaml:4" "$(value memory)" "memory"
grep -q '^# What a person' web.yaml || fail "a comment is lost"
does true
expect 0 maqet edit web
out_has "VM 'web' is unchanged."

# A mistake: told with its place, and nothing is stored. The text is in the user's file.
does 'sed -i s/memory/memori/ "$1"'
expect 3 maqet edit web
err_has "$TMP/web.yaml:4:1: unknown key 'memori'"
err_has "maqet apply web $TMP/web.yaml"
same "80M	$TMP/web.yaml:4" "$(value memory)" "memory"
does 'sed -i s/memori/memory/ "$1"'
expect 0 maqet edit web
err_has "$TMP/web.yaml has changed since it was added to VM 'web'"

# With --set there is more than the file: then the stored definition is edited. What is not
# changed keeps the place where it was written.
expect 0 maqet apply web web.yaml --set cpu=2
does 'sed -i "s/80M/96M/; s/^memory:/binary: .\/qemu-here\n&/; /^binary: qemu-system/d" "$1"'
ln -s "$(command -v qemu-system-x86_64)" qemu-here
expect 0 maqet edit web
same "$TMP/data/vms/web/edit.yaml" "$(cat edited)" "what was edited"
[ ! -e data/vms/web/edit.yaml ] || fail "maqet's file is left"
same '96M	maqet edit' "$(value memory)" "memory"
same '2	--set cpu=2' "$(value cpu)" "vCPUs"
same "hdd	$TMP/web.yaml:7" "$(value storage.hdd.name)" "the drive"
same "$TMP/qemu-here" "$(maqet args web --format plain | head -n 1)" "a relative path"
# The stored definition is no longer that of the file, so it is edited again.
expect 0 maqet apply web web.yaml
does 'sed -i "s/80M/81M/" "$1"'
expect 0 maqet edit web
same "$TMP/web.yaml" "$(cat edited)" "what was edited"

# A mistake there: the text stays, and the next edit goes on with it.
expect 0 maqet apply web web.yaml --set cpu=2
does 'echo "memori: 1" >>"$1"'
expect 3 maqet edit web
err_has "edit.yaml:"
err_has "unknown key 'memori'"
err_has "maqet edit web"
grep -q '^memori: 1$' data/vms/web/edit.yaml || fail "the text is lost"
does 'sed -i "s/^memori: 1/vga: std/" "$1"'
expect 0 maqet edit web
err_has 'this continues an edit that was not stored'
same 'std	maqet edit' "$(value vga)" "vga"
[ ! -e data/vms/web/edit.yaml ] || fail "maqet's file is left"
# An editor that fails changes nothing, and leaves nothing if nothing was written.
does 'exit 3'
expect 1 maqet edit web
[ ! -e data/vms/web/edit.yaml ] || fail "maqet's file is left"
VISUAL=/nonexistent expect 3 maqet edit web
err_has 'Cannot run the editor /nonexistent'

# What somebody else has stored meanwhile is not overwritten.
does "'$MAQET' -q apply web web.yaml --set memory=99M; sed -i 's/^vga:.*/vga: none/' \"\$1\""
expect 3 maqet edit web
err_has 'was changed by somebody else meanwhile'
same '99M' "$(value memory | cut -f 1)" "memory"
grep -q '^vga: none' data/vms/web/edit.yaml || fail "the text is lost"
err_has "Move $TMP/data/vms/web/edit.yaml elsewhere"
# Nor by the next edit, whose text is as old.
does true
expect 3 maqet edit web
err_has 'has changed since an edit was begun'
err_has "Move $TMP/data/vms/web/edit.yaml elsewhere"
same '' "$(cat edited)" "what was edited"
mv data/vms/web/edit.yaml kept.yaml
expect 0 maqet edit web
[ ! -e data/vms/web/edit.base ] || fail "maqet's file is left"
expect 0 maqet rm web --yes
[ ! -e data/vms/web ] || fail "the folder is left"

# Nor if the user's own file is edited.
expect 0 maqet add web.yaml
does "'$MAQET' -q apply web web.yaml --set memory=99M; sed -i 's/^memory:.*/memory: 90M/' \"\$1\""
expect 3 maqet edit web
same "$TMP/web.yaml" "$(cat edited)" "what was edited"
err_has 'was changed by somebody else meanwhile'
err_has 'First add to your text what was changed'
err_has "maqet apply web $TMP/web.yaml"
same '99M' "$(value memory | cut -f 1)" "memory"
expect 0 maqet rm web --yes

# A drive that was attached meanwhile is not lost; a file that lacks it is applied, and that is
# said.
expect 0 maqet add web.yaml
does "'$MAQET' -q attach web --name new --size 1M; sed -i 's/^memory:.*/memory: 77M/' \"\$1\""
expect 3 maqet edit web
err_has 'was changed by somebody else meanwhile'
same new "$(value storage.new.name | cut -f 1)" "the new drive"
does true
expect 0 maqet edit web
err_has "The definition of VM 'web' no longer has the drive 'new', whose storage is kept"
expect 0 maqet rm web --yes

# On a terminal one is asked, and can edit again.
expect 0 maqet add web.yaml
cat >does <<'END'
if grep -q memori "$1"; then sed -i s/memori/memory/ "$1"; else sed -i s/memory/memori/ "$1"; fi
END
printf 'y\n' | script -qec "'$MAQET' edit web" typescript >/dev/null 2>&1 || fail "$(cat typescript)"
grep -q "Edit it again" typescript || fail "not asked"
grep -q "is unchanged" typescript || fail "not edited again: $(cat typescript)"
