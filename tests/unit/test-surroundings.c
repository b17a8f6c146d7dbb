/* SPDX-License-Identifier: MIT */
/* Which files QEMU writes to by the user's own arguments, in each way that they are
 * named. */
#include "core/config/yaml.h"
#include "core/qemu/arguments.h"
#include "core/qemu/surroundings.h"
#include "tests/unit/unit.h"

/* "-OPTION KIND PATH", one after the other. */
static void
check(const char *yaml, const char *wanted)
{
    static const char *const kinds[] = {
        [MAQET_WRITTEN_IMAGE] = "image",       [MAQET_WRITTEN_UNLOCKED] = "unlocked",
        [MAQET_WRITTEN_FOLDER] = "folder",     [MAQET_WRITTEN_OUTPUT] = "output",
        [MAQET_WRITTEN_APPENDED] = "appended",
    };
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *list =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &error);
    _cleanup_written_files_ struct maqet_written_files files = {0};
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT_EQUAL_FATAL(maqet_arguments_check(list, &error), 0);
    maqet_arguments_written(list, "/work", &files);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *place = maqet_place_text(files.items[i].place);

        maqet_text_appendf(&text, "%s-%s %s %s", i > 0 ? ", " : "", files.items[i].option,
                           kinds[files.items[i].kind], files.items[i].path);
        CU_ASSERT_TRUE(maqet_text_starts(place, "vm.yaml:"));
    }
    UNIT_SAME(text.data ? text.data : "", wanted);
}

static void
test_images(void)
{
    check("- hda: a\n- pflash: /b\n- sd: c\n- cdrom: d",
          "-hda image /vms/a, -pflash image /b, -sd image /vms/c");
    check("- drive: 'file=a,,b,if=none'", "-drive image /work/a,b");
    check("- drive: {file: a, if: none}", "-drive image /vms/a");
    check("- drive: 'file=file:a:b'", "-drive image /work/a:b");
    check("- drive: 'file=host_device:/dev/sdz'", "-drive image /dev/sdz");
    check("- drive: 'driver=x,file.driver=file,file.filename=/a'", "-drive image /a");
    check("- blockdev: 'driver=file,node-name=n,filename=/a'", "-blockdev image /a");
    check("- blockdev: '{\"driver\": \"x\", \"children\": [{\"file\": {\"filename\": "
          "\"/a\"}}, {\"filename\": \"/b\"}]}'",
          "-blockdev image /a, -blockdev image /b");
    check("- hda: 'json:{\"file\": {\"filename\": \"/a\"}}'", "-hda image /a");
    check("- hda: 'json:{\"file\": {\"filename\": \"json:{}\"}}'", "");
    check("- hda: 'json:{'", "");
    check("- drive: 'file=nbd:host:1'\n- hda: 'http://a/b'\n- hdb: /dev/fdset/1", "");
    check("- drive: 'if=none,id=x'\n- drive: 'file='", "");
}

static void
test_not_written(void)
{
    check("- drive: 'file=a,readonly=on'\n- drive: 'file=b,read-only'", "");
    check("- drive: 'file=a,media=cdrom'\n- drive: {file: b, snapshot: on}", "");
    check("- drive: 'file=a,backing.file.filename=b'", "-drive image /work/a");
    check("- blockdev: 'driver=file,filename=/a,node-name=f,auto-read-only=on'\n"
          "- blockdev: 'driver=x,file=f,node-name=x,read-only=on'",
          "");
    check("- blockdev: 'driver=file,filename=/a,node-name=f'\n"
          "- blockdev: 'driver=x,file=f,node-name=x'",
          "-blockdev image /a");
    check("- drive: 'file=/a,if=none,id=d'\n- device: 'x,drive=d,share-rw=on'", "");
    check("- blockdev: 'driver=file,filename=/a,node-name=f'\n"
          "- blockdev: 'driver=x,file=f,node-name=x'\n- device: 'y,drive=x,share-rw=on'",
          "");
    check("- drive: 'file=/a,if=none,id=d'\n- device: 'x,drive=d,share-rw=off'",
          "-drive image /a");
    /* Nodes that are below one another have no end. */
    check("- blockdev: 'file=b,node-name=a,filename=/x'\n- blockdev: "
          "'file=a,node-name=b'",
          "-blockdev image /x");
}

static void
test_unlocked(void)
{
    check("- drive: 'file.filename=/a,file.locking=off'", "-drive unlocked /a");
    check("- drive: 'file.filename=/a,file.locking=on'", "-drive image /a");
    check("- object: 'memory-backend-file,id=m,share=on,mem-path=a'",
          "-object unlocked /work/a");
    check("- object: '{\"qom-type\": \"memory-backend-file\", \"id\": \"m\", \"share\": "
          "true, \"mem-path\": \"/a\"}'",
          "-object unlocked /a");
    check("- object: 'memory-backend-file,id=m,mem-path=a'\n"
          "- object: 'memory-backend-file,id=n,mem-path=b,share=off'\n"
          "- object: 'memory-backend-file,id=o,mem-path=b,share=on,readonly=on'",
          "");
    check("- object: 'memory-backend-file,id=m,share=on,mem-path=a'\n"
          "- device: 'ivshmem-plain,memdev=m'",
          "");
}

static void
test_folders(void)
{
    check("- hda: 'fat:rw:/a'", "-hda folder /a");
    check("- drive: 'file=fat:floppy:16:rw:a:b'", "-drive folder /work/a:b");
    check("- hda: 'fat:/a'\n- hdb: 'fat:floppy:/rw:b'", "");
    check("- blockdev: 'driver=vvfat,node-name=n,dir=/a,rw=on'", "-blockdev folder /a");
    check("- blockdev: 'driver=vvfat,node-name=n,dir=/a'", "");
}

static void
test_output(void)
{
    check("- serial: 'file:a'\n- monitor: 'mon:file:/b'\n- qmp: 'unix:c,server=on'",
          "-serial output /work/a, -monitor output /b");
    check("- chardev: 'file,id=c,path=a'\n- chardev: 'file,id=d,path=b,append=on'",
          "-chardev output /work/a, -chardev appended /work/b");
    check("- audio: 'wav,path=/a'\n- qtest-log: /b\n- qtest-log: none\n- D: /dev/null",
          "-audio output /a, -qtest-log output /b");
    check("- chardev: 'pipe,id=c,path=a'\n- chardev: "
          "'socket,id=d,path=b,logfile=/l,logappend=on'",
          "-chardev appended /l");
    check("- D: log", "-D output /vms/log");
    check("- D: log-%d", "");
    check("- trace: 'enable=x,file=t'\n- object: 'filter-dump,id=f,netdev=n,file=/p'",
          "-trace output /work/t, -object output /p");
    check("- audiodev: 'wav,id=a,path=/w'\n- audiodev: 'driver=wav,id=b,path=/v'\n"
          "- audiodev: 'none,id=c'",
          "-audiodev output /w, -audiodev output /v");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"images", test_images},          {"what is not written", test_not_written},
        {"without locks", test_unlocked}, {"folders", test_folders},
        {"output", test_output},          CU_TEST_INFO_NULL,
    };

    return unit_run("written", tests);
}
