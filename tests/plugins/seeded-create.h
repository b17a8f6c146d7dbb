/* SPDX-License-Identifier: MIT */
/*
 * seeded-create.h - how seeded.c, which includes it, makes an image; and what it does to
 * the process meanwhile.
 */
#ifndef MAQET_SEEDED_CREATE_H
#define MAQET_SEEDED_CREATE_H

/* A new text; the caller frees. */
static char *__attribute__((__format__(__printf__, 1, 2)))
text_of(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

/* Makes an empty file. */
static void
touch(const char *path)
{
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* ---- what it does to the process ---- */

static void *
stay(void *data)
{
    sleep(600);
    return data;
}

static void
leave_process(void)
{
    pthread_t thread;

    if (FAULT == LEAVES_CHILD && fork() == 0) {
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
        sleep(600);
        _exit(0);
    }
    if (FAULT == LEAVES_THREAD)
        pthread_create(&thread, NULL, stay, NULL);
}

static void
change_process(void)
{
    if (FAULT == CHANGES_UMASK)
        umask(0);
    if (FAULT == CHANGES_FOLDER && chdir("/") < 0)
        abort();
    if (FAULT == SETS_VARIABLE)
        setenv("SEEDED", "yes", 1);
    if (FAULT == IGNORES_SIGNAL)
        signal(SIGCHLD, SIG_IGN);
    if (FAULT == SETS_ALARM)
        alarm(3600);
}

static void
touch_files(const char *path)
{
    char name[] = "/tmp/seeded-XXXXXX";

    if (FAULT == LEAVES_FILE) {
        char *log = text_of("%s.log", path);

        touch(log);
        free(log);
    }
    if (FAULT == WRITES_ELSEWHERE) {
        close(mkostemp(name, O_CLOEXEC));
        unlink(name);
    }
    if (FAULT == READS_ELSEWHERE)
        close(open("/etc/hostname", O_RDONLY | O_CLOEXEC));
    if (FAULT == ENDS_MAQET)
        exit(0);
    if (FAULT == INHERITED) {
        /* It is given away, and closed after a program was run. */
        int fd = open(path, O_RDONLY);

        maqet_run(NULL, "true", (char *)NULL);
        close(fd);
    }
}

static void
misbehave(const char *path)
{
    if (FAULT == PRINTS) {
        printf("creating %s\n", path);
        fflush(stdout);
    }
    leave_process();
    change_process();
    touch_files(path);
}

/* ---- making an image ---- */

/* Runs qemu-img as no plugin may: by itself. */
static int
run_by_fork(const char *path, const char *size, struct maqet_error **err)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        execlp("qemu-img", "qemu-img", "create", "-q", "-f", "qcow2", "--", path, size,
               (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return status == 0 ? 0 : maqet_error_set(err, MAQET_ERROR_FAILED, "qemu-img failed");
}

/* By the fault that all images are made in one place first. */
static int
create_fixed(const char *path, const char *size, struct maqet_error **err)
{
    const char *slash = strrchr(path, '/');
    char *name = text_of("%.*s/seeded.tmp", (int)(slash - path), path);
    int result = maqet_run(err, "qemu-img", "create", "-q", "-f", "qcow2", "--", name,
                           size, (char *)NULL);

    if (result == 0 && rename(name, path) < 0)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "cannot rename %s: %s", name,
                                 strerror(errno));
    free(name);
    return result;
}

static int
create_by_shell(const char *path, const char *size, const char *end,
                struct maqet_error **err)
{
    char *words = text_of("qemu-img create -q -f qcow2 %s %s %s", path, size, end);
    int result = maqet_run(err, "sh", "-c", words, (char *)NULL);

    free(words);
    return result;
}

/* With a base, where the drive has one. */
static struct maqet_command *
creation_of(const struct maqet_drive *drive, const char *path, const char *size)
{
    struct maqet_command *command = maqet_command_new("qemu-img");
    const char *base = maqet_drive_string(drive, "base");

    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "qcow2");
    if (FAULT == SPACE_UNTOLD) {
        maqet_command_arg(command, "-o");
        maqet_command_arg(command, "preallocation=full");
    }
    if (base) {
        maqet_command_arg(command, "-F");
        maqet_command_arg(command, "qcow2");
        maqet_command_arg(command, "-b");
        maqet_command_word(command, base);
    }
    maqet_command_arg(command, "--");
    maqet_command_word(command, path);
    maqet_command_word(command, size);
    return command;
}

static int
seeded_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    char size[32];

    snprintf(size, sizeof(size), "%llu",
             FAULT == FIXED_SIZE ? 1ull << 20
                                 : (unsigned long long)maqet_drive_size(drive, "size"));
    misbehave(path);
    if (FAULT == SHELL)
        return create_by_shell(path, size, "", err);
    if (FAULT == BACKGROUND)
        return create_by_shell(path, size, ">/dev/null 2>&1 &", err);
    if (FAULT == FORKS)
        return run_by_fork(path, size, err);
    if (FAULT == FIXED_NAME)
        return create_fixed(path, size, err);
    if (FAULT == CREATES_NOTHING)
        return unlink(path);
    if (FAULT == OWN_PATH)
        path = maqet_drive_path(drive);
    int result = maqet_command_run(creation_of(drive, path, size),
                                   FAULT == IGNORES || FAULT == OWN_WORDS ? NULL : err);
    if (FAULT == CHANGES_MODE)
        chmod(path, 0666);
    if (FAULT == OWN_WORDS && result < 0)
        maqet_error_set(err, MAQET_ERROR_FAILED, "it did not work");
    return FAULT == IGNORES ? 0 : result;
}

#endif
