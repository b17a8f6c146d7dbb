/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/checksum.h"

#define BUFFER_SIZE (1024 * 1024)

#define _cleanup_xxh3_ _cleanup_(xxh3_free)

static void
xxh3_free(XXH3_state_t **state)
{
    XXH3_freeState(*state);
}

static char *
digest_text(XXH128_hash_t digest)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, digest);
    maqet_text_append(&text, "xxh3:");
    for (size_t i = 0; i < sizeof(canonical.digest); i++)
        maqet_text_appendf(&text, "%02x", canonical.digest[i]);
    return maqet_text_take(&text);
}

char *
maqet_fd_checksum(int fd, const char *name, uint64_t limit, struct maqet_error **err)
{
    _cleanup_free_ char *buffer = maqet_alloc(BUFFER_SIZE);
    _cleanup_xxh3_ XXH3_state_t *state = XXH3_createState();
    uint64_t done = 0;

    if (!state)
        abort(); /* out of memory, as in text.h */
    XXH3_128bits_reset(state);
    while (done < limit) {
        uint64_t left = limit - done;
        size_t want = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
        ssize_t count = pread(fd, buffer, want, (off_t)done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            maqet_error_errno(err, errno, "cannot read %s", name);
            return NULL;
        }
        if (count == 0)
            break;
        XXH3_128bits_update(state, buffer, (size_t)count);
        done += (uint64_t)count;
    }
    return digest_text(XXH3_128bits_digest(state));
}
