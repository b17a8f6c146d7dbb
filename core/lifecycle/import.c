/* SPDX-License-Identifier: MIT */
/*
 * import.c - the image is written under a temporary name, published, and then the machine
 * is added, by one rename each. If we are killed before that, a child removes the image.
 */
#include "core/lifecycle/import.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/machine/base_image.h"
#include "core/machine/events.h"
#include "core/machine/holders.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/storage/copy.h"
#include "core/storage/creation.h"

/* ---- what is imported ---- */

static int
error_written(const struct maqet_foreign *foreign, struct maqet_error **err)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};

    maqet_file_users_find(foreign->path, &users, NULL);
    _cleanup_free_ char *text = maqet_file_users_text(&users, users.count);
    maqet_error_set(err, MAQET_ERROR_BUSY,
                    "%s is open for writing, so its content can change at any moment; it "
                    "is in use by %s",
                    foreign->path, text);
    maqet_error_hint(err, "End that program, or give it a copy");
    return -1;
}

int
maqet_import_inspect(struct maqet_foreign *foreign, const char *plain,
                     struct maqet_error **err)
{
    if (maqet_base_image_check_file(foreign->path, err) < 0)
        return -1;
    if (maqet_foreign_is_written(foreign))
        return error_written(foreign, err);
    if (maqet_foreign_inspect(foreign, err) < 0)
        return -1;
    if (!foreign->probed || strcmp(foreign->format, plain) != 0 ||
        maqet_base_image_check_plain(foreign->path, err) == 0)
        return 0;
    return maqet_error_next(err, MAQET_NEXT_SAY_FORMAT, plain, NULL);
}

/* ---- if we are killed ---- */

/* What the child knows of what we do. */
struct progress {
    bool published; /* or about to be */
    struct maqet_file_id id;
};

struct importing {
    struct maqet_vm *vm;
    const struct maqet_import *import;
    struct progress *shared; /* with the child */
    struct maqet_child janitor;
};

static bool
is_added(const struct importing *importing)
{
    const struct maqet_vm *vm = importing->vm;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(vm->context, vm->definition->name, NULL);

    return stored && strcmp(stored->uuid, vm->definition->uuid) == 0;
}

static void
delete_image(const struct importing *importing)
{
    const char *path = importing->import->drive->path;
    struct maqet_file_id there;

    if (importing->shared->published && maqet_file_id_of_path(path, &there) &&
        maqet_file_id_equal(&there, &importing->shared->id))
        unlink(path);
}

static int
clean_up(void *data, int fd)
{
    const struct importing *importing = data;
    const struct maqet_import *import = importing->import;

    if (maqet_child_receive(fd) != '\0' || is_added(importing))
        return 0;
    delete_image(importing);
    import->undo(import->data);
    /* The kernel may release our lock after it has closed our socket. */
    for (int i = 0; i < 100 && maqet_image_has_leftovers(import->drive); i++) {
        maqet_image_sweep(import->drive);
        maqet_sleep(20);
    }
    return 0;
}

static int
begin(struct importing *importing, struct maqet_error **err)
{
    void *shared = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot map memory: %m");
    importing->shared = shared;
    /* Without a child, only a kill leaves something. */
    maqet_child_detach(&importing->janitor, NULL, 0, clean_up, importing);
    return 0;
}

static void
end(struct importing *importing)
{
    if (importing->janitor.pid > 0)
        maqet_child_send(&importing->janitor, 'e');
    maqet_child_reap(&importing->janitor);
    if (importing->shared)
        munmap(importing->shared, sizeof(struct progress));
}

/* ---- the image and the machine ---- */

static int
record_image(void *data, const struct maqet_drive *drive, const char *file,
             const struct maqet_file_id *id, struct maqet_error **err)
{
    const struct importing *importing = data;

    (void)drive;
    if (maqet_foreign_check_unchanged(importing->import->from, err) < 0)
        return -1;
    maqet_owner_mark(importing->vm->context, importing->vm->definition, file);
    importing->shared->id = *id;
    importing->shared->published = true;
    return 0;
}

static int
write_image(struct importing *importing, struct maqet_error **err)
{
    const struct maqet_import *import = importing->import;
    const struct maqet_foreign *from = import->from;
    const struct maqet_image_recorder recorder = {.record = record_image,
                                                  .data = importing};
    struct maqet_copy copy = {.from = {.of = MAQET_COPY_IMAGE,
                                       .image = from->path,
                                       .format = from->format,
                                       .others = &from->others,
                                       .size = from->virtual_size},
                              .to = import->drive,
                              .recorder = &recorder};

    return maqet_copy(&copy, err);
}

/* Records that the image is the machine's own. The machine is complete without. */
static int
record_seen(struct importing *importing, struct maqet_error **err)
{
    struct maqet_vm *vm = importing->vm;
    const struct maqet_drive *drive = importing->import->drive;
    _cleanup_close_ int lock = maqet_store_lock(vm->context, vm->definition->name, err);
    struct maqet_image_state state;

    return lock < 0 ||
                   maqet_images_note_created(vm, drive, &importing->shared->id, err) <
                       0 ||
                   maqet_image_inspect(drive, &state, err) < 0 ||
                   maqet_images_note_seen(vm, drive, &state, true, false, err) < 0
               ? -1
               : maqet_images_confirm(vm, err);
}

static int
add_machine(struct importing *importing, struct maqet_error **err)
{
    const struct maqet_vm *vm = importing->vm;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_interrupt_check(err) < 0 ||
        maqet_store_add(vm->context, vm->definition, err) < 0) {
        delete_image(importing);
        return -1;
    }
    maqet_interrupt_defer(true);
    maqet_event_note(vm->context, vm->definition->name, "added", NULL);
    if (record_seen(importing, &reason) < 0)
        maqet_context_say_error(vm->context, MAQET_LEVEL_WARNING, reason);
    maqet_interrupt_defer(false);
    return 0;
}

int
maqet_vm_import(struct maqet_vm *vm, const struct maqet_import *import,
                struct maqet_error **err)
{
    struct importing importing = {
        .vm = vm, .import = import, .janitor = MAQET_CHILD_INIT};

    int result = begin(&importing, err);
    if (result == 0 && write_image(&importing, err) < 0) {
        /* It may have got its name before that failed. */
        delete_image(&importing);
        result = -1;
    }
    if (result == 0)
        result = add_machine(&importing, err);
    end(&importing);
    return result;
}
