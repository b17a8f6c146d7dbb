/* SPDX-License-Identifier: MIT */
#include "cli/hints.h"

#include "cli/terminal.h"
#include "core/base/printable.h"

/* "{1}" is the first operand as a word for a shell, quoted if necessary; "{'1}" is always
 * quoted, and "{=1}" never. "{2+ --exclude }" is each operand from the second on, with that
 * text before it. */
static const char *const templates[MAQET_NEXT_COUNT] = {
    [MAQET_NEXT_WORDS] = "{=1}",

    [MAQET_NEXT_END_SILENT] =
        "End it, which is a power failure to the guest: maqet stop {1} --force",
    [MAQET_NEXT_REMOVE_REPEATED] =
        "Remove one of them. To replace it occasionally, use a second file, or --set",
    [MAQET_NEXT_USE_CONSOLE] =
        "Leave it out, and connect to the guest's console with 'maqet console'; or start "
        "the VM with --foreground",
    [MAQET_NEXT_START_FOREGROUND] = "Start the VM with --foreground",
    [MAQET_NEXT_LOAD_CHECKPOINT] =
        "To resume a guest from a checkpoint: maqet checkpoint VM load NAME",
    [MAQET_NEXT_LOAD_ONCE] = "Load a checkpoint or a snapshot once: maqet checkpoint VM "
                             "load NAME, or maqet snapshot VM load --all NAME",
    [MAQET_NEXT_ASK_PID] = "maqet ls and maqet status show the PID",
    [MAQET_NEXT_RUN_DISCARDED] =
        "To discard what a guest changes: maqet run VM --from CHECKPOINT --discard; "
        "your own -drive can use snapshot=on",
    [MAQET_NEXT_SHOW_ARGUMENTS] = "See all of it: maqet args VM",
    [MAQET_NEXT_KEEP_GUEST_STATE] =
        "Save a guest's state in a checkpoint: maqet checkpoint VM create NAME",

    [MAQET_NEXT_START_TO_MAKE_IMAGE] =
        "It is created when the VM starts: maqet start {1}",
    [MAQET_NEXT_MOVE_BACK] = "If it was moved, move it back, or name its new place and "
                             "run: maqet apply {1} FILE",
    [MAQET_NEXT_BRING_BACK] =
        "Restore it, or name its new place and run: maqet apply {1} FILE",
    [MAQET_NEXT_START_EMPTY] = "If it is gone for good, start with a new, empty one: "
                               "maqet start {1} --create-missing",
    [MAQET_NEXT_EXPORT_DECRYPTED] =
        "Add --decrypt if the file may contain the drive's data unencrypted",
    [MAQET_NEXT_EXPORT_ENCRYPTED] = "Leave out --decrypt",
    [MAQET_NEXT_CONVERT_SNAPSHOTS] =
        "Or convert its snapshots: maqet snapshot {1} convert {2} {3}",
    [MAQET_NEXT_ALLOW_NAMED] =
        "If you trust the image, say that it may name that file: --with {1}",
    [MAQET_NEXT_SAY_FORMAT] = "If it is a disk nevertheless, say so: --format {1}",

    [MAQET_NEXT_ONLY_STOP] = "It can only be stopped: maqet stop {1}",
    [MAQET_NEXT_REPAIR_AND_RESUME] =
        "Once that is fixed, resume the guest: maqet resume {1}",
    [MAQET_NEXT_FREE_LEAKS] =
        "Clusters that it lost in images only take up space; to free "
        "them: maqet check {1} --repair",
    [MAQET_NEXT_FREE_SPACE] =
        "Free up disk space, then resume the guest: maqet resume {1}",
    [MAQET_NEXT_FREE_SPACE_IN] =
        "Free up disk space in {=2}, then resume the guest: maqet resume {1}",
    [MAQET_NEXT_ACCEPT_BASE] =
        "If the change is harmless, accept it: maqet start {1} --accept-base",
    [MAQET_NEXT_FORGET_IMAGE] =
        "If such an image is gone for good, delete its record: maqet storage rm IMAGE",
    [MAQET_NEXT_CHECK_DRIVE] = "See what is wrong: maqet check {1} {2}",
    [MAQET_NEXT_REPAIR_DRIVE] = "Copy it, then repair it: maqet check {1} {2} --repair",
    [MAQET_NEXT_STOP] = "Stop VM: maqet stop {1}",
    [MAQET_NEXT_STOP_FIRST] = "Stop it first: maqet stop {1}",
    [MAQET_NEXT_CLONE_SNAPSHOT] =
        "Or clone a snapshot of all its drives: maqet snapshot {1} create --all NAME, and "
        "then --from NAME",
    [MAQET_NEXT_CLONE_FULL] = "Or copy all of it (--full)",
    [MAQET_NEXT_STOP_FIRST_IN] = "Stop it first: maqet --data-dir {'2} stop {1}",
    [MAQET_NEXT_STOP_AND_START] = "Stop it, and start it again: maqet stop {1}",
    [MAQET_NEXT_START] = "Start it: maqet start {1}",
    [MAQET_NEXT_LOAD_DRIVES] = "Load only its drives: maqet snapshot {1} load --all "
                               "{2}",
    [MAQET_NEXT_DELETE_CHECKPOINT] =
        "Or delete the checkpoint: maqet checkpoint {1} delete {2}",
    [MAQET_NEXT_NAME_VM] = "Add a line `name: ...`, or use --name",
    [MAQET_NEXT_SHORTEN_RUNTIME_DIR] =
        "Use a shorter --runtime-dir, or MAQET_RUNTIME_DIR",
    [MAQET_NEXT_WAIT_FOR_LOCK] = "Or wait longer for it: --lock-timeout SECONDS",
    [MAQET_NEXT_NAME_DATA_DIR] =
        "Name your own data folder (--data-dir), or run maqet as the user who owns "
        "these VMs",
    [MAQET_NEXT_ADD_VM] = "Add one: maqet add FILE",
    [MAQET_NEXT_LIST_VMS] = "List them: maqet ls",
    [MAQET_NEXT_APPLY] = "Change it: maqet apply {1} FILE",
    [MAQET_NEXT_CORRECT] = "Correct it first: maqet apply {1} FILE",
    [MAQET_NEXT_RESTORE_OR_REMOVE] =
        "Restore that file from a backup, or remove the VM: maqet rm {1}",
    [MAQET_NEXT_EDIT_AGAIN] =
        "Your text is kept in {=2}; continue with it: maqet edit {1}",
    [MAQET_NEXT_APPLY_FILE] =
        "Your text is in {=2}; when it is right: maqet apply {1} {2}",
    [MAQET_NEXT_START_BY_OTHERS] =
        "Have the init system of this host run it: maqet start {1}",
    [MAQET_NEXT_ADD_RENAMED] = "Add this one under another name: --name NAME",
    [MAQET_NEXT_RECOVER] = "Recover it: maqet recover {1}",
    [MAQET_NEXT_LIST_IMAGES] = "List them: maqet storage ls",

    [MAQET_NEXT_FIX] = "Remove it: maqet doctor --fix",
    [MAQET_NEXT_DELETE_IMAGES] =
        "Or delete images that no VM uses: maqet storage ls lists them",

    [MAQET_NEXT_LIST_SNAPSHOTS] =
        "See which snapshots there are: maqet snapshot {1} list",
    [MAQET_NEXT_FORGET_OPERATION] =
        "Leave the images as they are and continue: maqet recover {1} --forget",

    [MAQET_NEXT_RESUME] = "Resume it: maqet resume {1}",
    [MAQET_NEXT_WAKE_UP] = "It sleeps; wake it up: maqet qmp {1} system_wakeup",
    [MAQET_NEXT_QUERY_BLOCK] = "See what QEMU reports: maqet qmp {1} query-block",
    [MAQET_NEXT_REMOVE_FORCED] = "Or end and remove it at once: maqet rm {1} --force",
    [MAQET_NEXT_OPEN_TRAY] = "Unmount it in the guest, or open it anyway: --force",
    [MAQET_NEXT_EXPORT_SNAPSHOTS] =
        "It can be done once the drive has no snapshots. Export those that you need: maqet "
        "snapshot {1} export {2} NAME FILE",
    [MAQET_NEXT_DELETE_STORAGE] = "--delete-storage was not given",
    [MAQET_NEXT_REMOVE_OVERLAYS] =
        "Or delete them with the VM: maqet rm {1} --delete-storage",
    [MAQET_NEXT_START_SLOWER] = "Give it more time: --wait SECONDS (it was {1})",
    [MAQET_NEXT_STOP_AND_START_EMULATOR] =
        "Do it while the VM is stopped, start the emulator, and then the VM: maqet "
        "stop {1}",
    [MAQET_NEXT_END_LOSING] =
        "Or end it without the guest's cooperation, which loses what the guest has "
        "not written yet: maqet stop {1} --force",
    [MAQET_NEXT_STOP_SLOWER] = "Give it more time: maqet stop {1} --timeout SECONDS",
    [MAQET_NEXT_END] = "End it without the guest's cooperation: maqet stop {1} --force",

    [MAQET_NEXT_START_FOR_LIVE] = "Start VM: maqet start {1}",
    [MAQET_NEXT_USE_OFFLINE] = "Use offline snapshot (remove --live flag)",
    [MAQET_NEXT_USE_AUTO_FOR_LIVE] =
        "Use whichever fits the VM's state (--auto instead of --live)",
    [MAQET_NEXT_USE_LIVE] = "Use live snapshot (add --live flag)",
    [MAQET_NEXT_USE_AUTO] = "Use whichever fits the VM's state (add --auto)",
    [MAQET_NEXT_EXCLUDE] = "Leave that drive out: --exclude {1}",
    [MAQET_NEXT_EXCLUDE_IT] = "Leave it out:{1+ --exclude }",
    [MAQET_NEXT_EXCLUDE_THEM] = "Leave them out:{1+ --exclude }",
    [MAQET_NEXT_FREEZE_NOTHING] = "There is nothing to freeze: leave --quiesce out",
    [MAQET_NEXT_OVERWRITE] = "Replace it if it is no longer needed: add --overwrite",
    [MAQET_NEXT_LOAD_ONE_DRIVE] =
        "Load the drives without the memory, one by one: maqet snapshot {1} load {2} "
        "{3}",
    [MAQET_NEXT_DELETE_CHECKPOINT_ALONE] =
        "Or delete the checkpoint, which leaves snapshots that are not its own: maqet "
        "checkpoint {1} delete {2}",
    [MAQET_NEXT_DELETE_USELESS_CHECKPOINT] =
        "Delete the checkpoint if it is no longer useful: maqet checkpoint {1} delete "
        "{2}",
    [MAQET_NEXT_DELETE_WHOLE_CHECKPOINT] =
        "If its memory is no longer needed either, delete all of it: maqet checkpoint "
        "{1} delete {2}",
    [MAQET_NEXT_LOAD_ONE_BY_ONE] =
        "If you want it anyway, name the drives one by one: maqet snapshot "
        "{1} load {2} {3}",
    [MAQET_NEXT_LOAD_ONE_BY_ONE_LIVE] =
        "If you want it anyway, name the drives one by one: maqet snapshot "
        "{1} load {2} {3} --live",
    [MAQET_NEXT_DELETE_ONE_BY_ONE] =
        "If you want it anyway, name the drives one by one: maqet snapshot "
        "{1} delete {2} {3}",
    [MAQET_NEXT_DELETE_ONE_BY_ONE_LIVE] =
        "If you want it anyway, name the drives one by one: maqet snapshot "
        "{1} delete {2} {3} --live",
    [MAQET_NEXT_FINISH] = "Finish it anyway: maqet recover {1} --finish (this {=2})",
    [MAQET_NEXT_FORGET] = "Or leave the images as they are: maqet recover {1} --forget",
    [MAQET_NEXT_MOUNT_AND_FINISH] =
        "Mount its disk or move it back, and then: maqet recover {1} --finish",
    [MAQET_NEXT_START_WHEN_POSSIBLE] = "Once it can start, start it: maqet start {1}",
    [MAQET_NEXT_DO_NOT_QUIESCE] =
        "Leave out --quiesce: the snapshot is then as after a power failure",
    [MAQET_NEXT_RECOVER_OR_GO_ON] =
        "Recover it: maqet recover {1} (the next change of its snapshots, or its next "
        "start, also does that)",
    [MAQET_NEXT_DELETE_SNAPSHOT] =
        "When you no longer need it: maqet snapshot {1} delete {2} {3}",

    [MAQET_NEXT_APPLY_AS_BEFORE] = "Restore its definition: maqet apply {1} FILE",
    [MAQET_NEXT_USE_QEMU_AS_BEFORE] =
        "Use QEMU {=2} again, for example with `binary` in the definition of VM {'1}",
    [MAQET_NEXT_REPAIR_VERSION] = "Make `{2} --version` print its version again",
    [MAQET_NEXT_CREATE_ANOTHER] =
        "Create another checkpoint while the VM runs: maqet checkpoint {1} create NAME",
    [MAQET_NEXT_OR_CREATE_ANOTHER] =
        "Or create another checkpoint, once the VM was started again: maqet checkpoint "
        "{1} create NAME",
    [MAQET_NEXT_LOAD_DRIVES_INSTEAD] =
        "Or load only its drives: maqet snapshot {1} load --all {2}",
    [MAQET_NEXT_START_FROM] =
        "Once it can start, go on from there: maqet start {1} --from {2}",
    [MAQET_NEXT_BOOT_FROM_DRIVES] =
        "Or boot it from its drives, without the memory: maqet start {1}",
    [MAQET_NEXT_LOAD_IN_PLACE] =
        "Load it, replacing what is running: maqet checkpoint {1} load {2}",
    [MAQET_NEXT_START_STOPPED] = "VM '{=1}' is stopped; start it: maqet start {1}",
    [MAQET_NEXT_DO_NOT_KEEP] = "Load it without --keep: the present state is lost then",
    [MAQET_NEXT_KEEP_DRIVES_LIVE] =
        "Create a snapshot of the drives only: maqet snapshot {1} create --all NAME "
        "--live{2+ --exclude }",
    [MAQET_NEXT_KEEP_DRIVES] = "Create a snapshot of its drives: maqet snapshot {1} "
                               "create --all NAME",

    [MAQET_NEXT_READ_LOG] = "See what the guest has written: maqet logs {1}",
    [MAQET_NEXT_RESTORE_AS_NEW] =
        "Restore the backup as a new VM beside this one: --to NAME",

    [MAQET_NEXT_COPY_FOLDERS] = "To copy it with all that is in it, add --recursive",

    [MAQET_NEXT_SHORTEN_TMPDIR] =
        "Name a shorter one: TMPDIR=/tmp maqet plugin check {1}",
    [MAQET_NEXT_DEBUG_CHECK] =
        "Run that check alone in a debugger: gdb --args maqet plugin check --only {1} "
        "{2}",
    [MAQET_NEXT_SET_OPTION] =
        "If it needs a value that cannot be made up, such as a server's name, use --set "
        "OPTION=VALUE; otherwise it refuses what it should accept",
};

static void
append_operand(struct maqet_text *text, const struct maqet_hint *hint, size_t index,
               char how)
{
    const char *operand =
        index < hint->operands.count ? hint->operands.items[index] : "?";
    _cleanup_free_ char *quoted = how == '\'' ? maqet_shell_quoted(operand) : NULL;

    if (how == '=' || quoted)
        maqet_text_append(text, quoted ? quoted : operand);
    else
        maqet_shell_append(text, operand);
}

static void
append_field(struct maqet_text *text, const char *field, const void *data)
{
    const struct maqet_hint *hint = data;
    bool marked = *field == '=' || *field == '\'';
    size_t index = (size_t)(field[marked] - '1');

    if (field[1] != '+') {
        append_operand(text, hint, index, *field);
        return;
    }
    for (; index < hint->operands.count; index++) {
        maqet_text_append(text, field + 2);
        append_operand(text, hint, index, '\0');
    }
}

char *
hint_text(const struct maqet_hint *hint)
{
    return text_fill(templates[hint->next], append_field, hint);
}
