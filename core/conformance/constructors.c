/* SPDX-License-Identifier: MIT */
#include "core/conformance/constructors.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/files.h"

/* The number of arguments: one that no constructor has for another reason. */
enum { ARGUMENTS = 19793 };

enum { STEPS_MAX = 20000, INSTRUCTION_MAX = 16, WRITABLE_MAX = 8 };

enum effect { NONE, CALLS_OUT, CALLS_KERNEL, CHANGES, CRASHES, TAKES_LONG };

static const char *const effects[] = {
    [CALLS_OUT] = "calls code outside of the file",
    [CALLS_KERNEL] = "makes a system call",
    [CHANGES] = "changes the plugin's variables",
    [CRASHES] = "crashes",
    [TAKES_LONG] = "runs for long",
};

/* Shared between the child, which runs the constructors, and its parent. */
struct trial {
    const struct constructors *constructors;
    int fd;               /* the file */
    uintptr_t first, end; /* where it is loaded */
    bool changes;
};

/* ---- in the child: the file in memory ---- */

/* A part of the file that is writable when it is loaded, and a copy of it. */
struct part {
    const char *bytes;
    char *copy;
    size_t size;
};

struct loaded {
    struct trial *trial;
    uintptr_t base;
    struct part parts[WRITABLE_MAX];
    size_t count;
};

static int
note_segments(struct dl_phdr_info *info, size_t size, void *data)
{
    struct loaded *loaded = data;
    struct trial *trial = loaded->trial;

    (void)size;
    if (info->dlpi_addr != loaded->base)
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = info->dlpi_phdr + i;
        uintptr_t start = loaded->base + header->p_vaddr;

        if (header->p_type != PT_LOAD)
            continue;
        if (!trial->end || start < trial->first)
            trial->first = start;
        if (start + header->p_memsz > trial->end)
            trial->end = start + header->p_memsz;
        if (header->p_flags & PF_W && loaded->count < WRITABLE_MAX)
            loaded->parts[loaded->count++] =
                (struct part){.bytes = (const char *)start, .size = header->p_memsz};
    }
    return 1;
}

static bool
load(struct trial *trial, struct loaded *loaded)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d", trial->fd);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct link_map *map = NULL;

    if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
        return false;
    loaded->trial = trial;
    loaded->base = map->l_addr;
    dl_iterate_phdr(note_segments, loaded);
    for (size_t i = 0; i < loaded->count; i++) {
        struct part *part = loaded->parts + i;

        part->copy = maqet_alloc(part->size);
        memcpy(part->copy, part->bytes, part->size);
    }
    return true;
}

/* What constructors are given. */
struct arguments {
    int count;
    char **arguments;
    char **environment;
};

/* Whether @size bytes (those of a pointer, or of an int) are one of the arguments. */
static bool
is_argument(const char *bytes, size_t size, const struct arguments *given)
{
    intptr_t value = given->count;

    return (size == sizeof(int) && memcmp(bytes, &given->count, size) == 0) ||
           (size == sizeof(value) && (memcmp(bytes, &value, size) == 0 ||
                                      memcmp(bytes, &given->arguments, size) == 0 ||
                                      memcmp(bytes, &given->environment, size) == 0));
}

/* Whether what has changed in these bytes is anything else than an argument. */
static bool
changes(const struct part *part, size_t offset, size_t size,
        const struct arguments *given)
{
    if (size > part->size - offset)
        size = part->size - offset;
    if (memcmp(part->bytes + offset, part->copy + offset, size) == 0 ||
        is_argument(part->bytes + offset, size, given))
        return false;
    return size <= sizeof(int) || changes(part, offset, sizeof(int), given) ||
           changes(part, offset + sizeof(int), size - sizeof(int), given);
}

static bool
has_changed(const struct loaded *loaded, const struct arguments *given)
{
    for (size_t i = 0; i < loaded->count; i++)
        for (size_t at = 0; at < loaded->parts[i].size; at += sizeof(void *))
            if (changes(loaded->parts + i, at, sizeof(void *), given))
                return true;
    return false;
}

/* ---- in the child: the constructors ---- */

typedef void constructor(int count, char **arguments, char **environment);

static void
call_all(const struct loaded *loaded, const struct arguments *given)
{
    const struct constructors *all = loaded->trial->constructors;
    const uintptr_t *array = (const uintptr_t *)(loaded->base + all->array);

    if (all->function)
        ((constructor *)(loaded->base + all->function))(given->count, given->arguments,
                                                        given->environment);
    for (uint64_t i = 0; i < all->count; i++)
        if (array[i] != 0 && array[i] != UINTPTR_MAX)
            ((constructor *)array[i])(given->count, given->arguments, given->environment);
}

/* Has the parent told of each system call. */
static bool
report_system_calls(void)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)};
    struct sock_fprog program = {.len = 1, .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

/* Where nothing can be traced, the variables still tell something. */
static int
run_constructors(void *data, int fd)
{
    static char name[] = "maqet";
    static char *environment[] = {NULL};
    struct trial *trial = data;
    struct loaded loaded = {0};
    struct arguments given = {.count = ARGUMENTS, .environment = environment};

    (void)fd;
    if (!load(trial, &loaded))
        return 0;
    given.arguments = maqet_alloc((ARGUMENTS + 1) * sizeof(*given.arguments));
    for (int i = 0; i < ARGUMENTS; i++)
        given.arguments[i] = name;
    given.arguments[ARGUMENTS] = NULL;
    bool traced = ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
    if (traced) {
        raise(SIGSTOP);
        report_system_calls();
    }
    call_all(&loaded, &given);
    if (traced)
        raise(SIGSTOP);
    trial->changes = has_changed(&loaded, &given);
    return 0;
}

/* ---- in the parent ---- */

static uint64_t
address_of(pid_t pid)
{
    struct __ptrace_syscall_info info = {0};

    return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0
               ? info.instruction_pointer
               : 0;
}

static int
wait_for_stop(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    return status;
}

/* Follows a child, instruction by instruction, from one SIGSTOP to the next. The code of
 * the file may only return to where it was called from. */
static enum effect
follow(pid_t pid, const struct trial *trial, int *status)
{
    uint64_t caller = 0;
    bool inside = false;

    for (unsigned steps = 0; steps < STEPS_MAX;) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 &&
            ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
            return NONE;
        bool was_inside = inside;

        *status = wait_for_stop(pid);
        if (!WIFSTOPPED(*status) ||
            (WSTOPSIG(*status) != SIGTRAP && WSTOPSIG(*status) != SIGSTOP))
            return CRASHES;
        if (WSTOPSIG(*status) == SIGSTOP)
            return NONE;
        uint64_t address = address_of(pid);
        inside = address >= trial->first && address < trial->end;
        if (inside && *status >> 16 == PTRACE_EVENT_SECCOMP)
            return CALLS_KERNEL;
        if (was_inside && !inside &&
            (address <= caller || address > caller + INSTRUCTION_MAX))
            return CALLS_OUT;
        if (!inside)
            caller = address;
        steps += inside;
    }
    return TAKES_LONG;
}

/* Lets a child that has stopped come to its end. */
static int
finish(pid_t pid, int status)
{
    while (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
            return status;
        status = wait_for_stop(pid);
    }
    return status;
}

static enum effect
watch(pid_t pid, const struct trial *trial)
{
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    int status = wait_for_stop(pid);
    enum effect effect = NONE;

    if (WIFSTOPPED(status)) {
        ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options);
        effect = follow(pid, trial, &status);
    }
    if (effect == NONE) {
        status = finish(pid, status);
    } else if (WIFSTOPPED(status)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (effect == NONE && WIFSIGNALED(status))
        return CRASHES;
    return effect == NONE && trial->changes ? CHANGES : effect;
}

int
constructors_try(const void *bytes, size_t size, const struct constructors *constructors,
                 char **effect, struct maqet_error **err)
{
    _cleanup_close_ int fd = memfd_create("maqet-plugin", MFD_CLOEXEC);
    struct trial *trial = mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int result = -1;

    *effect = NULL;
    if (trial == MAP_FAILED)
        return maqet_error_errno(err, errno, "Cannot share memory with a child");
    trial->constructors = constructors;
    trial->fd = fd;
    if (fd < 0 || maqet_fd_write(fd, bytes, size) < 0) {
        maqet_error_errno(err, errno, "Cannot copy the file");
    } else {
        pid_t child = maqet_child_fork(SIGKILL, run_constructors, trial);

        result =
            child < 0 ? maqet_error_errno(err, errno, "Cannot start a child process") : 0;
        if (child > 0) {
            enum effect found = watch(child, trial);
            *effect = found == NONE ? NULL : maqet_strdup(effects[found]);
        }
    }
    munmap(trial, sizeof(*trial));
    return result;
}
