/* SPDX-License-Identifier: MIT */
#include "cli/new_yaml.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "cli/output.h"

/* The first user ID of people, in distributions (login.defs(5), UID_MIN), and that of
 * nobody. */
enum { UID_FIRST = 1000, UID_NOBODY = 65534 };

/* Appends a text as a value of YAML: in quotes, unless it is plain for every reader. JSON's
 * quotes are YAML's, too. */
static void
append_value(struct maqet_text *yaml, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./-";
    /* YAML 1.1, which cloud-init reads, has these for true, false and nothing. */
    static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};
    bool is_word = false;

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        is_word = is_word || strcasecmp(value, words[i]) == 0;
    if (*value && strspn(value, plain) == strlen(value) && value[0] != '-' && !is_word) {
        maqet_text_append(yaml, value);
        return;
    }
    json_object *text = json_object_new_string(value);
    char *quoted = json_line(text);
    maqet_text_append(yaml, quoted);
    free(quoted);
    json_object_put(text);
}

void
new_yaml_key(struct maqet_text *yaml, const char *key, const char *value)
{
    maqet_text_appendf(yaml, "%s: ", key);
    append_value(yaml, value);
    maqet_text_append(yaml, "\n");
}

void
new_yaml_begin(struct maqet_text *yaml, const char *command, const char *name,
               const char *memory, const char *vcpus)
{
    maqet_text_appendf(yaml,
                       "# The VM '%s', as 'maqet %s' created it. After a change: maqet "
                       "apply %s FILE\n",
                       name, command, name);
    new_yaml_key(yaml, "name", name);
    new_yaml_key(yaml, "memory", memory);
    new_yaml_key(yaml, "vcpus", vcpus);
}

static void
append_access(struct maqet_text *yaml, const struct new_machine *machine)
{
    maqet_text_append(yaml, "\nnetwork: user\n"
                            "ports:\n"
                            "  # A free port of this host leads to the guest's SSH "
                            "server.\n"
                            "  - \"auto:22\"\n"
                            "ssh:\n");
    new_yaml_key(yaml, "  user", machine->user);
    if (machine->key)
        new_yaml_key(yaml, "  key", machine->key);
}

static void
append_storage(struct maqet_text *yaml, const struct new_machine *machine)
{
    _cleanup_free_ char *size = maqet_text_size(machine->size);

    maqet_text_append(yaml, "\nstorage:\n"
                            "  # What the guest writes goes to this file, which the "
                            "first start creates.\n"
                            "  - name: system\n"
                            "    type: qcow2\n");
    new_yaml_key(yaml, "    file", machine->disk);
    new_yaml_key(yaml, "    size", size);
    maqet_text_append(yaml, "    # The image is only read; other VMs may use it, too.\n");
    new_yaml_key(yaml, "    backing_file", machine->image);
    new_yaml_key(yaml, "    backing_format", machine->format);
    if (!machine->share.path)
        return;
    maqet_text_append(yaml, "  # The guest has it at " NEW_MOUNT_POINT ".\n"
                            "  - name: share\n");
    new_yaml_key(yaml, "    type", machine->share.type);
    new_yaml_key(yaml, "    path", machine->share.path);
    /* Modes and links are the same on both sides. */
    if (strcmp(machine->share.type, "virtfs") == 0)
        maqet_text_append(yaml, "    security_model: none\n");
}

/* cloud-init's own key for mounts takes no names of shares. */
static void
append_mount(struct maqet_text *yaml, const struct new_share *share)
{
    bool is_9p = strcmp(share->type, "virtfs") == 0;

    maqet_text_appendf(yaml,
                       "    bootcmd:\n"
                       "      - [mkdir, -p, " NEW_MOUNT_POINT "]\n"
                       "      - [mount, -t, %s, share, " NEW_MOUNT_POINT "]\n",
                       is_9p ? "9p, -o, \"trans=virtio,version=9p2000.L,msize=262144\""
                             : "virtiofs");
}

static void
append_cloud_init(struct maqet_text *yaml, const struct new_machine *machine)
{
    maqet_text_append(yaml, "\ncloud_init:\n"
                            "  # cloud-init in the guest does this when it boots for the "
                            "first time.\n"
                            "  user_data: |\n"
                            "    #cloud-config\n"
                            "    users:\n");
    new_yaml_key(yaml, "      - name", machine->user);
    /* Others are of users that the guest has already. */
    if (machine->uid >= UID_FIRST && machine->uid != UID_NOBODY)
        maqet_text_appendf(yaml,
                           "        # As the share's owner on this host has it.\n"
                           "        uid: %u\n",
                           (unsigned)machine->uid);
    maqet_text_append(yaml, "        shell: /bin/bash\n"
                            "        sudo: ALL=(ALL) NOPASSWD:ALL\n"
                            "        ssh_authorized_keys:\n"
                            "          - ");
    append_value(yaml, machine->public_key);
    maqet_text_append(yaml, "\n");
    if (machine->share.path)
        append_mount(yaml, &machine->share);
}

char *
new_yaml(const struct new_machine *machine)
{
    _cleanup_text_ struct maqet_text yaml = MAQET_TEXT_INIT;

    new_yaml_begin(&yaml, "new", machine->name, machine->memory, machine->vcpus);
    append_access(&yaml, machine);
    append_storage(&yaml, machine);
    append_cloud_init(&yaml, machine);
    return maqet_text_take(&yaml);
}
