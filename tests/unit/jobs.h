/* SPDX-License-Identifier: MIT */
/*
 * jobs.h - a stored machine with two drives whose images are texts (tests/plugins/shelf.c),
 * for the tests of what is done to snapshots, and of what puts it right.
 */
#ifndef MAQET_UNIT_JOBS_H
#define MAQET_UNIT_JOBS_H

#include "core/job/recover.h"
#include "core/snapshot/overlay_live.h"
#include "core/base/removal.h"
#include "core/kinds.h"
#include "core/machine/store.h"
#include "core/snapshot/members.h"
#include "tests/unit/plugins.h"

struct scene {
    char *folder;
    struct maqet_context context;
    struct maqet_strings said; /* to the user */
};

static inline void
scene_hear(void *data, enum maqet_level level, const char *message)
{
    struct scene *scene = data;

    if (level != MAQET_LEVEL_DEBUG)
        maqet_strings_add(&scene->said, message);
}

static inline void
scene_add_machine(struct scene *scene, const char *storage)
{
    _cleanup_free_ char *text = maqet_format("binary: /bin/true\nstorage:\n%s", storage);
    _cleanup_free_ char *file = unit_file(scene->folder, "vm.yaml", text);
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    maqet_strings_add(&files, file);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_read(&files, &none, "vm", &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    CU_ASSERT_EQUAL_FATAL(maqet_store_add(&scene->context, definition, NULL), 0);
}

/* Two drives, "hdd" and "data", which hold "a" and "b". */
static inline void
scene_begin(struct scene *scene)
{
    *scene = (struct scene){.folder = unit_folder()};
    scene->context.data_dir = maqet_format("%s/machines", scene->folder);
    scene->context.runtime_dir = maqet_format("%s/run", scene->folder);
    scene->context.message = scene_hear;
    scene->context.words = hint_text;
    scene->context.data = scene;
    scene->context.recover = maqet_job_recover;
    scene->context.settle = maqet_overlay_live_settle_each;
    scene->context.job_kinds = maqet_kinds;
    maqet_strings_take(&scene->context.plugin_dirs,
                       maqet_format("%s/plugins", scene->folder));
    CU_ASSERT_EQUAL_FATAL(mkdir(scene->context.plugin_dirs.items[0], 0700), 0);
    unit_plugin(scene->context.plugin_dirs.items[0], "maqet-storage-shelf.so");
    unit_plugin(scene->context.plugin_dirs.items[0], "maqet-iface-slots.so");
    free(unit_file(scene->folder, "hdd.img", "a\n"));
    free(unit_file(scene->folder, "data.img", "b\n"));
    scene_add_machine(scene, "  - {name: hdd, type: shelf, file: hdd.img}\n"
                             "  - {name: data, type: shelf, file: data.img}\n");
}

static inline void
scene_end(struct scene *scene)
{
    maqet_dir_remove(scene->folder, NULL);
    maqet_context_clear(&scene->context);
    maqet_strings_clear(&scene->said);
    free(scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_end)

/* ---- images ---- */

/* "a | new=a keep=x": what the guest has, and each snapshot's name and content. The caller
 * frees. */
static inline char *
scene_image(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s.img", scene->folder, name);
    _cleanup_free_ char *text = NULL;
    struct maqet_text words = MAQET_TEXT_INIT;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, 65536, &text, NULL, NULL), 0);
    char *rest = text, *line = strsep(&rest, "\n");
    maqet_text_appendf(&words, "%s |", line);
    while (rest && *rest) {
        char tag[256], content[256];

        line = strsep(&rest, "\n");
        CU_ASSERT_EQUAL(sscanf(line, "%*s %*s %*s %255s %255s", tag, content), 2);
        maqet_text_appendf(&words, " %s=%s", tag, content);
    }
    return maqet_text_take(&words);
}

#define SCENE_IMAGE(scene, name, wanted)                                                 \
    do {                                                                                 \
        _cleanup_free_ char *scene_is = scene_image(scene, name);                        \
        UNIT_SAME(scene_is, wanted);                                                     \
    } while (0)

/* Writes what the guest has anew, in the same file, as the guest would; snapshots stay. */
static inline void
scene_write(const struct scene *scene, const char *name, const char *content)
{
    _cleanup_free_ char *path = maqet_format("%s/%s.img", scene->folder, name);
    _cleanup_free_ char *text = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, 65536, &text, NULL, NULL), 0);
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "%s%s", content, strchr(text, '\n'));
    fclose(file);
}

/* Has callbacks fail from now on; "": none. */
static inline void
scene_fail(const struct scene *scene, const char *name, const char *callbacks)
{
    _cleanup_free_ char *file = maqet_format("%s.img.fails", name);

    free(unit_file(scene->folder, file, callbacks));
}

/* Has one callback fail the next time. */
static inline void
scene_fail_once(const struct scene *scene, const char *name, const char *callback)
{
    _cleanup_free_ char *file = maqet_format("%s.img.once", name);

    free(unit_file(scene->folder, file, callback));
}

/* ---- jobs ---- */

/* A session at both drives, whose lists are fresh; @drive is one of them alone, or NULL.
 */
static inline struct maqet_session *
scene_session(struct scene *scene, const char *drive)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    struct maqet_session *session = maqet_session_open(&scene->context, "vm", &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(session);
    if (!drive || strcmp(drive, "hdd") == 0)
        maqet_strings_add(&drives, "hdd");
    if (!drive || strcmp(drive, "data") == 0)
        maqet_strings_add(&drives, "data");
    maqet_members_choose_listed(session, &drives);
    CU_ASSERT_EQUAL(maqet_members_refresh(session, &error), 0);
    UNIT_NO_ERROR(&error);
    return session;
}

/* Whether a job is pending. */
static inline bool
scene_pending(const struct scene *scene)
{
    return maqet_store_pending(&scene->context, "vm");
}

/* Opens the machine as the next command does. What was said until now is forgotten. */
static inline int
scene_open(struct scene *scene, struct maqet_error **err)
{
    maqet_strings_clear(&scene->said);
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&scene->context, "vm", MAQET_OPEN_LOCK, err);
    return machine ? 0 : -1;
}

/* The same, which puts right what is pending, and says this. */
static inline void
scene_recover(struct scene *scene, const char *said)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(scene_open(scene, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_FALSE(scene_pending(scene));
    _cleanup_free_ char *all = maqet_strings_join(&scene->said, "; ");
    UNIT_SAME(all, said);
}

#endif
