# SPDX-License-Identifier: MIT
# busy-writer.pl SOCKET DRIVE:OFFSET...: writes one number after the other, each to all places, in
# that order, as a guest does that never waits; through a monitor of its own, until it is killed. When
# a number has reached the last place, it is in the file "written".
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, @places) = @ARGV;
my $socket = IO::Socket::UNIX->new($path) or die "$path: $!\n";

sub ask {
    my ($words) = @_;
    print $socket $words, "\n";
    $socket->flush();
    while (my $line = <$socket>) {
        die "$words: $line" if $line =~ /"error"/;
        return $line if $line =~ /"return"/;
    }
    exit 0; # QEMU has ended
}

<$socket>;
ask('{"execute": "qmp_capabilities"}');
for (my $number = 1;; $number++) {
    my $pattern = $number % 256;
    for my $place (@places) {
        my ($drive, $offset) = split /:/, $place;
        my $answer = ask(qq({"execute": "human-monitor-command", "arguments": {"command-line":
            "qemu-io -d /machine/peripheral/$drive/virtio-backend \\"write -P $pattern $offset 64k\\""}}) =~ s/\n\s*/ /r);
        die $answer if $answer =~ /failed|rror/;
    }
    open(my $file, '>', 'written.new') or die $!;
    print $file "$number\n";
    close $file;
    rename 'written.new', 'written';
}
