/* SPDX-License-Identifier: MIT */
/* How the guest answers a request to release a device, which a real QEMU without a guest cannot
 * show: against tests/fake/fake-qemu. tests/unit/test-render.c has a real QEMU. */
#include "core/qemu/hotplug.h"

#include "tests/fake/fake.h"

#define PATIENCE unit_patience(60000)

struct scene {
    struct fake fake;
    char *folder;
    struct maqet_qmp *qmp;
    struct maqet_args *args;
    struct maqet_hotplug hotplug;
};

/* A node, and the device that uses it. */
static void
scene_begin(struct scene *scene, const char *answers)
{
    *scene = (struct scene){.folder = unit_folder(), .args = maqet_args_new()};
    _cleanup_free_ char *file = unit_file(scene->folder, "answers", answers);
    _cleanup_free_ char *mode = maqet_format("answers:%s", file);

    scene->fake = start_fake(mode);
    scene->qmp =
        maqet_qmp_open(scene->fake.dir_fd, "qmp", NULL, PATIENCE, scene->fake.gone, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->qmp);
    maqet_args_blockdev(scene->args, "node");
    maqet_args_device(scene->args, "virtio-blk-pci", "disk");
    scene->hotplug = (struct maqet_hotplug){
        .qmp = scene->qmp, .args = scene->args, .timeout = PATIENCE};
}

static void
scene_clear(struct scene *scene)
{
    maqet_qmp_cleanup(&scene->qmp);
    maqet_args_cleanup(&scene->args);
    end_fake(&scene->fake);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* The commands that QEMU was told, without their arguments: "device_del blockdev-del". */
static char *
told(const struct scene *scene)
{
    _cleanup_free_ char *path = maqet_format("%s/answers.told", scene->folder);
    _cleanup_free_ char *text = NULL;
    struct maqet_text commands = MAQET_TEXT_INIT;
    const char *key = "\"execute\":\"";

    if (maqet_file_read(path, 65536, &text, NULL, NULL) < 0)
        return NULL;
    for (const char *at = text; (at = strstr(at, key));) {
        at += strlen(key);
        size_t length = strcspn(at, "\"");

        if (strncmp(at, "qmp_capabilities", length) == 0)
            continue;
        if (commands.length > 0)
            maqet_text_append_bytes(&commands, " ", 1);
        maqet_text_append_bytes(&commands, at, length);
    }
    return maqet_text_take(&commands);
}

#define TOLD(scene, wanted)                                                              \
    do {                                                                                 \
        _cleanup_free_ char *told_ = told(scene);                                        \
        UNIT_SAME(told_, wanted);                                                        \
    } while (0)

#define EVENT(command, name, device)                                                     \
    command " event {\"event\": \"" name "\", \"data\": {\"device\": \"" device          \
            "\", \"path\": \"/machine/peripheral/" device "\"}, \"timestamp\": {}}\n"
#define DONE(command) command " return {}\n"
#define FAILS(command, class, desc)                                                      \
    command " error {\"class\": \"" class "\", \"desc\": \"" desc "\"}\n"

/* ---- removing ---- */

/* The device is gone when QEMU says so of this device; its node remains in use for a moment. */
static void
test_release(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene,
                EVENT("device_del", "DEVICE_UNPLUG_GUEST_ERROR", "other")
                    EVENT("device_del", "DEVICE_DELETED", "disk") DONE("device_del")
                        FAILS("blockdev-del", "GenericError", "Node node is in use")
                            DONE("blockdev-del"));
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&scene.hotplug, &error), 0);
    UNIT_NO_ERROR(&error);
    TOLD(&scene, "device_del blockdev-del blockdev-del");
}

/* A guest that refuses: the device keeps its node. */
static void
test_refusal(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, EVENT("device_del", "DEVICE_DELETED", "other")
                            EVENT("device_del", "DEVICE_UNPLUG_GUEST_ERROR", "disk")
                                DONE("device_del") DONE("blockdev-del"));
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&scene.hotplug, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_STATE,
               "The -device 'disk' cannot be removed: the guest refuses");
    TOLD(&scene, "device_del");
}

/* A guest that never answers, likewise. */
static void
test_silence(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, EVENT("device_del", "DEVICE_DELETED", "other") DONE("device_del")
                            DONE("blockdev-del"));
    scene.hotplug.timeout = unit_patience(1000);
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&scene.hotplug, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error->message, "the guest did not release it within"));
    maqet_error_free(TAKE_PTR(error));
    _cleanup_free_ char *commands = told(&scene);
    CU_ASSERT_PTR_NULL(strstr(commands, "blockdev-del"));
}

/* An earlier request is pending, so QEMU takes no other: its outcome is awaited. */
static void
test_pending(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, EVENT("device_del", "DEVICE_DELETED", "disk")
                            FAILS("device_del", "GenericError",
                                  "Device disk is already in the process of unplug")
                                DONE("blockdev-del"));
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&scene.hotplug, &error), 0);
    UNIT_NO_ERROR(&error);
    TOLD(&scene, "device_del blockdev-del");
}

/* QEMU's own refusal. */
static void
test_no_removal(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene,
                FAILS("device_del", "GenericError",
                      "Bus 'pcie.0' does not support hotplugging") DONE("blockdev-del"));
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&scene.hotplug, &error), -1);
    UNIT_ERROR(
        &error, MAQET_ERROR_FAILED,
        "The -device 'disk' cannot be removed: QEMU: Bus 'pcie.0' does not support "
        "hotplugging");
    TOLD(&scene, "device_del");
}

/* ---- adding ---- */

/* What is added before the object that QEMU refuses goes again; if it cannot, that is said. */
static void
check_refused(const char *answers, const char *remark)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, answers);
    scene.hotplug.timeout = unit_patience(1000);
    CU_ASSERT_EQUAL(maqet_hotplug_add(&scene.hotplug, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    UNIT_SAME(error->message, "The -device 'disk' cannot be added: QEMU: No room");
    UNIT_SAME(error->remark, remark);
    maqet_error_free(TAKE_PTR(error));
}

static void
test_not_added(void)
{
    check_refused(DONE("blockdev-add") FAILS("device_add", "GenericError", "No room")
                      DONE("blockdev-del"),
                  NULL);
    check_refused(DONE("blockdev-add") FAILS("device_add", "GenericError", "No room")
                      FAILS("blockdev-del", "GenericError", "It is busy"),
                  "The -blockdev 'node' cannot be removed: QEMU: It is busy");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the guest releases a device", test_release},
        {"the guest refuses", test_refusal},
        {"the guest does not answer", test_silence},
        {"an earlier request", test_pending},
        {"QEMU refuses", test_no_removal},
        {"a device that is not added", test_not_added},
        CU_TEST_INFO_NULL,
    };

    return unit_run("hotplug", tests);
}
