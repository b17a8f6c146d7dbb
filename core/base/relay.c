/* SPDX-License-Identifier: MIT */
#include "core/base/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"

/* A write of so many bytes to a pipe that has room does not block (pipe(7)). */
enum { CHUNK = 4096 };

/* One direction: bytes that are read, and not yet written. */
struct flow {
    char bytes[CHUNK];
    size_t from, to;
    bool ended; /* nothing more comes */
};

static bool
is_empty(const struct flow *flow)
{
    return flow->from == flow->to;
}

/* Reads once if the last bytes are written. Errors are the end, too. */
static void
fill(struct flow *flow, int fd)
{
    if (flow->ended || !is_empty(flow))
        return;
    ssize_t count = read(fd, flow->bytes, sizeof(flow->bytes));
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    flow->ended = count <= 0;
    flow->from = 0;
    flow->to = count > 0 ? (size_t)count : 0;
}

/* Writes once. Returns false if nobody will ever read it. */
static bool
drain(struct flow *flow, int fd)
{
    if (is_empty(flow))
        return true;
    ssize_t count = write(fd, flow->bytes + flow->from, flow->to - flow->from);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR;
    flow->from += (size_t)count;
    return true;
}

/* Ends the input at the escape byte. */
static bool
cut_at_escape(struct flow *flow, int escape)
{
    char *found = escape < 0 || is_empty(flow)
                      ? NULL
                      : memchr(flow->bytes + flow->from, escape, flow->to - flow->from);

    if (!found)
        return false;
    flow->to = (size_t)(found - flow->bytes);
    return true;
}

/* A flow's entry for poll(2), where it is read, and where it is written to. */
static short
wants_input(const struct flow *flow)
{
    return !flow->ended && is_empty(flow) ? POLLIN : 0;
}

static short
wants_output(const struct flow *flow)
{
    return is_empty(flow) ? 0 : POLLOUT;
}

/* An entry that asks for nothing is left out: the end of a pipe is always reported. */
static struct pollfd
entry(int fd, short events)
{
    return (struct pollfd){.fd = events ? fd : -1, .events = events};
}

struct state {
    const struct maqet_relay *relay;
    struct flow in, out;
    bool escaped;
    bool told; /* the peer knows that the input has ended */
    struct maqet_deadline quiet;
};

static void
tell_end(struct state *state)
{
    if (state->told || !state->in.ended || !is_empty(&state->in))
        return;
    state->told = true;
    shutdown(state->relay->peer, SHUT_WR); /* a terminal has no such thing */
    state->quiet = maqet_deadline_in(state->relay->quiet);
}

/* Waits for something to do. False: the peer has been silent for long enough. */
static bool
await(const struct state *state, struct pollfd *fds)
{
    const struct maqet_relay *relay = state->relay;
    int64_t left = state->told ? maqet_deadline_left(state->quiet) : -1;

    fds[0] = entry(relay->input, wants_input(&state->in));
    fds[1] =
        entry(relay->peer, (short)(wants_output(&state->in) | wants_input(&state->out)));
    fds[2] = entry(relay->output, wants_output(&state->out));
    fds[3] = entry(relay->signals, POLLIN);
    int count = poll(fds, 4, (int)left);
    if (count < 0)
        memset(fds, 0, 4 * sizeof(*fds)); /* a signal */
    return count != 0 || left != 0;
}

enum maqet_relay_end
maqet_relay_run(const struct maqet_relay *relay)
{
    struct state state = {.relay = relay};
    struct pollfd fds[4];

    fcntl(relay->peer, F_SETFL, fcntl(relay->peer, F_GETFL) | O_NONBLOCK);
    for (;;) {
        if (!await(&state, fds))
            return MAQET_RELAY_QUIET;
        if (fds[3].revents)
            return MAQET_RELAY_SIGNALLED;
        if (fds[0].revents) {
            fill(&state.in, relay->input);
            state.escaped = cut_at_escape(&state.in, relay->escape);
        }
        if (fds[1].revents) {
            fill(&state.out, relay->peer);
            /* What it still sends may be worth reading. */
            if (!drain(&state.in, relay->peer))
                state.in = (struct flow){.ended = true};
        }
        if (fds[2].revents && !drain(&state.out, relay->output))
            return MAQET_RELAY_OUTPUT_CLOSED;
        if (state.told && !is_empty(&state.out))
            state.quiet = maqet_deadline_in(relay->quiet);
        if (state.escaped && is_empty(&state.in))
            return MAQET_RELAY_ESCAPED;
        if (state.out.ended && is_empty(&state.out))
            return MAQET_RELAY_CLOSED;
        tell_end(&state);
    }
}
