/* SPDX-License-Identifier: MIT */
/*
 * process.h - running a helper such as qemu-img to its end: no shell, nothing inherited,
 * killed when we die.
 */
#ifndef MAQET_BASE_PROCESS_H
#define MAQET_BASE_PROCESS_H

#include "core/base/error.h"

/* Runs argv[0] (looked up in PATH) and waits for it, @timeout ms at most (-1: no limit).
 * *output (may be NULL) gets its standard output; the caller frees. When it fails, the
 * last lines of its standard error are in the error's message. */
int maqet_process_run(const char *const *argv, int64_t timeout, char **output,
                      struct maqet_error **err);

/* How a program is run; what is NULL is not wanted. */
struct maqet_process_manner {
    int64_t timeout; /* ms; -1: no limit */
    /* Called with each piece of its standard output, and with none twice a second at
     * least. */
    void (*heard)(void *data, const char *bytes, size_t count);
    void *data;
    int *exit_code; /* gets its exit code; then only one that fails and writes nothing to
                     * its standard output is a failure */
    /* The file that gets all of its standard error (16 MiB at most) where a message
     * cannot hold it, which names the file then, or where its exit code is not 0. Its
     * folder must be there, and be ours. */
    const char *log;
};

/* The same, in that manner. */
int maqet_process_run_as(const char *const *argv,
                         const struct maqet_process_manner *manner, char **output,
                         struct maqet_error **err);

/* A program that runs beside us until we end it, or die ourselves. */
struct maqet_process_server {
    int pid; /* 0: none */
    int out;
    int error; /* its standard error */
};

/* Runs argv[0]; what it prints is kept for it by pipes. */
int maqet_process_serve(const char *const *argv, struct maqet_process_server *server,
                        struct maqet_error **err);

/* Whether it has ended already, which is an error, with its own words. */
int maqet_process_server_check(struct maqet_process_server *server, const char *program,
                               struct maqet_error **err);
void maqet_process_server_end(struct maqet_process_server *server);

/* Where a program is in PATH: its absolute path (caller frees), or NULL. */
char *maqet_process_find(const char *program);

#endif
