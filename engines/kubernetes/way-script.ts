/**
 * Perl text that tries one way, from either end of it: what `try-ways.ts` starts. Every image of nodes has Debian's perl-base, and nothing else that opens raw
 * sockets. Read from standard input (a command line must stay short for pkill), with the words MODE PROTOCOL FAMILY ADDRESS PORT NONCE SECONDS.
 *
 * `listen` says `ready` on its error output, then waits for the nonce, answers tcp and udp, and prints `seen`, the source (address, port), the destination (address,
 * port) and the TTL, each '' or 0 where it was not told: the TTL and the destination of a datagram are in the IPv4 header that a raw socket gets. `dial` sends the
 * nonce once, by a fresh socket, and prints `dialled`, the errno (Linux numbers; 0: the nonce came back), 1 after a handshake, the own end (address, port), and the
 * microseconds that the nonce was away.
 * Either prints `failed` and why where it has no socket.
 */
export const WAY_SCRIPT: string = String.raw`use strict;
use Fcntl;
use Socket qw(:DEFAULT :addrinfo IPPROTO_ICMP IPPROTO_ICMPV6 IPPROTO_IPV6 IPPROTO_UDP IPV6_V6ONLY MSG_DONTWAIT inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6);

my ($mode, $protocol, $family, $address, $port, $nonce, $left) = @ARGV;
# Left when the nonce was sent.
my $then = $left;
my $v6 = $family eq 'ipv6';
my $af = $v6 ? AF_INET6 : AF_INET;
my $any = $v6 ? '::' : '0.0.0.0';
my ($request, $reply) = $v6 ? (128, 129) : (8, 0);
my ($TIMEDOUT, $NETUNREACH, $RESET, $REFUSED, $HOSTUNREACH) = (110, 101, 104, 111, 113);

sub end { print join("\t", @_), "\n"; exit }
sub failed { end('failed', "$_[0]: $!") }
sub at { my ($where, $number) = @_; $where = inet_pton($af, $where); $v6 ? pack_sockaddr_in6($number, $where) : pack_sockaddr_in($number, $where) }
sub place { my ($number, $where) = $v6 ? unpack_sockaddr_in6($_[0]) : unpack_sockaddr_in($_[0]); (inet_ntop($af, $where), $number) }

# Until there is something to read (or to write); false when the time is up.
sub waits {
  my ($socket, $write) = @_;
  my $bits = '';
  vec($bits, fileno($socket), 1) = 1;
  my ($found, $rest) = $write ? select(undef, $bits, undef, $left) : select($bits, undef, undef, $left);
  $left = $rest;
  return $found > 0;
}

sub raw { my ($which) = @_; socket(my $socket, $af, SOCK_RAW, $which) or failed('raw socket'); $socket }

# IP header of a packet from a raw socket of IPv4 (those of IPv6 come without): what it carries, its TTL, its destination.
sub unwrapped {
  my ($packet) = @_;
  return ($packet, 0, '') if $v6;
  return (substr($packet, 4 * (ord($packet) & 15)), ord(substr($packet, 8, 1)), inet_ntop($af, substr($packet, 16, 4)));
}

sub bound {
  my ($type, $where) = @_;
  socket(my $socket, $af, $type, 0) or failed('socket');
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
  setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $v6;
  return bind($socket, at($where, $port)) ? $socket : undef;
}

sub listen_tcp {
  my $socket = bound(SOCK_STREAM, $any) or failed('bind');
  listen($socket, 16) or failed('listen');
  print STDERR "ready\n";
  while (waits($socket)) {
    my $peer = accept(my $client, $socket) or next;
    my $got = '';
    while (length $got < length $nonce && waits($client)) { sysread($client, $got, 64, length $got) or last }
    next if $got ne $nonce;
    syswrite($client, $nonce);
    end('seen', place($peer), place(getsockname($client)), 0);
  }
}

sub listen_udp {
  my $socket = bound(SOCK_DGRAM, $any) or failed('bind');
  my $raw = $v6 ? undef : raw(IPPROTO_UDP);
  print STDERR "ready\n";
  while (waits($socket)) {
    my $peer = recv($socket, my $got, 2048, 0);
    next if !defined $peer || $got ne $nonce;
    my ($ttl, $to) = (0, '');
    while ($raw && defined recv($raw, my $packet, 2048, MSG_DONTWAIT)) {
      my ($datagram, $its_ttl, $its_to) = unwrapped($packet);
      ($ttl, $to) = ($its_ttl, $its_to) if substr($datagram, 8) eq $nonce;
    }
    # By the address that was asked: a socket of all addresses may answer by another.
    my $own = bound(SOCK_DGRAM, $to || $address) || $socket;
    send($own, $nonce, 0, $peer);
    end('seen', place($peer), $to, $to ? $port : 0, $ttl);
  }
}

sub listen_icmp {
  my $socket = raw($v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
  print STDERR "ready\n";
  while (waits($socket)) {
    my $peer = recv($socket, my $packet, 2048, 0) or next;
    my ($message, $ttl, $to) = unwrapped($packet);
    # The kernel answers.
    end('seen', (place($peer))[0], 0, $to, 0, $ttl) if ord($message) == $request && substr($message, 8) eq $nonce;
  }
}

sub dialled {
  my ($errno, $connected, $socket) = @_;
  end('dialled', $errno, $connected, $socket ? place(getsockname($socket)) : ('', 0), int(($then - $left) * 1000000));
}

# Sends the nonce and waits for it, by a socket that is connected.
sub exchange {
  my ($socket, $connected) = @_;
  $then = $left;
  defined send($socket, $nonce, 0) or dialled($! + 0, $connected, $socket);
  my $got = '';
  while (length $got < length $nonce) {
    waits($socket) or dialled($TIMEDOUT, $connected, $socket);
    defined recv($socket, my $more, 64, 0) or dialled($! + 0, $connected, $socket);
    dialled($RESET, $connected, $socket) if $more eq '';
    $got .= $more;
  }
  dialled($got eq $nonce ? 0 : $RESET, $connected, $socket);
}

# So that errors of routers and of the own kernel are told (IP_RECVERR, IPV6_RECVERR).
sub told { setsockopt($_[0], $v6 ? IPPROTO_IPV6 : 0, $v6 ? 25 : 11, 1) }

sub dial_tcp {
  socket(my $socket, $af, SOCK_STREAM, 0) or failed('socket');
  fcntl($socket, F_SETFL, O_NONBLOCK);
  if (!connect($socket, at($address, $port))) {
    dialled($! + 0, 0, undef) if !$!{EINPROGRESS};
    waits($socket, 1) or dialled($TIMEDOUT, 0, undef);
    my $errno = unpack('i', getsockopt($socket, SOL_SOCKET, SO_ERROR));
    dialled($errno, 0, undef) if $errno;
  }
  exchange($socket, 1);
}

sub dial_udp {
  socket(my $socket, $af, SOCK_DGRAM, 0) or failed('socket');
  told($socket);
  connect($socket, at($address, $port)) or dialled($! + 0, 0, undef);
  exchange($socket, 0);
}

sub checksum { my $sum = unpack('%32n*', $_[0] . "\0" x (length($_[0]) % 2)); $sum = ($sum >> 16) + ($sum & 65535) for 1 .. 2; 65535 & ~$sum }

sub dial_icmp {
  my $socket = raw($v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
  my $message = pack('CCnnna*', $request, 0, 0, $$ & 65535, 1, $nonce);
  substr($message, 2, 2) = pack('n', checksum($message)) if !$v6;
  defined send($socket, $message, 0, at($address, 0)) or dialled($! + 0, 0, undef);
  while (waits($socket)) {
    recv($socket, my $packet, 2048, 0);
    my ($answer) = unwrapped($packet);
    my ($type, $code) = unpack('CC', $answer);
    dialled(0, 0, undef) if $type == $reply && substr($answer, 8) eq $nonce;
    # Destination unreachable, and the request in it: as the kernel translates its codes for a socket.
    next if $type != ($v6 ? 1 : 3) || index($answer, $nonce) < 0;
    dialled($code == 0 || (!$v6 && $code == 9) ? $NETUNREACH : $code == ($v6 ? 4 : 3) ? $REFUSED : $HOSTUNREACH, 0, undef);
  }
  dialled($TIMEDOUT, 0, undef);
}

my %run = (listen => { tcp => \&listen_tcp, udp => \&listen_udp, icmp => \&listen_icmp }, dial => { tcp => \&dial_tcp, udp => \&dial_udp, icmp => \&dial_icmp });
$run{$mode}{$protocol}->();
end('unseen');
`;
