/* SPDX-License-Identifier: MIT */
/* Streams made by hand, as QEMU writes them and as it does not: they are split, or whole. */
#include "core/qemu/migration_join.h"
#include "core/qemu/migration_split.h"

#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/stream.h"
#include "tests/unit/unit.h"

enum { PAGE = MAQET_SPLIT_PAGE, PAGES = 8, SIZE = PAGES * PAGE, SECTION = 2 };

/* ---- making a stream ---- */

static void
add(struct maqet_text *stream, const void *bytes, size_t length)
{
    maqet_text_append_bytes(stream, bytes, length);
}

static void
add_number(struct maqet_text *stream, uint64_t number, size_t size)
{
    uint64_t big = htobe64(number);

    add(stream, (const char *)&big + sizeof(big) - size, size);
}

static void
add_name(struct maqet_text *stream, const char *name)
{
    add_number(stream, strlen(name), 1);
    add(stream, name, strlen(name));
}

static void
add_page(struct maqet_text *stream, char fill)
{
    char page[PAGE];

    memset(page, fill, sizeof(page));
    add(stream, page, sizeof(page));
}

/* A record; @block NULL: it continues. @fill 0: a page of zeros. */
static void
add_record(struct maqet_text *stream, unsigned number, const char *block, char fill)
{
    add_number(stream,
               (uint64_t)number * PAGE | (fill ? 0x08 : 0x02) | (block ? 0 : 0x20), 8);
    if (block)
        add_name(stream, block);
    if (fill)
        add_page(stream, fill);
    else
        add_number(stream, 0, 1);
}

static void
add_subsection(struct maqet_text *stream, const char *name)
{
    add_number(stream, 5, 1);
    add_name(stream, name);
    add_number(stream, 1, 4);
}

static void
begin(struct maqet_text *stream)
{
    add_number(stream, 0x5145564d, 4);
    add_number(stream, 3, 4);
    add_number(stream, 7, 1);
    add_number(stream, strlen("pc-q35-7.2"), 4);
    add(stream, "pc-q35-7.2", strlen("pc-q35-7.2"));
}

static void
add_capability(struct maqet_text *stream, const char *name)
{
    add_subsection(stream, "configuration/capabilities");
    add_number(stream, 1, 4);
    add_name(stream, name);
}

static void
add_start(struct maqet_text *stream, const char *name)
{
    add_number(stream, 1, 1);
    add_number(stream, SECTION, 4);
    add_name(stream, name);
    add_number(stream, 0, 4);
    add_number(stream, 4, 4);
}

static void
add_size(struct maqet_text *stream, const char *block, uint64_t size)
{
    add_name(stream, block);
    add_number(stream, size, 8);
    add_number(stream, 0x1000, 8); /* its address */
}

static void
end_part(struct maqet_text *stream, uint32_t footer)
{
    add_number(stream, 0x10, 8);
    if (footer == 0)
        return;
    add_number(stream, 0x7e, 1);
    add_number(stream, footer, 4);
}

static void
begin_part(struct maqet_text *stream, int type, uint32_t section)
{
    add_number(stream, (uint64_t)type, 1);
    add_number(stream, section, 4);
}

/* All until the first part, with blocks of memory and of a device. */
static void
begin_memory(struct maqet_text *stream)
{
    begin(stream);
    add_capability(stream, "x-ignore-shared");
    add_start(stream, "ram");
    add_number(stream, (SIZE + 2 * PAGE) | 0x04, 8);
    add_size(stream, "pc.ram", SIZE);
    add_size(stream, "vga.vram", 2 * PAGE);
    end_part(stream, SECTION);
}

static void
add_devices(struct maqet_text *stream)
{
    add_number(stream, 4, 1);
    add(stream, "devices", 7);
    add_page(stream, 'd'); /* whatever they contain is not looked at */
}

/* Pages 0 and 5 of the memory, a page of zeros, and one of the device. */
static void
add_first_part(struct maqet_text *stream)
{
    begin_part(stream, 2, SECTION);
    add_record(stream, 0, "pc.ram", 'a');
    add_record(stream, 1, NULL, 0);
    add_record(stream, 1, "vga.vram", 'v');
    add_record(stream, 5, "pc.ram", 'b');
    end_part(stream, SECTION);
}

/* ---- splitting it ---- */

struct result {
    int failed;
    char *whole;
    struct maqet_text rest;
    char memory[SIZE];
    off_t length; /* of the file for the memory */
};

static void
result_clear(struct result *result)
{
    free(result->whole);
    maqet_text_clear(&result->rest);
}

#define _cleanup_result_ _cleanup_(result_clear)

static int
open_file(const char *folder, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

/* Feeds it in pieces of @step bytes. */
static void
split_in_steps(const struct maqet_text *stream, bool pages_vary, size_t step,
               struct result *result)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_close_ int memory = open_file(folder, "ram"),
                        rest = open_file(folder, "rest");
    const struct maqet_split_plan plan = {.memory = memory,
                                          .rest = rest,
                                          .block = "pc.ram",
                                          .size = SIZE,
                                          .pages_vary = pages_vary};
    struct maqet_split *split = maqet_split_new(&plan);
    char bytes[PAGE];
    ssize_t count;

    *result = (struct result){.rest = MAQET_TEXT_INIT};
    CU_ASSERT_PTR_NOT_NULL_FATAL(split);
    for (size_t at = 0; at < stream->length && !result->failed; at += step) {
        size_t left = stream->length - at;

        result->failed =
            maqet_split_feed(split, stream->data + at, left < step ? left : step);
    }
    if (!result->failed)
        result->failed = maqet_split_finish(split);
    result->whole = maqet_strdup(maqet_split_whole(split));
    maqet_split_free(split);
    for (off_t at = 0; (count = pread(rest, bytes, sizeof(bytes), at)) > 0; at += count)
        add(&result->rest, bytes, (size_t)count);
    CU_ASSERT_FATAL(pread(memory, result->memory, SIZE, 0) >= 0);
    result->length = lseek(memory, 0, SEEK_END);
}

static void
split(const struct maqet_text *stream, struct result *result)
{
    split_in_steps(stream, false, stream->length, result);
}

/* The stream is not split, for that reason, and what was written is all of it. */
static void
check_whole(const struct maqet_text *stream, const char *reason)
{
    _cleanup_result_ struct result result;

    split(stream, &result);
    CU_ASSERT_EQUAL(result.failed, 0);
    UNIT_SAME(result.whole ? result.whole : "it is split", reason);
    CU_ASSERT_EQUAL(result.length, 0);
    CU_ASSERT_EQUAL_FATAL(result.rest.length, stream->length);
    CU_ASSERT_EQUAL(memcmp(result.rest.data, stream->data, stream->length), 0);
}

/* The same after pages were taken out: they are put back, in another order. @tail: what
 * must follow as it is. */
static void
check_put_back(const struct maqet_text *stream, const char *reason,
               const struct maqet_text *tail)
{
    static char expected[SIZE], present[SIZE];
    _cleanup_result_ struct result result;

    split(stream, &result);
    CU_ASSERT_EQUAL(result.failed, 0);
    UNIT_SAME(result.whole ? result.whole : "it is split", reason);
    CU_ASSERT_EQUAL(result.length, 0);
    CU_ASSERT_FATAL(result.rest.length > tail->length);
    CU_ASSERT_EQUAL(memcmp(result.rest.data + result.rest.length - tail->length,
                           tail->data, tail->length),
                    0);
    memset(expected, 0, SIZE);
    memset(present, 0, SIZE);
    stream_read((const unsigned char *)stream->data, stream->length, "pc.ram", expected,
                SIZE);
    stream_read((const unsigned char *)result.rest.data, result.rest.length, "pc.ram",
                present, SIZE);
    CU_ASSERT_EQUAL(memcmp(present, expected, SIZE), 0);
}

/* ---- streams that are split ---- */

static bool
has_page(const struct result *result, unsigned number, char fill)
{
    char page[PAGE];

    memset(page, fill, sizeof(page));
    return memcmp(result->memory + number * PAGE, page, PAGE) == 0;
}

/* What QEMU 10.0 says before the last part, when it saves by precopy. */
static void
add_switchover(struct maqet_text *stream)
{
    add_number(stream, 8, 1);
    add_number(stream, 11, 2);
    add_number(stream, 0, 2);
}

/* What the rest of the stream below must be. */
static void
make_rest(struct maqet_text *rest)
{
    begin_memory(rest);
    begin_part(rest, 2, SECTION);
    add_record(rest, 1, "vga.vram", 'v');
    end_part(rest, SECTION);
    add_switchover(rest);
    begin_part(rest, 3, SECTION);
    end_part(rest, SECTION);
    add_devices(rest);
}

static void
test_split(void)
{
    static const size_t steps[] = {1, 7, PAGE, PAGE + 8, 1 << 20};
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT, rest = MAQET_TEXT_INIT;

    begin_memory(&stream);
    add_first_part(&stream);
    add_switchover(&stream);
    begin_part(&stream, 3, SECTION);
    add_record(&stream, 5, "pc.ram", 'c'); /* again */
    add_record(&stream, 0, NULL, 0);       /* which is zero now */
    add_record(&stream, 7, NULL, 'e');
    end_part(&stream, SECTION);
    add_devices(&stream);
    make_rest(&rest);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        _cleanup_result_ struct result result;

        split_in_steps(&stream, false, steps[i], &result);
        CU_ASSERT_EQUAL(result.failed, 0);
        CU_ASSERT_PTR_NULL(result.whole);
        CU_ASSERT_EQUAL(result.length, SIZE);
        CU_ASSERT_EQUAL_FATAL(result.rest.length, rest.length);
        CU_ASSERT_EQUAL(memcmp(result.rest.data, rest.data, rest.length), 0);
        CU_ASSERT_TRUE(has_page(&result, 0, 0));
        CU_ASSERT_TRUE(has_page(&result, 1, 0));
        CU_ASSERT_TRUE(has_page(&result, 5, 'c'));
        CU_ASSERT_TRUE(has_page(&result, 7, 'e'));
    }
}

/* Pages that are zero are holes. */
static void
test_sparse(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_close_ int memory = open_file(folder, "ram"),
                        rest = open_file(folder, "rest");
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;
    const struct maqet_split_plan plan = {
        .memory = memory, .rest = rest, .block = "pc.ram", .size = SIZE};
    struct maqet_split *split = maqet_split_new(&plan);
    struct stat status;

    begin_memory(&stream);
    add_first_part(&stream);
    add_devices(&stream);
    CU_ASSERT_EQUAL(maqet_split_feed(split, stream.data, stream.length), 0);
    CU_ASSERT_EQUAL(maqet_split_finish(split), 0);
    maqet_split_free(split);
    CU_ASSERT_EQUAL(fstat(memory, &status), 0);
    CU_ASSERT_TRUE(status.st_blocks * 512 < SIZE);
}

/* Older machine types have no footers, and later versions of QEMU flush. */
static void
test_variants(void)
{
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;
    _cleanup_result_ struct result result;

    begin(&stream);
    add_subsection(&stream, "configuration/target-page-bits");
    add_number(&stream, 12, 4);
    add_start(&stream, "ram");
    add_number(&stream, SIZE | 0x04, 8);
    add_name(&stream, "pc.ram"); /* without the capability, it has no address */
    add_number(&stream, SIZE, 8);
    end_part(&stream, 0);
    begin_part(&stream, 2, SECTION);
    add_record(&stream, 3, "pc.ram", 'x');
    add_number(&stream, 0x200, 8);
    end_part(&stream, 0);
    begin_part(&stream, 3, SECTION);
    end_part(&stream, 0);
    add_devices(&stream);
    split_in_steps(&stream, true, 11, &result);
    CU_ASSERT_EQUAL(result.failed, 0);
    CU_ASSERT_PTR_NULL(result.whole);
    CU_ASSERT_TRUE(has_page(&result, 3, 'x'));
}

/* ---- streams that are not as expected from the beginning ---- */

static void
test_other_beginnings(void)
{
    static const struct {
        const char *reason;
        uint32_t magic;
        const char *capability;
        const char *section;
        uint64_t size;
        const char *block;
    } rows[] = {
        {"its header is not the known one", 0x5145564e, "x-ignore-shared", "ram", SIZE,
         "pc.ram"},
        {"it needs an unexpected capability", 0, "xbzrle", "ram", SIZE, "pc.ram"},
        {"it does not begin with the memory", 0, "x-ignore-shared", "slirp", SIZE,
         "pc.ram"},
        {"the memory in it has another size", 0, "x-ignore-shared", "ram", SIZE - PAGE,
         "pc.ram"},
        {"the guest's memory is not in it", 0, "x-ignore-shared", "ram", SIZE, "pc.rom"},
        {"the sizes of the memory in it do not add up", 0, "x-ignore-shared", "ram",
         4 * SIZE, "pc.rom"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;
        uint32_t magic = htobe32(rows[i].magic);

        begin(&stream);
        if (magic)
            memcpy(stream.data, &magic, sizeof(magic));
        add_capability(&stream, rows[i].capability);
        add_start(&stream, rows[i].section);
        add_number(&stream, SIZE | 0x04, 8);
        add_size(&stream, rows[i].block, rows[i].size);
        end_part(&stream, SECTION);
        add_first_part(&stream);
        add_devices(&stream);
        check_whole(&stream, rows[i].reason);
    }
}

/* The memory is in two blocks of the same name; or its pages have a size that is not
 * known. */
static void
test_two_blocks(void)
{
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;
    _cleanup_result_ struct result result;

    begin(&stream);
    add_capability(&stream, "x-ignore-shared");
    add_start(&stream, "ram");
    add_number(&stream, 2 * SIZE | 0x04, 8);
    add_size(&stream, "pc.ram", SIZE);
    add_size(&stream, "pc.ram", SIZE);
    end_part(&stream, SECTION);
    add_first_part(&stream);
    add_devices(&stream);
    check_whole(&stream, "the memory in it has another size");
    split_in_steps(&stream, true, 5, &result);
    UNIT_SAME(result.whole, "it does not say the size of the guest's pages");
}

/* However short a stream is, all of it is written. */
static void
test_cut_off(void)
{
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT, none = MAQET_TEXT_INIT;

    begin_memory(&stream);
    for (size_t length = 0; length < stream.length; length++) {
        struct maqet_text start = {.data = stream.data, .length = length};

        check_whole(&start, "it ends early");
    }
    add_first_part(&stream);
    check_put_back(&stream, "it ends early", &none);
    stream.length -= 3;
    check_put_back(&stream, "it ends early", &none);
}

static void
test_long_beginning(void)
{
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;

    begin(&stream);
    add_capability(&stream, "x-ignore-shared");
    add_start(&stream, "ram");
    add_number(&stream, (uint64_t)1000 * PAGE | 0x04, 8);
    for (unsigned i = 0; i < 1000; i++) {
        _cleanup_free_ char *name = maqet_format("block%u", i);

        add_size(&stream, name, PAGE);
    }
    check_whole(&stream, "its beginning is too long");
}

/* ---- streams that are not as expected later on ---- */

/* Adds what is unexpected after the first part, and checks that all pages are there. */
static void
check_later(const char *reason, bool in_part,
            void (*unexpected)(struct maqet_text *stream))
{
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT, tail = MAQET_TEXT_INIT;

    begin_memory(&stream);
    add_first_part(&stream);
    if (in_part) {
        begin_part(&stream, 2, SECTION);
        add_record(&stream, 6, "pc.ram", 'f');
    }
    unexpected(&tail);
    add_page(&tail, 'z');
    add(&stream, tail.data, tail.length);
    check_put_back(&stream, reason, &tail);
}

static void
add_unknown_flag(struct maqet_text *stream)
{
    add_number(stream, 0x40 | 0x20, 8);
}

static void
add_page_beyond(struct maqet_text *stream)
{
    add_record(stream, PAGES, NULL, 'z');
}

static void
add_named_page_beyond(struct maqet_text *stream)
{
    add_record(stream, 1U << 20, "pc.ram", 'z');
}

static void
add_filled_page(struct maqet_text *stream)
{
    add_number(stream, 0x02 | 0x20, 8);
    add_number(stream, 0xff, 1);
}

static void
add_empty_name(struct maqet_text *stream)
{
    add_number(stream, 0x08, 8);
    add_number(stream, 0, 1);
}

static void
add_sizes_again(struct maqet_text *stream)
{
    add_number(stream, SIZE | 0x04, 8);
}

static void
add_other_section(struct maqet_text *stream)
{
    begin_part(stream, 2, SECTION + 1);
}

static void
add_command(struct maqet_text *stream)
{
    add_number(stream, 8, 1);
    add_number(stream, 3, 2); /* MIG_CMD_POSTCOPY_ADVISE */
    add_number(stream, 0, 2);
}

static void
add_other_type(struct maqet_text *stream)
{
    add_number(stream, 6, 1);
}

static void
test_unexpected_later(void)
{
    check_later("a record of the memory in it is of an unknown kind", true,
                add_unknown_flag);
    check_later("a page in it is beyond the memory", true, add_page_beyond);
    check_later("a page in it is beyond the memory", true, add_named_page_beyond);
    check_later("a page in it is filled with one byte", true, add_filled_page);
    check_later("a name in it is empty", true, add_empty_name);
    check_later("a record of the memory in it is of an unknown kind", true,
                add_sizes_again);
    check_later("more than the memory is saved while the guest runs", false,
                add_other_section);
    check_later("a section in it is of an unexpected type", false, add_other_type);
    check_later("a command in it is not known", false, add_command);
}

/* What continues another block does so after the pages were put back: its last record comes
 * again. */
static void
test_continued_block(void)
{
    static char expected[2 * PAGE], present[2 * PAGE];
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;
    _cleanup_result_ struct result result;

    begin_memory(&stream);
    begin_part(&stream, 2, SECTION);
    add_record(&stream, 0, "pc.ram", 'a');
    add_record(&stream, 0, "vga.vram", 'v');
    end_part(&stream, SECTION);
    begin_part(&stream, 2, SECTION);
    add_number(&stream, (uint64_t)1 * PAGE | 0x02 | 0x20, 8);
    add_number(&stream, 'w', 1);
    add_unknown_flag(&stream);
    split(&stream, &result);
    CU_ASSERT_EQUAL(result.failed, 0);
    CU_ASSERT_PTR_NOT_NULL(result.whole);
    stream_read((const unsigned char *)stream.data, stream.length, "vga.vram", expected,
                sizeof(expected));
    stream_read((const unsigned char *)result.rest.data, result.rest.length, "vga.vram",
                present, sizeof(present));
    CU_ASSERT_EQUAL(present[0], 'v');
    CU_ASSERT_EQUAL(present[PAGE], 'w');
    CU_ASSERT_EQUAL(memcmp(present, expected, sizeof(present)), 0);
}

/* What was split is one stream again. */
static void
test_join(void)
{
    static char expected[SIZE], present[SIZE];
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_close_ int memory = open_file(folder, "ram"),
                        rest = open_file(folder, "rest");
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT, joined = MAQET_TEXT_INIT;
    const struct maqet_split_plan plan = {
        .memory = memory, .rest = rest, .block = "pc.ram", .size = SIZE};
    struct maqet_split *split = maqet_split_new(&plan);
    char bytes[PAGE];
    ssize_t count;

    begin_memory(&stream);
    add_first_part(&stream);
    add_devices(&stream);
    CU_ASSERT_EQUAL(maqet_split_feed(split, stream.data, stream.length), 0);
    CU_ASSERT_EQUAL(maqet_split_finish(split), 0);
    maqet_split_free(split);
    _cleanup_close_ int pipe = maqet_join(&plan, NULL);
    CU_ASSERT_FATAL(pipe >= 0);
    while ((count = read(pipe, bytes, sizeof(bytes))) > 0)
        add(&joined, bytes, (size_t)count);
    size_t stop = stream_read((const unsigned char *)stream.data, stream.length, "pc.ram",
                              expected, SIZE);
    size_t joined_stop = stream_read((const unsigned char *)joined.data, joined.length,
                                     "pc.ram", present, SIZE);
    CU_ASSERT_EQUAL(present[5 * PAGE], 'b');
    CU_ASSERT_EQUAL(memcmp(present, expected, SIZE), 0);
    CU_ASSERT_EQUAL_FATAL(stream.length - stop, joined.length - joined_stop);
    CU_ASSERT_EQUAL(
        memcmp(stream.data + stop, joined.data + joined_stop, stream.length - stop), 0);
}

static void
test_full_disk(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_close_ int memory = open_file(folder, "ram");
    _cleanup_close_ int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;
    const struct maqet_split_plan plans[] = {
        {.memory = memory, .rest = full, .block = "pc.ram", .size = SIZE},
        {.memory = full, .rest = memory, .block = "pc.ram", .size = SIZE}};

    begin_memory(&stream);
    add_first_part(&stream);
    add_devices(&stream);
    for (size_t i = 0; i < 2; i++) {
        struct maqet_split *split = maqet_split_new(&plans[i]);
        int failed = maqet_split_feed(split, stream.data, stream.length);

        if (!failed)
            failed = maqet_split_finish(split);
        CU_ASSERT_NOT_EQUAL(failed, 0);
        maqet_split_free(split);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what is split", test_split},
        {"holes", test_sparse},
        {"without footers, and flushed", test_variants},
        {"other beginnings", test_other_beginnings},
        {"two blocks", test_two_blocks},
        {"a stream that is cut off", test_cut_off},
        {"a long beginning", test_long_beginning},
        {"what is unexpected later", test_unexpected_later},
        {"what continues another block", test_continued_block},
        {"joined again", test_join},
        {"a full disk", test_full_disk},
        CU_TEST_INFO_NULL,
    };

    return unit_run("migration-split", tests);
}
