/**
 * Perl text that measures one way, from either end of it: what `measure-way.ts` starts. Perl-base alone, as `way-script.ts`. Read from standard input, with the words
 * MODE FAMILY ADDRESS PORT NONCE SECONDS ROUNDTRIPS STREAMSECONDS; the nonce is for finding the program.
 *
 * `listen` takes one connection on a free port, which it says on its error output (`port N`), gives every byte back, and after an `s` counts what comes until the time
 * of the stream is over: `streamed BYTES MICROSECONDS`. What comes later it reads and drops. `dial` sends bytes and waits for each (`trips` and the microseconds of all), then streams.
 * Either prints `failed` and why where the way does not carry what is sent, `broken` and why where it has no socket.
 */
export const MEASURE_SCRIPT: string = String.raw`use strict;
use POSIX ();
use Socket qw(:DEFAULT IPPROTO_IPV6 IPPROTO_TCP IPV6_V6ONLY TCP_NODELAY inet_pton pack_sockaddr_in6 unpack_sockaddr_in6);

my ($mode, $family, $address, $port, $nonce, $seconds, $trips, $stream) = @ARGV;
my $v6 = $family eq 'ipv6';
my $af = $v6 ? AF_INET6 : AF_INET;
my $warm_up = 5;
my $chunk = 65536;
# clock_gettime: perl-base has no clock finer than a second.
my $clock = (POSIX::uname())[4] eq 'x86_64' ? 228 : 113;
$SIG{PIPE} = 'IGNORE';

sub end { print join("\t", @_), "\n"; exit }
sub now { my $time = "\0" x 16; syscall($clock, 1, $time) == 0 or end('broken', "clock_gettime: $!"); my ($s, $ns) = unpack('qq', $time); $s * 1e6 + $ns / 1e3 }
sub at { my ($where, $number) = @_; $where = inet_pton($af, $where); $v6 ? pack_sockaddr_in6($number, $where) : pack_sockaddr_in($number, $where) }
sub timed { my ($socket, $limit) = @_; my $time = pack('l!l!', int($limit), ($limit - int($limit)) * 1e6); setsockopt($socket, SOL_SOCKET, $_, $time) for SO_RCVTIMEO, SO_SNDTIMEO }
sub failed { my ($late) = @_; end('failed', $!{EAGAIN} || $!{EINPROGRESS} || $!{ETIMEDOUT} ? $late : "$!") }

socket(my $socket, $af, SOCK_STREAM, 0) or end('broken', "socket: $!");

if ($mode eq 'listen') {
  setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $v6;
  bind($socket, at($v6 ? '::' : '0.0.0.0', 0)) && listen($socket, 1) or end('broken', "listen: $!");
  my ($own) = $v6 ? unpack_sockaddr_in6(getsockname($socket)) : unpack_sockaddr_in(getsockname($socket));
  timed($socket, $seconds);
  print STDERR "port $own\n";
  accept(my $client, $socket) or failed('silent');
  setsockopt($client, IPPROTO_TCP, TCP_NODELAY, 1);
  timed($client, $seconds);
  my $byte = '';
  while (1) {
    my $length = sysread($client, $byte, 1);
    defined $length or failed('stalled');
    $length or end('streamed', 0, 0);
    last if $byte eq 's';
    syswrite($client, $byte) or failed('stalled');
  }
  my ($bytes, $got, $started) = (0, '', now());
  my $until = $started + $stream * 1e6;
  timed($client, $stream);
  while (my $length = sysread($client, $got, $chunk)) {
    $bytes += $length if now() <= $until;
  }
  end('streamed', $bytes, $stream * 1e6);
}

timed($socket, $seconds);
setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
connect($socket, at($address, $port)) or failed('silent');
my @taken;
for my $trip (1 .. $warm_up + $trips) {
  my $started = now();
  my $byte = '';
  syswrite($socket, 'p') or failed('stalled');
  sysread($socket, $byte, 1) or failed('stalled');
  push @taken, sprintf('%.1f', now() - $started) if $trip > $warm_up;
}
if ($stream > 0) {
  syswrite($socket, 's') or failed('stalled');
  my $data = 'z' x $chunk;
  my $until = now() + $stream * 1e6;
  timed($socket, $stream);
  while (now() < $until) { defined syswrite($socket, $data) or last }
}
end('trips', @taken);
`;
