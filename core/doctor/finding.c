/* SPDX-License-Identifier: MIT */
#include "core/doctor/finding.h"

MAQET_WORDS(verdict_word, [MAQET_VERDICT_OK] = "ok", [MAQET_VERDICT_WARNING] = "warning",
            [MAQET_VERDICT_ERROR] = "error")

const struct maqet_fields maqet_finding_fields = MAQET_FIELDS_OF(
    struct maqet_finding,
    {"verdict", MAQET_FIELD_WORD(struct maqet_finding, verdict, verdict_word),
     .help = "whether something must be done"},
    MAQET_ROW(struct maqet_finding, check, "what was examined"),
    MAQET_ROW(struct maqet_finding, text, "what was found"),
    MAQET_ROW(struct maqet_finding, next, "what to do next"));

static void
report(struct maqet_doctor *doctor, struct maqet_finding *finding)
{
    if (finding->verdict > doctor->worst)
        doctor->worst = finding->verdict;
    doctor->found(doctor->data, finding);
    free(finding->check);
    free(finding->text);
    maqet_strings_clear(&finding->next);
}

void
maqet_doctor_say(struct maqet_doctor *doctor, const char *check,
                 enum maqet_verdict verdict, const char *format, ...)
{
    struct maqet_finding finding = {.check = maqet_strdup(check), .verdict = verdict};
    va_list arguments;

    va_start(arguments, format);
    finding.text = maqet_vformat(format, arguments);
    va_end(arguments);
    report(doctor, &finding);
}

void
maqet_doctor_say_error(struct maqet_doctor *doctor, const char *check,
                       enum maqet_verdict verdict, const struct maqet_error *error)
{
    struct maqet_finding finding = {.check = maqet_strdup(check),
                                    .verdict = verdict,
                                    .text = maqet_strdup(error->message)};

    for (size_t i = 0; doctor->context->words && i < error->hints.count; i++)
        maqet_strings_take(&finding.next, doctor->context->words(&error->hints.items[i]));
    report(doctor, &finding);
}
