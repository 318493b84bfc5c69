/**
 * Perl text that tells of the packets of a namespace as they pass, from one AF_PACKET socket (packet(7)): what `follow-packets.ts` starts, with the words DEVICE
 * BYTES NONCE. It says `ready` on its error output, then a line for each packet: device, in or out, ethernet or ip, microseconds since 1970, length, its first bytes in
 * hexadecimal. SIGTERM ends it: what the kernel still holds is told, and `dropped` with the number of packets that it had no room for is printed; `failed` with an
 * errno and why where it cannot begin.
 */
export const FOLLOW_SCRIPT: string = String.raw`use strict;
use Socket qw(SOCK_RAW SOL_SOCKET SO_RCVBUF MSG_DONTWAIT);

my ($dev, $bytes) = @ARGV;
# linux/if_packet.h, linux/if_ether.h, linux/sockios.h; all protocols, in network byte order.
my ($AF_PACKET, $SOL_PACKET, $ADD_MEMBERSHIP, $PROMISC, $STATISTICS, $OUTGOING) = (17, 263, 1, 1, 6, 4);
my ($GIFNAME, $GIFINDEX, $GSTAMPNS) = (0x8910, 0x8933, 0x8907);
my $ALL = unpack('S', pack('n', 3));

sub failed { my $errno = $! + 0; print join("\t", 'failed', $errno, "$_[0]: $!"), "\n"; exit }

# Deaf until it is bound, so that nothing of other devices gets in.
socket(my $socket, $AF_PACKET, SOCK_RAW, $dev eq '' ? $ALL : 0) or failed('no packets can be read');
setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 4 << 20);
my $time = "\0" x 16;
ioctl($socket, $GSTAMPNS, $time);
if ($dev ne '') {
  my $request = pack('a16 x24', $dev);
  ioctl($socket, $GIFINDEX, $request) or failed("there is no $dev");
  my $index = unpack('x16 i', $request);
  setsockopt($socket, $SOL_PACKET, $ADD_MEMBERSHIP, pack('i S S a8', $index, $PROMISC, 0, ''));
  bind($socket, pack('S S i S C C a8', $AF_PACKET, $ALL, $index, 0, 0, 0, '')) or failed("packets of $dev cannot be read");
}

my %names;
sub name {
  my ($index) = @_;
  my $request = pack('x16 i x20', $index);
  return $names{$index} //= ioctl($socket, $GIFNAME, $request) ? unpack('Z16', $request) : $index;
}

sub tell_one {
  my ($flags) = @_;
  my $from = recv($socket, my $packet, 65536, $flags);
  return 0 if !defined $from;
  ioctl($socket, $GSTAMPNS, $time);
  my ($seconds, $nanoseconds) = unpack('q q', $time);
  my (undef, undef, $index, $hardware, $direction) = unpack('S S i S C', $from);
  my $link = $hardware == 1 || $hardware == 772 ? 'ethernet' : 'ip';
  my @words = (name($index), $direction == $OUTGOING ? 'out' : 'in', $link, $seconds * 1000000 + int($nanoseconds / 1000), length $packet);
  print STDERR join("\t", @words, unpack('H*', substr($packet, 0, $bytes))), "\n";
  return 1;
}

my $ended = 0;
$SIG{TERM} = sub { $ended = 1 };
# Nobody follows for a day: who started it is gone.
alarm 86400;
print STDERR "ready\n";
while (!$ended) {
  my $bits = '';
  vec($bits, fileno($socket), 1) = 1;
  # A signal that came just before would be waited for in vain.
  tell_one(MSG_DONTWAIT) if select($bits, undef, undef, 0.2) > 0;
}
1 while tell_one(MSG_DONTWAIT);
print join("\t", 'dropped', (unpack('I I', getsockopt($socket, $SOL_PACKET, $STATISTICS)))[1]), "\n";
`;
