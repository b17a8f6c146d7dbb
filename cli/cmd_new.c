/* SPDX-License-Identifier: MIT */
/* maqet new: a VM from an image that a distribution offers for clouds. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/invocation.h"
#include "cli/new_key.h"
#include "cli/new_place.h"
#include "cli/new_yaml.h"
#include "cli/options.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/config/options.h"
#include "core/machine/base_image.h"
#include "core/machine/events.h"
#include "core/machine/helpers.h"
#include "core/machine/store.h"

/* Formats of backing files, by their storage plugins: that of the overlay is the first. */
static const char *const formats[] = {"qcow2", "raw", NULL};

/* The user in the guest if the one of this host has no name that a guest could have. */
static const char OTHER_USER[] = "maqet";

/* What the command makes a machine of; and what it has made, which a failure removes. */
struct making {
    struct invocation *invocation;
    struct new_place place;
    char *user;
    char *share; /* NULL: none */
    uid_t owner; /* of the share */
    struct maqet_base_image image;
    struct new_key key;
    uint64_t size;
};

static void
making_clear(struct making *making)
{
    new_place_clear(&making->place);
    free(making->user);
    free(making->share);
    maqet_base_image_clear(&making->image);
    new_key_clear(&making->key);
}

/* ---- what the command line says ---- */

/* As useradd(8) of all distributions takes it. */
static bool
is_user_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

    return *name && strchr(first, *name) && strspn(name, more) == strlen(name) &&
           strlen(name) <= 32;
}

static int
choose_user(struct making *making, struct maqet_error **err)
{
    const char *given = invocation_text(making->invocation, "user");
    const struct passwd *entry = getpwuid(geteuid());
    const char *own = entry && geteuid() != 0 ? entry->pw_name : OTHER_USER;

    if (given && strcmp(given, "root") == 0)
        return usage_error(
            making->invocation, err,
            "Images for clouds let nobody log in as root; name another user, "
            "who has sudo");
    if (given && !is_user_name(given))
        return usage_error(making->invocation, err,
                           "'%s' is not the name of a user; use lower-case letters, "
                           "digits, '_' and '-'",
                           given);
    making->user = maqet_strdup(given ? given : is_user_name(own) ? own : OTHER_USER);
    return 0;
}

/* At least as large as the image. */
static int
choose_size(struct making *making, struct maqet_error **err)
{
    const struct invocation *invocation = making->invocation;
    const char *word = invocation_text(invocation, "size");
    uint64_t least = making->image.virtual_size;

    if (!maqet_parse_size(word, &making->size) || making->size == 0)
        return usage_error(invocation, err, "'%s' is not a size; write it like 20G",
                           word);
    _cleanup_free_ char *doubt = maqet_size_doubt(word, making->size);
    if (doubt)
        return usage_error(invocation, err, "The size '%s' %s", word, doubt);
    if (making->size >= least)
        return 0;
    /* Nobody has asked for the default. */
    if (!invocation_has(invocation, "size")) {
        making->size = least;
        return 0;
    }
    _cleanup_free_ char *text = maqet_text_size(least);
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "The disk cannot be smaller than the image %s, which has %s",
                    making->image.path, text);
    maqet_error_hint(err, "Say --size %s, or more", text);
    return -1;
}

static int
choose_share(struct making *making, struct maqet_error **err)
{
    const char *given = invocation_text(making->invocation, "share");
    struct stat status;

    if (!given)
        return 0;
    making->share = context_path(given);
    if (stat(making->share, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot share %s", making->share);
    making->owner = status.st_uid;
    return S_ISDIR(status.st_mode)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_INVALID,
                                 "Cannot share %s: only a folder can be shared",
                                 making->share);
}

/* ---- making it ---- */

/* The user's own key, or a new one beside the YAML file. */
static int
choose_key(struct making *making, struct maqet_error **err)
{
    const char *given = invocation_text(making->invocation, "ssh-key");
    _cleanup_free_ char *path = given ? context_path(given) : NULL;
    bool found;

    if (new_key_find(path, &making->key, &found, err) < 0)
        return -1;
    if (found)
        return 0;
    _cleanup_free_ char *folder = maqet_path_folder(making->place.yaml);
    _cleanup_free_ char *file = maqet_format("%s/%s.key", folder, making->place.name);
    return new_key_create(file, making->place.name, &making->key, err);
}

static int
write_yaml(struct making *making, const char *share_type, struct maqet_error **err)
{
    const struct new_machine machine = {
        .name = making->place.name,
        .memory = invocation_text(making->invocation, "memory"),
        .vcpus = invocation_text(making->invocation, "vcpus"),
        .user = making->user,
        .key =
            making->key.file ? new_place_named(&making->place, making->key.file) : NULL,
        .public_key = making->key.public_line,
        .image = new_place_named(&making->place, making->image.path),
        .format = making->image.type,
        .disk = new_place_named(&making->place, making->place.disk),
        .size = making->size,
        .share = {.path = making->share, .type = share_type},
        .uid = making->owner,
    };
    _cleanup_free_ char *text = new_yaml(&machine);

    return new_file_write(&making->place.file, text, err);
}

/* A share must be one that this user can start. */
static struct maqet_vm *
read_machine(const struct making *making, struct maqet_error **err)
{
    struct maqet_vm *vm = new_place_read(&making->place, err);

    if (!vm || maqet_helpers_check(vm->drives, vm->drive_count, err) == 0)
        return vm;
    maqet_vm_free(vm);
    return NULL;
}

/* The first type of share that can be used on this host, or the last one's error. What is
 * wrong without the share, too, is no reason for another type. */
static struct maqet_vm *
write_and_read(struct making *making, struct maqet_error **err)
{
    static const char *const types[] = {"virtiofs", "virtfs"};
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (write_yaml(making, types[0], err) < 0)
        return NULL;
    struct maqet_vm *vm = read_machine(making, making->share ? &reason : err);
    if (vm || !making->share)
        return vm;
    if (reason->signal) {
        maqet_error_move(err, TAKE_PTR(reason));
        return NULL;
    }
    new_file_unwrite(&making->place.file);
    if (write_yaml(making, types[1], err) < 0)
        return NULL;
    vm = read_machine(making, err);
    if (vm)
        maqet_context_say(
            &making->invocation->context, MAQET_LEVEL_WARNING,
            "The folder is shared as `type: %s`, because `type: %s` cannot be "
            "used: %s",
            types[1], types[0], reason->message);
    return vm;
}

static struct maqet_vm *
make(struct making *making, struct maqet_error **err)
{
    const char *image = invocation_text(making->invocation, "image");

    if (!image) {
        usage_error(making->invocation, err, "--image FILE is missing");
        return NULL;
    }
    _cleanup_free_ char *path = context_path(image);
    if (choose_user(making, err) < 0 || choose_share(making, err) < 0 ||
        new_place_claim(&making->place, formats[0], NULL, err) < 0 ||
        maqet_base_image_inspect(&making->invocation->context, making->place.name, path,
                                 formats, &making->image, err) < 0 ||
        choose_size(making, err) < 0 || choose_key(making, err) < 0)
        return NULL;
    struct maqet_vm *vm = write_and_read(making, err);
    if (vm && maqet_interrupt_check(err) == 0 &&
        maqet_store_add(&making->invocation->context, vm->definition, err) == 0) {
        maqet_event_note(&making->invocation->context, making->place.name, "added", NULL);
        return vm;
    }
    maqet_vm_free(vm);
    new_file_unwrite(&making->place.file);
    new_key_delete(&making->key);
    return NULL;
}

/* ---- the command ---- */

struct made {
    const char *name;
    const char *uuid;
    const char *file;
    const char *user;
    const char *key;
    bool key_created;
    const char *share;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct made, MAQET_ROW(struct made, name, "the VM's name"),
    MAQET_ROW(struct made, uuid, "its UUID"),
    MAQET_ROW(struct made, file, "the YAML file that was written"),
    MAQET_ROW(struct made, user, "the user in the guest"),
    MAQET_ROW(struct made, key, "the user's private key; null if an SSH agent has it",
              .optional = true),
    MAQET_ROW(struct made, key_created, "whether that key is new"),
    MAQET_ROW(struct made, share, "the shared folder of this host; null without one",
              .optional = true));

static char *
made_text(const void *row)
{
    const struct made *made = row;
    _cleanup_free_ char *key =
        made->key_created
            ? maqet_format(
                  "There is no SSH key in ~/.ssh, so it has one of its own, %s.\n",
                  made->key)
            : maqet_strdup("");
    _cleanup_free_ char *share =
        made->share
            ? maqet_format("The guest has %s at " NEW_MOUNT_POINT ".\n", made->share)
            : maqet_strdup("");

    return maqet_format(
        "Added VM '%s', which %s defines.\n%s%s"
        "Start it, wait until cloud-init has set it up, and log in as %s:\n"
        "    maqet start %s --wait-for ssh\n"
        "    maqet ssh %s\n",
        made->name, made->file, key, share, made->user, made->name, made->name);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "name uuid file"},
    .text = made_text,
    .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_(making_clear) struct making making = {
        .invocation = invocation,
        .place = NEW_PLACE_INIT(.invocation = invocation,
                                .name = invocation->operands.items[0])};
    _cleanup_vm_ struct maqet_vm *vm = make(&making, err);

    if (!vm)
        return -1;
    const struct made made = {
        .name = vm->definition->name,
        .uuid = vm->definition->uuid,
        .file = making.place.yaml,
        .user = making.user,
        .key = making.key.file,
        .key_created = making.key.created,
        .share = making.share,
    };
    output_result(&invocation->output, &view, &made);
    return 0;
}

const struct command command_new = {
    .name = "new",
    .related = "add ssh start wait maqet.yaml(5)",
    .undoes = true,
    .undone = "Nothing was created",
    .operands = {OPERAND_NEW_NAME},
    .summary = "Create a VM from an image with cloud-init, to log in to by SSH",
    .description =
        "Writes NAME.yaml, as you would write it yourself, and adds the VM. Its disk is "
        "an overlay on the image, a qcow2 or raw file that is only read. The image must "
        "contain cloud-init, as those that distributions offer for clouds do. When the "
        "guest boots for the first time, cloud-init creates the user, who has sudo and "
        "logs in with the SSH key, and mounts the shared folder at " NEW_MOUNT_POINT
        ".\nWithout --ssh-key, your own key in ~/.ssh is used; if there is none, one is "
        "created beside the file. The first start creates the disk. Nothing that exists "
        "is overwritten.",
    .options = {OPTION_ROW("image", .type = OPTION_TEXT, .argument = "FILE",
                           .help = "the image; required"),
                OPTION_ROW("ssh-key", .type = OPTION_TEXT, .argument = "FILE",
                           .help = "the SSH key that logs in, private or public"),
                OPTION_ROW(
                    "user", .type = OPTION_TEXT, .argument = "NAME",
                    .help = "the user in the guest; without this option, your own name"),
                OPTION_ROW("size", .type = OPTION_TEXT, .argument = "SIZE",
                           .fallback = "20G", .help = "the size of the disk"),
                OPTION_ROW("memory", .type = OPTION_TEXT, .argument = "SIZE",
                           .fallback = "2G", .help = "the guest's memory"),
                OPTION_ROW("vcpus", .type = OPTION_TEXT, .argument = "NUMBER",
                           .fallback = "2", .help = "the number of vCPUs"),
                OPTION_ROW("share", .type = OPTION_TEXT, .argument = "FOLDER",
                           .help = "a folder of this host that the guest can write to"),
                OPTION_ROW("file", .type = OPTION_TEXT, .argument = "FILE",
                           .help = "write this file instead of NAME.yaml")},
    .examples = {{"maqet new dev --image debian-13-genericcloud-amd64.qcow2",
                  "Create the VM dev, whose disk begins as this image"},
                 {"maqet new dev --image noble.img --size 40G --share src",
                  "The same with a larger disk and a shared folder"}},
    .view = &view,
    .run = run,
};
