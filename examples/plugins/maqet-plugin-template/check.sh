#!/bin/sh
# SPDX-License-Identifier: MIT
# What this plugin must do besides what `maqet plugin check` asks of every plugin.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-template.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/template.XXXXXX")
trap 'cd / && rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir plugins
cp "$plugin" plugins/
export MAQET_PLUGIN_PATH="$scratch/plugins:${MAQET_PLUGIN_PATH-}"
export MAQET_DATA_DIR="$scratch/data" MAQET_RUNTIME_DIR="$scratch/run"

cat >vm.yaml <<END
name: vm
binary: qemu-system-x86_64
accel: tcg
storage:
  - name: disk
    type: template
    file: disk.img
    size: 16M
    media: cdrom
END
if "$MAQET" validate vm.yaml 2>err; then
    echo "FAILED: a CD-ROM was accepted" >&2
    exit 1
fi
grep -q "the type 'template' is not for CD-ROM drives" err
sed '/media/d' vm.yaml >disk.yaml
"$MAQET" validate disk.yaml
echo "template: all is well"
