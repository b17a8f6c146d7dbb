#!/bin/sh
# SPDX-License-Identifier: MIT
# The driver of the test guest's console asks once and waits, however slow the guest is; it asks again
# when the guest says that it has just begun to listen, since the question may be lost.
. "${srcdir:-.}/tests/functional/functions.sh"
requires perl
console=$abs_top_builddir/tests/guest/guest-console

# A guest that does as it is told at each question: "answer", "wait" (three seconds, and answer), "lose"
# (and say that it has begun to listen), "ignore". It writes down the questions.
cat >guest.pl <<'END'
use strict;
use warnings;
use Socket;
my ($path, @deeds) = @ARGV;
$| = 1;
$SIG{PIPE} = 'IGNORE';
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die;
# It has its name when it listens.
bind($listener, sockaddr_un("$path.new")) && listen($listener, 1) or die;
rename("$path.new", $path) or die;
accept(my $client, $listener) or die;
select((select($client), $| = 1)[0]);
while (my $line = <$client>) {
    next unless $line =~ /^@(\w+) (.*)/;
    print "$2\n";
    my $deed = shift(@deeds) // 'answer';
    sleep 3 if $deed eq 'wait';
    print $client "MAQET-RUN:$1\nthe output\n\nMAQET-RC:$1:0\n" if $deed ne 'lose' && $deed ne 'ignore';
    print $client "MAQET-GUEST-READY\n" if $deed eq 'lose';
}
END
number=0
# asks QUESTIONS CODE DEED... -- ARGUMENT...
asks() {
    questions=$1 code=$2
    shift 2
    deeds=
    while [ "$1" != -- ]; do
        deeds="$deeds $1"
        shift
    done
    shift
    number=$((number + 1))
    # shellcheck disable=SC2086 # one deed a word
    perl guest.pl "$TMP/$number" $deeds >asked &
    guest=$!
    eventually 20 test -S "$TMP/$number"
    # As on a machine that is so slow that its guest could not be expected to have answered yet.
    expect "$code" env MAQET_TEST_SLOW=100 "$console" "$TMP/$number" "$@"
    wait $guest || fail "the guest failed"
    same "$questions" "$(wc -l <asked)" "questions to a guest that does:$deeds"
}

asks 1 0 answer -- wait
asks 1 0 wait -- wait
asks 2 0 lose answer -- wait
asks 3 0 lose lose wait -- wait
asks 1 121 ignore -- wait --timeout 1
asks 2 0 wait wait -- run 'echo it'
out_has "the output"
same 'echo it' "$(tail -n 1 asked)" "the command"
