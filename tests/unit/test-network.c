/* SPDX-License-Identifier: MIT */
/* The keys `network` and `ports`, and the address of the network card. */
#include <string.h>

#include "core/config/yaml.h"
#include "core/machine/network.h"
#include "tests/unit/unit.h"

static json_object *
read_yaml(const char *text)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    json_object *tree = maqet_yaml_parse(text, strlen(text), "vm.yaml", "/", &error);

    UNIT_NO_ERROR(&error);
    return tree;
}

static void
check_wrong(const char *text, const char *message)
{
    _cleanup_json_ json_object *tree = read_yaml(text);
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_network_check(tree, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, message);
}

/* "TYPE INTERFACE BRIDGE MAC", and the ports. */
static void
check(const char *text, const char *expected)
{
    _cleanup_json_ json_object *tree = read_yaml(text);
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_network_ struct maqet_network network = {0};
    _cleanup_text_ struct maqet_text got = MAQET_TEXT_INIT;

    CU_ASSERT_EQUAL(maqet_network_check(tree, &error), 0);
    UNIT_NO_ERROR(&error);
    maqet_network_read(tree, &network);
    maqet_text_appendf(&got, "%s%s %s %s %s", network.given ? "" : "default ",
                       maqet_network_type_name(network.type), network.interface,
                       network.bridge, network.mac ? network.mac : "-");
    for (size_t i = 0; i < network.ports.count; i++) {
        _cleanup_free_ char *port = maqet_forward_text(&network.ports.items[i]);

        maqet_text_appendf(&got, ", %s to %u", port, network.ports.items[i].guest_port);
    }
    UNIT_SAME(got.data, expected);
}

static void
test_network(void)
{
    check("name: a\n", "default user tap0 br0 -");
    check("network:\n", "default user tap0 br0 -");
    check("network: user\n", "user tap0 br0 -");
    check("network: none\n", "none tap0 br0 -");
    check("network: tap\n", "tap tap0 br0 -");
    check("network: {type: tap, interface: tap7}\n", "tap tap7 br0 -");
    check("network: bridge\n", "bridge tap0 br0 -");
    check("network: {type: bridge, bridge: lan, mac: 52:54:00:aB:cd:EF}\n",
          "bridge tap0 lan 52:54:00:aB:cd:EF");
    check("network: {mac: 02:00:00:00:00:01}\n", "user tap0 br0 02:00:00:00:00:01");
}

static void
test_wrong_network(void)
{
    check_wrong("network: brigde\n",
                "vm.yaml:1:10: 'type' of the network is 'brigde'; did you mean 'bridge'? "
                "It can be: user, none, tap, bridge");
    check_wrong("network: [user]\n",
                "vm.yaml:1:10: 'network' is a word (user, none, tap, bridge), or a "
                "mapping such as `{type: bridge, bridge: br0}`");
    check_wrong("network: {typ: user}\n",
                "vm.yaml:1:11: unknown key 'typ' in the network; did you mean 'type'?");
    check_wrong("network: {type: bridge, interface: tap0}\n",
                "vm.yaml:1:25: 'interface' is for the network 'tap', and it is 'bridge'");
    check_wrong("network: {bridge: br0}\n",
                "vm.yaml:1:11: 'bridge' is for the network 'bridge', and it is 'user'");
    check_wrong("network: {type: tap, interface: 'a,b'}\n",
                "vm.yaml:1:33: 'interface' of the network is 'a,b', which cannot be the "
                "name of an interface");
    check_wrong("network: {type: bridge, bridge: longer-than-names-are}\n",
                "vm.yaml:1:33: 'bridge' of the network is 'longer-than-names-are', which "
                "cannot be the name of an interface");
    for (const char *const *mac =
             (const char *const[]){"x", "52:54:00:12:34", "52-54-00", "52:54:00:12:34:5g",
                                   "52:54:00:12:34:567", NULL};
         *mac; mac++) {
        _cleanup_free_ char *text = maqet_format("network: {mac: '%s'}\n", *mac);
        _cleanup_free_ char *message =
            maqet_format("vm.yaml:1:16: 'mac' is '%s', which is not a MAC address, such "
                         "as 52:54:00:12:34:56",
                         *mac);

        check_wrong(text, message);
    }
    check_wrong("network: {mac: 53:54:00:12:34:56}\n",
                "vm.yaml:1:16: 'mac' is '53:54:00:12:34:56', which is the address of a "
                "group: its first byte must be even");
    check_wrong("network: {model: 'a,b'}\n",
                "vm.yaml:1:18: 'model' is 'a,b', which is not a device of QEMU's");
}

static void
test_ports(void)
{
    check("ports: ['2222:22', auto:80, 127.0.0.1:8080:80/tcp, 53:53/udp]\n",
          "user tap0 br0 -, tcp 127.0.0.1:2222 to 22, tcp 127.0.0.1:auto to 80, "
          "tcp 127.0.0.1:8080 to 80, udp 127.0.0.1:53 to 53");
    check("ports: [0.0.0.0:auto:1/udp, 65535:65535]\n",
          "user tap0 br0 -, udp 0.0.0.0:auto to 1, tcp 127.0.0.1:65535 to 65535");
    /* One port of the host each for both protocols, and for two addresses. */
    check("ports: [53:53, 53:53/udp, 127.0.0.2:53:53, auto:53, auto:53]\n",
          "user tap0 br0 -, tcp 127.0.0.1:53 to 53, udp 127.0.0.1:53 to 53, "
          "tcp 127.0.0.2:53 to 53, tcp 127.0.0.1:auto to 53, tcp 127.0.0.1:auto to 53");
    check("ports: []\nnetwork: none\n", "none tap0 br0 -");
}

static void
check_wrong_port(const char *port, const char *what)
{
    _cleanup_free_ char *text = maqet_format("ports:\n  - '%s'\n", port);
    _cleanup_free_ char *message =
        maqet_format("vm.yaml:2:5: the port is '%s'; %s", port, what);

    check_wrong(text, message);
}

static void
test_wrong_ports(void)
{
    check_wrong_port("22", "write it as HOST:GUEST, such as 2222:22 or auto:22");
    check_wrong_port("", "write it as HOST:GUEST, such as 2222:22 or auto:22");
    check_wrong_port("2222:22/icmp", "its protocol can be: tcp, udp");
    check_wrong_port("2222:22/", "its protocol can be: tcp, udp");
    check_wrong_port("localhost:2222:22",
                     "its address is no IPv4 address, such as 127.0.0.1 or 0.0.0.0");
    check_wrong_port("::1:2222:22",
                     "its address is no IPv4 address, such as 127.0.0.1 or 0.0.0.0");
    check_wrong_port("0:22", "the host's port must be from 1 to 65535, or `auto`");
    check_wrong_port("65536:22", "the host's port must be from 1 to 65535, or `auto`");
    check_wrong_port("-1:22", "the host's port must be from 1 to 65535, or `auto`");
    check_wrong_port("atuo:22", "the host's port must be from 1 to 65535, or `auto`");
    check_wrong_port("2222:auto", "the guest's port must be from 1 to 65535");
    check_wrong_port("2222:99999999999999999999",
                     "the guest's port must be from 1 to 65535");
    check_wrong("ports: [[1]]\n",
                "vm.yaml:1:9: an item of 'ports' is a text such as \"2222:22\"");
    check_wrong("ports: [80:80, 80:8080]\n",
                "vm.yaml:1:16: port 80 of the host is forwarded twice; the first is at "
                "vm.yaml:1:9");
    check_wrong("ports: [80:80, 0.0.0.0:80:8080]\n",
                "vm.yaml:1:16: port 80 of the host is forwarded twice; the first is at "
                "vm.yaml:1:9");
    check_wrong("network: tap\nports: [80:80]\n",
                "vm.yaml:2:8: ports are only forwarded by the network 'user', and it is "
                "'tap'");
}

static void
test_mac(void)
{
    static const char uuid[] = "7b87bd83-c555-431a-9edb-ec6ae644c76d";
    _cleanup_free_ char *first = maqet_network_mac(uuid, 0);
    _cleanup_free_ char *second = maqet_network_mac(uuid, 1);
    _cleanup_free_ char *other =
        maqet_network_mac("7b87bd83-c555-431a-9edb-ec6ae644c76e", 0);

    /* It must be the same with every version of maqet. */
    UNIT_SAME(first, "52:54:00:2c:8b:ea");
    CU_ASSERT_STRING_NOT_EQUAL(first, second);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    CU_ASSERT_EQUAL(strncmp(other, "52:54:00:", 9), 0);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"network", test_network}, {"wrong network", test_wrong_network},
        {"ports", test_ports},     {"wrong ports", test_wrong_ports},
        {"MAC address", test_mac}, CU_TEST_INFO_NULL,
    };

    return unit_run("network", tests);
}
