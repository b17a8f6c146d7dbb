/* SPDX-License-Identifier: MIT */
#include "cli/cmd_checkpoint.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/checkpoint/checkpoint.h"

/* One call of an action, and its result. */
struct call {
    struct maqet_checkpoint_request request; /* with texts of the command line */
    struct maqet_checkpoint_receipt receipt; /* of create */
    int pid;                                 /* after load */
    int64_t read;                            /* bytes, after verify */
};

#define CALL_ROWS                                                                        \
    {"vm", MAQET_FIELD(struct call, request.vm), .help = "the VM's name"},               \
    {                                                                                    \
        "name", MAQET_FIELD(struct call, request.name), .help = "the checkpoint's name"  \
    }

/* ---- create ---- */

static const struct maqet_fields create_fields = MAQET_FIELDS_OF(
    struct call, CALL_ROWS,
    {"drives", MAQET_FIELD(struct call, receipt.drives),
     .help = "the drives that it has snapshots of"},
    {"pause_ms", MAQET_FIELD(struct call, receipt.pause), .unit = MAQET_UNIT_MILLISECONDS,
     .help = "how long the guest was paused"},
    {"wall_ms", MAQET_FIELD(struct call, receipt.wall), .unit = MAQET_UNIT_MILLISECONDS,
     .title = "TIME MS", .help = "how long all of it took"},
    {"size", MAQET_FIELD(struct call, receipt.allocated), .unit = MAQET_UNIT_BYTES,
     .help = "what the guest's memory takes on the disk"},
    {"length", MAQET_FIELD(struct call, receipt.length), .unit = MAQET_UNIT_BYTES,
     .help = "the length of these files, which may have holes"},
    {"method", MAQET_FIELD_WORD(struct call, receipt.method, maqet_migration_method_name),
     .help = "how memory was saved"},
    {"reason", MAQET_FIELD(struct call, receipt.reason), .optional = true,
     .help = "why it was not the first method that auto tries; null if it was"},
    {"unmappable", MAQET_FIELD(struct call, receipt.unmappable), .optional = true,
     .help =
         "why loading it reads the memory instead of mapping it; null if it maps it"});

static char *
create_text(const void *row)
{
    const struct call *call = row;
    const struct maqet_checkpoint_receipt *receipt = &call->receipt;
    _cleanup_free_ char *size = maqet_text_bytes((uint64_t)receipt->allocated);
    _cleanup_free_ char *why =
        receipt->reason ? maqet_format(" (%s)", receipt->reason) : maqet_strdup("");

    _cleanup_free_ char *reads =
        receipt->unmappable ? maqet_format("Loading it reads all of its memory: %s.\n",
                                           receipt->unmappable)
                            : maqet_strdup("");

    return maqet_format("Created checkpoint '%s' of VM '%s', %s of memory.\nPaused "
                        "the guest for %.1f ms; took %.0f ms; method: %s%s.\n%s",
                        call->request.name, call->request.vm, size, receipt->pause,
                        receipt->wall, maqet_migration_method_name(receipt->method), why,
                        reads);
}

static const struct view create_view = {
    .table = {.fields = &create_fields,
              .columns = "name drives pause_ms wall_ms size method"},
    .text = create_text,
    .confirmation = true};

int
checkpoint_create(struct invocation *invocation, struct maqet_error **err)
{
    struct call call = {
        .request = {.vm = operand_find(invocation, OPERAND_VM),
                    .name = operand_find(invocation, OPERAND_NEW_NAME),
                    .method = invocation_choice(invocation, "method",
                                                maqet_migration_method_name),
                    .limit = invocation_milliseconds(invocation, "limit"),
                    .compress = invocation_has(invocation, "compress")},
    };

    int result =
        maqet_checkpoint_create(&invocation->context, &call.request, &call.receipt, err);
    if (result == 0)
        output_result(&invocation->output, &create_view, &call);
    maqet_checkpoint_receipt_clear(&call.receipt);
    return result;
}

/* ---- load ---- */

int
confirm_load(const struct invocation *invocation, bool live, char *words,
             struct maqet_error **err)
{
    _cleanup_free_ char *owned = words;
    bool yes = invocation_has(invocation, "yes");

    if (!yes && !terminal_can_ask())
        return output_error_unasked("Nothing was loaded", words, err);
    /* With --quiet, nobody agrees to what they have not read. */
    _cleanup_free_ char *question =
        maqet_format("%s%sGo on?", invocation->output.loudness == QUIET ? words : "",
                     invocation->output.loudness == QUIET ? ". " : "");
    maqet_context_say(&invocation->context, live ? MAQET_LEVEL_WARNING : MAQET_LEVEL_INFO,
                      "%s", words);
    if (yes || terminal_ask(question))
        return 0;
    return maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was loaded");
}

static int
confirm(const struct invocation *invocation, struct maqet_checkpoint_request *request,
        char **verified, struct maqet_error **err)
{
    /* If the VM is started while the user is asked, `running` still has what they agreed
     * to. */
    if (maqet_checkpoint_loadable(&invocation->context, request, &request->running,
                                  &request->silent, verified, err) < 0)
        return -1;
    request->verified = *verified;
    return confirm_load(
        invocation, request->running,
        maqet_format("Loading the checkpoint '%s' discards all changes made after it on "
                     "the drives of VM '%s'%s",
                     request->name, request->vm,
                     !request->running ? ""
                     : request->keep   ? ", once the present state is kept"
                                       : ", and what its guest has in memory now"),
        err);
}

static const struct maqet_fields load_fields = MAQET_FIELDS_OF(
    struct call, CALL_ROWS, MAQET_ROW(struct call, pid, "QEMU's process ID"));

static const struct view load_view = {
    .table = {.fields = &load_fields, .columns = "name pid"},
    .sentence =
        "Loaded checkpoint '{name}' of VM '{vm}', which continues from there (PID "
        "{pid}).\n",
    .confirmation = true};

/* ms that precopy may take for --keep, as by default for create. */
enum { KEEP_LIMIT = 30000 };

int
checkpoint_load(struct invocation *invocation, const char *name, const char *keep,
                struct maqet_error **err)
{
    struct call call = {
        .request = {.vm = operand_find(invocation, OPERAND_VM),
                    .name = name,
                    .keep = keep,
                    .read = invocation_has(invocation, "read"),
                    .limit = KEEP_LIMIT,
                    .timeout = invocation_milliseconds(invocation, "wait")},
    };
    _cleanup_free_ char *verified = NULL;

    if (confirm(invocation, &call.request, &verified, err) < 0 ||
        maqet_checkpoint_load(&invocation->context, &call.request, &call.pid, err) < 0)
        return -1;
    output_result(&invocation->output, &load_view, &call);
    return 0;
}

static int
run_load(struct invocation *invocation, struct maqet_error **err)
{
    return checkpoint_load(invocation, operand_find(invocation, OPERAND_CHECKPOINT),
                           invocation_text(invocation, "keep"), err);
}

/* ---- delete ---- */

static const struct maqet_fields delete_fields = MAQET_FIELDS_OF(struct call, CALL_ROWS);

static const struct view delete_view = {
    .table = {.fields = &delete_fields, .columns = "name"},
    .sentence = "Deleted checkpoint '{name}' of VM '{vm}'.\n",
    .confirmation = true};

static int
run_delete(struct invocation *invocation, struct maqet_error **err)
{
    const struct call call = {
        .request = {.vm = operand_find(invocation, OPERAND_VM),
                    .name = operand_find(invocation, OPERAND_CHECKPOINT)},
    };

    if (maqet_checkpoint_delete(&invocation->context, &call.request, err) < 0)
        return -1;
    output_result(&invocation->output, &delete_view, &call);
    return 0;
}

/* ---- verify ---- */

static const struct maqet_fields verify_fields =
    MAQET_FIELDS_OF(struct call, CALL_ROWS,
                    {"read", MAQET_FIELD(struct call, read), .unit = MAQET_UNIT_BYTES,
                     .help = "the length of the files that were read, with their holes"});

static const struct view verify_view = {
    .table = {.fields = &verify_fields, .columns = "name read"},
    .sentence = "The checkpoint '{name}' of VM '{vm}' is undamaged.\n",
    .confirmation = true};

static int
run_verify(struct invocation *invocation, struct maqet_error **err)
{
    struct call call = {
        .request = {.vm = operand_find(invocation, OPERAND_VM),
                    .name = operand_find(invocation, OPERAND_CHECKPOINT)},
    };

    if (maqet_checkpoint_verify(&invocation->context, &call.request, &call.read, err) < 0)
        return -1;
    output_result(&invocation->output, &verify_view, &call);
    return 0;
}

/* ---- list ---- */

struct listed {
    struct maqet_checkpoint about; /* of an earlier maqet, not everything is known */
    char *drives;                  /* "hdd,data" */
    bool mappable;
};

static const struct maqet_fields list_fields = MAQET_FIELDS_OF(
    struct listed,
    {"name", MAQET_FIELD(struct listed, about.name), .help = "the checkpoint's name"},
    {"memory", MAQET_FIELD(struct listed, about.memory), .unit = MAQET_UNIT_BYTES,
     .known = MAQET_KNOWN(struct listed, about.has_memory),
     .help = "how much memory the guest has"},
    {"method",
     MAQET_FIELD_CHOICE(struct listed, about.method, maqet_migration_method_name),
     .optional = true, .help = "how it was saved"},
    {"machine", MAQET_FIELD(struct listed, about.machine), .optional = true,
     .help = "QEMU's machine type"},
    {"qemu", MAQET_FIELD(struct listed, about.qemu), .optional = true,
     .help = "the version of QEMU"},
    {"size", MAQET_FIELD(struct listed, about.allocated), .unit = MAQET_UNIT_BYTES,
     .known = MAQET_KNOWN(struct listed, about.is_there),
     .help = "what the guest's memory takes on the disk; null if that is lost"},
    {"length", MAQET_FIELD(struct listed, about.length), .unit = MAQET_UNIT_BYTES,
     .known = MAQET_KNOWN(struct listed, about.has_size),
     .help = "the length of these files, which may have holes"},
    {"mappable", MAQET_FIELD(struct listed, mappable),
     .help = "whether loading it maps the memory instead of reading it"},
    MAQET_ROW(struct listed, drives,
              "the drives that it has snapshots of, with a comma between two"),
    {"date", MAQET_FIELD_DATE(struct listed, about.date), .optional = true,
     .help = "when it was created"},
    {"pause_ms", MAQET_FIELD(struct listed, about.pause), .unit = MAQET_UNIT_MILLISECONDS,
     .title = "PAUSE", .help = "how long the guest was paused for it"});

/* The machine type is in the other formats: with it, the list is wider than a terminal. */
static char *
list_text(const void *rows, size_t count)
{
    static const struct table table = {
        &list_fields, "name date drives memory size pause_ms method", NULL};

    return table_text(&table, rows, count);
}

static const struct view list_view = {
    .table = {.fields = &list_fields,
              .columns = "name date drives memory size pause_ms method machine"},
    .list_text = list_text,
    .empty = "No checkpoints found.\n",
    .each = "checkpoint",
};

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_checkpoints_ struct maqet_checkpoints list = {0};

    if (maqet_checkpoint_list(&invocation->context, operand_find(invocation, OPERAND_VM),
                              &list, err) < 0)
        return -1;
    _cleanup_free_ struct listed *listed = maqet_alloc(list.count * sizeof(*listed) + 1);
    for (size_t i = 0; i < list.count; i++)
        listed[i] =
            (struct listed){list.items[i], maqet_strings_join(&list.items[i].drives, ","),
                            list.items[i].block != NULL};
    output_list(&invocation->output, &list_view, listed, list.count);
    for (size_t i = 0; i < list.count; i++)
        free(listed[i].drives);
    return 0;
}

/* ---- the command ---- */

static const struct command actions[] = {
    {.name = "create",
     .undoes = true,
     .undone = "Nothing was created",
     .summary = "Create a checkpoint of a running VM, disks and memory",
     .description =
         "The guest is paused only for milliseconds: its memory is written while it "
         "continues to run. Either pages that it is about to change are written first "
         "(background), which requires userfaultfd, and an ordinary user may not be "
         "allowed to use that. Or pages that it has changed are written again, until "
         "little is left (precopy); for an emulated guest (TCG), this is safe only since "
         "QEMU 10.0, and refused with an earlier version.\nWith QEMU before 8.2, auto "
         "prefers background. Later versions prepare memory for that while the guest is "
         "paused, for a tenth of a second per gigabyte, so auto prefers precopy. A guest "
         "that changes its memory faster than it can be written is then saved in the "
         "background or, without userfaultfd, paused after --limit until everything is "
         "written (stop).\nA shared folder that the guest has mounted "
         "must be unmounted first, because QEMU cannot save its state.",
     .operands = {OPERAND_NEW_NAME},
     .only_running = true,
     .options = {OPTION_METHOD_ROW, OPTION_LIMIT_ROW, OPTION_COMPRESS_STATE_ROW,
                 OPTION_WAIT_ROW},
     .examples = {{"maqet checkpoint myvm create before-test",
                   "Save disks and memory; the guest keeps running"}},
     .view = &create_view,
     .run = checkpoint_create},
    {.name = "list",
     .endable = true,
     .summary = "List the checkpoints of a VM",
     .description =
         "SIZE is the disk space that the checkpoint's memory takes; in JSON, `length` "
         "is the length of its files, which may have holes.",
     .examples = {{"maqet checkpoint myvm list",
                   "List them with the space that they use"}},
     .view = &list_view,
     .run = run_list},
    {.name = "load",
     .undoes = true,
     .undone = "Nothing was loaded",
     .summary = "Resume the guest from a checkpoint",
     .discards = true,
     .description =
         "A checkpoint can be loaded as often as you like, but only with the version of "
         "QEMU and the arguments with which it was created. The guest's clock shows the "
         "time of the checkpoint: let the guest ask for the time (NTP), or set it. "
         "Everything that changed after the checkpoint is lost, on the disks and in "
         "memory; on a terminal, you are asked first, and without one --yes is "
         "required.\nIf the QEMU that is running does not answer within --wait seconds, "
         "it is ended nevertheless.",
     .operands = {OPERAND_CHECKPOINT},
     .options = {{"keep", .type = OPTION_TEXT, .argument = "NAME",
                  .help = "if the VM is running, first save its present state as this "
                          "checkpoint"},
                 OPTION_READ_ROW,
                 {"yes", 'y', .help = "do not ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet checkpoint myvm load before-test",
                   "Continue from there, replacing what "
                   "is running"},
                  {"maqet checkpoint myvm load before-test --keep after-test",
                   "The same, and save the present state first"}},
     .view = &load_view,
     .run = run_load},
    {.name = "verify",
     .endable = true,
     .summary = "Read all of a checkpoint, and compare its checksums",
     .description =
         "A load maps the guest's memory without reading it, and recognizes the file by "
         "its identity only. This command reads it, and so finds damage by the disk or by "
         "a program that has hidden its traces. The snapshots of the drives are only "
         "looked for: 'maqet check' reads the images.",
     .operands = {OPERAND_CHECKPOINT},
     .examples = {{"maqet checkpoint myvm verify before-test",
                   "Whether it is as it was written"}},
     .view = &verify_view,
     .run = run_verify},
    {.name = "delete",
     .undoes = true,
     .undone = "It may have been deleted nevertheless",
     .summary = "Delete a checkpoint, with the snapshots that belong to it",
     .discards = true,
     .operands = {OPERAND_CHECKPOINT},
     .options = {OPTION_WAIT_ROW},
     .examples = {{"maqet checkpoint myvm delete before-test",
                   "Delete the saved memory, and the snapshots of the drives"}},
     .view = &delete_view,
     .run = run_delete},
    {0},
};

const struct command command_checkpoint = {
    .name = "checkpoint",
    .summary = "Save and load the state of a running guest, disks and memory",
    .related = "run start",
    .operands = {OPERAND_VM},
    .description =
        "A checkpoint consists of snapshots of all drives and the guest's memory, "
        "saved at the same instant. When it is loaded, the guest continues from there, "
        "as if nothing had happened since. The snapshots of its drives can also be "
        "listed and loaded on their own with 'maqet snapshot'.",
    .actions = actions,
};
