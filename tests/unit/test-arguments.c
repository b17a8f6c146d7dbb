/* SPDX-License-Identifier: MIT */
/* The user's own QEMU arguments: each form that works, and the words for each that
 * doesn't. */
#include "core/config/yaml.h"
#include "core/qemu/argument_check.h"
#include "core/qemu/arguments.h"
#include "tests/unit/unit.h"

/* A list as it stands in the file "vm.yaml" of a folder. */
static json_object *
list_in(const char *yaml, const char *folder)
{
    struct maqet_error *error = NULL;
    json_object *list = maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", folder, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    return list;
}

/* Checks that a list becomes these arguments, which are joined by spaces here. */
static void
check_rendered(json_object *list, const char *wanted)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    maqet_arguments_render(list, &argv);
    _cleanup_free_ char *line = maqet_strings_join(&argv, " ");
    UNIT_SAME(line, wanted);
}

/* Whether it is of the right form, and QEMU may have it. */
static int
check_list(json_object *list, struct maqet_error **err)
{
    const struct maqet_qemu_manner any = {0};

    return maqet_arguments_check(list, err) < 0
               ? -1
               : maqet_arguments_check_allowed(list, &any, err);
}

static void
check_in_folder(const char *yaml, const char *folder, const char *wanted)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *list = list_in(yaml, folder);

    CU_ASSERT_EQUAL(check_list(list, &error), 0);
    UNIT_NO_ERROR(&error);
    check_rendered(list, wanted);
}

static void
check(const char *yaml, const char *wanted)
{
    check_in_folder(yaml, "/vms", wanted);
}

static void
check_wrong(const char *yaml, const char *message)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *list = list_in(yaml, "/vms");

    CU_ASSERT_EQUAL(check_list(list, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, message);
}

/* ---- forms ---- */

static void
test_forms_of_the_manual(void)
{
    check("- smp: 4", "-smp 4");
    check("- enable-kvm: null", "-enable-kvm");
    check("- enable-kvm:", "-enable-kvm");
    check("- enable-kvm", "-enable-kvm");
    check("- -enable-kvm", "-enable-kvm");
    check("- --enable-kvm", "-enable-kvm");
    check("- netdev: \"user,id=net0,hostfwd=tcp::2222-:22\"",
          "-netdev user,id=net0,hostfwd=tcp::2222-:22");
    check("- device: {driver: virtio-net-pci, netdev: net0}",
          "-device driver=virtio-net-pci,netdev=net0");
    check("- display: {gtk: null, zoom-to-fit: on}", "-display gtk,zoom-to-fit=on");
    check("- netdev: {type: stream, addr: {type: inet, opt: {host: h}}}",
          "-netdev type=stream,addr.type=inet,addr.opt.host=h");
}

static void
test_values_as_written(void)
{
    check("- a: on", "-a on");
    check("- a: 0755", "-a 0755");
    check("- a: 1.10", "-a 1.10");
    check("- a: 0x1F", "-a 0x1F");
    check("- a: no", "-a no");
    check("- a: \"\"", "-a ");
    check("- a: \"x, y\"", "-a x, y");
    check("- append: \"console=ttyS0 quiet, a=\\\"b\\\"\"",
          "-append console=ttyS0 quiet, a=\"b\"");
    check("- device: {a: on, b: 0755}", "-device a=on,b=0755");
}

static void
test_commas_in_mappings(void)
{
    check("- smbios: {type: 11, value: \"a,b,,c\"}", "-smbios type=11,value=a,,b,,,,c");
    check("- a: {b: {c: \"x,y\"}, d: \"\"}", "-a b.c=x,,y,d=");
}

static void
test_several(void)
{
    check("[]", "");
    check("- {smp: 4, m: 2G}\n- nographic\n- {-device: x, --device: y}",
          "-smp 4 -m 2G -nographic -device x -device y");
    check("- M: q35", "-machine q35");
}

/* ---- paths ---- */

static void
test_whole_values_that_are_paths(void)
{
    check("- kernel: boot/vmlinuz", "-kernel /vms/boot/vmlinuz");
    check("- initrd: initrd.img", "-initrd /vms/initrd.img");
    check("- -kernel: \"a, b:c\"", "-kernel /vms/a, b:c");
    check("- kernel: /boot/vmlinuz", "-kernel /boot/vmlinuz");
    check("- shim: shim.efi", "-shim /vms/shim.efi");
    check("- dtb: ./a.dtb", "-dtb /vms/a.dtb");
    check("- cdrom: a.iso", "-cdrom /vms/a.iso");
    check("- hda: a.img\n- hdb: b.img\n- hdc: c.img\n- hdd: d.img",
          "-hda /vms/a.img -hdb /vms/b.img -hdc /vms/c.img -hdd /vms/d.img");
    check("- fda: a.img\n- fdb: b.img\n- sd: sd.img\n- mtdblock: m.img\n- pflash: p.fd",
          "-fda /vms/a.img -fdb /vms/b.img -sd /vms/sd.img -mtdblock /vms/m.img "
          "-pflash /vms/p.fd");
    check("- kernel: \"\"", "-kernel ");
    check("- append: a/b", "-append a/b");
}

static void
test_protocols_are_no_paths(void)
{
    check("- hda: \"nbd:localhost:10809\"", "-hda nbd:localhost:10809");
    check("- cdrom: http://example.org/a.iso", "-cdrom http://example.org/a.iso");
    check("- hdb: \"fat:rw:folder\"", "-hdb fat:rw:folder");
    check("- hda: 'json:{\"driver\":\"null-co\"}'", "-hda json:{\"driver\":\"null-co\"}");
    check("- hda: ./a:b", "-hda /vms/a:b");
    check("- drive: {file: \"nbd:localhost:10809\"}", "-drive file=nbd:localhost:10809");
}

static void
test_home(void)
{
    const char *home = getenv("HOME");
    _cleanup_free_ char *before = maqet_strdup(home);

    setenv("HOME", "/home/me", 1);
    check("- kernel: ~/vmlinuz", "-kernel /home/me/vmlinuz");
    check("- bios: ~/bios.bin", "-bios /home/me/bios.bin");
    check("- drive: {file: ~/a.img}", "-drive file=/home/me/a.img");
    if (before)
        setenv("HOME", before, 1);
    else
        unsetenv("HOME");
}

static void
test_properties_that_are_paths(void)
{
    check("- drive: {file: a.img, if: none}", "-drive file=/vms/a.img,if=none");
    check("- drive: {file: {driver: file, filename: a.img}}",
          "-drive file.driver=file,file.filename=/vms/a.img");
    check("- blockdev: {driver: raw, file: node, node-name: n}",
          "-blockdev driver=raw,file=node,node-name=n");
    check("- blockdev: {driver: raw, file.filename: a.img}",
          "-blockdev driver=raw,file.filename=/vms/a.img");
    check("- chardev: {file: null, id: c, path: out.txt, logfile: log}",
          "-chardev file,id=c,path=/vms/out.txt,logfile=/vms/log");
    check("- chardev: {socket: null, id: c, path: name, abstract: on}",
          "-chardev socket,id=c,path=name,abstract=on");
    check("- option-rom: {romfile: ./a.rom, bootindex: 1}",
          "-option-rom romfile=/vms/a.rom,bootindex=1");
    check("- machine: {type: q35, kernel: k}", "-machine type=q35,kernel=/vms/k");
    check("- M: {type: q35, kernel: k}", "-machine type=q35,kernel=/vms/k");
    check("- fw_cfg: {name: opt/a, file: \"a,b\"}", "-fw_cfg name=opt/a,file=/vms/a,,b");
    check("- device: {driver: x, file: a.img}", "-device driver=x,file=a.img");
}

static void
test_texts_in_qemus_syntax_are_left_alone(void)
{
    check("- drive: \"file=a.img,if=none\"", "-drive file=a.img,if=none");
    check("- option-rom: \"romfile=./a.rom,bootindex=1\"",
          "-option-rom romfile=./a.rom,bootindex=1");
    check("- serial: \"file:a.log\"", "-serial file:a.log");
}

/* A bare name is one of QEMU's own files, unless there is such a file in the folder. */
static void
test_firmware(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *file = unit_file(folder, "mine.bin", "");
    _cleanup_free_ char *bios = maqet_format("-bios %s", file);
    _cleanup_free_ char *rom = maqet_format("-option-rom %s", file);
    _cleanup_free_ char *firmware = maqet_format("-machine firmware=%s", file);
    _cleanup_free_ char *below = maqet_format("-bios %s/no/such.bin", folder);

    check_in_folder("- bios: mine.bin", folder, bios);
    check_in_folder("- option-rom: mine.bin", folder, rom);
    check_in_folder("- machine: {firmware: mine.bin}", folder, firmware);
    check_in_folder("- bios: no/such.bin", folder, below);
    check_in_folder("- bios: bios-256k.bin", folder, "-bios bios-256k.bin");
    check_in_folder("- option-rom: vgabios.bin", folder, "-option-rom vgabios.bin");
}

/* What was checked is stored, and is checked again: nothing may change. */
static void
test_twice(void)
{
    _cleanup_json_ json_object *list = list_in("- kernel: a\n- drive: {file: b}", "/vms");

    CU_ASSERT_EQUAL(check_list(list, NULL), 0);
    CU_ASSERT_EQUAL(check_list(list, NULL), 0);
    check_rendered(list, "-kernel /vms/a -drive file=/vms/b");
}

/* ---- what is wrong ---- */

static void
test_wrong_items(void)
{
    static const char rule[] = "vm.yaml:1:3: an item of `arguments` is one of QEMU's "
                               "options, such as `- smp: 2` or `- enable-kvm`";

    check_wrong("- ",
                "vm.yaml:1:2: an item of `arguments` is one of QEMU's options, such "
                "as `- smp: 2` or `- enable-kvm`");
    check_wrong("- [smp, 2]", rule);
    check_wrong("- {}", rule);
    check_wrong("- netdev user,id=net0",
                "vm.yaml:1:3: 'netdev user,id=net0' is an option "
                "and its value in one string; write "
                "`- netdev: \"user,id=net0\"`");
    check_wrong(
        "- smp: 1\n- '-append  a \"b\"'",
        "vm.yaml:2:3: '-append  a \"b\"' is an option and its value in one string; "
        "write `- append: 'a \"b\"'`");
    check_wrong("- smp=4",
                "vm.yaml:1:3: 'smp=4' is an option and its value in one string; "
                "write `- smp: \"4\"`");
    check_wrong("- a,b", "vm.yaml:1:3: 'a,b' is not the name of a QEMU option");
    check_wrong("- ---smp", "vm.yaml:1:3: '---smp' is not the name of a QEMU option");
    check_wrong("- \"\"", "vm.yaml:1:3: '' is not the name of a QEMU option");
    check_wrong("- \"-\"", "vm.yaml:1:3: '-' is not the name of a QEMU option");
    check_wrong("- smp: 1\n  m 2: 3",
                "vm.yaml:2:3: 'm 2' is not the name of a QEMU option");
    check_wrong("- _a: 1", "vm.yaml:1:3: '_a' is not the name of a QEMU option");
    check_wrong("- /a.img", "vm.yaml:1:3: '/a.img' is not the name of a QEMU option");
}

static void
test_wrong_values(void)
{
    check_wrong("- device: [a, b]", "vm.yaml:1:11: the value of -device cannot be a "
                                    "list; repeat `- device: ...` instead");
    check_wrong("- smp: {cpus: [1]}", "vm.yaml:1:15: 'cpus' of -smp cannot be a list");
    check_wrong("- a: {b: {c: [1]}}", "vm.yaml:1:14: 'b.c' of -a cannot be a list");
    check_wrong("- smp: {}", "vm.yaml:1:8: the mapping of -smp is empty");
    check_wrong("- a: {\"b=c\": 1}",
                "vm.yaml:1:7: 'b=c' is not a property of -a; write each as KEY: VALUE");
    check_wrong("- a: {b: {\"c,d\": 1}}",
                "vm.yaml:1:11: 'c,d' is not a property of -a; write each as KEY: VALUE");
    check_wrong("- enable-kvm: on",
                "vm.yaml:1:15: -enable-kvm takes no value; write `- enable-kvm`");
    check_wrong("- kernel", "vm.yaml:1:3: -kernel has no value; write `- kernel: PATH`");
    check_wrong("- hda:", "vm.yaml:1:3: -hda has no value; write `- hda: PATH`");
    check_wrong("- kernel: {a: b}", "vm.yaml:1:11: -kernel takes a path, not a mapping");
}

static void
test_wrong_indentation(void)
{
    check_wrong(
        "- device:\n  driver: e1000\n  netdev: net0",
        "vm.yaml:1:3: -device has no value; write `- device: {KEY: VALUE, ...}`, or "
        "indent its properties further than 'device'");
}

static void
test_refused_options(void)
{
    check_wrong("- daemonize",
                "vm.yaml:1:3: -daemonize cannot be used: maqet itself detaches QEMU, "
                "and QEMU's sandbox does not allow forking");
    check_wrong(
        "- -pidfile: a",
        "vm.yaml:1:3: -pidfile cannot be used: maqet keeps QEMU's PID file itself");
    check_wrong("- chroot: a",
                "vm.yaml:1:3: -chroot cannot be used: QEMU could not reach the files "
                "that maqet gives it");
    check_wrong("- runas: a",
                "vm.yaml:1:3: -runas cannot be used: the user that QEMU runs as has a "
                "key of its own");
    check_wrong("- incoming: defer", "vm.yaml:1:3: -incoming cannot be used: the VM "
                                     "would wait for a migration instead of running");
    check("- qmp: \"unix:/q,server=on\"\n- mon: m\n- monitor: stdio",
          "-qmp unix:/q,server=on -mon m -monitor stdio");
}

/* ---- questions ---- */

static void
test_has(void)
{
    _cleanup_json_ json_object *list =
        list_in("- {smp: 4, M: q35}\n- -nographic\n- enable-kvm: null", NULL);

    CU_ASSERT_TRUE(maqet_arguments_has(list, "smp"));
    CU_ASSERT_TRUE(maqet_arguments_has(list, "machine"));
    CU_ASSERT_TRUE(maqet_arguments_has(list, "nographic"));
    CU_ASSERT_TRUE(maqet_arguments_has(list, "enable-kvm"));
    CU_ASSERT_FALSE(maqet_arguments_has(list, "M"));
    CU_ASSERT_FALSE(maqet_arguments_has(list, "accel"));
    CU_ASSERT_FALSE(maqet_arguments_has(list, "s"));
    CU_ASSERT_FALSE(maqet_arguments_has(NULL, "smp"));
}

static void
check_value(const char *yaml, const char *option, const char *wanted)
{
    _cleanup_json_ json_object *list = list_in(yaml, NULL);
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);
    const char *value = NULL;

    for (size_t i = 0; i < arguments.count; i++)
        if (maqet_argument_is(&arguments.items[i], option))
            value = arguments.items[i].value;
    UNIT_SAME(value, wanted);
}

static void
test_value(void)
{
    check_value("- smp: 4\n- smp: {cpus: 2, cores: 1}", "smp", "cpus=2,cores=1");
    check_value("- smp: 4\n- m: 1G", "smp", "4");
    check_value("- nographic", "nographic", NULL);
    check_value("- m: 1G", "smp", NULL);
    check_value("[]", "smp", NULL);
}

static void
check_property(const char *yaml, const char *property, const char *wanted)
{
    _cleanup_json_ json_object *list = list_in(yaml, NULL);
    _cleanup_free_ char *value =
        maqet_arguments_property(list, "machine", "type", property);

    UNIT_SAME(value, wanted);
}

static void
test_property(void)
{
    check_property("- machine: \"q35,accel=tcg\"", "accel", "tcg");
    check_property("- machine: \"q35,accel=tcg\"", "type", "q35");
    check_property("- machine: \"q35,accel=tcg\"", "q35", NULL);
    check_property("- machine: \"type=pc,accel=kvm:tcg\"", "type", "pc");
    check_property("- machine: \"accel=tcg,type=pc\"", "type", "pc");
    check_property("- machine: \"accel=tcg\"", "type", NULL);
    check_property("- M: {type: q35, smm: off}", "smm", "off");
    check_property("- M: {q35: null, smm: off}", "type", "q35");
    check_property("- machine: \"q35,usb\"", "usb", "on");
    check_property("- machine: \"q35,a=x,,y,,,b=z\"", "a", "x,y,");
    check_property("- machine: \"q35,a=x,,y,,,b=z\"", "b", "z");
    check_property("- machine: \"q35,a=1,a=2\"", "a", "2");
    check_property("- machine: \"a,,b,c=d\"", "type", "a,b");
    check_property("- machine: \"q35,a=\"", "a", "");
    check_property("- machine: \"\"", "type", NULL);
    check_property("- machine: q35\n- machine: accel=tcg", "type", "q35");
    check_property("- machine: q35\n- machine: pc", "type", "pc");
    check_property("- smp: 1", "type", NULL);
}

static bool
says_accel(const char *yaml)
{
    _cleanup_json_ json_object *list = list_in(yaml, NULL);

    return maqet_arguments_say_accel(list);
}

static bool
says_display(const char *yaml)
{
    _cleanup_json_ json_object *list = list_in(yaml, NULL);

    return maqet_arguments_say_display(list);
}

static void
test_what_the_list_says(void)
{
    CU_ASSERT_TRUE(says_accel("- accel: tcg"));
    CU_ASSERT_TRUE(says_accel("- enable-kvm"));
    CU_ASSERT_TRUE(says_accel("- M: \"q35,accel=tcg\""));
    CU_ASSERT_TRUE(says_accel("- machine: {accel: tcg}"));
    CU_ASSERT_FALSE(says_accel("- machine: q35\n- append: accel=tcg"));
    CU_ASSERT_TRUE(says_display("- display: none"));
    CU_ASSERT_TRUE(says_display("- nographic"));
    CU_ASSERT_TRUE(says_display("- vnc: :1"));
    CU_ASSERT_TRUE(says_display("- spice: {port: 1}"));
    CU_ASSERT_FALSE(says_display("- vga: std\n- device: display"));
    CU_ASSERT_FALSE(maqet_arguments_say_accel(NULL));
    CU_ASSERT_FALSE(maqet_arguments_say_display(NULL));
}

static void
test_no_list(void)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(check_list(NULL, NULL), 0);
    maqet_arguments_render(NULL, &argv);
    CU_ASSERT_EQUAL(argv.count, 0);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the manual's forms", test_forms_of_the_manual},
        {"values are passed as written", test_values_as_written},
        {"commas in mappings are safe", test_commas_in_mappings},
        {"several options", test_several},
        {"whole values that are paths", test_whole_values_that_are_paths},
        {"protocols are no paths", test_protocols_are_no_paths},
        {"~ is the home folder", test_home},
        {"properties that are paths", test_properties_that_are_paths},
        {"texts in QEMU's syntax are left alone",
         test_texts_in_qemus_syntax_are_left_alone},
        {"firmware of ours and of QEMU's", test_firmware},
        {"checking twice changes nothing", test_twice},
        {"wrong items", test_wrong_items},
        {"wrong values", test_wrong_values},
        {"wrong indentation", test_wrong_indentation},
        {"refused options", test_refused_options},
        {"whether an option is there", test_has},
        {"the value of an option", test_value},
        {"a property of an option", test_property},
        {"what the list says", test_what_the_list_says},
        {"no list at all", test_no_list},
        CU_TEST_INFO_NULL,
    };

    return unit_run("arguments", tests);
}
