/* SPDX-License-Identifier: MIT */
/*
 * process.h - running programs such as qemu-img: without a shell, with no descriptor of
 * ours, killed if we die.
 */
#ifndef MAQET_BASE_PROCESS_H
#define MAQET_BASE_PROCESS_H

#include "core/base/error.h"

/* Runs argv[0] (looked up in PATH), for @timeout ms at most (-1: no limit). *output (may
 * be NULL) gets its standard output; the caller frees. If it fails, the error's message
 * has the last lines of its standard error. */
int maqet_process_run(const char *const *argv, int64_t timeout, char **output,
                      struct maqet_error **err);

/* How a program is run; all but the timeout may be NULL. */
struct maqet_process_manner {
    int64_t timeout; /* ms; -1: no limit */
    /* Called with each piece of its standard output, and with nothing at least twice a
     * second. */
    void (*on_output)(void *data, const char *bytes, size_t count);
    void *data;
    int *exit_code; /* gets its exit code, which is no failure then, whatever it is */
    /* The file that gets all of its standard error (16 MiB at most) if the error's
     * message cannot hold it, or the exit code is not 0. Its folder must exist and be
     * writable by us only. */
    const char *log;
    const void *input; /* what it reads from its standard input; NULL: nothing */
    size_t input_size;
    const struct maqet_strings *environment; /* as for maqet_process_environment() */
    size_t *output_size;                     /* gets the bytes in *output */
    /* Gets the end of its standard error, up to 64 KiB, even if it fails; the caller frees.
     * NULL if it could not be run. */
    char **error_output;
    const int *ruleset; /* that confines it (landlock.h) */
};

/* More than 16 MiB of output that the caller wants are an error. */
int maqet_process_run_as(const char *const *argv,
                         const struct maqet_process_manner *manner, char **output,
                         struct maqet_error **err);

/* A program that runs until we end it or die. */
struct maqet_process_server {
    int pid;   /* 0: none */
    int out;   /* its standard output */
    int error; /* its standard error */
};

int maqet_process_serve(const char *const *argv, const struct maqet_strings *environment,
                        struct maqet_process_server *server, struct maqet_error **err);

/* Starts a program that reads @in (-1: nothing) and writes to @out (-1: the pipe
 * server->out); both stay the caller's. */
int maqet_process_start(const char *const *argv, int in, int out,
                        struct maqet_process_server *server, struct maqet_error **err);

/* Waits for the end of a program that was started, and drops what it still writes to
 * server->out. Its failure is an error, with its standard error in the message; so is an
 * interrupt, which ends it. Of @manner, the first members count; NULL: no limit. */
int maqet_process_finish(struct maqet_process_server *server, const char *const *argv,
                         const struct maqet_process_manner *manner,
                         struct maqet_error **err);

/* Returns -1 if it has ended, with its standard error in the message. */
int maqet_process_server_check(struct maqet_process_server *server, const char *program,
                               struct maqet_error **err);
void maqet_process_server_end(struct maqet_process_server *server);

/* Our environment with some changes (NULL: none): "NAME=VALUE", or "NAME" for a variable
 * that is left out. Ends with NULL; the texts belong to the environment and to @changes, so
 * the caller frees only the array. */
char **maqet_process_environment(const struct maqet_strings *changes);

/* The absolute path of a program in PATH, or NULL. The caller frees. */
char *maqet_process_find(const char *program);

#endif
