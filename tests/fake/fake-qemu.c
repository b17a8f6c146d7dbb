/* SPDX-License-Identifier: MIT */
/*
 * fake-qemu - stands in for QEMU to fail in ways that the real one won't. It takes the
 * arguments that maqet gives QEMU, of which it understands only
 * "-chardev socket,...,fd=N,...": N is a listening unix socket, and serves one client
 * after another there, as a QMP monitor does.
 *
 * The environment variable FAKE_QEMU says what it does:
 *
 *   (unset)       answers as QEMU 7.2.22 does, to the few commands that are listed below
 *   ungreeted     does not greet the first client, as a real one sometimes does
 *   distracted    sends the first client an event instead of a greeting
 *   deaf          greets the first client, and does not listen to it
 *   hasty         closes the connections of the first two clients, and goes on
 *   negotiated    does not know "qmp_capabilities", as one that was told by an earlier client
 *   old           greets as QEMU 5.2.0
 *   ancient       says by --version that it is QEMU 5.2.0, and ends over its arguments
 *   silent        accepts clients and never says a word
 *   garbage       greets with something that is no JSON
 *   nonsense      greets with JSON that is no greeting
 *   echo          answers every command with the command itself
 *   events        sends 300 events, and one of 70 KB, before each answer
 *   hang          answers qmp_capabilities, and no command after it
 *   slow          answers all commands a second late
 *   close         ends in the middle of an answer
 *   huge          answers with a message that never ends
 *   deep          answers with more nested lists than anybody can want
 *   late          answers the first question when the second has come, and both then
 *   torn          cannot read the first "query-status", nor any "query-block", and says so twice;
 *                 throws the first "stop" away
 *   flood         sends events without end instead of an answer
 *   words:FILE    answers every command with an error; FILE is its description, as JSON
 *   answers:FILE  answers as FILE says, a line "COMMAND return JSON" or "COMMAND error JSON"
 *                 for each time that it is told (the last one from then on), after the
 *                 events of all lines "COMMAND event JSON"; writes down in FILE.told what
 *                 it is told; commands that FILE has not are answered as always
 *   cancelling    saves its state, and does not give that up, as QEMU 7.2 with its thread
 *                 on the way to the switch-over: "migrate_cancel" alone does not end it
 *   exit:N:WORDS  ends at once with exit code N, after WORDS on standard error
 *   sigsys        dies at once as if its sandbox had killed it
 *
 * It ends by itself after ten minutes (times MAQET_TEST_SLOW), whatever happens.
 */
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/slow.h"

enum { LIFETIME = 600 /* s */, MOMENT = 100000 /* us */ };

static bool
behaves(const char *mode, const char *as)
{
    return strcmp(mode, as) == 0;
}

/* ---- answers ---- */

static void
answer(FILE *client, json_object *id, const char *key, const char *text)
{
    fprintf(client, "{\"%s\": %s, \"id\": %s}\n", key, text,
            json_object_to_json_string_ext(id, JSON_C_TO_STRING_PLAIN));
}

/* What a QEMU that is well would answer, to the few commands that tests need. */
static void
obey(FILE *client, const char *command, json_object *id)
{
    static const struct {
        const char *command;
        const char *key;
        const char *text;
    } answers[] = {
        {"qmp_capabilities", "return", "{}"},
        {"query-status", "return", "{\"status\": \"running\", \"running\": true}"},
        {"query-block", "return", "[]"},
        {"stop", "return", "{}"},
        {"cont", "return", "{}"},
        {"quit", "return", "{}"},
        {"system_powerdown", "return", "{}"},
        {"device_del", "error",
         "{\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}"},
        {"screendump", "error",
         "{\"class\": \"GenericError\", \"desc\": \"no surface\"}"},
    };

    if (strcmp(command, "stop") == 0)
        fputs("{\"event\": \"STOP\", \"timestamp\": {}}\n", client);
    if (strcmp(command, "cont") == 0)
        fputs("{\"event\": \"RESUME\", \"timestamp\": {}}\n", client);
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        if (strcmp(answers[i].command, command) == 0) {
            answer(client, id, answers[i].key, answers[i].text);
            return;
        }
    }
    answer(client, id, "error",
           "{\"class\": \"CommandNotFound\", \"desc\": \"The command is not known\"}");
}

/* Answers as whoever is at the other end of the monitor likes. */
static void
answer_in_words(FILE *client, json_object *id, const char *path)
{
    FILE *file = fopen(path, "r");
    int byte;

    fputs("{\"error\": {\"class\": \"GenericError\", \"desc\": ", client);
    while (file && (byte = fgetc(file)) != EOF)
        fputc(byte, client);
    fprintf(client, "}, \"id\": %s}\n",
            json_object_to_json_string_ext(id, JSON_C_TO_STRING_PLAIN));
    if (file)
        fclose(file);
}

/* ---- answers to order ---- */

static void
write_down(const char *path, json_object *message)
{
    char *told = NULL;
    FILE *file = asprintf(&told, "%s.told", path) < 0 ? NULL : fopen(told, "a");

    json_object_object_del(message, "id");
    if (file) {
        fprintf(file, "%s\n",
                json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN));
        fclose(file);
    }
    free(told);
}

/* How often a command was told before. */
static int
times_told(const char *command)
{
    static json_object *told;
    json_object *count = NULL;

    if (!told)
        told = json_object_new_object();
    json_object_object_get_ex(told, command, &count);
    int before = json_object_get_int(count);
    json_object_object_add(told, command, json_object_new_int(before + 1));
    return before;
}

/* Whether FILE knows an answer; gives it then. */
static bool
answer_to_order(FILE *client, const char *path, const char *command, json_object *id)
{
    FILE *file = fopen(path, "r");
    char *line = NULL, *text = NULL, key[16] = "";
    size_t space = 0;
    int before = times_told(command), at = 0;

    while (file && getline(&line, &space, file) > 0) {
        char name[64], kind[16];
        int end = 0;

        if (sscanf(line, "%63s %15s %n", name, kind, &end) != 2 ||
            strcmp(name, command) != 0)
            continue;
        if (strcmp(kind, "event") == 0) {
            fputs(line + end, client);
        } else if (at++ <= before) {
            free(text);
            text = strdup(line + end);
            memcpy(key, kind, sizeof(key));
        }
    }
    bool known = text != NULL;
    if (known) {
        text[strcspn(text, "\n")] = '\0';
        answer(client, id, key, text);
    }
    if (file)
        fclose(file);
    free(line);
    free(text);
    return known;
}

/* Sets "mapped-ram", which QEMU refuses while a migration is under way. */
static bool
set_mapped(json_object *arguments, bool under_way, bool *mapped)
{
    json_object *list = json_object_object_get(arguments, "capabilities");
    json_object *first = list ? json_object_array_get_idx(list, 0) : NULL;
    const char *name =
        json_object_get_string(json_object_object_get(first, "capability"));

    if (!name || strcmp(name, "mapped-ram") != 0)
        return true;
    if (!under_way)
        *mapped = json_object_get_boolean(json_object_object_get(first, "state"));
    return !under_way;
}

/* Whether it is one of the commands that concern saving the state; answers it then.
 * "query-mapped" is not a command of QEMU's: it tells whether that capability is on. */
static bool
save(FILE *client, const char *command, json_object *message, json_object *id)
{
    static const char *status = "active";
    static bool mapped = true;
    json_object *arguments = NULL, *state = NULL;
    char text[64];

    json_object_object_get_ex(message, "arguments", &arguments);
    json_object_object_get_ex(arguments, "state", &state);
    if (strcmp(command, "migrate_cancel") == 0) {
        status = "cancelling";
    } else if (strcmp(command, "migrate-continue") == 0) {
        if (!state || strcmp(json_object_get_string(state), status) != 0) {
            answer(client, id, "error",
                   "{\"class\": \"GenericError\", \"desc\": \"another state\"}");
            return true;
        }
        status = "cancelled";
    } else if (strcmp(command, "query-migrate") == 0) {
        snprintf(text, sizeof(text), "{\"status\": \"%s\"}", status);
        answer(client, id, "return", text);
        return true;
    } else if (strcmp(command, "query-migrate-capabilities") == 0) {
        answer(client, id, "return", "[]");
        return true;
    } else if (strcmp(command, "query-mapped") == 0) {
        answer(client, id, "return", mapped ? "{\"on\": true}" : "{\"on\": false}");
        return true;
    } else if (strcmp(command, "migrate-set-capabilities") == 0 &&
               !set_mapped(arguments, strcmp(status, "cancelled") != 0, &mapped)) {
        answer(client, id, "error",
               "{\"class\": \"GenericError\", \"desc\": \"a migration is under way\"}");
        return true;
    } else if (strcmp(command, "migrate") == 0) {
        fputs("{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}, "
              "\"timestamp\": {}}\n",
              client);
    } else if (strncmp(command, "migrate-set-", 12) != 0 &&
               strcmp(command, "query-migrate-parameters") != 0 &&
               strcmp(command, "getfd") != 0) {
        return false;
    }
    answer(client, id, "return", "{}");
    return true;
}

static void
misbehave(const char *mode, FILE *client)
{
    if (behaves(mode, "hang")) {
        pause();
    } else if (behaves(mode, "close")) {
        fputs("{\"return\": {\"status\": \"runn", client);
        fflush(client);
        exit(0);
    } else if (behaves(mode, "huge")) {
        fputs("{\"return\": \"", client);
        while (fputs("a word, and then another, and none of them is the last one; ",
                     client) >= 0)
            continue;
    } else if (behaves(mode, "deep")) {
        for (int i = 0; i < 100000; i++)
            fputs("{\"return\": ", client);
        fputc('\n', client);
    } else if (behaves(mode, "flood")) {
        while (fputs("{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\n",
                     client) >= 0)
            continue;
    } else if (behaves(mode, "events")) {
        for (int i = 0; i < 300; i++)
            fprintf(client, "{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": %d}}\n",
                    i);
        fprintf(client, "{\"event\": \"LARGE\", \"data\": \"%070000d\"}\n", 0);
    } else if (behaves(mode, "slow")) {
        sleep(1);
    }
}

/* ---- arguments ---- */

static int
socket_of(char **arguments)
{
    for (char **argument = arguments; *argument; argument++) {
        const char *number = strstr(*argument, ",fd=");

        if (strncmp(*argument, "socket,", 7) == 0 && number)
            return atoi(number + 4);
    }
    return -1;
}

/* The file to keep the PID in, or NULL. */
static const char *
pidfile_of(char **arguments)
{
    for (char **argument = arguments; *argument; argument++)
        if (strcmp(*argument, "-pidfile") == 0)
            return argument[1];
    return NULL;
}

static void
write_pid(const char *pidfile)
{
    FILE *file = pidfile ? fopen(pidfile, "w") : NULL;

    if (file) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
    }
}

/* ---- clients ---- */

static void
greet(const char *mode, FILE *client)
{
    if (behaves(mode, "garbage"))
        fputs("220 mail.example.org ESMTP\n", client);
    else if (behaves(mode, "nonsense"))
        fputs("{\"QMP\": {\"version\": [7, 2]}}\n", client);
    else if (behaves(mode, "distracted"))
        fputs("{\"event\": \"RESUME\", \"timestamp\": {}}\n", client);
    else
        fprintf(client,
                "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": %d, \"minor\": %d, "
                "\"major\": %d}, \"package\": \"%s\"}, \"capabilities\": [\"oob\"]}}\n",
                behaves(mode, "old") ? 0 : 22, 2, behaves(mode, "old") ? 5 : 7,
                behaves(mode, "old") ? "" : "Fake 1:7.2");
    fflush(client);
}

/* True: the question is the first one, and its answer waits for the second. */
static bool
is_kept(FILE *client, const char *name, json_object *id)
{
    static json_object *kept_id;
    static char *kept;

    if (strcmp(name, "qmp_capabilities") == 0)
        return false;
    if (!kept) {
        kept = strdup(name);
        kept_id = json_object_get(id);
        return true;
    }
    if (kept_id)
        obey(client, kept, kept_id);
    json_object_put(kept_id);
    kept_id = NULL;
    return false;
}
static void
complain(FILE *client)
{
    fputs("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n",
          client);
}

/* Says of a command that it cannot read it, or nothing. */
static bool
is_torn(const char *mode, const char *command, FILE *client)
{
    static int status, stop;
    bool torn = strcmp(command, "query-block") == 0 ||
                (strcmp(command, "query-status") == 0 && status++ == 0);

    if (!behaves(mode, "torn"))
        return false;
    for (int i = 0; torn && i < 2; i++)
        complain(client);
    return torn || (strcmp(command, "stop") == 0 && stop++ == 0);
}

/* Skips a byte 0xFF, as the start of a message that cannot be read. */
static char *
skip_mark(char *line, FILE *client)
{
    if (*line == '\xff')
        complain(client);
    return line + (*line == '\xff');
}

/* Refuses a client that has not enabled what it should. */
static bool
is_refused(const char *mode, const char *command, json_object *message, FILE *client,
           json_object *id)
{
    const char *text = json_object_to_json_string(message);
    bool negotiated = behaves(mode, "negotiated");

    if (strcmp(command, "qmp_capabilities") != 0 ||
        (strstr(text, "\"oob\"") && !negotiated))
        return false;
    answer(client, id, "error",
           negotiated ? "{\"class\": \"CommandNotFound\", \"desc\": \"Capabilities "
                        "negotiation is already complete, command ignored\"}"
                      : "{\"class\": \"GenericError\", \"desc\": \"oob is not enabled\"}");
    return true;
}

static void
wait_until_left(FILE *client)
{
    struct pollfd fd = {.fd = fileno(client), .events = 0};

    poll(&fd, 1, -1);
}

/* Serves one client until it leaves. True: it told us to end. */
static bool
serve(const char *mode, FILE *from, FILE *client)
{
    char *line = NULL;
    size_t space = 0;
    bool ends = false;
    static int clients;

    if (behaves(mode, "silent"))
        pause();
    if (clients < 2 && behaves(mode, "hasty")) {
        clients++;
        return false;
    }
    if (clients++ > 0 || !behaves(mode, "ungreeted"))
        greet(clients > 1 && behaves(mode, "distracted") ? "" : mode, client);
    if (clients == 1 && behaves(mode, "deaf"))
        wait_until_left(client);
    while (!ends && getline(&line, &space, from) > 0) {
        json_object *message = json_tokener_parse(skip_mark(line, client)),
                    *command = NULL, *id = NULL;
        const char *name;

        json_object_object_get_ex(message, "execute", &command);
        json_object_object_get_ex(message, "id", &id);
        name = command ? json_object_get_string(command) : "";
        if (strcmp(name, "qmp_capabilities") != 0)
            misbehave(mode, client);
        if (is_torn(mode, name, client) || is_refused(mode, name, message, client, id))
            name = "";
        else if (behaves(mode, "echo"))
            answer(client, id, "return",
                   json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN));
        else if (strncmp(mode, "answers:", 8) == 0 &&
                 answer_to_order(client, mode + 8, name, id))
            write_down(mode + 8, message);
        else if (strncmp(mode, "words:", 6) == 0 && strcmp(name, "qmp_capabilities") != 0)
            answer_in_words(client, id, mode + 6);
        else if ((!behaves(mode, "cancelling") || !save(client, name, message, id)) &&
                 (!behaves(mode, "late") || !is_kept(client, name, id)))
            obey(client, name, id);
        fflush(client);
        ends = strcmp(name, "quit") == 0 || strcmp(name, "system_powerdown") == 0;
        if (ends) {
            usleep(MOMENT);
            fputs("{\"event\": \"SHUTDOWN\", \"timestamp\": {}}\n", client);
        }
        json_object_put(message);
    }
    free(line);
    return ends;
}

static void
end_at_once(const char *mode)
{
    if (strncmp(mode, "exit:", 5) == 0) {
        char *words;
        int code = (int)strtol(mode + 5, &words, 10);

        if (*words == ':')
            fprintf(stderr, "%s\n", words + 1);
        exit(code);
    }
    if (behaves(mode, "sigsys")) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        raise(SIGSYS);
    }
}

int
main(int count, char **arguments)
{
    const char *mode = getenv("FAKE_QEMU") ? getenv("FAKE_QEMU") : "";
    int listener = socket_of(arguments + (count > 0));
    const char *pidfile = pidfile_of(arguments + (count > 0));
    bool ends = false;

    if (behaves(mode, "ancient")) {
        bool asked = count > 1 && strcmp(arguments[1], "--version") == 0;

        fprintf(asked ? stdout : stderr, "%s\n",
                asked ? "QEMU emulator version 5.2.0 (Debian 1:5.2+dfsg-11)"
                      : "qemu: -device: '{\"driver\":' is not a valid device model name");
        return !asked;
    }
    alarm((unsigned)slow_ms(LIFETIME));
    signal(SIGPIPE, SIG_IGN);
    end_at_once(mode);
    if (listener < 0) {
        fprintf(stderr, "%s: no -chardev socket,fd=N was given\n", arguments[0]);
        return 1;
    }
    write_pid(pidfile);
    while (!ends) {
        int fd = accept(listener, NULL, NULL);
        FILE *from = fd < 0 ? NULL : fdopen(fd, "r");
        FILE *client = fd < 0 ? NULL : fdopen(dup(fd), "w");

        if (!from || !client) {
            perror(arguments[0]);
            return 1;
        }
        ends = serve(mode, from, client);
        fclose(client);
        fclose(from);
    }
    if (pidfile)
        unlink(pidfile);
    return 0;
}
