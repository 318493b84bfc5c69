/** Commands that put right what the rules of a proxy have wrong. */
import { iptablesServiceChains, nftablesServiceChains, type ServiceChains, endpointText } from '../../topology/services/proxy/hashes.ts';
import { PROXY_TABLE } from '../../topology/services/proxy/nftables-rules.ts';
import { splitWords } from './iptables-text.ts';
import { execCommand, type LabView } from './lab-view.ts';
import type { ProgrammedEndpoint } from './proxy-rules.ts';
import type { ReadPlace } from './service-place.ts';

/** Gives a port that nothing takes its ways in again, to the chains that it should have. */
export function mendEntries(view: LabView, place: ReadPlace): string {
  const { port, found, service } = place;
  const chains = chainsOf(place);
  const internal = service.internalTrafficPolicy === 'Local' ? chains.local : chains.cluster;
  const { nodePort } = port.port;
  const proto = ['-p', port.protocol, '-m', port.protocol, '--dport'];
  const commands = [
    ...(port.internal !== 'serve' || found.clusterIP !== null
      ? []
      : [
          place.rules.mode === 'iptables'
            ? iptables(view, place, '-I', 'KUBE-SERVICES', '-d', port.clusterIP, ...proto, String(port.port.port), '-j', internal)
            : element(view, place, 'service-ips', `${port.clusterIP} . ${port.protocol} . ${port.port.port} : goto ${internal}`),
        ]),
    ...(nodePort === null || found.nodePort !== null
      ? []
      : [
          place.rules.mode === 'iptables'
            ? iptables(view, place, '-A', 'KUBE-NODEPORTS', ...proto, String(nodePort), '-j', chains.external)
            : element(view, place, 'service-nodeports', `${port.protocol} . ${nodePort} : goto ${chains.external}`),
        ]),
  ];
  return commands.join('; ');
}

/** Lets a chain lead to the endpoint that is missing instead of the one that it has. */
export function mendEndpoint(view: LabView, place: ReadPlace, one: ProgrammedEndpoint): string {
  const { port, found, rules } = place;
  const right =
    port.usable.find(({ address }) => address === one.address) ??
    port.reachable.find((planned) => !found.endpoints.some((has) => has.address === planned.address && has.port === planned.port));
  if (right === undefined) return '';
  const move = (text: string): string => text.replace(endpointText(one.address, one.port), right.text).replaceAll(one.address, right.address);
  const own = rules.chains.get(one.chain)?.rules ?? [];
  if (rules.mode === 'iptables')
    return own
      .flatMap(({ text }, index): readonly string[] => {
        const [, , , chain = '', ...rest] = splitWords(move(text));
        return move(text) === text ? [] : [iptables(view, place, '-R', chain, String(index + 1), ...rest)];
      })
      .join('; ');
  const at = `${tableWord(place)} ${PROXY_TABLE} ${one.chain}`;
  return execCommand(view, place.node, ['nft', [`flush chain ${at}`, ...own.map(({ text }) => `add rule ${at} ${move(text)}`)].join('; ')]);
}

/** Marks what an endpoint asks itself. */
export function mendMasquerade(view: LabView, place: ReadPlace, { chain, address }: ProgrammedEndpoint): string {
  return place.rules.mode === 'iptables'
    ? iptables(view, place, '-I', chain, '1', '-s', address, '-j', 'KUBE-MARK-MASQ')
    : execCommand(view, place.node, [
        'nft',
        `insert rule ${tableWord(place)} ${PROXY_TABLE} ${chain} ${tableWord(place)} saddr ${address} jump mark-for-masquerade`,
      ]);
}

/** Sends clients back to the endpoints that remember them. */
export function mendAffinity(view: LabView, place: ReadPlace, lost: readonly ProgrammedEndpoint[]): string {
  const seconds = String(place.service.affinitySeconds);
  const table = tableWord(place);
  return place.found.balancing
    .flatMap((chain) =>
      lost
        .filter((one) => one.remembers)
        .map((one) =>
          place.rules.mode === 'iptables'
            ? iptables(view, place, '-I', chain, '1', '-m', 'recent', '--name', one.chain, '--rcheck', '--seconds', seconds, '--reap', '-j', one.chain)
            : execCommand(view, place.node, [
                'nft',
                `insert rule ${table} ${PROXY_TABLE} ${chain} ${table} saddr @${one.chain.replace(/^endpoint-/, 'affinity-')} goto ${one.chain}`,
              ]),
        ),
    )
    .join('; ');
}

function chainsOf({ port, rules, service }: ReadPlace): ServiceChains {
  return rules.mode === 'iptables'
    ? iptablesServiceChains(port.name, port.protocol)
    : nftablesServiceChains({ namespace: service.namespace, service: service.name, protocol: port.protocol, port: port.port.name });
}

const tableWord = ({ family }: Pick<ReadPlace, 'family'>): string => (family === 'ipv4' ? 'ip' : 'ip6');

function iptables(view: LabView, place: ReadPlace, ...words: readonly string[]): string {
  return execCommand(view, place.node, [place.family === 'ipv4' ? 'iptables' : 'ip6tables', '-t', 'nat', ...words]);
}

function element(view: LabView, place: ReadPlace, map: string, item: string): string {
  return execCommand(view, place.node, ['nft', `add element ${tableWord(place)} ${PROXY_TABLE} ${map} { ${item} }`]);
}
