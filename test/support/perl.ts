/** The directory with the modules of perl-base, which every Debian has. */
export const PERL_LIBRARY = '/usr/lib/x86_64-linux-gnu/perl-base';

const PRELUDE = `use strict; use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);
$| = 1;
sub say { print "@_\\n" }
sub fail { print "$!\\n"; exit 1 }
sub make { my ($family, $type, $protocol) = @_; socket(my $s, $family, $type, $protocol) or fail(); return $s }
sub address { my ($text, $port) = @_;
  return $text =~ /:/ ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $text)) : pack_sockaddr_in($port, inet_aton($text)) }
sub to { my ($s, @at) = @_; connect($s, address(@at)) or fail() }
sub at { my ($s, @at) = @_; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); bind($s, address(@at)) or fail() }
sub hear { listen($_[0], 5) or fail() }
sub taken { accept(my $p, $_[0]) or fail(); return $p }
sub give { defined(send($_[0], $_[1], 0)) or fail() }
sub message { my ($s, @at) = @_; defined(send($s, "x", 0, address(@at))) or fail() }
`;

/** Adds short functions for sockets to a script, which print why a call failed. */
export function perl(script: string): string {
  return PRELUDE + script;
}

/**
 * A script that copies a program into a memory file, whose descriptor is in `$d` then. memfd_create(2) has the number of
 * x86-64.
 */
export function copyToMemory(program: string): string {
  return `use IO::Handle; my $n = "x"; my $d = syscall(319, $n, 0); open(my $o, ">&=", $d); binmode $o; open(my $i, "<", "${program}"); binmode $i; local $/; print {$o} <$i>; $o->flush;`;
}

/** Runs a copy of a program from a memory file, or prints why that failed. */
export function runFromMemory(program: string): string {
  return `${copyToMemory(program)} exec("/proc/self/fd/$d") or die "$!\\n"`;
}
