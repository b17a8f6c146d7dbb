// SPDX-License-Identifier: MIT
//
// throttled.cc - a storage plugin in C++: raw disks whose guest gets no more operations and bytes a
// second than it is given, by QEMU's throttle filter. Any standard from C++11 on will do.
//
// The node that the guest sees is the filter, which refers to the image's node by its name, and to a
// throttle group. So qemu-img is given all three (maqet_command_image).
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <exception>
#include <memory>
#include <string>

#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace {

const char *const formats[] = {"raw", nullptr};

// In C++ before C++20, the members of a struct are given in their order.
const struct maqet_option options[] = {
    {"file", MAQET_OPTION_PATH, 0, {}, 0, nullptr, nullptr, nullptr,
     "the image, made when it is missing", 0, 0},
    {"size", MAQET_OPTION_SIZE, MAQET_LIMITS, {}, 0, nullptr, nullptr, nullptr,
     "size that the guest sees, such as 20G; used when the image is made", 512, INT64_MAX - 511},
    {"format", MAQET_OPTION_CHOICE, 0, {}, 0, nullptr, formats, nullptr,
     "says that the image is raw, whatever it begins with", 0, 0},
    {"iops", MAQET_OPTION_INT, MAQET_LIMITS, {}, 0, nullptr, nullptr, nullptr,
     "operations a second; no limit without it", 1, 1000000000},
    {"rate", MAQET_OPTION_SIZE, MAQET_LIMITS, {}, 0, nullptr, nullptr, nullptr,
     "bytes a second, such as 50M; no limit without it", 512, INT64_C(1) << 40},
    {"burst", MAQET_OPTION_INT, MAQET_LIMITS, {}, 0, "1", nullptr, nullptr,
     "seconds for which an idle drive may be ten times as quick", 1, 60},
    {"readonly", MAQET_OPTION_BOOL, 0, {}, 0, nullptr, nullptr, nullptr,
     "the guest may only read, and the image is never made", 0, 0},
    {},
};

// A command that nobody runs is freed; one that runs is the core's.
struct free_command {
    void operator()(struct maqet_command *command) const
    {
        maqet_command_free(command);
    }
};

class Command {
public:
    explicit Command(const char *program) : command(maqet_command_new(program)) {}

    Command &arg(const std::string &word)
    {
        maqet_command_word(command.get(), word.c_str());
        return *this;
    }

    int image(const struct maqet_drive *drive, struct maqet_error **err)
    {
        return maqet_command_image(command.get(), drive, err);
    }

    int run(struct maqet_error **err)
    {
        return maqet_command_run(command.release(), err);
    }

private:
    std::unique_ptr<struct maqet_command, free_command> command;
};

// No exception may leave a callback: who called it is written in C.
template <typename Work>
int guard(struct maqet_error **err, Work work) noexcept
{
    try {
        return work();
    } catch (const std::exception &exception) {
        return maqet_error_set(err, MAQET_ERROR_FAILED, "the plugin failed: %s",
                               exception.what());
    }
}

// A disk has whole sectors.
uint64_t round_up(uint64_t bytes)
{
    return (bytes + 511) & ~UINT64_C(511);
}

int space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
          struct maqet_error **err)
{
    const uint64_t size = maqet_drive_size(drive, "size");

    if (size == 0) {
        maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                          "%s is not there yet, and making it needs a `size`",
                          maqet_drive_path(drive));
        maqet_error_hint_text(err, "Add a line such as `size: 20G`");
        return -1;
    }
    *at_once = 0;
    *at_most = round_up(size);
    return 0;
}

int create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    return guard(err, [=] {
        return Command("qemu-img")
            .arg("create").arg("-q").arg("-f").arg("raw").arg("--").arg(path)
            .arg(std::to_string(round_up(maqet_drive_size(drive, "size"))))
            .run(err);
    });
}

// What the image really is. Formats by which files of the host could be read are told apart.
const char *format_of(int fd)
{
    static const struct {
        const char *format, *magic;
    } known[] = {{"qcow2", "QFI\xfb"}, {"qed", "QED"}, {"vmdk", "KDMV"},
                 {"vmdk", "# Disk DescriptorFile"}, {"vhdx", "vhdxfile"}, {"vpc", "conectix"}};
    char start[32] = "";

    if (pread(fd, start, sizeof(start), 0) < 0)
        return nullptr;
    for (const auto &row : known)
        if (std::strncmp(start, row.magic, std::strlen(row.magic)) == 0)
            return row.format;
    return "raw";
}

int inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
            struct maqet_error **err)
{
    // What the guest has written to its disk is no reason to doubt the user's word.
    const char *format = maqet_drive_has(drive, "format") ? "raw" : format_of(fd);
    const off_t size = lseek(fd, 0, SEEK_END);

    if (!format || size < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED, "cannot read %s: %s",
                                 maqet_drive_path(drive), std::strerror(errno));
    maqet_image_format(image, format);
    maqet_image_virtual_size(image, round_up(static_cast<uint64_t>(size)));
    return 0;
}

int resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    return guard(err, [=] {
        Command command("qemu-img");

        command.arg("resize").arg("-q");
        if (command.image(drive, err) < 0)
            return -1;
        return command.arg(std::to_string(round_up(bytes))).run(err);
    });
}

int live_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_actions *actions,
                struct maqet_error **)
{
    struct maqet_props *action = maqet_actions_add(actions, "block_resize");

    maqet_props_string(action, "node-name", maqet_drive_node(drive));
    maqet_props_int(action, "size", static_cast<int64_t>(round_up(bytes)));
    return 0;
}

// The average of a kind, and what it may be for a while.
void limit(const struct maqet_drive *drive, struct maqet_props *group, const std::string &kind,
           uint64_t average)
{
    const std::string key = "limits." + kind;

    if (average == 0)
        return;
    maqet_props_int(group, key.c_str(), static_cast<int64_t>(average));
    maqet_props_int(group, (key + "-max").c_str(), static_cast<int64_t>(average * 10));
    maqet_props_int(group, (key + "-max-length").c_str(), maqet_drive_int(drive, "burst"));
}

int emit_args(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    return guard(err, [=] {
        const std::string node = maqet_drive_node(drive);
        const std::string image = maqet_drive_child_node(drive, "image");
        const std::string group = node + "-limits";
        const bool readonly = maqet_drive_readonly(drive);

        struct maqet_props *props = maqet_args_object(args, "throttle-group", group.c_str());
        limit(drive, props, "iops-total", static_cast<uint64_t>(maqet_drive_int(drive, "iops")));
        limit(drive, props, "bps-total", maqet_drive_size(drive, "rate"));

        props = maqet_args_blockdev(args, image.c_str());
        maqet_props_string(props, "driver", "raw");
        maqet_props_bool(props, "read-only", readonly);
        maqet_props_string(props, "file.driver", "file");
        maqet_props_string(props, "file.filename", maqet_drive_path(drive));

        props = maqet_args_blockdev(args, node.c_str());
        maqet_props_string(props, "driver", "throttle");
        maqet_props_bool(props, "read-only", readonly);
        maqet_props_string(props, "throttle-group", group.c_str());
        maqet_props_string(props, "file", image.c_str());
        return 0;
    });
}

const struct maqet_storage_plugin plugin = {
    MAQET_STORAGE_PLUGIN_HEADER,
    "throttled",
    "raw disks with a limit of operations and bytes a second",
    "0.1",    // version
    nullptr,  // author
    nullptr,  // url
    options,
    MAQET_STORAGE_HOTPLUG | MAQET_STORAGE_PLAIN,
    0,        // media: disks
    "raw",    // format
    "virtio", // interface
    "file",
    "size",
    "readonly",
    MAQET_CREATION_ONCE,
    nullptr, // open
    nullptr, // close
    nullptr, // validate
    space,
    create,
    inspect,
    nullptr, // holders
    nullptr, // helper
    resize,
    live_resize,
    emit_args,
    nullptr, // check
    nullptr, // remove
    nullptr, // ended
    nullptr, // snapshot
    nullptr, // overlay
};

} // namespace

MAQET_REGISTER_STORAGE_PLUGIN(plugin)
