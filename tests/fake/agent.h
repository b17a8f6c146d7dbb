/* SPDX-License-Identifier: MIT */
/*
 * agent.h - a guest agent for a unit test, which a child of the test becomes: it serves
 * one client after another, tells what each asks for, and answers as the test says.
 */
#ifndef MAQET_FAKE_AGENT_H
#define MAQET_FAKE_AGENT_H

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/json.h"
#include "core/qemu/agent.h"
#include "tests/unit/unit.h"

/* ---- in the child ---- */

/* A test that is aborted must not leave children behind. */
static inline void
fake_agent_die_with_test(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Answers a command, or does not. */
typedef void fake_agent_answer(int client, int manner, const char *command,
                               json_object *arguments);

/* A client that has gone is no reason for an agent to end. */
static inline void
fake_agent_say(int client, const char *text)
{
    if (send(client, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        _exit(1);
}

/* Answers the command with which each client begins; @before is what comes first. */
static inline void
fake_agent_synchronise(int client, json_object *arguments, const char *before)
{
    _cleanup_free_ char *text = maqet_format("%s\xff{\"return\": %" PRId64 "}\n", before,
                                             maqet_json_int(arguments, "id"));

    fake_agent_say(client, text);
}

/* Serves one client to its end, and tells what it asks for, one command a line. */
static inline void
fake_agent_serve(int client, int told, fake_agent_answer *answer, int manner)
{
    json_tokener *parser = json_tokener_new();
    char byte;

    while (recv(client, &byte, 1, 0) == 1) {
        if (byte == '\xff') { /* as the agent does: begin anew */
            json_tokener_reset(parser);
            continue;
        }
        _cleanup_json_ json_object *message = json_tokener_parse_ex(parser, &byte, 1);
        json_object *arguments = NULL;
        const char *command = maqet_json_text(message, "execute");

        if (!command)
            continue;
        _cleanup_free_ char *line = maqet_format("%s\n", command);
        if (write(told, line, strlen(line)) < 0)
            _exit(1);
        json_object_object_get_ex(message, "arguments", &arguments);
        answer(client, manner, command, arguments);
    }
    json_tokener_free(parser);
}

/* ---- in the test ---- */

struct fake_agent {
    pid_t pid;
    int told; /* what it has heard */
};

/* Listens in a folder. */
static inline int
fake_agent_listen(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder,
             MAQET_AGENT_SOCKET);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 5) < 0)
        abort();
    return listener;
}

static inline struct fake_agent
fake_agent_start(const char *folder, fake_agent_answer *answer, int manner)
{
    struct fake_agent agent;
    int listener = fake_agent_listen(folder), pair[2], client;

    if (pipe2(pair, O_CLOEXEC) < 0)
        abort();
    fflush(stdout);
    agent.pid = fork();
    if (agent.pid == 0) {
        fake_agent_die_with_test();
        while ((client = accept(listener, NULL, NULL)) >= 0) {
            fake_agent_serve(client, pair[1], answer, manner);
            close(client);
        }
        _exit(0);
    }
    close(pair[1]);
    close(listener);
    agent.told = pair[0];
    return agent;
}

static inline void
fake_agent_kill(struct fake_agent *agent)
{
    if (agent->pid > 0) {
        kill(agent->pid, SIGKILL);
        waitpid(agent->pid, NULL, 0);
    }
    agent->pid = 0;
}

/* What it has heard next, waiting for it; NULL: it has ended. The caller frees. */
static inline char *
fake_agent_heard(const struct fake_agent *agent)
{
    const int patience = (int)unit_patience(60000);
    struct maqet_text line = MAQET_TEXT_INIT;
    struct pollfd fd = {.fd = agent->told, .events = POLLIN};
    char byte;

    while (poll(&fd, 1, patience) > 0 && read(agent->told, &byte, 1) == 1) {
        if (byte == '\n')
            return maqet_text_take(&line);
        maqet_text_append_bytes(&line, &byte, 1);
    }
    maqet_text_clear(&line);
    return NULL;
}

/* Adds what it has heard next, without the words that the names begin with; false: it has
 * ended. */
static inline bool
fake_agent_add_heard(const struct fake_agent *agent, struct maqet_strings *all)
{
    _cleanup_free_ char *line = fake_agent_heard(agent);
    char *dash = line ? strrchr(line, '-') : NULL;

    if (line)
        maqet_strings_add(all, dash ? dash + 1 : line);
    return line;
}

/* Ends it, once it has heard as many lines as @wanted has words. All that it heard and
 * nobody has asked for is @wanted, where that is given. */
static inline void
fake_agent_end(struct fake_agent *agent, const char *wanted)
{
    _cleanup_strings_ struct maqet_strings all = MAQET_STRINGS_INIT;

    for (const char *word = wanted; word && *word; word = strchr(word, ' ')) {
        word += *word == ' ';
        if (!fake_agent_add_heard(agent, &all))
            break;
    }
    fake_agent_kill(agent);
    while (fake_agent_add_heard(agent, &all))
        continue;
    close(agent->told);
    _cleanup_free_ char *joined = maqet_strings_join(&all, " ");
    if (wanted)
        UNIT_SAME(joined, wanted);
}

#endif
