/* SPDX-License-Identifier: MIT */
#include "core/config/settings.h"

#include "core/config/options.h"
#include "core/config/yaml.h"

static const char *const accel_words[] = {"auto", "kvm", "tcg", NULL};
static const char *const verbosity_words[] = {"quiet", "normal", "verbose", NULL};
static const struct maqet_option settings_options[] = {
    {.name = "data_dir", .type = MAQET_OPTION_PATH, .help = "where definitions are"},
    {.name = "runtime_dir", .type = MAQET_OPTION_PATH, .help = "where sockets and locks are"},
    {.name = "storage_dir",
     .type = MAQET_OPTION_PATH,
     .help = "where images without a path of their own go"},
    {.name = "accel",
     .type = MAQET_OPTION_CHOICE,
     .choices = accel_words,
     .help = "what `accel` is when a machine doesn't say"},
    {.name = "verbosity",
     .type = MAQET_OPTION_CHOICE,
     .choices = verbosity_words,
     .help = "how much is said"},
    {.name = NULL},
};

int
maqet_settings_read(const char *path, struct maqet_settings *settings,
                    struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {settings_options, NULL};

    *settings = (struct maqet_settings){0};
    if (access(path, F_OK) < 0)
        return 0;
    _cleanup_json_ json_object *tree = maqet_yaml_read(path, err);
    if (!tree || maqet_options_check(tree, tables, NULL, NULL, err) < 0)
        return -1;
    settings->data_dir = maqet_strdup(maqet_tree_text(tree, "data_dir"));
    settings->runtime_dir = maqet_strdup(maqet_tree_text(tree, "runtime_dir"));
    settings->storage_dir = maqet_strdup(maqet_tree_text(tree, "storage_dir"));
    settings->accel = maqet_strdup(maqet_tree_text(tree, "accel"));
    settings->verbosity = maqet_strdup(maqet_tree_text(tree, "verbosity"));
    return 0;
}

void
maqet_settings_clear(struct maqet_settings *settings)
{
    free(settings->data_dir);
    free(settings->runtime_dir);
    free(settings->storage_dir);
    free(settings->accel);
    free(settings->verbosity);
    *settings = (struct maqet_settings){0};
}
