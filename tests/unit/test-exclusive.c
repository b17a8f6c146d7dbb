/* SPDX-License-Identifier: MIT */
/* Which of the user's own arguments only one VM can have, in each way that they are written; and
 * what a fork of a VM has, too. */
#include "core/config/yaml.h"
#include "core/machine/unlike.h"
#include "core/qemu/arguments.h"
#include "tests/unit/unit.h"

#define NETWORK "Use `network: user` instead"
#define DEVICE "Use `network: user`, or a drive in `storage`, instead"
#define CONSOLE "Use `serial: console` instead"
#define DISPLAY "Use `display: none` instead"
#define REMOVE "Remove it from `arguments`"
#define DRIVE "Make it a drive in `storage`"
#define SHARE "Make it a share in `storage`"

static struct maqet_definition *
read_definition(const char *yaml)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    json_object *tree = maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    CU_ASSERT_EQUAL_FATAL(
        maqet_arguments_check(json_object_object_get(tree, "arguments"), &error), 0);
    struct maqet_definition *definition =
        maqet_definition_draft_of_tree(tree, "web", &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    return definition;
}

/* The error's message and hints, or "" if forks may have all of it. The caller frees. */
static char *
refusal_of(const char *yaml)
{
    _cleanup_definition_ struct maqet_definition *definition = read_definition(yaml);
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_unlike_check_together(definition, &error) == 0)
        return maqet_strdup("");
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_UNSUPPORTED);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    return maqet_format("%s\n%s", error->message,
                        error->hints.items[0].operands.items[0]);
}

static void
check(const char *yaml, const char *what, const char *instead)
{
    _cleanup_free_ char *refusal = refusal_of(yaml);
    bool right = *what ? strstr(refusal, what) && strstr(refusal, instead) : !*refusal;

    if (!right)
        fprintf(stderr, "%s\n  is: %s\n  wanted: %s, %s\n", yaml, refusal, what, instead);
    CU_ASSERT_TRUE(right);
}

struct spelling {
    const char *item; /* of `arguments` */
    const char *what, *instead;
};

static void
check_all(const struct spelling *spellings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *yaml = maqet_format("arguments:\n- %s\n", spellings[i].item);

        check(yaml, spellings[i].what, spellings[i].instead);
    }
}

#define CHECK_ALL(spellings) check_all(spellings, sizeof(spellings) / sizeof(*spellings))

static void
test_networks(void)
{
    static const char same[] = "in which each MAC address is to be of one guest";
    static const char interface[] = "an interface of this host";
    static const char link[] = "a network with a fixed address or peer";
    const struct spelling spellings[] = {
        {"netdev: 'tap,id=n,script=no'", same, NETWORK},
        {"netdev: {type: tap, id: n}", same, NETWORK},
        {"netdev: {tap: null, id: n}", same, NETWORK},
        {"netdev: {id: n, type: tap, ifname: tap7}", interface, NETWORK},
        {"netdev: 'id=n,type=bridge'", same, NETWORK},
        {"-netdev: 'tap,id=n'", "-netdev tap,id=n, a network", NETWORK},
        {"'--netdev': 'tap,id=n'", same, NETWORK},
        {"netdev: '{\"type\": \"tap\", \"id\": \"n\"}'", same, NETWORK},
        {"nic: tap", same, NETWORK},
        {"nic: {type: bridge, br: br0}", same, NETWORK},
        {"net: 'tap,ifname=tap0'", interface, NETWORK},
        {"netdev: 'vde,id=n'", same, NETWORK},
        {"netdev: 'socket,id=n,listen=:1234'", link, NETWORK},
        {"netdev: 'socket,id=n,connect=127.0.0.1:1234'", link, NETWORK},
        {"net: {type: socket, mcast: '230.0.0.1:1234'}", link, NETWORK},
        {"netdev: {type: stream, id: n, addr: {type: unix, path: /s}}", link, NETWORK},
        {"netdev: 'dgram,id=n,local.type=inet'", link, NETWORK},
        {"netdev: 'l2tpv3,id=n,src=a,txsession=1'", link, NETWORK},
        {"netdev: 'vhost-user,id=n,chardev=c'", link, NETWORK},
        {"netdev: 'passt,id=n'", link, NETWORK},
        {"netdev: 'vhost-vdpa,id=n,vhostdev=/dev/vhost-vdpa-0'", interface, NETWORK},
        {"netdev: 'af-xdp,id=n,ifname=eth0'", interface, NETWORK},
        {"netdev: 'netmap,id=n'", interface, NETWORK},
        {"netdev: 'user,id=n,guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:80'",
         "a socket at a fixed place", REMOVE},
        {"netdev: 'user,id=n,guestfwd=tcp:10.0.2.100:80-cmd:nc a 80'", "", ""},
        {"netdev: 'user,id=n,hostfwd=tcp:127.0.0.1:2222-:22'", "", ""},
        {"netdev: {type: user, id: n, restrict: on}", "", ""},
        {"netdev: 'hubport,id=n,hubid=0'", "", ""},
        {"nic: none", "", ""},
        {"nic: 'user,model=e1000'", "", ""},
        {"net: nic", "", ""},
        {"device: {driver: e1000, netdev: tap0}", "", ""},
    };

    CHECK_ALL(spellings);
}

static void
test_devices(void)
{
    static const char device[] = "a device of this host";
    static const char context[] = "a context ID";
    const struct spelling spellings[] = {
        {"device: 'vfio-pci,host=01:00.0'", device, DEVICE},
        {"device: {driver: vfio-pci, host: '01:00.0'}", device, DEVICE},
        {"device: {host: '01:00.0', driver: vfio-pci}", device, DEVICE},
        {"-device: usb-host", device, DEVICE},
        {"device: '{\"driver\": \"usb-host\", \"hostbus\": 1}'", device, DEVICE},
        {"device: u2f-passthru", device, DEVICE},
        {"device: 'x-input-host-pci,evdev=/dev/input/event3'", device, DEVICE},
        {"device: {driver: vhost-vdpa-device-pci, vhostdev: /dev/vhost-vdpa-0}", device,
         DEVICE},
        {"device: 'vhost-vsock-pci,guest-cid=3'", context, NETWORK},
        {"device: {driver: vhost-vsock-pci, id: v, guest-cid: 3}", context, NETWORK},
        {"device: 'usb-mtp,rootdir=/srv,readonly=off'", "a folder that its guest writes",
         SHARE},
        {"usbdevice: 'host:1.2'", device, DEVICE},
        {"usbdevice: braille", device, DEVICE},
        {"object: 'input-linux,id=k,evdev=/dev/input/event3'", device, DEVICE},
        {"object: {qom-type: input-linux, id: k, evdev: /dev/input/event3}", device,
         DEVICE},
        {"object: 'can-host-socketcan,id=c,if=can0,canbus=b'",
         "an interface of this host", NETWORK},
        {"object: 'input-barrier,id=b,name=x'", "a socket at a fixed place", REMOVE},
        {"device: usb-tablet", "", ""},
        {"device: 'usb-mtp,rootdir=/srv'", "", ""},
        {"device: 'vhost-user-fs-pci,chardev=c,tag=t'", "", ""},
        {"usbdevice: tablet", "", ""},
        {"object: 'rng-random,id=r,filename=/dev/urandom'", "", ""},
        {"object: 'memory-backend-ram,id=m,size=64M'", "", ""},
    };

    CHECK_ALL(spellings);
}

static void
test_character_devices(void)
{
    static const char socket[] = "a socket at a fixed place of this host";
    static const char device[] = "a device of this host";
    static const char place[] = "which may be at a fixed place of this host";
    static const char file[] = "a file that QEMU writes to";
    const struct spelling spellings[] = {
        {"chardev: 'socket,id=c,path=/s,server=on,wait=off'", socket, CONSOLE},
        {"chardev: {backend: socket, id: c, path: /s}", socket, CONSOLE},
        {"chardev: {socket: null, id: c, host: a, port: 1}", socket, CONSOLE},
        {"chardev: 'udp,id=c,port=1'", socket, CONSOLE},
        {"chardev: 'pipe,id=c,path=/p'", place, CONSOLE},
        {"chardev: 'serial,id=c,path=/dev/ttyS0'", device, DEVICE},
        {"chardev: {backend: parport, id: c, path: /dev/parport0}", device, DEVICE},
        {"chardev: 'braille,id=c'", place, CONSOLE},
        {"chardev: 'pty,id=c,path=/p'", place, CONSOLE},
        {"chardev: 'file,id=c,path=/f'", file, REMOVE},
        {"chardev: 'null,id=c,logfile=/f'", file, REMOVE},
        {"serial: 'unix:/s,server=on,wait=off'", "-serial unix:/s", CONSOLE},
        {"-serial: 'tcp::1234,server'", socket, CONSOLE},
        {"serial: 'mon:telnet::1234,server'", socket, CONSOLE},
        {"serial: 'udp::1'", socket, CONSOLE},
        {"serial: /dev/ttyS0", device, DEVICE},
        {"serial: 'pipe:/p'", place, CONSOLE},
        {"serial: 'file:/f'", file, REMOVE},
        {"parallel: /dev/parport0", device, DEVICE},
        {"parallel: 'unix:/s'", socket, REMOVE},
        {"debugcon: 'unix:/s'", socket, CONSOLE},
        {"debugcon: 'file:/f'", file, REMOVE},
        {"monitor: 'unix:/s,server,nowait'", socket, REMOVE},
        {"qmp: 'unix:/s,server=on,wait=off'", socket, REMOVE},
        {"qmp-pretty: 'tcp::1,server=on'", socket, REMOVE},
        {"gdb: 'tcp::1234'", socket, REMOVE},
        {"gdb: 'unix:/s,server=on'", socket, REMOVE},
        {"s", "-s, a socket", REMOVE},
        {"-s", socket, REMOVE},
        {"s: null", socket, REMOVE},
        {"qtest: 'unix:/s'", socket, REMOVE},
        {"qtest-log: /l", file, REMOVE},
        {"chardev: {backend: 'null', id: c}", "", ""},
        {"chardev: {'null': null, id: c}", "", ""},
        {"chardev: 'null,id=c'", "", ""},
        {"chardev: 'pty,id=c'", "", ""},
        {"chardev: 'ringbuf,id=c,size=64K'", "", ""},
        {"chardev: 'spicevmc,id=c,name=vdagent'", "", ""},
        {"chardev: 'file,id=c,path=/dev/null'", "", ""},
        {"serial: none", "", ""},
        {"serial: pty", "", ""},
        {"serial: 'mon:stdio'", "", ""},
        {"serial: 'vc:80Cx24C'", "", ""},
        {"serial: 'chardev:c'", "", ""},
        {"parallel: 'null'", "", ""},
        {"monitor: none", "", ""},
        {"gdb: none", "", ""},
        {"qtest-log: none", "", ""},
        {"S", "", ""},
    };

    CHECK_ALL(spellings);
}

static void
test_displays(void)
{
    static const char socket[] = "a socket at a fixed place of this host";
    const struct spelling spellings[] = {
        {"vnc: ':1'", socket, DISPLAY},
        {"-vnc: 'unix:/s'", socket, DISPLAY},
        {"display: 'vnc=:1'", socket, DISPLAY},
        {"display: {vnc: ':1'}", socket, DISPLAY},
        {"display: 'dbus,addr=unix:path=/s'", "which may be", DISPLAY},
        {"spice: 'port=5900,disable-ticketing=on'", socket, DISPLAY},
        {"spice: {port: 0, tls-port: 5901}", socket, DISPLAY},
        {"spice: {unix: on, addr: /s}", socket, DISPLAY},
        {"vnc: none", "", ""},
        {"display: none", "", ""},
        {"display: {gtk: null, zoom-to-fit: on}", "", ""},
        {"display: 'sdl,gl=on'", "", ""},
        {"display: 'dbus,p2p=on'", "", ""},
        {"spice: 'disable-ticketing=on,port=0'", "", ""},
        {"vga: qxl", "", ""},
    };

    CHECK_ALL(spellings);
    /* The key is passed as such an option, too. */
    check("display: 'vnc=:1'\n", socket, DISPLAY);
    check("display: none\n", "", "");
    check("display: gtk\n", "", "");
}

static void
test_storage(void)
{
    static const char file[] = "a file that QEMU writes to";
    static const char disk[] = "a disk that the guest writes to";
    const struct spelling spellings[] = {
        {"hda: /a", file, DRIVE},
        {"hda: 'fat:rw:/a'", file, SHARE},
        {"drive: {file: /a, if: none}", file, DRIVE},
        {"drive: 'file=nbd:host:1,id=d'", disk, DRIVE},
        {"blockdev: {driver: nbd, node-name: n, server: {type: unix, path: /s}}",
         "'n' in `arguments`, a disk that the guest writes to", DRIVE},
        {"blockdev: '{\"driver\": \"ssh\", \"node-name\": \"n\", \"path\": \"/a\"}'",
         disk, DRIVE},
        {"tpmdev: 'passthrough,id=t'", "'t' in `arguments`, a TPM state", REMOVE},
        {"device: 'vhost-x-pci,wwpn=naa.5'", disk, DRIVE},
        {"D: /log", file, REMOVE},
        {"audio: 'wav,path=/a.wav'", file, REMOVE},
        {"fsdev: 'local,id=f,path=/srv,security_model=none'",
         "a folder that its guest writes to", SHARE},
        {"virtfs: {fsdriver: local, path: /srv, mount_tag: t, security_model: none}",
         "a folder that its guest writes to", SHARE},
        {"fsdev: 'proxy,id=f,socket=/s'", "a socket at a fixed place", REMOVE},
        {"readconfig: /vm.cfg", "a file with options that maqet does not read",
         "Write its options in `arguments`"},
        {"drive: {file: /a, if: none, readonly: on}", "", ""},
        {"drive: {file: /a, if: none, snapshot: on}", "", ""},
        {"cdrom: /a.iso", "", ""},
        {"blockdev: {driver: null-co, node-name: n, size: 1M}", "", ""},
        {"drive: 'driver=null-co,id=d,if=none'", "", ""},
        {"fsdev: 'local,id=f,path=/srv,security_model=none,readonly=on'", "", ""},
        {"fsdev: 'synth,id=f'", "", ""},
        {"D: /dev/null", "", ""},
        {"kernel: /a", "", ""},
        {"smbios: 'type=1,serial=unix:1'", "", ""},
        {"append: 'console=ttyS0 tap /dev/vda unix:'", "", ""},
    };

    CHECK_ALL(spellings);
}

/* ---- what is changed ---- */

/* `arguments` of a machine like another one, as JSON. */
static void
check_changed(const char *item, const char *before, const char *after)
{
    _cleanup_free_ char *yaml = maqet_format("arguments:\n- %s\n", item);
    _cleanup_definition_ struct maqet_definition *definition = read_definition(yaml);
    const struct maqet_context context = {.data_dir = "/nonexistent"};
    _cleanup_forwards_ struct maqet_forwards taken = {0};
    _cleanup_strings_ struct maqet_strings ports = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_unlike_change(&context, definition, &taken, &ports, &error), 0);
    UNIT_NO_ERROR(&error);
    const char *text = json_object_to_json_string_ext(
        json_object_object_get(definition->tree, "argume"
                                                 "nts"),
        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    bool right = !strstr(text, before) && strstr(text, after);
    if (!right)
        fprintf(stderr, "%s\n  is: %s\n", item, text);
    CU_ASSERT_TRUE(right);
}

static void
test_changed(void)
{
    check_changed("netdev: 'user,id=n,hostfwd=tcp:127.0.0.1:22222-:22'", ":22222-",
                  "hostfwd=tcp:127.0.0.1:2");
    check_changed("netdev: {type: user, id: n, hostfwd: 'tcp:127.0.0.1:22222-:22'}",
                  ":22222-", "\"tcp:127.0.0.1:2");
    check_changed("netdev: '{\"type\": \"user\", \"id\": \"n\", \"hostfwd\": [{\"str\": "
                  "\"tcp:127.0.0.1:22222-:22\"}]}'",
                  ":22222-", "tcp:127.0.0.1:2");
    check_changed("device: 'e1000,mac=52:54:00:12:34:56'", "12:34:56", "mac=52:54:00:");
    check_changed("device: {driver: e1000, mac: '52:54:00:12:34:56'}", "12:34:56",
                  "52:54:00:");
    check_changed("device: '{\"driver\": \"e1000\", \"mac\": \"52:54:00:12:34:56\"}'",
                  "12:34:56", "52:54:00:");
    check_changed("-uuid: 6f3f1d6a-7a53-4b1c-9d1e-2a2f0a8e6b11", "6f3f1d6a", "uuid");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"networks", test_networks},
        {"devices", test_devices},
        {"character devices", test_character_devices},
        {"displays", test_displays},
        {"storage", test_storage},
        {"what is changed", test_changed},
        CU_TEST_INFO_NULL,
    };

    return unit_run("exclusive", tests);
}
