/* SPDX-License-Identifier: MIT */
/* One question to many QEMUs, of which most misbehave. */
#include "core/base/files.h"
#include "core/qemu/survey.h"
#include "tests/fake/fake.h"
#include "tests/unit/unit.h"

/* ms for all, at first: what those that are well need, where the machine has nothing else
 * to do. */
enum { SHORT = 2000 };

static const struct {
    const char *mode; /* of the fake */
    enum maqet_survey_result result;
    bool locked; /* another maqet has its monitor */
} cases[] = {
    {"silent", MAQET_SURVEY_SILENT, false}, {"hang", MAQET_SURVEY_SILENT, false},
    {"flood", MAQET_SURVEY_SILENT, false},  {"garbage", MAQET_SURVEY_FAILED, false},
    {"close", MAQET_SURVEY_FAILED, false},  {"events", MAQET_SURVEY_ANSWERED, false},
    {"slow", MAQET_SURVEY_ANSWERED, false}, {"", MAQET_SURVEY_BUSY, true},
    {"", MAQET_SURVEY_ANSWERED, false},
};

enum { COUNT = sizeof(cases) / sizeof(*cases) };

static void
check(const struct maqet_survey *survey, size_t number)
{
    json_object *running = NULL;

    if (survey->result != cases[number].result)
        fprintf(stderr, "%s: result %d\n", cases[number].mode, (int)survey->result);
    CU_ASSERT_EQUAL(survey->result, cases[number].result);
    CU_ASSERT_EQUAL(json_object_object_get_ex(survey->answer, "running", &running) &&
                        json_object_get_boolean(running),
                    cases[number].result == MAQET_SURVEY_ANSWERED);
    /* Whoever is next is not kept waiting. */
    CU_ASSERT_EQUAL(survey->lock, -1);
    CU_ASSERT_EQUAL(survey->channel.fd, -1);
}

/* Asks all. Returns whether those that are well have answered within @patience ms; if
 * not, and
 * @last is not set, nothing is checked. */
static bool
ask_all(int64_t patience, bool last)
{
    bool answered = true;
    struct fake fakes[COUNT];
    struct maqet_survey surveys[COUNT];
    int locks[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        fakes[i] = start_fake(cases[i].mode);
        surveys[i] = MAQET_SURVEY_INIT;
        surveys[i].folder = maqet_path_of_fd(fakes[i].dir_fd);
        locks[i] = openat(fakes[i].dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (cases[i].locked)
            CU_ASSERT_EQUAL(maqet_lock_try(locks[i], NULL), 1);
    }
    maqet_survey_run(surveys, COUNT, "qmp", "lock", "query-status", patience);
    for (size_t i = 0; i < COUNT; i++)
        answered = answered && (cases[i].result == MAQET_SURVEY_SILENT ||
                                surveys[i].result != MAQET_SURVEY_SILENT);
    for (size_t i = 0; i < COUNT; i++) {
        if (answered || last)
            check(&surveys[i], i);
        maqet_survey_clear(&surveys[i]);
        close(locks[i]);
        end_fake(&fakes[i]);
    }
    return answered;
}

/* However slow the machine is, there is a time in which those that are well answer. */
static void
test_all_at_once(void)
{
    const int64_t limit = unit_patience(64000);
    int64_t patience = SHORT;

    while (!ask_all(patience, patience >= limit) && patience < limit)
        patience *= 2;
}

/* Nobody, and nobody who is there. */
static void
test_none(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    struct maqet_survey survey = MAQET_SURVEY_INIT;

    maqet_survey_run(NULL, 0, "qmp", "lock", "query-status", unit_patience(60000));
    survey.folder = maqet_strdup(folder);
    maqet_survey_run(&survey, 1, "qmp", "lock", "query-status", unit_patience(60000));
    CU_ASSERT_EQUAL(survey.result, MAQET_SURVEY_FAILED);
    maqet_survey_clear(&survey);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"all at once", test_all_at_once},
        {"none", test_none},
        CU_TEST_INFO_NULL,
    };

    return unit_run("survey", tests);
}
