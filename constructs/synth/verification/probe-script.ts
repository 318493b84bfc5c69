/**
 * What a Job of a verification runs. A template takes `${` for itself, so the parameter expansions of the shell are written `@{` here; that is the
 * only difference to the text that runs.
 */
const TEXT = String.raw`#!/bin/sh
# Probes the network from where it runs, and prints what both ends saw: one line of JSON for each probe. It judges nothing.
# Needs curl, nc (OpenBSD), ip (iproute2) and bash, all of them in the agnhost image; runs in dash, in busybox' ash and in bash.
#
# REQUIREMENT  r1 (from a pod, with its own responder), r2 (from the network of a node), r3 (views, from a pod), or own (calls alone)
# NODE POD POD_IPS            who asks; addresses joined by commas
# TARGETS      file, a line for every node, separated by tabs: index, node, responder, its addresses, addresses of the node, addresses
#              that nobody has. Lists are joined by commas; what is not there is "-".
# OFFSETS      targets of node i are the lines (i + offset) modulo their number, for each of these; "all"
# PROFILE FAMILIES ATTEMPTS   "current" asks only the own node for r2; "ipv4 ipv6"; fresh connections for each pair
# DEADLINE SILENCE            seconds for an answer; and where none is expected, from an address that nobody has
# PARALLEL LIMIT HOLD         probes at once; seconds after which the rest is given up; seconds that the pod stays at least
# MESH CALLS   "no": nothing but calls is sent; file of calls, or a directory in which it is named by requirement and index of the
#              node, or by requirement for all that have none of their own.
#              A line for each, separated by tabs: call, protocol, address, port, connections; ask, protocol, server, port, message (base64);
#              resolve, family, "-", 0, name; conf (the text of resolv.conf), "-", "-", 0, "-"
# PROBE_PORT CLOSED_PORT      of the responders; one on which nothing listens
# SCRATCH AGNHOST             a directory to write to; the program of the responder
set -uf
LC_ALL=C
export LC_ALL
unset CDPATH ENV
tab=$(printf '\t')
IFS=' '

AGNHOST=@{AGNHOST:-/agnhost}
TARGETS=@{TARGETS:-/targets/targets}
PROBE_PORT=@{PROBE_PORT:-7000}
CLOSED_PORT=@{CLOSED_PORT:-7001}
LIMIT=@{LIMIT:-600}
HOLD=@{HOLD:-0}
POD_IPS=@{POD_IPS:-}
PROFILE=@{PROFILE:-classic}
SILENCE=@{SILENCE:-$DEADLINE}
SCRATCH=@{SCRATCH:-$(mktemp -d)}
STREAM_BYTES=65536
MESH=@{MESH:-yes}
CALLS=@{CALLS:-}
# The resolver of the system asks every server twice, for five seconds.
RESOLVE_SECONDS=20

probes=0
slots=
responder=
watch=
child=
broken=
curl=
nc=
ip=

# Time since boot in hundredths of a second: without starting a process.
now() {
  read -r up idle </proc/uptime
  now=$((@{up%.*} * 100 + 1@{up#*.} - 100))
}

# Seconds, whole or with decimals, in hundredths.
hundredths() {
  case $1 in
    *.*)
      fraction=@{1#*.}00
      hundredths=$((@{1%.*} * 100 + 1@{fraction%"@{fraction#??}"} - 100))
      ;;
    *) hundredths=$(($1 * 100)) ;;
  esac
}

# What curl calls seconds (six decimals), in milliseconds.
millis() {
  fraction=@{1#*.}
  millis=$((@{1%.*} * 1000 + 1@{fraction%???} - 1000)).@{fraction#???}
}

# A text that can stand in JSON and in a short line.
plain() {
  IFS='"\'$tab
  set -- $1
  IFS=' '
  plain="$*"
  case $plain in
    *[!\ -~]*) plain=$(printf %s "$plain" | tr -cd ' -~') ;;
  esac
  [ @{#plain} -le 300 ] || plain=$(printf %s "$plain" | cut -c1-300)
}

view() { # pod addresses member value
  printf '{"v":1,"type":"view","requirement":"%s","node":"%s","pod":"%s","podIPs":"%s","%s":%s}\n' "$REQUIREMENT" "$NODE" "$1" "$2" "$3" "$4"
}

done_line() { # complete, reason
  plain "$2"
  printf '{"v":1,"type":"done","requirement":"%s","node":"%s","pod":"%s","probes":%d,"complete":%s,"error":"%s"}\n' \
    "$REQUIREMENT" "$NODE" "$POD" "$probes" "$1" "$plain"
}

# One line, built from what a probe left in its variables.
report() {
  plain "$seen" && seen=$plain
  plain "$hostname" && hostname=$plain
  plain "$echo" && echo=$plain
  plain "$error" && error=$plain
  printf '{"v":1,"type":"probe","kind":"%s","requirement":"%s","node":"%s","pod":"%s","target":"%s","targetNode":"%s","address":"%s","port":%d,"protocol":"%s","family":"%s","attempt":%d,"exit":%d,"error":"%s","connectMs":%s,"ms":%s,"connects":%d,"localAddress":"%s","localPort":%d,"seen":"%s","hostname":"%s","nonce":"%s","echo":"%s","bytes":%d}\n' \
    "$kind" "$REQUIREMENT" "$NODE" "$POD" "$target" "$node" "$address" "$port" "$protocol" "$family" "$attempt" "$exit" "$error" \
    "$connectMs" "$ms" "$connects" "$from" "$sourcePort" "$seen" "$hostname" "$nonce" "$echo" "$bytes"
}

# One curl, one connection, three requests: whom does the server see, who is it, and does the nonce come back.
tcp() {
  case $family in
    ipv6) at="http://[$address]:$port" ;;
    *) at=http://$address:$port ;;
  esac
  limit=$DEADLINE
  [ "$kind" != nobody ] || limit=$SILENCE
  set -- -g -sS -v --noproxy '*' -m "$limit" -H 'Expect:' -w '\n@ %{num_connects} %{time_connect} %{time_total} %{local_port} %{local_ip}\n'
  if [ "$kind" = stream ]; then
    "$curl" -q --fail-early "$@" "$at/clientip" "$at/hostname" --next "$@" --data-binary "@$SCRATCH/stream" "$at/echo" >"$out" 2>"$err" 3>&- &
  else
    "$curl" -q --fail-early "$@" "$at/clientip" "$at/hostname" "$at/echo?msg=$nonce" >"$out" 2>"$err" 3>&- &
  fi
  child=$!
  wait "$child"
  exit=$?
  child=
  answers=0 body=
  while IFS= read -r line; do
    case $line in
      '@ '*)
        set -- $line
        case $answers in
          0)
            seen=$body
            millis "$3" && connectMs=$millis
            millis "$4" && ms=$millis
            case @{6-} in '') ;; *) sourcePort=$5 from=$6 ;; esac
            ;;
          1) hostname=$body ;;
          2) echo=$body ;;
        esac
        connects=$((connects + $2)) answers=$((answers + 1)) body=
        ;;
      *) [ -n "$body" ] || body=$line ;;
    esac
  done <"$out"
  if [ "$kind" = stream ]; then
    bytes=@{#echo}
    if [ "$echo" = "$nonce$filler" ]; then
      echo=$nonce
    else
      echo=
      [ "$exit" -ne 0 ] || error="$bytes of $STREAM_BYTES bytes came back, not as they were sent" exit=56
    fi
  fi
  [ "$exit" -ne 0 ] || return
  case $exit in 126 | 127) error='curl does not run' exit=-1 ;; esac
}

tcp_error() {
  [ "$exit" -gt 0 ] && [ -z "$error" ] || return 0
  while IFS= read -r line; do
    case $line in
      *failed:* | *'Immediate connect fail'*) error="@{line#??}; $error" ;;
      'curl: '*) error=$error$line ;;
    esac
  done <"$err"
}

# One nc, one source port, three datagrams, each answered before the next is sent. A reply has no end of line and nc no deadline in parts of a
# second: what nc writes to a file is looked at, in steps that grow, and nc is ended by its process id.
udp() {
  exit=0
  if [ -z "$source" ]; then
    exit=7 error=$routeError
    return
  fi
  datagrams
  case $exit in
    -1)
      # Somebody has the port: the one port of this probe in a range that is kept for that.
      sourcePort=$((29000 + sourcePort % 1000)) exit=0 error=
      datagrams
      ;;
  esac
  from=$source
}

datagrams() {
  exec 3<>"$fifo"
  # Empty before nc is: what the last probe of this slot heard must not be taken for an answer.
  : >"$out"
  now
  began=$now
  "$nc" -n -u -s "$source" -p "$sourcePort" "$address" "$port" <&3 >"$out" 2>"$err" 3>&- &
  child=$!
  said=
  for word in hostname clientip "echo $nonce"; do
    printf %s "$word" >&3
    await
    exit=$?
    [ "$exit" -eq 0 ] || break
    case $word in
      hostname) hostname=$reply ;;
      clientip) seen=$reply ;;
      *) echo=$reply ;;
    esac
  done
  now
  ms=$(((now - began) * 10))
  kill "$child"
  wait "$child"
  child=
  exec 3>&-
  case $exit in
    28) error='no answer' ;;
    7)
      IFS= read -r error <"$err"
      case $error in
        '') named_error ;;
        *'not permitted'* | *denied*) ;;
        *) exit=-1 ;;
      esac
      ;;
  esac
}

# Waits for more than has been said; 28 at the deadline, 7 when nc has ended by itself. Time counts while nc sleeps: then it has sent what it was
# given and nothing has come. While it waits for a CPU, the node is slow and not the network.
await() {
  now
  until=$((now + hundredths))
  pause=0.003
  over=0
  while :; do
    nap
    all=
    IFS= read -r all <"$out"
    if [ "$all" != "$said" ]; then
      reply=@{all#"$said"} said=$all
      return 0
    fi
    # What came at the last moment has been looked at once more.
    [ "$over" -eq 0 ] || return "$over"
    now
    if ! alive "$child"; then
      over=7 pause=0.003
    elif [ "$state" != S ]; then
      until=$((now + hundredths))
    elif [ "$now" -ge "$until" ]; then
      over=28 pause=0.003
    fi
  done
}

# Sleeps, each time longer: every look costs a process, and where processes are dear looking often takes the CPU from the answer itself.
nap() {
  sleep "$pause"
  case $pause in
    0.003) pause=0.01 ;;
    0.01) pause=0.02 ;;
    0.02) pause=0.05 ;;
    *) pause=0.1 ;;
  esac
}

# A process that has ended is a zombie until it is waited for.
alive() {
  read -r pid comm state rest <"/proc/$1/stat" && [ "$state" != Z ]
}

# nc ends without a word when an ICMP error comes back. bash says which: the second write to such a socket fails with it.
# A host sends at most one such error a second to a peer once its first few are spent (icmp_ratelimit): the last pauses are longer than that.
named_error() {
  error=$(bash -c 'exec 3<>"/dev/udp/$1/$2" && for pause in 0.02 0.02 0.02 0.05 0.1 0.2 0.4 0.6; do printf hostname >&3 || exit; sleep $pause; done; printf hostname >&3' - "$address" "$port" 2>&1)
  case $error in
    *rror:*) error=@{error##*: } ;;
    *) error='an ICMP error came back' ;;
  esac
}

# Starts a probe as soon as a slot is free. Only this shell writes to standard output: no line is ever broken by another.
probe() { # kind protocol address port target node attempt
  take
  serial=$((serial + 1))
  (
    kind=$1 protocol=$2 address=$3 port=$4 target=$5 node=$6 attempt=$7
    nonce=$seed$serial exit=0 error=$broken connectMs=0 ms=0 connects=0 from= sourcePort=0 seen= hostname= echo= bytes=0
    out=$SCRATCH/$slot.out err=$SCRATCH/$slot.err fifo=$SCRATCH/$slot.fifo
    case $address in *:*) family=ipv6 ;; *) family=ipv4 ;; esac
    trap '[ -z "$child" ] || kill "$child"; exit' TERM INT HUP
    if [ -n "$broken" ]; then
      exit=-1
    elif [ "$protocol" = udp ]; then
      sourcePort=$((20000 + (firstPort + serial) % 9000))
      udp
    else
      # The body of a stream is the same for all: so is its nonce.
      [ "$kind" != stream ] || nonce=$seed
      tcp
      tcp_error
    fi
    report >"$SCRATCH/$slot.line"
    printf '%s\n' "$slot" >&9
  ) 2>/dev/null &
  eval "pid$slot=\$!"
}

# What is no probe: a message to a server, a name, or the text of a file. What came back is in base64.
inquire() { # kind protocol address port text
  take
  serial=$((serial + 1))
  (
    kind=$1 protocol=$2 address=$3 port=$4 text=$5 exit=0 error=$broken data=
    out=$SCRATCH/$slot.out err=$SCRATCH/$slot.err fifo=$SCRATCH/$slot.fifo
    trap '[ -z "$child" ] || kill "$child"; exit' TERM INT HUP
    : >"$out"
    if [ -n "$broken" ]; then
      exit=-1
    else
      case $kind in
        ask) message ;;
        resolve)
          timeout "$RESOLVE_SECONDS" getent "ahosts@{protocol#ip}" "$text" >"$out" 2>"$err" 3>&- &
          child=$!
          wait "$child"
          exit=$?
          child=
          # 1: a getent that knows no such database.
          case $exit in 1 | 126 | 127) error='getent or timeout of this image cannot ask' exit=-1 ;; esac
          ;;
        conf) cat /etc/resolv.conf >"$out" 2>"$err" || exit=$? ;;
      esac
      # nc -v tells of successes, too.
      [ -n "$error" ] || [ "$exit" -eq 0 ] || IFS= read -r error <"$err"
      data=$(base64 <"$out" | tr -d '\n')
    fi
    plain "$error"
    printf '{"v":1,"type":"reply","requirement":"%s","node":"%s","pod":"%s","kind":"%s","protocol":"%s","address":"%s","text":"%s","exit":%d,"error":"%s","data":"%s"}\n' \
      "$REQUIREMENT" "$NODE" "$POD" "$kind" "$protocol" "$address" "$text" "$exit" "$plain" "$data" >"$SCRATCH/$slot.line"
    printf '%s\n' "$slot" >&9
  ) 2>/dev/null &
  eval "pid$slot=\$!"
}

# One message by nc, and what comes back: all of it once it is as long as TCP says before it.
message() {
  set -- -n -v
  [ "$protocol" = tcp ] || set -- -n -u
  exec 3<>"$fifo"
  "$nc" "$@" "$address" "$port" <&3 >"$out" 2>"$err" 3>&- &
  child=$!
  printf %s "$text" | base64 -d >&3
  now
  until=$((now + hundredths))
  pause=0.003
  while ! heard; do
    nap
    now
    # What came at the last moment is looked at once more.
    if ! alive "$child"; then
      heard || exit=7
      break
    elif [ "$now" -ge "$until" ]; then
      heard || exit=28
      break
    fi
  done
  kill "$child"
  wait "$child"
  child=
  exec 3>&-
  [ "$exit" -ne 7 ] || [ "$protocol" = tcp ] || named_error
}

heard() {
  [ -s "$out" ] || return 1
  [ "$protocol" = tcp ] || return 0
  set -- $(od -An -tu1 -N2 "$out") 0 0
  [ "$(wc -c <"$out")" -ge $((2 + $1 * 256 + $2)) ]
}

# The calls of this place.
calls() { # file
  while IFS=$tab read -r kind protocol address port text <&8; do
    case $kind in
      call)
        # With several addresses the route chooses: of each door by itself.
        route "$address"
        nth=0
        while [ "$nth" -lt "$text" ]; do
          probe call "$protocol" "$address" "$port" '' '' "$nth"
          nth=$((nth + 1))
        done
        ;;
      ?*) inquire "$kind" "$protocol" "$address" "$port" "$text" ;;
    esac
  done 8<"$1"
}

# Waits for a slot, and prints the line of the probe that left it.
take() {
  read -r slot <&9 || :
  [ "$slot" != over ] || finish false "not done after $LIMIT seconds"
  if [ -s "$SCRATCH/$slot.line" ]; then
    IFS= read -r line <"$SCRATCH/$slot.line"
    printf '%s\n' "$line"
    probes=$((probes + 1))
    : >"$SCRATCH/$slot.line"
  fi
}

# Ends everything that was started, says how far it came, and leaves.
finish() { # complete reason
  trap '' TERM INT HUP
  for slot in $slots; do
    eval "pid=\@{pid$slot-}"
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
  done
  for pid in $responder $watch; do kill "$pid" 2>/dev/null; done
  wait
  done_line "$1" "$2"
  [ "$1" = true ] || exit 0
  trap 'exit 0' TERM INT HUP
  now
  left=$((started + HOLD * 100 - now))
  if [ "$left" -gt 0 ]; then
    sleep $((left / 100 + 1)) &
    wait
  fi
  exit 0
}

# Addresses of a list that are of a family that is asked for.
addresses() {
  IFS=,
  set -- $1
  IFS=' '
  addresses=
  for address in "$@"; do
    case $address in
      -) continue ;;
      *:*) family=ipv6 ;;
      *) family=ipv4 ;;
    esac
    case " $FAMILIES " in *" $family "*) addresses="$addresses $address" ;; esac
  done
}

# The source address that the route to an address gives, or why there is none.
route() {
  routeError=
  source=$("$ip" -o route get "$1" 2>&1)
  case $source in
    *' src '*) source=@{source#* src } source=@{source%% *} ;;
    *) routeError=$source source= ;;
  esac
}

# Every attempt in both protocols.
attempts() { # kind target node addresses
  addresses "$4"
  for address in $addresses; do
    route "$address"
    attempt=0
    while [ "$attempt" -lt "$ATTEMPTS" ]; do
      for protocol in tcp udp; do probe "$1" "$protocol" "$address" "$PROBE_PORT" "$2" "$3" "$attempt"; done
      attempt=$((attempt + 1))
    done
    [ "$1" = mesh ] && [ "$REQUIREMENT" = r1 ] || continue
    for protocol in tcp udp; do probe closed "$protocol" "$address" "$CLOSED_PORT" "$2" "$3" 0; done
    probe stream tcp "$address" "$PROBE_PORT" "$2" "$3" 0
  done
}

# Is a line of the targets for this node?
asked() { # index
  case $REQUIREMENT$PROFILE in r2current) [ "$1" -eq "$own" ] && return || return 1 ;; esac
  case " $OFFSETS " in
    ' all ' | *" $((($1 - own + count) % count)) "*) return 0 ;;
    *) return 1 ;;
  esac
}

# The responder of this pod, and the proof that probes work at all: by it, inside of this pod.
respond() {
  "$AGNHOST" netexec "--http-port=$PROBE_PORT" "--udp-port=$PROBE_PORT" >/dev/null 2>&1 9>&- &
  responder=$!
  tries=0
  until "$curl" -q -sf -m 1 --noproxy '*' -o /dev/null "http://127.0.0.1:$PROBE_PORT/healthz"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 200 ] || ! alive "$responder" 2>/dev/null; then
      broken="the responder of this pod does not answer on 127.0.0.1:$PROBE_PORT"
      return
    fi
    sleep 0.03
  done
}

now
started=$now
trap 'finish false "ended by a signal"' TERM INT HUP
hundredths "$DEADLINE"
read -r seed </proc/sys/kernel/random/uuid
seed=@{seed%%-*}
firstPort=$((0x$seed % 9000))
serial=0

# By their paths: a busybox shell may prefer its own nc and ip, which can do less.
for tool in curl nc ip bash; do
  IFS=:
  for folder in $PATH; do
    if [ -x "$folder/$tool" ]; then
      eval "$tool=\$folder/$tool"
      continue 2
    fi
  done
  broken="$tool is not in this image"
done
IFS=' '

own= count=0
[ "$REQUIREMENT" != own ] || TARGETS=/dev/null own=0
while IFS=$tab read -r index node rest; do
  [ "$node" != "$NODE" ] || own=$index
  count=$((count + 1))
done <"$TARGETS"
[ -n "$own" ] || finish false "$NODE is not among the targets"

[ "$REQUIREMENT$MESH" != r1yes ] || respond

# Before anything runs besides, because these lines may be long. A node has hundreds of interfaces: only those with addresses.
if [ "$REQUIREMENT" = r2 ]; then
  ipv4=$("$ip" -j -d -4 addr 2>/dev/null)
  ipv6=$("$ip" -j -d -6 addr show scope global 2>/dev/null)
  case $ipv4$ipv6 in
    '['*']['*']') interfaces=@{ipv4%]},@{ipv6#[} ;;
    *) interfaces=@{ipv4:-[]} ;;
  esac
else
  interfaces=$("$ip" -j -d addr 2>/dev/null)
fi
[ "$REQUIREMENT" = own ] || view "$POD" "$POD_IPS" interfaces "@{interfaces:-[]}"

if [ "$REQUIREMENT" = r3 ]; then
  while IFS=$tab read -r index node pod ips rest <&8; do
    [ "$index" = "$own" ] && [ "$ips" != - ] || continue
    at=@{ips%%,*}
    case $at in *:*) at="[$at]" ;; esac
    # A program starts in that pod, which takes an emulated node longer than an answer may take.
    shell=$("$curl" -q -g -sS -m $((5 + 3 * @{DEADLINE%.*})) --noproxy '*' "http://$at:$PROBE_PORT/shell?cmd=ip%20-j%20-d%20addr" 2>&1)
    case $shell in
      '{'*'}') view "$pod" "$ips" shell "$shell" ;;
      *)
        plain "$shell"
        view "$pod" "$ips" error "\"$plain\""
        ;;
    esac
  done 8<"$TARGETS"
fi

if [ -d "$CALLS" ]; then
  [ -f "$CALLS/$REQUIREMENT-$own" ] && CALLS=$CALLS/$REQUIREMENT-$own || CALLS=$CALLS/$REQUIREMENT
fi
[ -f "$CALLS" ] || CALLS=
[ "$MESH$CALLS" != no ] || finish true ''

filler=x
while [ @{#filler} -lt "$STREAM_BYTES" ]; do filler=$filler$filler; done
filler=@{filler#xxxxxxxx}
printf 'msg=%s%s' "$seed" "$filler" >"$SCRATCH/stream"

fifos=
while [ @{#slots} -eq 0 ] || [ "$slot" -lt "$PARALLEL" ]; do
  slot=$((@{slot:-0} + 1))
  slots="$slots $slot" fifos="$fifos $SCRATCH/$slot.fifo"
done
mkfifo "$SCRATCH/slots" $fifos
exec 9<>"$SCRATCH/slots"
printf '%s\n' $slots >&9
(
  trap 'kill "$child"; exit' TERM
  sleep "$LIMIT" &
  child=$!
  wait "$child" && printf 'over\n' >&9
) 2>/dev/null &
watch=$!

[ -z "$CALLS" ] || calls "$CALLS"
if [ "$MESH" = no ]; then
  for slot in $slots; do take; done
  finish true ''
fi

# What takes its whole time comes first.
if [ "$REQUIREMENT" = r1 ]; then
  while IFS=$tab read -r index node pod ips nodeips nobody <&8; do
    asked "$index" || continue
    addresses "$nobody"
    for address in $addresses; do probe nobody tcp "$address" "$PROBE_PORT" '' "$node" 0; done
  done 8<"$TARGETS"
  attempts self "$POD" "$NODE" "$POD_IPS"
fi
while IFS=$tab read -r index node pod ips nodeips nobody <&8; do
  asked "$index" || continue
  attempts mesh "$pod" "$node" "$ips"
  [ "$REQUIREMENT" != r1 ] || attempts node "$node" "$node" "$nodeips"
done 8<"$TARGETS"

for slot in $slots; do take; done
finish true ''
`;

/** The probe script: POSIX sh, for dash, busybox ash and bash. Its head says what it needs and takes. */
export const PROBE_SCRIPT: string = TEXT.replaceAll('@{', '${');
