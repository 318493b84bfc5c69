/** Where the script, its settings and its access to the API are on the node: a mount that only its container sees. */
export const SETTINGS = '/run/cnilab-bridge';
/** Is there while conflist, rules and the routes to every other node are in place. */
export const READY = '/run/cnilab-bridge.ready';
export const CONFLIST = '/etc/cni/net.d/10-cnilab-bridge.conflist';
/** Stands in the settings' conflist where the ranges of the node belong. */
export const RANGES = '@RANGES@';
/** Marks the routes as this script's own: a number that /etc/iproute2/rt_protos gives to nobody. */
export const ROUTE_PROTOCOL = 89;

/**
 * What the bridge CNI does on a node, in POSIX sh with the node's own tools (kubectl, ip, iptables, sed). It runs in the node's root directory and
 * network; NODE_NAME, POD_CIDRS and MASQUERADE come from the environment. It looks every 5 s and touches only what differs, so that counters live on.
 */
export const bridgeScript: string = String.raw`# Bridge CNI of this node: CNI configuration, routes to the pods of other nodes, masquerade and forward rules.
set -uf
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export KUBECONFIG=${SETTINGS}/kubeconfig.json
nodes='{range .items[*]}{.metadata.name}{"|"}{.spec.podCIDRs[*]}{"|"}{.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'

# sysctl_is FILE VALUE: where the kernel has this setting, it gets this value.
sysctl_is() {
  [ -w "$1" ] || return 0
  read -r now <"$1"
  [ "$now" = "$2" ] || printf '%s\n' "$2" >"$1"
}

# Without it what stays on the bridge bypasses the translation of Services: said once.
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] ||
  echo 'br_netfilter is not loaded: Services will not work between pods of one node (modprobe br_netfilter on the machine)' >&2

# chain_is PROGRAM TABLE HOOK CHAIN [RULE...]: the chain holds these rules and no others, and the hook jumps to it.
chain_is() {
  program=$1 table=$2 hook=$3 chain=$4
  shift 4
  wanted="-N $chain" text=
  for rule; do
    wanted="$wanted
-A $chain $rule" text="$text
-A $chain $rule"
  done
  if [ "$("$program" -w -t "$table" -S "$chain" 2>/dev/null)" != "$wanted" ]; then
    printf '*%s\n:%s - [0:0]%s\nCOMMIT\n' "$table" "$chain" "$text" | "$program-restore" -w --noflush || return
  fi
  "$program" -w -t "$table" -C "$hook" -m comment --comment cnilab -j "$chain" 2>/dev/null ||
    "$program" -w -t "$table" -A "$hook" -m comment --comment cnilab -j "$chain"
}

# What leaves the pod CIDR is masqueraded, what stays inside never is.
rules() {
  for range in $POD_CIDRS; do
    case $range in
      *:*)
        iptables=ip6tables multicast=ff00::/8
        sysctl_is /proc/sys/net/ipv6/conf/all/forwarding 1
        sysctl_is /proc/sys/net/bridge/bridge-nf-call-ip6tables 1
        ;;
      *)
        iptables=iptables multicast=224.0.0.0/4
        sysctl_is /proc/sys/net/ipv4/ip_forward 1
        sysctl_is /proc/sys/net/bridge/bridge-nf-call-iptables 1
        ;;
    esac
    set --
    [ -z "$MASQUERADE" ] || set -- "-d $multicast -j RETURN" "-s $range ! -d $range -j MASQUERADE"
    chain_is "$iptables" nat POSTROUTING CNILAB-POSTRTG "$@" || return
    chain_is "$iptables" filter FORWARD CNILAB-FWD "-s $range -j ACCEPT" "-d $range -j ACCEPT" || return
  done
}

# The ranges of this node go to $own, routes to those of the others into the kernel; routes of nodes that are gone are taken out.
routes() {
  list=$(kubectl --cache-dir=/run/cnilab-bridge.cache --request-timeout=5s get nodes -o jsonpath="$nodes") || return
  present="
$(ip -4 route show proto ${ROUTE_PROTOCOL} 2>/dev/null)
$(ip -6 route show proto ${ROUTE_PROTOCOL} 2>/dev/null)
"
  own= ranges_of_others=' ' complete=yes
  while IFS='|' read -r name ranges addresses; do
    [ -n "$ranges" ] || complete=
    if [ "$name" = "$NODE_NAME" ]; then
      own=$ranges
      continue
    fi
    for range in $ranges; do
      via=
      for address in $addresses; do
        case "$range,$address" in
          *:*,*:*) via=$address family=-6 ;;
          *:*) ;;
          *) via=$address family=-4 ;;
        esac
      done
      ranges_of_others="$ranges_of_others$range "
      case "$present" in
        *"
$range via $via "*) ;;
        *) [ -n "$via" ] && ip "$family" route replace "$range" via "$via" proto ${ROUTE_PROTOCOL} || complete= ;;
      esac
    done
  done <<END
$list
END
  while read -r range _; do
    case "$range" in
      '') continue ;;
      *:*) family=-6 ;;
      *) family=-4 ;;
    esac
    case "$ranges_of_others" in
      *" $range "*) ;;
      *) ip "$family" route del "$range" proto ${ROUTE_PROTOCOL} ;;
    esac
  done <<END
$present
END
}

# Renamed into place: the container runtime never reads half of it.
conflist() {
  subnets= comma=
  for range in $own; do
    subnets="$subnets$comma[{\"subnet\": \"$range\"}]" comma=', '
  done
  text=$(sed "s|\"${RANGES}\"|[$subnets]|" ${SETTINGS}/conflist.json) || return
  [ "$text" != "$(cat ${CONFLIST} 2>/dev/null)" ] || return 0
  mkdir -p /etc/cni/net.d && printf '%s\n' "$text" >${CONFLIST}.new && mv ${CONFLIST}.new ${CONFLIST}
}

trap 'exit 0' TERM INT
rm -f ${READY}
while :; do
  pause=1
  if rules && routes; then
    # Not ready while a node has no range yet: the routes to it are still to come.
    if [ -n "$own" ] && conflist && [ -n "$complete" ]; then
      [ -e ${READY} ] || : >${READY}
      pause=5
    else
      rm -f ${READY}
    fi
  fi
  sleep "$pause" &
  wait $!
done
`;
