#!/bin/bash
# SPDX-License-Identifier: MIT
# What others wrote (tags, files' names, QEMU's errors, plugins, YAML, the environment, /proc) is
# shown in every format without doing anything to the terminal, to a reader, or to a shell.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires perl qemu-io bash
look() {
    perl "${abs_top_srcdir:?}/tests/functional/foreign-text.pl" "$@"
}
spoil=$abs_top_builddir/tests/images/spoil-qcow2
fake=$abs_top_builddir/tests/fake/fake-qemu

# everywhere CODE ARGUMENT...: the command in all formats; all that it says is harmless. Of an
# error there are two, for people and JSON.
everywhere() {
    local code=$1 format formats='table plain yaml json' json
    shift
    [ "$code" -eq 0 ] || formats='table json'
    for format in $formats; do
        expect "$code" maqet -v --format "$format" "$@"
        json=
        [ "$format" != json ] || json=json
        look harmless${json:+-json} out err || fail "maqet --format $format $*"
    done
}

esc=$'\e[2J\e]0;title\a'
evil="$esc"$'\nERROR: forged\n\xe2\x80\xaegnp.\xe2\x81\xa6 \xff\xc3 \xc2\x9b31m \xe2\x80\xa8'

# ---- tags in an image ----

qemu-img create -q -f qcow2 tags.qcow2 8M
{
    printf '%s\0' 'plain' 'with space' "esc$esc" $'line\nERROR: forged' $'bidi\xe2\x80\xaegnp' \
        $'bad\xff\xfe\x80' $'c1\xc2\x9b31m' 'back\slash' '$(touch pwned)`touch pwned`' \
        $'replaced \xef\xbf\xbdff' "quote's \"two\"" $'t\tab' $'zero\xe2\x80\x8bwidth' 'caf'$'\xc3\xa9 \xe4\xb8\xad'
    head -c 60000 /dev/zero | tr '\0' x
    printf '\0'
} >tags
for _ in $(seq "$(tr -dc '\0' <tags | wc -c)"); do
    qemu-img snapshot -c x tags.qcow2
done
"$spoil" tags tags.qcow2 <tags
qemu-img check -q tags.qcow2 || fail "the image is no good"
vm_yaml vm <<END
storage:
- {name: hdd, type: qcow2, file: tags.qcow2}
END
expect 0 maqet add vm.yaml
everywhere 0 snapshot vm list hdd
expect 0 maqet snapshot vm list hdd
look harmless out err
everywhere 0 snapshot vm list
everywhere 0 snapshot vm tree
expect 0 maqet snapshot vm tree
out_has '├─ esc\x1b[2J\x1b]0;title\x07 ('
expect 0 maqet snapshot vm list hdd
out_has '- line\nERROR: forged ('
out_has '- bidi\u202egnp ('
out_has '- bad\xff\xfe\x80 ('
out_has '- c1\u009b31m ('
out_has '… (60000 bytes) …'

# Programs get all of each: JSON and YAML in their own way.
for format in json yaml; do
    expect 0 maqet --format $format snapshot vm list hdd
    look names $format out >names
    cmp tags names || fail "the names in $format are others"
done
# And plain with printf %b, in any shell.
expect 0 maqet --format plain snapshot vm list hdd
while IFS= read -r name; do
    name=$(printf '%b.' "$name")
    printf '%s\0' "${name%.}"
done < <(cut -f 1 out) >names
cmp tags names || fail "the names in plain are others"
# So a script can name each of them; but qemu-img knows none that is longer than 255 bytes.
while IFS= read -r name; do
    [ "${#name}" -lt 256 ] || continue
    expect 0 maqet -v snapshot vm delete hdd "$(printf '%b' "$name")"
    look harmless out err || fail "delete $name"
done < <(cut -f 1 out)
expect 0 maqet snapshot vm list hdd
same 2 "$(wc -l <out)" "what is left, with its title"
everywhere 3 snapshot vm load --yes hdd "$evil"
everywhere 3 snapshot vm delete "$evil" one
everywhere 3 snapshot vm create hdd "$evil"

# ---- the command line, the environment, YAML ----

everywhere 3 "$evil"
everywhere 3 status "$evil"
everywhere 3 "--$evil"
everywhere 3 validate "$evil.yaml"
MAQET_DATA_DIR="$TMP/$evil" everywhere 3 status vm

folder="$esc"$'\nERROR: forged\n\xe2\x80\xaegnp\xe2\x81\xa6 \xc2\x9b31m'
mkdir "$folder" "$evil"
odd=$folder/vm.yaml
vm_yaml odd <<'END'
network: none
arguments:
- uuid: 6ba7b810-9dad-11d1-80b4-00c04fd430c8 # not a new one each time
- device: {driver: virtio-rng-pci, id: x}
- name: "odd,process=\e[2J\nERROR: forged \u202e\x9b"
storage:
- {name: hdd, type: qcow2, size: 1M, file: "\e[2J\nERROR: forged \u202e.qcow2"}
- {name: raw, type: raw, size: 1M, file: "q'u\"o$(touch pwned)te.raw"}
END
cp odd.yaml "$evil/vm.yaml"
mv odd.yaml "$odd"
# QEMU takes no name of a file that is no UTF-8.
everywhere 1 validate "$evil/vm.yaml"
everywhere 0 validate "$odd"
everywhere 0 args "$odd"
# What is for a shell is read by one as what it was, and so is what is for a script.
expect 0 maqet --format plain args "$odd"
while IFS= read -r word; do
    word=$(printf '%b.' "$word")
    printf '%s\0' "${word%.}"
done <out >plain
expect 0 maqet args "$odd"
eval "set -- $(cat out)"
printf '%s\0' "$@" >shell
# The generation ID of a VM that is not added is another one each time.
sed -i "s/guid=[0-9a-f-]*/guid=/" plain shell
cmp plain shell || fail "args are others in plain and for a shell"
grep -qaF $'odd,process=\e[2J' shell || fail "args were lost"
expect 0 maqet add "$odd"
everywhere 0 status odd
everywhere 0 apply odd "$odd"
everywhere 0 rm odd --dry-run
for line in "\"k\\e[2J\\nERROR: forged\\u202e\": 1" "memory: \"\\e[2J\\nERROR: forged\"" \
    "storage: [{name: \"\\e\\nERROR: forged\"}]" "storage: [{name: a, type: \"\\e[2J\\u202e\"}]" \
    $'memory: \xff' $'memory: \e' "accel: \"\\u2066\""; do
    vm_yaml bad <<<"$line"
    everywhere 3 validate bad.yaml
done

# ---- QEMU's words ----

# A page of them, with a line feed wherever one could hurt; and ten megabytes.
printf '%s' "$evil" >words
cat >qemu <<END
#!/bin/sh
cat '$TMP/words' >&2
exit 1
END
chmod +x qemu
vm_yaml words <<'END'
END
runs_by "$TMP/qemu" words.yaml
expect 0 maqet add words.yaml
everywhere 1 start words
{
    cat words
    head -c 10485760 /dev/zero | tr '\0' x
    cat words
} >many
mv many words
everywhere 1 start words
[ "$(wc -c <err)" -lt 65536 ] || fail "an error of $(wc -c <err) bytes"

# What its monitor says.
vm_yaml said <<'END'
END
runs_by "$fake" said.yaml
expect 0 maqet add said.yaml
printf '"%s"' $'no \\u001b[2J\\nERROR: forged \xe2\x80\xae\xff \\u009b' >said
FAKE_QEMU=words:$TMP/said everywhere 1 start said
{
    printf '"'
    head -c 1000000 /dev/zero | tr '\0' x
    printf '\\nERROR: forged"'
} >said
FAKE_QEMU=words:$TMP/said everywhere 1 start said
# What it answers goes to whoever asked, as JSON.
FAKE_QEMU=echo expect 0 maqet start said
for format in '' --format=plain --format=yaml --format=json; do
    # shellcheck disable=SC2086 # none is no argument
    expect 0 maqet $format qmp said x "{\"a\\u202e\": \"\\u001b[2J\\u009b$(printf '\342\200\256')\"}"
    look harmless out err || fail "qmp $format"
done
look harmless-json out
printf '%s' "$evil" >>"$TMP/run/said/qemu.log"
kill -9 "$(vm_pid said)"
eventually 20 sh -c "'$MAQET' --format plain ls | grep -q crashed"
everywhere 0 status said
everywhere 0 ls

# ---- a program's name ----

cp "$(command -v qemu-io)" "$evil.io" 2>/dev/null || cp "$(command -v qemu-io)" $'\e[2J\nio'
program=$(find . -maxdepth 1 -name '*io' -print0 | tr -d '\0')
mkfifo commands
(exec "$program" -f qcow2 tags.qcow2 <commands >said 2>&1) &
holder=$!
cleanup_fn "kill $holder 2>/dev/null"
exec 9>commands
echo 'read 0 512' >&9
eventually 20 grep -q 'read 512/512' said
everywhere 1 start vm
exec 9>&-
wait "$holder"

# ---- what lies in the data folder ----

mkdir "$MAQET_DATA_DIR/vms/vm/checkpoints"
: >"$MAQET_DATA_DIR/vms/vm/checkpoints/c.state"
cat >"$MAQET_DATA_DIR/vms/vm/checkpoints/c.json" <<'END'
{"name": "c", "method": "\u001b[2J\nERROR: forged\u202e", "machine": "\u009b\u2028", "drives":
{"\u001b\nERROR: forged": {"id": "\u001b"}}, "date": 1, "length": 1, "allocated": 1,
"qemu": "\u001b\nERROR: forged", "version": "\u001b\nERROR: forged"}
END
for command in 'checkpoint vm list' 'start vm --from c --yes' 'checkpoint vm delete c'; do
    for format in table plain yaml json; do
        # shellcheck disable=SC2086 # it is words
        maqet --format $format $command >out 2>err || :
        look harmless out err || fail "$command"
    done
done
cat >"$MAQET_DATA_DIR/images.json" <<'END'
{"format": 1, "images": [{"type": "raw\u001b", "path": "/x\u001b[2J\nERROR: forged\u202e", "drive": "\u001b", "vm": "\n\u009b",
"created": true, "seen": 1}]}
END
everywhere 0 storage ls
expect 0 maqet storage ls
out_has '/x\x1b[2J\nERROR: forged\u202e'

# ---- a plugin ----

mkdir plugins
cp "$abs_top_builddir/tests/plugins/.libs/maqet-storage-foreign.so" plugins/
export MAQET_PLUGIN_PATH=$TMP/plugins
everywhere 0 plugin list
everywhere 0 plugin info foreign
everywhere 0 plugin schema
everywhere 0 plugin manual foreign
expect 0 maqet plugin manual foreign
! grep -E "^[.'] *so" out || fail "a summary is a request of roff's"
vm_yaml plugged <<'END'
storage:
- {name: d, type: foreign, word: thre, file: x}
END
everywhere 3 validate plugged.yaml

# ---- commands that people copy from a hint ----

odd="$TMP/it's a \$(touch pwned)'; touch pwned; '"
vm_yaml copied <<END
storage: [{name: s, type: virtfs, path: "$odd/share"}]
END
expect 3 maqet validate copied.yaml
eval "$(sed -n 's/^Create it: //p' err)"
[ -d "$odd/share" ] || fail "the command made another folder: $(cat err)"
vm_yaml copied <<END
storage: [{name: s, type: raw, size: 1M, file: "$odd/images/raw"}]
END
expect 0 maqet add copied.yaml
expect 3 maqet start copied
eval "$(sed -n 's/^Create it: //p' err)"
expect 0 maqet start copied
[ ! -e pwned ] || fail "a file's name was run by the shell"

# ---- a shell's completion ----

cat >complete <<'END'
#!/bin/sh
case "$*" in
--candidates=*) printf 'word\t%s\t\n' plain '$(touch pwned)' '`touch pwned`' '\0033[2J' "a'b" 'two words' ;;
*) exec "$REAL" "$@" ;;
esac
END
chmod +x complete
REAL=$MAQET bash -c '
    . "$1"
    compopt() { :; }
    COMP_WORDS=(./complete status "") COMP_CWORD=2 COMP_LINE="./complete status " COMP_POINT=18
    _maqet ./complete "" status
    for word in "${COMPREPLY[@]}"; do
        eval "set -- $word"
        [ $# -eq 1 ] || exit 1
        printf "%s\n" "$1"
    done' - "$abs_top_srcdir/completions/maqet.bash" >completed || fail "it broke out of its word"
printf '%s\n' plain '$(touch pwned)' '`touch pwned`' '\0033[2J' "a'b" 'two words' >wanted
cmp wanted completed || fail "completed: $(cat completed)"
[ ! -e pwned ] || fail "a name was run by the shell"

# ---- and nothing else prints ----

# Of the program's sources three write to its streams. terminal.c is what has been looked at here; what a
# guest writes to its console is passed on as it is, by cmd_console.c to a terminal, which is what such a
# command is for, and by output.c only for cmd_logs.c, which asks whether there is one. new_file.c writes
# files only.
writers=$(grep -lE '\b(v?d?printf|v?fprintf|fputs|puts|fwrite|putchar|fputc|putc|perror|psignal|writev?|maqet_fd_write|error) *\(|STD(OUT|ERR)_FILENO' \
    "$abs_top_srcdir"/cli/*.c | xargs -n 1 basename | grep -vx new_file.c | tr '\n' ' ')
same 'cmd_console.c cmd_logs.c machines.c main.c output.c terminal.c ' "$writers" "who may write"
# These two write to a pipe of their own, and open descriptors that are closed.
same 1 "$(grep -cE '\bmaqet_fd_write *\(' "$abs_top_srcdir/cli/machines.c")" "what machines.c writes"
! grep -nE 'printf *\(|stdout|stderr' "$abs_top_srcdir"/cli/ma{chines,in}.c || fail "they print"
