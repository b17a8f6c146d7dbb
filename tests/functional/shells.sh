#!/bin/sh
# SPDX-License-Identifier: MIT
# Completion in real shells, on a terminal: what is typed, with the Tab key, becomes a command,
# and what that gets is compared.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires bash zsh fish

for vm in one two; do
    vm_yaml $vm <<END
storage:
  - {name: hdd, size: 1M, file: $TMP/$vm.qcow2}
  - {name: plain, type: raw, size: 1M, file: $TMP/$vm.raw}
  - {name: iso, type: raw, media: cdrom, interface: sata}
END
    expect 0 maqet add $vm.yaml
done
qemu-img create -q -f qcow2 one.qcow2 1M
expect 0 maqet snapshot one create hdd before-upgrade
qemu-img snapshot -c 'a strange: name' one.qcow2
expect 0 maqet start two
# Files are copied to and from VMs that run.
maqet --candidates= cp >candidates
same two: "$(sed -n 's/^part\t\([^\t]*\).*/\1/p' candidates)" "the VMs that cp offers"
mkdir folder
: >"a b.yaml"
mkdir "shared folder"
: >"shared folder/c d.img"
: >other.txt

# The program as it would be installed: it answers, and writes down what else it is called with.
mkdir bin
cat >bin/maqet <<END
#!/bin/sh
case \$1 in --candidates*) exec "$MAQET" "\$@" ;; esac
line=\$(printf '<%s>' "\$@")
printf '%s\n' "\$line" >>"$TMP/ran"
END
chmod +x bin/maqet
mkdir -p home zsh "$TMP/config/fish/completions"
cp "$abs_top_srcdir/completions/_maqet" zsh/
cp "$abs_top_srcdir/completions/maqet.fish" "$TMP/config/fish/completions/"

# types SHELL COMMAND...: starts the shell on a terminal; what is typed comes by the descriptor 9.
begin() {
    rm -f keys
    mkfifo keys
    : >screen
    env -i HOME="$TMP/home" PATH="$TMP/bin:$PATH" TERM=xterm LC_ALL=C.UTF-8 \
        XDG_CONFIG_HOME="$TMP/config" XDG_DATA_HOME="$TMP/home" \
        MAQET_DATA_DIR="$MAQET_DATA_DIR" MAQET_RUNTIME_DIR="$MAQET_RUNTIME_DIR" \
        "$abs_top_builddir/tests/fake/typist" 24 80 "$@" <keys >>screen 2>&1 &
    typist=$!
    cleanup_fn "kill $typist 2>/dev/null"
    exec 9>keys
    # The shell is ready when it runs a command.
    printf 'maqet ready\r' >&9
    eventually 30 grep -qxF '<ready>' ran
}
# The shell ends as when its terminal is closed.
end() {
    kill $typist
    exec 9>&-
    wait $typist || true
}
# becomes KEYS WORDS: the line that is typed, and the arguments that the command gets.
becomes() {
    : >ran
    printf '%s\r' "$(printf "$1")" >&9
    note_step "$shell: $1"
    deadline=$(($(uptime_seconds) + $(patience 60)))
    until [ -s ran ]; do
        [ "$(uptime_seconds)" -lt $deadline ] || { cat screen >&2; fail "$shell: '$1' ran nothing"; }
        sleep 0.05
    done
    same "$2" "$(cat ran)" "what '$1' becomes in $shell"
}
# shows KEYS WORD...: what is typed makes the shell show these; then the line is discarded.
shows() {
    : >screen
    line=$1
    shift
    printf "$line" >&9
    for word; do
        eventually 30 grep -qF -- "$word" screen
    done
    printf '\025' >&9
}

everything() {
    becomes 'maqet stat\ton\t' '<status><one>'
    # Only what fits: one is stopped, two is running.
    becomes 'maqet start \t' '<start><one>'
    becomes 'maqet stop \t' '<stop><two>'
    becomes 'maqet snapshot one cr\thd\tnew' '<snapshot><one><create><hdd><new>'
    becomes 'maqet snapshot create one \tnew' '<snapshot><create><one><hdd><new>'
    becomes 'maqet snapshot one load hdd bef\t' '<snapshot><one><load><hdd><before-upgrade>'
    becomes 'maqet snapshot one load hdd a\t' '<snapshot><one><load><hdd><a strange: name>'
    becomes 'maqet resize one pl\t2M' '<resize><one><plain><2M>'
    becomes 'maqet ls --form\tpl\t' '<ls><--format><plain>'
    becomes 'maqet ls --format=pl\t' '<ls><--format=plain>'
    becomes 'maqet attach one --name d --type q\tcach\tnone' \
        '<attach><one><--name><d><--type><qcow2><cache=none>'
    becomes 'maqet attach one --name d cache=writet\t' \
        '<attach><one><--name><d><cache=writethrough>'
    becomes 'maqet attach one file=oth\t' '<attach><one><file=other.txt>'
    becomes 'maqet add one.yaml --set acc\tkv\t' '<add><one.yaml><--set><accel=kvm>'
    becomes 'maqet add one.yaml --set storage.hd\tdetect_z\ton' \
        '<add><one.yaml><--set><storage.hdd.detect_zeroes=on>'
    becomes 'maqet validate a\t' '<validate><a b.yaml>'
    becomes 'maqet validate o\t' '<validate><one.yaml>'
    becomes 'maqet attach one file=sh\tc\t' '<attach><one><file=shared folder/c d.img>'
    becomes 'maqet validate a\\ \t' '<validate><a b.yaml>'
    # One that is stopped has no console; one that runs cannot be checked.
    becomes 'maqet console \t' '<console><two>'
    becomes 'maqet check \t' '<check><one>'
    becomes 'maqet wait two --for con\tx' '<wait><two><--for><console:x>'
    becomes 'maqet wait two --for=st\t' '<wait><two><--for=stopped>'
    becomes 'maqet add one.yaml --set netw\t.ty\tta\t' '<add><one.yaml><--set><network.type=tap>'
    becomes 'maqet --data-dir fol\t ls' '<--data-dir><folder/><ls>'
    becomes 'maqet help snap\texp\t' '<help><snapshot><export>'
    shows 'maqet checkpoint one \t\t' create list load delete
}

shell=bash
# Both may be set by a distribution, and neither changes what is completed.
cat >bashrc <<END
. "$abs_top_srcdir/completions/maqet.bash"
END
begin bash --noprofile --rcfile "$TMP/bashrc" -i
everything
end

# The same where no word ends at "=" or ":".
cat >>bashrc <<'END'
COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}
END
shell='bash with other words'
begin bash --noprofile --rcfile "$TMP/bashrc" -i
everything
end

shell=zsh
cat >home/.zshrc <<END
fpath=("$TMP/zsh" \$fpath)
autoload -U compinit
setopt no_auto_remove_slash
compinit -D -u
END
begin zsh -d -i
everything
end

shell=fish
begin fish -i
everything
end
