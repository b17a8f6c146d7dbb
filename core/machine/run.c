/* SPDX-License-Identifier: MIT */
#include "core/machine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/clock.h"
#include "core/base/deadline.h"
#include "core/base/pidfd.h"
#include "core/base/procfs.h"
#include "core/config/tree.h"
#include "core/machine/full.h"
#include "core/machine/helpers.h"
#include "core/machine/sandbox.h"
#include "core/machine/store.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"
#include "core/qemu/silence.h"

enum { LOG_TAIL = 4096 };

/* ---- the run folder ---- */

/* A socket for QEMU: it listens before QEMU runs, so nobody has to wait for it. */
int
maqet_run_listen(int dir_fd, const char *name, struct maqet_error **err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d/%s", dir_fd, name);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* By way of /proc the path is short, however long the folder's is (unix(7)). */
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlinkat(dir_fd, name, 0);
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return maqet_error_errno(err, errno, "Can't make the socket %s", name);
    return TAKE_FD(fd);
}

char *
maqet_run_server_socket(const char *folder, size_t index)
{
    return maqet_format("%s/drive%zu.sock", folder, index);
}

void
maqet_run_remove_servers(const char *folder)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_dir_list(folder, &files, NULL);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, files.items[i]);

        if (fnmatch("drive[0-9]*.sock", files.items[i], 0) == 0)
            unlink(path);
    }
}

/*
 * Whether a process has the run file open where QEMU has it. A PID in the file that is
 * not yet, or no longer, QEMU's can't pass this, even when another process got the same
 * number.
 */
static bool
has_run_file(int pid, int run_fd)
{
    _cleanup_free_ char *path = maqet_descriptor_path(pid, MAQET_DESCRIPTOR_RUN);
    struct stat theirs, ours;

    return stat(path, &theirs) == 0 && fstat(run_fd, &ours) == 0 &&
           theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* A pidfd of the process that the run file names, when that is QEMU; else -1. */
static int
open_holder(int run_fd, int *pid)
{
    char text[16] = "";

    *pid = pread(run_fd, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
    if (*pid <= 0)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(*pid);
    return pidfd >= 0 && has_run_file(*pid, run_fd) ? TAKE_FD(pidfd) : -1;
}

int
maqet_run_holder(int run_fd, int *pidfd, struct maqet_error **err)
{
    return maqet_run_holder_by(run_fd, pidfd, maqet_now() + MAQET_RUN_FORK_TIMEOUT, err);
}

int
maqet_run_holder_by(int run_fd, int *pidfd, int64_t deadline, struct maqet_error **err)
{
    int pid;

    *pidfd = -1;
    do {
        int held = maqet_lock_held(run_fd, err);

        if (held <= 0)
            return held;
        *pidfd = open_holder(run_fd, &pid);
        if (*pidfd >= 0)
            return pid;
        maqet_sleep(2);
    } while (maqet_now() < deadline);
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "somebody holds its run file's lock, but the process that the "
                           "file names is not QEMU");
}

char *
maqet_run_machine_of(int pid, char **data_dir)
{
    static const char vms[] = "/vms/", run[] = "/" MAQET_STORE_RUN;
    _cleanup_free_ char *process = maqet_format("/proc/%d", pid);
    _cleanup_free_ char *link = maqet_descriptor_path(pid, MAQET_DESCRIPTOR_RUN);
    _cleanup_free_ char *path = realpath(link, NULL);
    struct stat status, theirs, there;
    size_t length = path ? strlen(path) : 0;

    if (length <= strlen(run) || strcmp(path + length - strlen(run), run) != 0 ||
        stat(process, &status) < 0 || status.st_uid != geteuid() ||
        stat(link, &theirs) < 0 || stat(path, &there) < 0 ||
        theirs.st_dev != there.st_dev || theirs.st_ino != there.st_ino ||
        !maqet_procfs_has_lock(pid, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN)))
        return NULL;
    path[length - strlen(run)] = '\0';
    char *name = strrchr(path, '/');
    size_t above = (size_t)(name - path) + 1;

    if (above < strlen(vms) || strncmp(name + 1 - strlen(vms), vms, strlen(vms)) != 0 ||
        !maqet_vm_name_valid(name + 1))
        return NULL;
    *data_dir = maqet_strndup(path, above - strlen(vms));
    return maqet_strdup(name + 1);
}

char *
maqet_run_last_words(int log_fd)
{
    struct stat status;
    char *words = maqet_alloc(LOG_TAIL + 1);

    if (log_fd < 0 || fstat(log_fd, &status) < 0)
        return words;
    off_t from = status.st_size > LOG_TAIL ? status.st_size - LOG_TAIL : 0;
    ssize_t count = pread(log_fd, words, LOG_TAIL, from);
    size_t length = count > 0 ? strnlen(words, (size_t)count) : 0;

    words[length] = '\0';
    const char *last = maqet_text_last_lines(words, length, NULL);
    memmove(words, last, length - (size_t)(last - words) + 1);
    return words;
}

/* ---- the monitor ---- */

/* Takes the monitor's lock. Who has it may himself be waiting for a QEMU that does not
 * answer: then that is what there is to be said. */
static int
wait_for_monitor(int fd, const char *name, int gone, int64_t timeout,
                 struct maqet_error **err)
{
    _cleanup_free_ char *what =
        maqet_format("the monitor of the virtual machine '%s'", name);
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_lock_wait(fd, timeout, what, &reason) == 0)
        return 0;
    if (reason->code == MAQET_ERROR_TIMEOUT &&
        maqet_silence_is_stopped(maqet_procfs_state(maqet_pidfd_pid(gone))))
        return maqet_silence_error(name, gone, timeout, err);
    return maqet_error_move(err, TAKE_PTR(reason));
}

struct maqet_qmp *
maqet_monitor_open(int dir_fd, const char *name, int64_t timeout, int gone, int *lock,
                   struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    _cleanup_close_ int fd = openat(dir_fd, MAQET_RUN_MONITOR_LOCK,
                                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        maqet_error_errno(err, errno, "Can't open the monitor's lock");
        return NULL;
    }
    if (wait_for_monitor(fd, name, gone, timeout, err) < 0)
        return NULL;
    struct maqet_qmp *qmp = maqet_qmp_open_vm(dir_fd, MAQET_RUN_MONITOR, name,
                                              maqet_deadline_left(deadline), gone, err);
    if (qmp) {
        maqet_qmp_explain_denials(qmp, maqet_sandbox_hint(dir_fd));
        *lock = TAKE_FD(fd);
    }
    return qmp;
}

/* Runs a command whose answer nobody needs. */
static int
tell(struct maqet_qmp *qmp, const char *command, int64_t timeout,
     struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, command, NULL, timeout, err);

    return answer ? 0 : -1;
}

/* A guest that a full disk has stopped would stop again at once, and never see it. */
static int
check_room(struct maqet_qmp *qmp, const char *name, int64_t timeout,
           struct maqet_error **err)
{
    _cleanup_full_ struct maqet_full full = {0};

    if (maqet_full_ask(qmp, NULL, timeout, &full, err) < 0)
        return -1;
    return maqet_full_lasts(&full) ? maqet_full_error(&full, name, err) : 0;
}

/*
 * Connects to a monitor whose socket is no longer in any folder: QEMU has a descriptor of
 * it (MAQET_DESCRIPTOR_MONITOR_FILE), and so the kernel can still find it. No lock is left
 * either by which maqets take turns; QEMU serves them one by one.
 */
static struct maqet_qmp *
open_lost_monitor(const struct maqet_run *run, const char *name, int64_t timeout,
                  struct maqet_error **err)
{
    _cleanup_free_ char *path =
        maqet_descriptor_path(run->pid, MAQET_DESCRIPTOR_MONITOR_FILE);
    _cleanup_close_ int socket = open(path, O_PATH | O_CLOEXEC);
    _cleanup_close_ int own = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *number = maqet_format("%d", socket);
    struct stat status;

    if (socket < 0 || own < 0 || fstat(socket, &status) < 0 ||
        !S_ISSOCK(status.st_mode)) {
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "its monitor's socket is lost, and QEMU has no descriptor of it");
        return NULL;
    }
    /* It still is that process, so the descriptor was QEMU's. */
    if (maqet_pidfd_wait(run->pidfd, 0)) {
        maqet_error_set(err, MAQET_ERROR_STATE, "QEMU has ended");
        return NULL;
    }
    return maqet_qmp_open_vm(own, number, name, timeout, run->pidfd, err);
}

int
maqet_power_button_press(const struct maqet_run *run, const char *name, int64_t timeout,
                         struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    _cleanup_close_ int lock = -1;
    _cleanup_qmp_ struct maqet_qmp *qmp =
        maqet_run_has_monitor(run)
            ? maqet_monitor_open(run->dir_fd, name, timeout, run->pidfd, &lock, err)
            : open_lost_monitor(run, name, timeout, err);
    _cleanup_json_ json_object *answer =
        qmp ? maqet_qmp_execute(qmp, "query-status", NULL, maqet_deadline_left(deadline),
                                err)
            : NULL;
    json_object *running = NULL;

    if (!answer)
        return -1;
    const char *status = maqet_tree_text(answer, "status");
    json_object_object_get_ex(answer, "running", &running);
    /* With -no-shutdown a guest that has powered off leaves QEMU behind; and one that has
     * never run has nothing to lose, and must not run now: its start may have been killed
     * before it was known whether somebody else uses its drives. */
    if (status && (strcmp(status, "shutdown") == 0 || strcmp(status, "prelaunch") == 0))
        return tell(qmp, "quit", maqet_deadline_left(deadline), err);
    /* A guest that sleeps or stands still can't react to its power button. */
    if (status && strcmp(status, "io-error") == 0 &&
        check_room(qmp, name, maqet_deadline_left(deadline), err) < 0)
        return -1;
    if (status && strcmp(status, "suspended") == 0)
        tell(qmp, "system_wakeup", maqet_deadline_left(deadline), NULL);
    else if (!json_object_get_boolean(running))
        tell(qmp, "cont", maqet_deadline_left(deadline), NULL);
    return tell(qmp, "system_powerdown", maqet_deadline_left(deadline), err);
}

json_object *
maqet_vm_qmp(const struct maqet_context *context, const char *name_or_uuid,
             const char *command, json_object *arguments, struct maqet_error **err)
{
    _cleanup_json_ json_object *owned = arguments;
    _cleanup_free_ char *name = maqet_store_resolve(context, name_or_uuid, err);
    _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;
    _cleanup_close_ int lock = -1;

    if (!name || maqet_run_look(context, name, maqet_now() + MAQET_RUN_FORK_TIMEOUT, &run,
                                err) < 0)
        return NULL;
    if (run.pid == 0) {
        maqet_error_set(err, MAQET_ERROR_STATE, "Virtual machine '%s' is not running",
                        name);
        maqet_error_hint(err, "Start it: maqet start %s", name);
        return NULL;
    }
    if (maqet_run_check_reachable(&run, name, err) < 0)
        return NULL;
    struct maqet_deadline deadline = maqet_deadline_in(MAQET_QMP_ANSWER_TIMEOUT);
    _cleanup_qmp_ struct maqet_qmp *qmp = maqet_monitor_open(
        run.dir_fd, name, MAQET_QMP_ANSWER_TIMEOUT, run.pidfd, &lock, err);
    return qmp ? maqet_qmp_execute(qmp, command, TAKE_PTR(owned),
                                   maqet_deadline_left(deadline), err)
               : NULL;
}

/* ---- the end ---- */

void
maqet_qemu_end(int pidfd, int64_t flush)
{
    maqet_pidfd_terminate(pidfd);
    if (maqet_pidfd_wait(pidfd, flush))
        return;
    maqet_pidfd_kill(pidfd, SIGKILL);
    maqet_pidfd_wait(pidfd, MAQET_END_TIMEOUT);
}

/* QEMU removes its temporary files as soon as it has them open; one that was killed in
 * between has left them. */
void
maqet_run_remove_scratch(int dir_fd)
{
    char path[PATH_MAX];
    ssize_t length = readlinkat(dir_fd, MAQET_RUN_SCRATCH, path, sizeof(path) - 1);
    struct stat status;

    if (length <= 0)
        return;
    path[length] = '\0';
    /* It lies where others may write: once it has gone, as temporary files do, they could
     * have made something else, or a link to something else, under its name. */
    if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) ||
        maqet_dir_remove(path, NULL) == 0)
        unlinkat(dir_fd, MAQET_RUN_SCRATCH, 0);
}

void
maqet_run_sweep(int dir_fd)
{
    static const char *const files[] = {MAQET_RUN_MONITOR, MAQET_AGENT_SOCKET};
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);

    maqet_helpers_end(dir_fd);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlinkat(dir_fd, files[i], 0);
    unlinkat(dir_fd, MAQET_RUN_OWN, AT_REMOVEDIR);
    maqet_run_remove_scratch(dir_fd);
    if (folder)
        maqet_dir_sweep(folder, NULL);
}

void
maqet_run_tidy(int dir_fd)
{
    maqet_run_sweep(dir_fd);
    unlinkat(dir_fd, MAQET_RUN_PID, 0);
}

/* ---- what runs ---- */

int
maqet_running_save(const char *folder, const struct maqet_definition *definition,
                   struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/vm.json", folder);

    return maqet_definition_save(path, definition, err);
}

struct maqet_definition *
maqet_running_load(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_run_folder(context, name);
    _cleanup_free_ char *path = maqet_format("%s/vm.json", folder);

    return access(path, F_OK) == 0 ? maqet_definition_load(path, name, err)
                                   : maqet_store_load(context, name, err);
}
