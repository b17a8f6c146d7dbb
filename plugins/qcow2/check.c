/* SPDX-License-Identifier: MIT */
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/qcow2/backing.h"
#include "plugins/qcow2/bitmaps.h"
#include "plugins/qcow2/damage.h"
#include "plugins/qcow2/header.h"

/* Exit codes of `qemu-img check`. */
enum { CHECK_CLEAN = 0, CHECK_CORRUPT = 2, CHECK_LEAKS = 3 };

/* ---- at once ---- */

/* What can be seen of a file; one that is not there, or no qcow2 image, is for others to
 * report. @repairs: QEMU brings refcounts up to date when it opens it. */
static void
look(const char *path, bool repairs, struct maqet_check_report *report)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct qcow2_header header;
    const char *fault;

    if (fd < 0)
        return;
    if (qcow2_header_read(fd, &header, &fault) == 0) {
        if (qcow2_damage_find(fd, &header, &fault) < 0)
            maqet_check_damage(report, path, "%s", fault);
        else if (header.incompatible_features & QCOW2_DIRTY && !repairs)
            maqet_check_damage(report, path,
                               "it was not closed in order, and its refcounts are out of "
                               "date");
    }
    close(fd);
}

/* ---- by qemu-img ---- */

/* A number of the JSON object that qemu-img prints; 0 where it is left out. */
static uint64_t
number(const char *json, const char *key)
{
    for (const char *at = json; (at = strstr(at, key)); at++)
        if (at > json && at[-1] == '"' && strncmp(at + strlen(key), "\":", 2) == 0)
            return strtoull(at + strlen(key) + 2, NULL, 10);
    return 0;
}

/* Lines and bytes of its words that a message has. */
enum { LINES_MAX = 10, WORDS_MAX = 2000 };

/* The end of what a program that failed has said. */
static void
error_of(const char *words, int exit_code, struct maqet_error **err)
{
    size_t length = strlen(words), begin;

    while (length > 0 && strchr("\r\n ", words[length - 1]))
        length--;
    begin = length;
    for (int lines = 0; begin > 0 && length - begin < WORDS_MAX; begin--)
        if (words[begin - 1] == '\n' && ++lines == LINES_MAX)
            break;
    if (length > 0)
        maqet_error_set(err, MAQET_ERROR_FAILED, "qemu-img failed: %.*s",
                        (int)(length - begin), words + begin);
    else
        maqet_error_set(err, MAQET_ERROR_FAILED, "qemu-img failed with exit status %d",
                        exit_code);
}

/* Runs it; @command is complete, and freed. */
static int
run(struct maqet_command *command, const struct maqet_drive *drive, const char *path,
    struct maqet_check_report *report, struct maqet_error **err)
{
    char *json, *words = NULL;
    int exit_code = 0;
    size_t size = 0;

    maqet_command_exit_status(command, &exit_code);
    maqet_command_error_output(command, &words);
    maqet_command_show_progress(command, drive);
    json = maqet_command_output(command, &size, err);
    /* It could not open the image: nothing was checked. */
    if (json && size == 0 && exit_code != CHECK_CLEAN) {
        error_of(words, exit_code, err);
        maqet_free(json);
        json = NULL;
    }
    maqet_free(words);
    if (!json)
        return -1;
    if (exit_code != CHECK_CLEAN && exit_code != CHECK_CORRUPT &&
        exit_code != CHECK_LEAKS)
        maqet_check_damage(report, path, "qemu-img could not check all of it");
    maqet_check_counts(report, path,
                       number(json, "corruptions") + number(json, "check-errors"),
                       number(json, "leaks"), number(json, "corruptions-fixed"),
                       number(json, "leaks-fixed"));
    maqet_free(json);
    return 0;
}

static struct maqet_command *
check_command(const char *repair)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "check");
    maqet_command_arg(command, "--output=json");
    if (repair) {
        maqet_command_arg(command, "-r");
        maqet_command_arg(command, "%s", repair);
    }
    return command;
}

static int
check_own(const struct maqet_drive *drive, const char *repair,
          struct maqet_check_report *report, struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);

    if (!path || access(path, F_OK) < 0)
        return 0;
    bool repairs = repair && !maqet_drive_readonly(drive), safe = true;
    if (repairs && bitmaps_make_repairable(drive, &safe, err) < 0)
        return -1;
    if (!safe)
        return bitmaps_error(drive, err);
    struct maqet_command *command = check_command(repairs ? repair : NULL);
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    return run(command, drive, path, report, err);
}

/* It is only ever read. */
static int
check_base(const struct maqet_drive *drive, size_t level,
           struct maqet_check_report *report, struct maqet_error **err)
{
    const char *path = backing_file(drive, level);
    const char *format = backing_format(drive, level);

    if (!path || !format || strcmp(format, "qcow2") != 0 || access(path, F_OK) < 0)
        return 0;
    struct maqet_command *command = check_command(NULL);
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "%s", format);
    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", path);
    return run(command, drive, path, report, err);
}

/* ---- both ---- */

static void
look_at_all(const struct maqet_drive *drive, struct maqet_check_report *report)
{
    const char *path = maqet_drive_path(drive);

    if (path)
        look(path, !maqet_drive_readonly(drive), report);
    for (size_t i = 0; i < backing_count(drive); i++)
        if (backing_format(drive, i) && strcmp(backing_format(drive, i), "qcow2") == 0)
            look(backing_file(drive, i), false, report);
}

int
qcow2_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
            struct maqet_check_report *report, struct maqet_error **err)
{
    const char *repair = depth == MAQET_CHECK_REPAIR         ? "all"
                         : depth == MAQET_CHECK_REPAIR_LEAKS ? "leaks"
                                                             : NULL;

    if (depth != MAQET_CHECK_QUICK && check_own(drive, repair, report, err) < 0)
        return -1;
    for (size_t i = 0; depth != MAQET_CHECK_QUICK && i < backing_count(drive); i++)
        if (check_base(drive, i, report, err) < 0)
            return -1;
    look_at_all(drive, report);
    return 0;
}
