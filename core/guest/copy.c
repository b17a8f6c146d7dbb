/* SPDX-License-Identifier: MIT */
#include "core/guest/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/process.h"
#include "core/base/replacement.h"
#include "core/guest/room.h"
#include "core/guest/transport.h"
#include "core/guest/unpacked.h"

/* The bits of a mode that are kept: a program of a guest must not become one that runs with
 * the rights of its owner here. */
enum { MODE_KEPT = 0777, MODE_UNKNOWN = 0644, OCTAL = 8 };

/* Bytes that a file in a guest may have more than it said: it may grow while it is copied, and
 * those of /proc and /sys have a size of 0. */
enum { MORE_MAX = 16 << 20 };

void
maqet_copied_clear(struct maqet_copied *copied)
{
    free(TAKE_PTR(copied->path));
}

/* The last component of a path; the caller frees. NULL: it has none that is a name. */
static char *
name_of(const char *path)
{
    size_t length = strlen(path), begin;

    while (length > 0 && path[length - 1] == '/')
        length--;
    for (begin = length; begin > 0 && path[begin - 1] != '/'; begin--)
        continue;
    char *name = maqet_strndup(path + begin, length - begin);
    if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return name;
    free(name);
    return NULL;
}

static int
error_folder(const char *path, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_INVALID, "%s is a folder", path);
    return maqet_error_next(err, MAQET_NEXT_COPY_FOLDERS, NULL);
}

/* ---- to the guest ---- */

/* $1: the target, $2: the name of the source, $3: "folder" or "file". $t is the copy's path
 * then, and $d its folder. */
#define TARGET_SCRIPT                                                                    \
    "t=$1; [ ! -d \"$t\" ] || t=${t%/}/$2; "                                             \
    "case $t in */*) d=${t%/*}; d=${d:-/} ;; *) d=. ;; esac; "                           \
    "if [ -d \"$t\" ]; then echo \"$t is a folder\" >&2; exit 1; fi; "                   \
    "if [ \"$3\" = folder ] && { [ -e \"$t\" ] || [ -L \"$t\" ]; }; then "               \
    "echo \"$t exists\" >&2; exit 1; fi; "

/* Before a script that creates something: if nobody listens any more, or it is told to end, it
 * goes on until it has deleted that. */
#define GOES_ON "trap : TERM; trap '' PIPE HUP; "

/* Creates a folder beside the copy, for what is not complete yet, and prints its path. */
static const char begin_script[] = GOES_ON TARGET_SCRIPT
    "umask 077; n=$(mktemp -d \"${d%/}/.maqet-XXXXXX\") || exit; "
    ": >\"$n/data\" && printf '%s\\n' \"$n\" || { rm -rf \"$n\"; exit 1; }";

/* $4: that folder, $5: the mode, $6: the name in the archive. Prints the copy's path. */
static const char end_script[] = TARGET_SCRIPT
    "n=$4; set -e; "
    "if [ \"$3\" = folder ]; then mkdir \"$n/tree\"; "
    "tar -x -p -o -f \"$n/data\" -C \"$n/tree\"; rm \"$n/data\"; mv \"$n/tree/$6\" \"$t\"; "
    "rmdir \"$n/tree\"; "
    "else chmod \"$5\" \"$n/data\"; mv -f \"$n/data\" \"$t\"; fi; "
    "rmdir \"$n\"; printf '%s\\n' \"$t\"";

/* What is copied, on the host. */
struct source {
    const char *path;
    char *real;   /* without links */
    char *name;   /* of the copy in a folder */
    char *inside; /* of a folder: its name in the archive */
    struct stat status;
    int fd;
    struct maqet_process_server tar; /* of a folder */
};

static void
source_clear(struct source *source)
{
    free(source->real);
    free(source->name);
    free(source->inside);
    if (source->fd >= 0)
        close(source->fd);
    if (source->tar.pid > 0)
        maqet_process_server_end(&source->tar);
}

static int
source_open(struct source *source, const struct maqet_copy *copy,
            struct maqet_error **err)
{
    source->path = copy->source;
    source->fd = open(copy->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 || fstat(source->fd, &source->status) < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", copy->source);
    source->real = realpath(copy->source, NULL);
    source->name = name_of(copy->source);
    source->inside = source->real ? name_of(source->real) : NULL;
    if (!source->name)
        source->name = maqet_strdup(source->inside);
    if (S_ISDIR(source->status.st_mode) && !copy->folders)
        return error_folder(copy->source, err);
    if (source->inside &&
        (S_ISREG(source->status.st_mode) || S_ISDIR(source->status.st_mode)))
        return 0;
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "%s is neither a file nor a folder that has a name",
                           copy->source);
}

/* The arguments of tar(1) on the host. */
#define TAR(...) ((const char *const[]){"tar", __VA_ARGS__, NULL})

static int
pack(struct source *source, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(source->real);
    _cleanup_free_ char *inside = maqet_format("./%s", source->inside);

    if (maqet_process_start(TAR("-c", "-f", "-", "-C", folder, inside), -1, -1,
                            &source->tar, err) < 0)
        return -1;
    close(source->fd);
    source->fd = fcntl(source->tar.out, F_DUPFD_CLOEXEC, 0);
    return source->fd < 0 ? maqet_error_errno(err, errno, "Cannot read %s", source->path)
                          : 0;
}

static int
send_source(struct maqet_transport *transport, struct source *source, const char *place,
            struct maqet_error **err)
{
    _cleanup_free_ char *data = maqet_format("%s/data", place);
    bool is_folder = S_ISDIR(source->status.st_mode);

    if ((is_folder && pack(source, err) < 0) ||
        maqet_transport_send(transport, source->fd,
                             is_folder ? 0 : (uint64_t)source->status.st_size, data,
                             err) < 0)
        return -1;
    return is_folder ? maqet_process_finish(&source->tar, TAR("-c"), NULL, err) : 0;
}

static int
copy_to_guest(struct maqet_transport *transport, const struct maqet_copy *copy,
              struct maqet_copied *copied, struct maqet_error **err)
{
    _cleanup_(source_clear) struct source source = {.fd = -1};
    _cleanup_free_ char *place = NULL;

    if (source_open(&source, copy, err) < 0)
        return -1;
    bool is_folder = S_ISDIR(source.status.st_mode);
    const char *kind = is_folder ? "folder" : "file";
    _cleanup_free_ char *mode =
        maqet_format("%o", (unsigned)(source.status.st_mode & MODE_KEPT));
    if (maqet_transport_script(
            transport, begin_script,
            (const char *const[]){copy->target, source.name, kind, NULL}, &place,
            err) < 0)
        return -1;
    int result = send_source(transport, &source, place, err);
    /* The last step is not waited for in vain: it could be complete nevertheless. */
    maqet_interrupt_defer(true);
    if (result == 0)
        result = maqet_transport_script(transport, end_script,
                                        (const char *const[]){copy->target, source.name,
                                                              kind, place, mode,
                                                              source.inside, NULL},
                                        &copied->path, err);
    if (result < 0 &&
        maqet_transport_script(transport, "rm -rf \"$1\"",
                               (const char *const[]){place, NULL}, NULL, NULL) < 0)
        maqet_error_remark(err, "What was copied may still be in the guest, in %s",
                           place);
    maqet_interrupt_defer(false);
    copied->is_folder = is_folder;
    copied->size = is_folder ? 0 : (uint64_t)source.status.st_size;
    return result;
}

/* ---- from the guest ---- */

/* Prints "file" or "folder", the mode and the size of $1; then its path without links. */
static const char look_script[] =
    "if [ -d \"$1\" ]; then k=folder; p=$(cd \"$1\" && pwd -P && echo x) || exit 1; "
    "p=${p%?x}; "
    "elif [ -f \"$1\" ]; then k=file; p=$1; [ -r \"$1\" ] || "
    "{ echo \"$1: Permission denied\" >&2; exit 1; }; "
    "elif [ -e \"$1\" ]; then echo \"$1 is neither a file nor a folder\" >&2; exit 1; "
    "else echo \"$1: No such file or directory\" >&2; exit 1; fi; "
    "echo \"$k $(stat -L -c '%a %s' \"$1\" 2>/dev/null || "
    "{ echo 0; wc -c <\"$1\" 2>/dev/null; } | tr '\\n' ' ')\"; "
    "printf '%s\\n' \"$p\"";

/* Packs the folder $1 into a new file, and prints the path of that. */
static const char pack_script[] = GOES_ON
    "umask 077; n=$(mktemp) || exit; tar -c -f \"$n\" -C \"${1%/*}/\" \"./${1##*/}\" && "
    "printf '%s\\n' \"$n\" || { rm -f \"$n\"; exit 1; }";

/* What is copied, in the guest. */
struct origin {
    bool is_folder;
    mode_t mode;
    uint64_t size;
    char *path;
};

static int
origin_find(struct maqet_transport *transport, const struct maqet_copy *copy,
            struct origin *origin, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;
    char *end = NULL;

    if (maqet_transport_script(transport, look_script,
                               (const char *const[]){copy->source, NULL}, &text, err) < 0)
        return -1;
    const char *words = strchr(text, ' '), *line = strchr(text, '\n');
    if (!words || !line || words > line)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "The guest has not said what %s is", copy->source);
    origin->is_folder = maqet_text_starts(text, "folder ");
    origin->mode = (mode_t)strtoul(words, &end, OCTAL) & MODE_KEPT;
    origin->size = strtoull(end, NULL, 10);
    origin->path = maqet_strdup(line + 1);
    if (origin->mode == 0)
        origin->mode = MODE_UNKNOWN;
    return origin->is_folder && !copy->folders ? error_folder(copy->source, err) : 0;
}

/* The path of the copy; the caller frees. NULL on error. A source without a name, as ".", gets
 * the one that the guest says, and only a folder may: it replaces nothing. */
static char *
target_path(const struct maqet_copy *copy, const struct origin *origin,
            struct maqet_error **err)
{
    struct stat status;

    if (stat(copy->target, &status) < 0 || !S_ISDIR(status.st_mode))
        return maqet_strdup(copy->target);
    _cleanup_free_ char *name = name_of(copy->source);
    if (!name && origin->is_folder)
        name = name_of(origin->path);
    if (!name) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "'%s' has no name that the copy can get", copy->source);
        maqet_error_hint(err, "Give the copy a name: %s%sNAME", copy->target,
                         maqet_text_ends(copy->target, "/") ? "" : "/");
        return NULL;
    }
    return maqet_format("%s%s%s", copy->target,
                        maqet_text_ends(copy->target, "/") ? "" : "/", name);
}

/* Where the bytes go. */
struct sink {
    const char *folder;         /* whose file system must not become full */
    int fd;                     /* a file, or the socket of tar(1) */
    bool is_folder, is_refused; /* tar(1) has ended, which knows why */
    uint64_t size, done;        /* of a file: as announced, and until now */
};

static int
take_bytes(void *data, const char *bytes, size_t count, struct maqet_error **err)
{
    struct sink *sink = data;

    /* An archive unpacks to more than its own size: it may consist of empty files. */
    if (maqet_room_check(sink->folder, err) < 0)
        return -1;
    if (!sink->is_folder) {
        sink->done += count;
        if (sink->done > sink->size && sink->done - sink->size > MORE_MAX)
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "The guest sends more than the %" PRIu64
                                   " bytes that it said the file has",
                                   sink->size);
        return maqet_fd_write(sink->fd, bytes, count) < 0
                   ? maqet_error_errno(err, errno, "Cannot write the copy")
                   : 0;
    }
    while (count > 0) {
        ssize_t sent = send(sink->fd, bytes, count, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        sink->is_refused = sent < 0;
        if (sent < 0)
            return maqet_error_errno(err, errno, "tar does not read what is copied");
        bytes += sent;
        count -= (size_t)sent;
    }
    return 0;
}

/* A file that has ended before its announced size: the transport may have been cut. Files of
 * /sys always say more than they have, so the guest is asked what can be read of it. */
static int
check_short(struct maqet_transport *transport, const struct maqet_copy *copy,
            const struct sink *sink, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;

    if (sink->done >= sink->size)
        return 0;
    if (maqet_transport_script(transport, "wc -c <\"$1\"",
                               (const char *const[]){copy->source, NULL}, &text, err) < 0)
        return -1;
    return strtoull(text, NULL, 10) == sink->done && text[0]
               ? 0
               : maqet_error_set(err, MAQET_ERROR_FAILED,
                                 "The copy of %s ended after %" PRIu64 " of %" PRIu64
                                 " bytes",
                                 copy->source, sink->done, sink->size);
}

static int
receive_file(struct maqet_transport *transport, const struct maqet_copy *copy,
             const struct origin *origin, const char *path, struct maqet_error **err)
{
    _cleanup_replacement_ struct maqet_replacement replacement = {0};
    struct stat status;

    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return maqet_error_set(err, MAQET_ERROR_EXISTS,
                               "%s exists, and is not a regular file", path);
    if (maqet_replacement_begin(path, &replacement, err) < 0)
        return -1;
    struct sink sink = {
        .folder = replacement.folder, .fd = replacement.fd, .size = origin->size};
    return maqet_transport_receive(transport, copy->source, origin->size, take_bytes,
                                   &sink, err) < 0 ||
                   check_short(transport, copy, &sink, err) < 0
               ? -1
               : maqet_replacement_finish(&replacement, "", 0,
                                          maqet_guest_mode(origin->mode, copy->umask),
                                          err);
}

/* Has tar(1) write what it gets from a socket into a folder, with the permissions that are in
 * the archive. */
static int
start_unpacking(const char *folder, int *socket, struct maqet_process_server *tar,
                struct maqet_error **err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return maqet_error_errno(err, errno, "Cannot run tar");
    *socket = pair[0];
    mode_t mask = umask(0);
    int result = maqet_process_start(
        TAR("-x", "--no-same-owner", "--no-same-permissions", "-f", "-", "-C", folder),
        pair[1], -1, tar, err);
    umask(mask);
    close(pair[1]);
    return result;
}

/* Unpacks the archive @packed of the guest into a folder. */
static int
unpack(struct maqet_transport *transport, const char *packed, const char *folder,
       struct maqet_error **err)
{
    struct sink sink = {.folder = folder, .fd = -1, .is_folder = true};
    struct maqet_process_server tar = {0};
    struct maqet_error *reason = NULL;

    if (start_unpacking(folder, &sink.fd, &tar, err) < 0) {
        maqet_cleanup_close(&sink.fd);
        return -1;
    }
    int result =
        maqet_transport_receive(transport, packed, 0, take_bytes, &sink, &reason);
    close(sink.fd);
    /* An archive that is not complete is no fault of its own. */
    if (result < 0 && !sink.is_refused) {
        maqet_process_finish(&tar, TAR("-x"), NULL, NULL);
        return maqet_error_move(err, reason);
    }
    maqet_error_clear(&reason);
    return maqet_process_finish(&tar, TAR("-x"), NULL, err);
}

/* Gives what was unpacked its name, which nothing has. */
static int
publish(const char *tree, const char *path, mode_t mask, struct maqet_error **err)
{
    mode_t mode;

    if (maqet_unpacked_check(tree, mask, &mode, err) < 0)
        return -1;
    if (!maqet_dir_publish(AT_FDCWD, tree, path))
        return maqet_error_errno(err, errno, "Cannot write %s", path);
    return chmod(path, mode) < 0
               ? maqet_error_errno(err, errno, "Cannot set the permissions of %s", path)
               : 0;
}

static int
receive_folder(struct maqet_transport *transport, const struct maqet_copy *copy,
               const struct origin *origin, const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *packed = NULL, *folder = maqet_format("%s.maqet-XXXXXX", path);
    _cleanup_free_ char *inside = name_of(origin->path);
    struct stat status;

    if (lstat(path, &status) == 0)
        return maqet_error_set(err, MAQET_ERROR_EXISTS, "%s exists", path);
    if (!inside)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "The guest's whole file system cannot be copied");
    if (!mkdtemp(folder))
        return maqet_error_errno(err, errno, "Cannot write %s", path);
    _cleanup_free_ char *tree = maqet_format("%s/%s", folder, inside);
    int result = maqet_transport_script(
        transport, pack_script, (const char *const[]){origin->path, NULL}, &packed, err);
    if (result == 0) {
        result = unpack(transport, packed, folder, err);
        maqet_transport_script(transport, "rm -f \"$1\"",
                               (const char *const[]){packed, NULL}, NULL, NULL);
    }
    if (result == 0)
        result = publish(tree, path, copy->umask, err);
    maqet_unpacked_remove(folder);
    return result;
}

static int
copy_from_guest(struct maqet_transport *transport, const struct maqet_copy *copy,
                struct maqet_copied *copied, struct maqet_error **err)
{
    struct origin origin = {0};
    int result = origin_find(transport, copy, &origin, err);

    if (result == 0 && !(copied->path = target_path(copy, &origin, err)))
        result = -1;
    if (result == 0) {
        copied->is_folder = origin.is_folder;
        copied->size = origin.is_folder ? 0 : origin.size;
        result = origin.is_folder
                     ? receive_folder(transport, copy, &origin, copied->path, err)
                     : receive_file(transport, copy, &origin, copied->path, err);
    }
    free(origin.path);
    return result;
}

int
maqet_guest_copy(struct maqet_opened *machine, const struct maqet_copy *copy,
                 struct maqet_copied *copied, struct maqet_error **err)
{
    _cleanup_transport_ struct maqet_transport transport = {0};

    *copied = (struct maqet_copied){0};
    if (maqet_transport_open(machine, copy->agent, copy->answer_timeout, &transport,
                             err) < 0)
        return -1;
    if ((copy->to_guest ? copy_to_guest(&transport, copy, copied, err)
                        : copy_from_guest(&transport, copy, copied, err)) == 0)
        return 0;
    if (err && *err && (*err)->signal)
        maqet_error_remark(err, "Nothing was copied");
    return -1;
}
