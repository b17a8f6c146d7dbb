#!/bin/sh
# SPDX-License-Identifier: MIT
# A secret that a plugin reads stays one, however the plugin tries to give it away: no command line
# has it, and no message, log, record or output of maqet.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
: "${CC:=cc}"
requires "${CC%% *}"

cat >plugin.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const struct maqet_option login[] = {
    {.name = "user", .type = MAQET_OPTION_STRING, .help = "who"},
    {.name = "password", .type = MAQET_OPTION_SECRET, .help = "a secret in a mapping"},
    {.name = NULL}};
static const struct maqet_option options[] = {
    {.name = "route", .type = MAQET_OPTION_STRING, .fallback = "", .help = "how it leaks"},
    {.name = "key", .type = MAQET_OPTION_SECRET, .help = "the secret"},
    {.name = "login", .type = MAQET_OPTION_MAP, .options = login, .help = "a mapping"},
    {.name = NULL}};
static int
by(const struct maqet_drive *drive, const char *route)
{
    return strcmp(maqet_drive_string(drive, "route"), route) == 0;
}
/* The secret, or NULL with an error. */
static const char *
secret(const struct maqet_drive *drive, size_t *size, struct maqet_error **err)
{
    return maqet_drive_secret(drive, maqet_drive_has(drive, "key") ? "key" : "login.password",
                              size, err);
}
static int
run_shell(const struct maqet_drive *drive, const char *words, struct maqet_error **err)
{
    return maqet_run(err, "sh", "-c", words, "sh", maqet_drive_string(drive, "key"), NULL);
}
/* A program gets it, by what the plugin may use, and gives it away. */
static int
run_tool(const struct maqet_drive *drive, const char *text, size_t size, struct maqet_error **err)
{
    struct maqet_command *command;
    const char *path;
    if (by(drive, "run"))
        return maqet_run(err, "true", text, NULL);
    if (by(drive, "program"))
        return maqet_run(err, text, NULL);
    if (by(drive, "said"))
        return run_shell(drive, "cat \"$1\" >&2; exit 1", err);
    if (by(drive, "said-long"))
        return run_shell(drive, "seq 3000 >&2; cat \"$1\" >&2; seq 9 >&2; exit 1", err);
    if (by(drive, "said-json"))
        return run_shell(drive, "sed 's/[\"\\\\]/\\\\&/g' \"$1\" >&2; exit 1", err);
    command = maqet_command_new("cat");
    if (by(drive, "arg"))
        maqet_command_arg(command, "--file=%s", text);
    if (by(drive, "word"))
        maqet_command_word(command, text);
    if (by(drive, "option"))
        maqet_command_option(command, "secret,id=a,data", text);
    if (by(drive, "file")) {
        path = maqet_command_file(command, text, size, err);
        if (!path) {
            maqet_command_free(command);
            return -1;
        }
        maqet_command_word(command, path);
    }
    return maqet_command_run(command, err);
}
static int
speak(const struct maqet_drive *drive, const char *text, struct maqet_error **err)
{
    struct maqet_error *own = NULL;
    if (by(drive, "warn"))
        maqet_warn(drive, "it is %s", text);
    if (by(drive, "debug"))
        maqet_debug(drive, "it is %s", text);
    if (by(drive, "ask"))
        maqet_drive_has(drive, text);
    if (by(drive, "error"))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "it is %s, %s", text, text);
    if (by(drive, "drive-error"))
        return maqet_drive_error(drive, "key", err, MAQET_ERROR_FAILED, "it is %s", text);
    if (by(drive, "hint")) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "no");
        maqet_error_hint(err, "say %s", text);
        return -1;
    }
    if (by(drive, "wrap")) {
        maqet_error_set(&own, MAQET_ERROR_FAILED, "no");
        maqet_error_wrap(&own, "with %s", text);
        return maqet_error_move(err, own);
    }
    return 0;
}
static int
validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const tools[] = {"run", "program", "said", "said-long", "said-json",
                                        "arg", "word", "option", "file", NULL};
    size_t size, i;
    const char *text;
    if (by(drive, "unasked"))
        return 0;
    text = secret(drive, &size, err);
    if (!text)
        return -1;
    if (strlen(text) != size || secret(drive, NULL, NULL) != text)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "it is not what it was");
    for (i = 0; tools[i]; i++)
        if (by(drive, tools[i]))
            return run_tool(drive, text, size, err);
    return speak(drive, text, err);
}
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    const char *text = secret(drive, NULL, err);
    const char *name = maqet_drive_name(drive);
    char id[300];
    struct maqet_props *node;
    if (!text)
        return -1;
    if (by(drive, "object")) {
        snprintf(id, sizeof(id), "%s-key", name);
        maqet_props_string(maqet_args_object(args, "secret", id), "file",
                           maqet_drive_string(drive, "key"));
    }
    if (by(drive, "data")) {
        snprintf(id, sizeof(id), "%s-key", name);
        maqet_props_string(maqet_args_object(args, "secret", id), "data", text);
    }
    if (by(drive, "chardev")) {
        snprintf(id, sizeof(id), "%s-c", name);
        maqet_props_string(maqet_args_chardev(args, "file", id), "path", text);
    }
    if (by(drive, "id")) {
        snprintf(id, sizeof(id), "%s-%s", name, text);
        maqet_args_object(args, "iothread", id);
    }
    node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "null-co");
    if (by(drive, "property"))
        maqet_props_string(node, "file.options.password", text);
    if (by(drive, "number"))
        maqet_props_int(node, "size", atoll(text));
    return 0;
}
static int
list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
     struct maqet_error **err)
{
    const char *text = secret(drive, NULL, err);
    (void)fd;
    if (!text)
        return -1;
    if (by(drive, "list-tool"))
        return run_shell(drive, "seq 3000 >&2; cat \"$1\" >&2; seq 9 >&2; exit 1", err);
    if (by(drive, "snapshot-name"))
        maqet_snapshots_add(snapshots, "1", text);
    if (by(drive, "snapshot-id"))
        maqet_snapshots_add(snapshots, text, "one");
    return 0;
}
static int
check(const struct maqet_drive *drive, enum maqet_check_depth depth,
      struct maqet_check_report *report, struct maqet_error **err)
{
    const char *text = secret(drive, NULL, err);
    (void)depth;
    if (!text)
        return -1;
    if (by(drive, "damage"))
        maqet_check_damage(report, "/image", "it has %s", text);
    if (by(drive, "damaged-file"))
        maqet_check_damage(report, text, "it is bad");
    return 0;
}
static int
holders(const struct maqet_drive *drive, struct maqet_holders *holders, struct maqet_error **err)
{
    const char *text = secret(drive, NULL, err);
    if (!text)
        return -1;
    if (by(drive, "holder"))
        maqet_holders_add(holders, text, text);
    return 0;
}
static struct maqet_command *
helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *text = secret(drive, NULL, err);
    struct maqet_command *command;
    if (!text || strncmp(maqet_drive_string(drive, "route"), "helper", 6) != 0)
        return NULL;
    command = maqet_command_new("sh");
    maqet_command_word(command, "-c");
    maqet_command_word(command, "trap exit TERM; while :; do sleep 0.1; done");
    if (by(drive, "helper-argument"))
        maqet_command_word(command, text);
    if (by(drive, "helper-environment"))
        maqet_command_environment(command, "ITS_KEY", text);
    return command;
}
static int
snapshot_create(const struct maqet_drive *drive, const char *name, struct maqet_error **err)
{
    (void)drive, (void)name;
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED, "no");
}
static int
snapshot_other(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
               struct maqet_error **err)
{
    (void)drive, (void)snapshot;
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED, "no");
}
static const struct maqet_snapshot_table snapshot = {
    .size = sizeof(struct maqet_snapshot_table), .create = snapshot_create,
    .load = snapshot_other, .remove = snapshot_other, .list = list};
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = "leaky", .summary = "gives secrets away",
    .options = options, .interface = "virtio", .validate = validate, .holders = holders,
    .helper = helper, .emit_args = emit, .check = check, .snapshot = &snapshot};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
END
mkdir plugins
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" plugin.c \
    -o plugins/maqet-storage-leaky.so
export MAQET_PLUGIN_PATH="$TMP/plugins:${MAQET_PLUGIN_PATH:-}"

# Whoever finds this part of it has found it in any form.
part=Q7zvX
keep() { # SECRET
    printf '%s\n' "$1" >private.key
    chmod 600 private.key
}
machine() { # ROUTE [KEY]
    [ ! -d data/vms/vm ] || expect 0 maqet rm vm --yes
    { echo 'storage:' && echo "  - {name: d, type: leaky, route: $1, ${2-key: private.key}}"; } |
        vm_yaml vm
}
hidden() { # what is printed and what is stored
    ! grep -raF -- "$part" "$TMP/out" "$TMP/err" "$TMP/data" "$TMP/run" "$TMP/images" 2>/dev/null ||
        fail "it leaks by $route"
}
# tried CODE COMMAND...: it ends so, and the secret is not seen.
tried() {
    expect "$@"
    hidden
}

# With all that JSON, QEMU's options and a shell write in another way, with one line or several.
for secret in "$part,a\"b\\c/d" "${part}12345678" "first line
$part,a\"b\\c/d
last line"; do
    keep "$secret"

    # Programs that get it as an argument do not run, and the plugin is named.
    for route in run arg word option program; do
        machine "$route"
        tried 1 maqet -v validate vm.yaml
        err_has "the plugin 'leaky' put a secret on the command line of"
        err_has "fault of the plugin"
    done
    # Those that get it by a file may have it, and what they say of it is masked.
    route=file
    machine file
    tried 0 maqet -v validate vm.yaml
    for route in said said-json; do
        machine $route
        tried 1 maqet -v validate vm.yaml
        err_has "sh failed"
        err_has "***"
    done
    route=said-long
    machine $route
    tried 1 maqet -v validate vm.yaml
    err_has "***"

    for route in warn error drive-error hint wrap debug; do
        machine $route
        code=1
        case $route in warn | debug) code=0 ;; esac
        tried $code maqet -v validate vm.yaml
        err_has "***"
    done
    route=ask
    machine ask
    tried 0 maqet -v validate vm.yaml

    for route in data chardev id property; do
        machine "$route"
        tried 1 maqet -v add vm.yaml
        err_has "the plugin 'leaky' emitted"
        tried 1 maqet -v args vm.yaml
        err_has "the plugin 'leaky' emitted"
    done
    route=helper-argument
    machine $route
    tried 0 maqet add vm.yaml
    tried 1 maqet -v start vm
    err_has "the plugin 'leaky' put a secret on the command line of sh"

    for route in snapshot-name snapshot-id; do
        machine $route
        tried 0 maqet add vm.yaml
        for format in table json plain; do
            tried 0 maqet --format $format snapshot vm list
        done
    done
    for route in damage damaged-file; do
        machine $route
        tried 1 maqet -v add vm.yaml
        for format in table json plain; do
            tried 1 maqet --format $format check vm.yaml
        done
    done
    route=holder
    machine $route
    tried 0 maqet add vm.yaml
    for format in table json plain; do
        tried 0 maqet --format $format status vm
    done
    tried 1 maqet -v start vm
    err_has "***"
done

route=number
keep 314159265358979
part=314159265358979
machine number
tried 1 maqet args vm.yaml
part=Q7zvX
keep "$part,a\"b\\c/d"

# A plugin that behaves: QEMU gets the path, and runs; nothing shows the content.
route=object
machine object
tried 0 maqet add vm.yaml
tried 0 maqet args vm
out_has "$TMP/private.key"
tried 0 maqet start vm
for format in table json plain; do
    tried 0 maqet --format $format status vm
done
pid=$(vm_pid vm)
! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -F "$part" || fail "QEMU's command line has it"
grep -qF "$TMP/private.key" "/proc/$pid/cmdline" || fail "QEMU did not get the path"
tried 0 maqet stop vm --timeout 0 --force

# What a program says at length is in a log.
route=list-tool
machine $route
tried 0 maqet add vm.yaml
tried 0 maqet start vm
tried 1 maqet snapshot vm list
err_has "$TMP/run/vm/tool.log"
grep -qF '***' run/vm/tool.log || fail "the log does not have what the program said"
tried 0 maqet stop vm --timeout 0 --force

# A helper may have it in its environment, which only the user can read.
route=helper-environment
machine $route
tried 0 maqet add vm.yaml
tried 0 maqet start vm
helper=$(cut -d ' ' -f 1 run/vm/helpers)
knows() {
    tr '\0' '\n' <"/proc/$1/environ" | grep -qF "ITS_KEY=$part"
}
eventually 20 knows "$helper"
! tr '\0' '\n' <"/proc/$helper/cmdline" | grep -F "$part" || fail "the helper's command line has it"
tried 0 maqet stop vm --timeout 0 --force

# The file: nobody else may read it, and it is a file, neither large nor empty. What is no path of
# one may be the secret itself, and is never repeated or stored.
route=reading
bad() { # CODE MESSAGE
    machine good
    tried "$1" maqet validate vm.yaml
    err_has "$2"
    err_has "vm.yaml:6:46: drive 'd' of VM 'vm': "
}
chmod 640 private.key
bad 4 "private.key, which holds a secret, is accessible to other users (mode 0640)"
err_has "chmod 600 '$TMP/private.key'"
chmod 600 private.key
head -c 65536 /dev/zero | tr '\0' x >private.key
machine good
tried 0 maqet validate vm.yaml
echo >>private.key
bad 3 "private.key is larger than 64 KiB"
printf 'abc\n' >private.key
bad 3 "private.key has less than 4 bytes"
rm private.key
mkfifo private.key
chmod 600 private.key
bad 3 "private.key is not a regular file"
rm private.key
mkdir private.key
chmod 700 private.key
bad 3 "private.key is not a regular file"
rmdir private.key
bad 3 "\`key\` must be the path of a file that holds the secret, and there is no such file"
machine good "key: /nowhere/$part"
tried 3 maqet validate vm.yaml
err_has "\`key\` must be the path of a file that holds the secret, and there is no such file"
for written in "$part" "\"$part\\nmore\"" "\"$part\\ttab\"" "[$part]" "{a: $part}"; do
    route="writing $written"
    machine unasked "key: $written"
    tried 3 maqet validate vm.yaml
    tried 3 maqet add vm.yaml
    err_has key
    machine unasked "login: {password: $written}"
    tried 3 maqet add vm.yaml
done

route="an assignment"
machine unasked "login: {user: u}"
for written in "$part" "\"$part\\nmore\""; do
    tried 3 maqet validate vm.yaml --set "storage.d.key=$written"
done
err_has "--set storage.d.key: "

# In a mapping, as anywhere.
keep "$part,a\"b\\c/d"
route=error
machine error "login: {user: u, password: private.key}"
tried 1 maqet validate vm.yaml
err_has "***"
route=data
machine data "login: {user: u, password: private.key}"
tried 1 maqet args vm.yaml
err_has "emitted a secret"
