# SPDX-License-Identifier: MIT
# Compares what `maqet --format json` printed with docs/json.md.
#
#   perl json-fields.pl DOCUMENT TITLE FILE SEEN    FILE is what the section TITLE says: the same
#                                                   keys, of the same types; what was looked at is
#                                                   added to SEEN
#   perl json-fields.pl DOCUMENT lines TITLE FILE SEEN   the same of each line of FILE
#   perl json-fields.pl DOCUMENT all SEEN UNSEEN... all sections, and all objects in them, were
#                                                   looked at, but for those that are named
use strict;
use warnings;
use B ();
use JSON::PP ();

# {TITLE: {list: whether, fields: [[PATH, TYPE, WORDS]]}}
sub sections {
    my ($file) = @_;
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    my (%sections, $section);
    while (<$in>) {
        $section = $sections{$1} = {fields => []} if /^## (?:maqet )?(.+)$/;
        $section->{list} = 1 if /^A list, with an object for each/;
        next unless /^\| `([^`]+)` \| ([^|]+?) \| [^|]* \| (.*) \|$/;
        my ($path, $type, $meaning) = ($1, $2, $3);
        my @words = $meaning =~ /: one of (.*)$/ ? $1 =~ /`([^`]+)`/g : ();
        push @{$section->{fields}}, [$path, $type, \@words];
    }
    return \%sections;
}

sub type_of {
    my ($value) = @_;
    return 'null' unless defined $value;
    return 'boolean' if JSON::PP::is_bool($value);
    return 'object' if ref $value eq 'HASH';
    if (ref $value eq 'ARRAY') {
        my %types = map { type_of($_) => 1 } @$value;
        die "a list of several types\n" if keys %types > 1;
        return %types ? 'list of ' . (keys %types)[0] . 's' : 'list';
    }
    my $flags = B::svref_2object(\$value)->FLAGS;
    return 'string' if $flags & B::SVf_POK;
    return $flags & B::SVf_IOK ? 'integer' : 'number';
}

sub fits {
    my ($type, $wanted) = @_;
    return 1 if $wanted =~ s/ or null$// && $type eq 'null';
    return $type eq $wanted || ($type eq 'integer' && $wanted eq 'number') ||
        ($type eq 'list' && $wanted =~ /^list of/);
}

# An object, whose keys are those of the rows that begin with the prefix, and no others.
sub check_object {
    my ($object, $rows, $prefix, $see) = @_;
    my %left = map { $_ => 1 } keys %$object;
    $see->($prefix);
    for (@$rows) {
        my ($path, $type, $words) = @$_;
        next unless $path =~ /^\Q$prefix\E([^.\[]+)$/;
        my $key = $1;
        die "'$path' is missing\n" unless delete $left{$key};
        my $value = $object->{$key};
        fits(type_of($value), $type) or die "'$path' is a ", type_of($value), ", no $type\n";
        die "'$path' is '$value'\n"
            if defined $value && @$words && !grep { $_ eq $value } @$words;
        # The rows of what is below itself are there once.
        next if $path =~ /\boptions\[\]\.options$/;
        check_object($value, $rows, "$path.", $see) if ref $value eq 'HASH';
        if ($type =~ /^list of objects/) {
            check_object($_, $rows, "${path}[].", $see) for @{$value // []};
        }
    }
    die "'$prefix$_' is not documented\n" for sort keys %left;
}

sub check {
    my ($section, $value, $see) = @_;
    if (!@{$section->{fields}}) {
        $see->('');
    } elsif ($section->{list}) {
        die "it is no list\n" unless ref $value eq 'ARRAY';
        check_object($_, $section->{fields}, '', $see) for @$value;
    } else {
        die "it is no object\n" unless ref $value eq 'HASH';
        check_object($value, $section->{fields}, '', $see);
    }
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    return <$in> // '';
}

my ($document, $title, @rest) = @ARGV;
my $sections = sections($document);
if ($title eq 'all') {
    my ($seen, @unseen) = @rest;
    my %seen = map { $_ => 1 } split(/\n/, slurp($seen)), @unseen;
    for my $title (sort keys %$sections) {
        my %prefixes = ('' => 1);
        for (@{$sections->{$title}{fields}}) {
            $prefixes{$1} = 1 if $_->[0] =~ /^(.*\.)[^.]+$/;
        }
        $seen{"$title|$_"} or die "'$title' never had '$_'\n" for sort keys %prefixes;
    }
    exit 0;
}
my $lines = $title eq 'lines';
$title = shift @rest if $lines;
my ($file, $seen) = @rest;
my $section = $sections->{$title} or die "there is no section '$title'\n";
open my $out, '>>', $seen or die "$seen: $!\n";
my $json = JSON::PP->new->utf8->allow_nonref;
for my $text ($lines ? split(/\n/, slurp($file)) : slurp($file)) {
    eval { check($section, $json->decode($text), sub { print $out "$title|$_[0]\n" }); 1 }
        or die "$title: $@";
}
