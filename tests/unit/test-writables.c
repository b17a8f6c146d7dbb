/* SPDX-License-Identifier: MIT */
/* What a guest can write to by the user's own arguments, in each way that it is written.
 */
#include "core/config/yaml.h"
#include "core/qemu/arguments.h"
#include "core/qemu/writables.h"
#include "tests/unit/unit.h"

/* "NAME: KIND FILE", one after the other; with a '-' before what is thrown away. */
static void
check(const char *yaml, const char *wanted)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *list =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &error);
    _cleanup_writables_ struct maqet_writables found = {0};
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT_EQUAL_FATAL(maqet_arguments_check(list, &error), 0);
    maqet_arguments_writables(list, &found);
    for (size_t i = 0; i < found.count; i++) {
        const struct maqet_writable *one = &found.items[i];

        maqet_text_appendf(
            &text, "%s%s%s: %s %s", i > 0 ? ", " : "", one->discarded ? "-" : "",
            one->name, maqet_writable_kind_name(one->kind), one->file ? one->file : "?");
        CU_ASSERT_TRUE(maqet_text_starts(one->place ? one->place : "", "vm.yaml:"));
    }
    UNIT_SAME(text.data ? text.data : "", wanted);
}

static void
test_drives(void)
{
    check("- drive: 'file=a,,b.img,if=virtio'", "drive0: disk a,b.img");
    check("- drive: {file: a.img}\n- drive: {file: b.img, id: b}\n- --drive: file=c",
          "drive0: disk /vms/a.img, b: disk /vms/b.img, drive2: disk c");
    check("- drive: {file: {driver: file, filename: a.img}}", "drive0: disk /vms/a.img");
    check("- drive: 'file=nbd://host/a,readonly=off'", "drive0: disk nbd://host/a");
    /* Read-only, or with nothing in it. */
    check("- drive: 'file=a,readonly'", "");
    check("- drive: {file: a, readonly: on}\n- drive: 'file=a,read-only=yes'", "");
    check("- drive: 'file=a,media=cdrom'\n- drive: 'if=none,id=b'", "");
    check("- drive: 'file=,if=floppy'", "");
}

static void
test_discarded(void)
{
    check("- drive: {file: a, snapshot: on}\n- drive: 'file=b,snapshot=off'",
          "-drive0: disk /vms/a, drive1: disk b");
}

static void
test_files(void)
{
    check("- hda: a\n- hdb: b\n- fda: c\n- sd: d\n- sd: e\n- mtdblock: f\n- cdrom: g",
          "hda: disk /vms/a, hdb: disk /vms/b, fda: disk /vms/c, sd0: disk /vms/d, "
          "sd1: disk /vms/e, mtdblock0: disk /vms/f");
}

static void
test_nodes(void)
{
    check("- blockdev: {driver: x, node-name: n, file: {driver: file, filename: a}}",
          "n: disk /vms/a");
    check("- blockdev: 'driver=file,filename=n,node-name=below'\n"
          "- blockdev: 'driver=x,file=below,node-name=n'",
          "n: disk n");
    check("- blockdev: '{\"driver\": \"file\", \"node-name\": \"n\", \"filename\": "
          "\"a\", \"read-only\": false}'",
          "n: disk a");
    check("- blockdev: '{\"driver\": \"file\", \"node-name\": \"n\", \"filename\": "
          "\"a\", \"read-only\": true}'\n- blockdev: 'driver=x,node-name=m,read-only'",
          "");
    /* The base of another. */
    check("- blockdev: 'driver=x,filename=a,node-name=base'\n"
          "- blockdev: 'driver=x,filename=b,node-name=n,backing=base'\n",
          "n: disk b");
}

static void
test_flash(void)
{
    check(
        "- pflash: a\n- drive: 'if=pflash,file=b'\n- drive: 'if=pflash,file=c,unit=2'",
        "pflash0: flash memory /vms/a, pflash1: flash memory b, pflash2: flash memory c");
    check("- drive: 'if=pflash,file=code,readonly=on'\n- drive: 'if=pflash,file=vars'",
          "pflash1: flash memory vars");
    check("- blockdev: 'driver=file,filename=v,node-name=vars'\n- M: 'q35,pflash1=vars'",
          "vars: flash memory v");
}

static void
test_memory(void)
{
    check("- object: 'memory-backend-file,id=m,share=on,mem-path=a'\n"
          "- device: {driver: nvdimm, memdev: m}",
          "m: persistent memory a");
    check("- object: {qom-type: memory-backend-file, id: m, share: on, mem-path: a}\n"
          "- device: '{\"driver\": \"nvdimm\", \"memdev\": \"m\"}'",
          "m: persistent memory /vms/a");
    /* The guest's ordinary memory; and changes that stay QEMU's own. */
    check("- object: 'memory-backend-file,id=m,share=on,mem-path=a'\n"
          "- machine: memory-backend=m",
          "");
    check("- object: 'memory-backend-file,id=m,mem-path=a'\n- device: 'nvdimm,memdev=m'",
          "");
}

static void
test_tpm(void)
{
    check("- chardev: 'socket,id=c,path=s'\n- tpmdev: 'emulator,id=t,chardev=c'",
          "t: TPM state s");
    check("- tpmdev: {type: passthrough, id: t, path: /dev/tpm0}",
          "t: TPM state /dev/tpm0");
}

/* Those that other processes serve. */
static void
test_served(void)
{
    check(
        "- chardev: 'socket,id=c,path=s'\n- device: 'vhost-user-blk-pci,chardev=c,id=d'\n"
        "- device: {driver: vhost-user-blk-pci, chardev: c}",
        "d: disk s, device0: disk s");
    check("- device: 'vhost-x-pci,wwpn=naa.5'", "device0: disk naa.5");
    check("- device: 'vhost-user-fs-pci,chardev=c,tag=t'", "");
}

static void
test_same_names(void)
{
    check("- hda: a\n- drive: 'id=hda,file=b'", "hda: disk /vms/a, argument-hda: disk b");
}

static void
test_nothing(void)
{
    struct maqet_writables found = {0};

    maqet_arguments_writables(NULL, &found);
    CU_ASSERT_EQUAL(found.count, 0);
    check("- enable-kvm\n- m: 2G\n- device: virtio-net\n- readconfig: nowhere", "");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"drives", test_drives},
        {"what is thrown away", test_discarded},
        {"options that are files", test_files},
        {"block nodes", test_nodes},
        {"flash memory", test_flash},
        {"persistent memory", test_memory},
        {"TPMs", test_tpm},
        {"disks that others serve", test_served},
        {"names that are taken", test_same_names},
        {"nothing to write to", test_nothing},
        CU_TEST_INFO_NULL,
    };

    return unit_run("writables", tests);
}
