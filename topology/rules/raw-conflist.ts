import { addressAt, cidrSize, tryParseAddress, tryParseCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { interfaceNameProblem, nearest } from '../names.ts';
import type { LabSpec } from '../spec.ts';
import { caution, problem, type Path } from './findings.ts';
import { gatewayProblem } from './gateway-is-network-address.ts';
import { clustersOf, type ClusterView } from './lab-view.ts';

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

/** CNI spec versions whose lists the engine runs: from 0.4.0, the first with CHECK, to the newest. */
const CNI_VERSIONS = ['0.4.0', '1.0.0', '1.1.0'];
/** What is filled in per node. */
const VARIABLES = ['podCIDR', 'podCIDR6', 'gateway', 'gateway6', 'node', 'mtu'];
/** A network name (CNI spec, section 1): it becomes part of file names. */
const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

interface Subnet {
  readonly text: string;
  readonly path: Path;
  readonly rangeStart: string | null;
  readonly gateway: string | null;
  readonly gatewayPath: Path;
}

/** The subnets of a host-local section: `ranges`, or the old single `subnet`. */
function subnetsOf(ipam: Json, path: Path): readonly Subnet[] {
  const one = (range: unknown, at: Path): readonly Subnet[] =>
    isRecord(range) && typeof range['subnet'] === 'string'
      ? [
          {
            text: range['subnet'],
            path: [...at, 'subnet'],
            rangeStart: typeof range['rangeStart'] === 'string' ? range['rangeStart'] : null,
            gateway: typeof range['gateway'] === 'string' ? range['gateway'] : null,
            gatewayPath: [...at, 'gateway'],
          },
        ]
      : [];
  return [...one(ipam, path), ...listOf(ipam['ranges']).flatMap((set, i) => listOf(set).flatMap((range, j) => one(range, [...path, 'ranges', i, j])))];
}

/** The first address that host-local hands out: rangeStart, else the first that is not the gateway. */
function firstHandedOut(subnet: Subnet): string | null {
  const parsed = tryParseCidr(subnet.text);
  if (!parsed.ok || cidrSize(parsed.cidr) < 4n) return null;
  if (subnet.rangeStart !== null) return subnet.rangeStart;
  const gateway = subnet.gateway ?? addressAt(parsed.cidr, 1);
  return gateway === addressAt(parsed.cidr, 1) ? addressAt(parsed.cidr, 2) : addressAt(parsed.cidr, 1);
}

function head(list: Json, path: Path): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const { name, cniVersion } = list;
  if (typeof name !== 'string' || name === '')
    found.push(problem('CONFLIST_NAME_MISSING', [...path, 'name'], 'the CNI list has no name; runtimes refuse it', 'add "name": "mynet"'));
  else if (!NETWORK_NAME.test(name))
    found.push(
      problem(
        'CONFLIST_NAME_INVALID',
        [...path, 'name'],
        `the network name ${JSON.stringify(name)} cannot be used: letters, digits, "_", "." and "-" only, a letter or digit first`,
        'use a name like mynet',
      ),
    );
  if (cniVersion === undefined)
    found.push(
      problem(
        'CNI_VERSION_MISSING',
        [...path, 'cniVersion'],
        'the CNI list has no cniVersion, which means 0.1.0: without lists and without CHECK',
        'add "cniVersion": "1.0.0"',
      ),
    );
  else if (typeof cniVersion !== 'string' || !CNI_VERSIONS.includes(cniVersion)) {
    found.push(
      problem(
        'CNI_VERSION_UNSUPPORTED',
        [...path, 'cniVersion'],
        `cniVersion ${JSON.stringify(cniVersion)} is not one of ${CNI_VERSIONS.join(', ')}${typeof cniVersion === 'string' && /^0\.[1-3]\./.test(cniVersion) ? ': before 0.4.0 there is no CHECK' : ''}`,
        'use "1.0.0"',
      ),
    );
  }
  return found;
}

function bridgePlugin(cluster: ClusterView, plugin: Json, ipam: Json, path: Path): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const name = plugin['bridge'];
  const bad = typeof name === 'string' && !name.includes('${') ? interfaceNameProblem(name) : null;
  if (bad !== null)
    found.push(
      problem(
        'INTERFACE_NAME_INVALID',
        [...path, 'bridge'],
        `the bridge name ${JSON.stringify(name)} cannot be used: ${bad}`,
        'use a name like cni0: 15 characters at most',
      ),
    );
  if (plugin['hairpinMode'] === true && plugin['promiscMode'] === true) {
    found.push(
      problem(
        'HAIRPIN_AND_PROMISC',
        [...path, 'promiscMode'],
        'hairpinMode and promiscMode exclude each other: the bridge plugin refuses both at once',
        'keep hairpinMode',
      ),
    );
  }
  const everything = listOf(ipam['routes']).find((r) => isRecord(r) && (r['dst'] === '0.0.0.0/0' || r['dst'] === '::/0'));
  if (plugin['isDefaultGateway'] === true && isRecord(everything)) {
    found.push(
      problem(
        'DEFAULT_ROUTE_TWICE',
        [...path, 'isDefaultGateway'],
        `isDefaultGateway adds a default route, and ipam.routes has ${String(everything['dst'])} too: the bridge plugin fails on every ADD with "file exists"`,
        'use "isGateway": true with the route, or isDefaultGateway without it',
      ),
    );
  }
  if (plugin['ipMasq'] === true && cluster.nodes.length > 1) {
    const node = cluster.nodes[0];
    const address = node?.addresses[0];
    found.push(
      caution(
        'IPMASQ_ON_MANY_NODES',
        [...path, 'ipMasq'],
        `ipMasq rewrites what goes to other nodes' pods as well: a peer would see the address of the sender's node (${node?.name ?? ''}${address === undefined ? '' : `, ${address}`}), not the pod's`,
        'set "ipMasq": false; one masquerade rule per node for what leaves the pod CIDR is enough',
      ),
    );
  }
  return found;
}

function hostLocal(cluster: ClusterView, ipam: Json, path: Path): readonly Diagnostic[] {
  return subnetsOf(ipam, path).flatMap((subnet): readonly Diagnostic[] => {
    if (subnet.text.includes('${')) return [];
    const parsed = tryParseCidr(subnet.text);
    if (!parsed.ok) return [problem(parsed.code, subnet.path, parsed.message, 'write the first address of the range and the prefix length, or "${podCIDR}"')];
    const gateway = subnet.gateway !== null && tryParseAddress(subnet.gateway).ok ? gatewayProblem(parsed.cidr, subnet.gateway, subnet.gatewayPath) : [];
    const [one, two] = cluster.nodes;
    const first = firstHandedOut(subnet);
    if (one === undefined || two === undefined || first === null) return gateway;
    return [
      ...gateway,
      problem(
        'STATIC_SUBNET_ON_MANY_NODES',
        subnet.path,
        `host-local keeps its leases per node, so nodes ${one.name} and ${two.name} would both hand out ${first} of ${subnet.text}`,
        'write "subnet": "${podCIDR}", which each node fills in with its own share',
      ),
    ];
  });
}

function plugins(cluster: ClusterView, list: readonly unknown[], path: Path): readonly Diagnostic[] {
  return list.flatMap((plugin, i): readonly Diagnostic[] => {
    const at = [...path, i];
    if (!isRecord(plugin)) return [problem('CONFLIST_PLUGIN_TYPE', at, `plugin ${i + 1} of the CNI list is not a mapping`, 'write { "type": "bridge", … }')];
    const { type } = plugin;
    const ipam = isRecord(plugin['ipam']) ? plugin['ipam'] : {};
    const found: Diagnostic[] = [];
    if (typeof type !== 'string' || type === '')
      found.push(
        problem('CONFLIST_PLUGIN_TYPE', [...at, 'type'], `plugin ${i + 1} of the CNI list has no type`, 'add "type": the file name of the plugin, like bridge'),
      );
    else if (!NETWORK_NAME.test(type))
      found.push(
        problem(
          'CONFLIST_PLUGIN_TYPE',
          [...at, 'type'],
          `the plugin type ${JSON.stringify(type)} is not a plain file name`,
          'use the name of the plugin without its folder; name the folder in pluginDirs',
        ),
      );
    return [
      ...found,
      ...(type === 'bridge' ? bridgePlugin(cluster, plugin, ipam, at) : []),
      ...(ipam['type'] === 'host-local' ? hostLocal(cluster, ipam, [...at, 'ipam']) : []),
    ];
  });
}

/** `${…}` that nothing fills in. */
function unknownVariables(value: unknown, path: Path, depth = 0): readonly Diagnostic[] {
  if (typeof value === 'string') {
    return [...value.matchAll(/\$\{([^}]*)\}/g)]
      .filter(([, name]) => !VARIABLES.includes(name ?? ''))
      .map(([whole, name]) => {
        const near = nearest(name ?? '', VARIABLES);
        return problem(
          'CONFLIST_VARIABLE_UNKNOWN',
          path,
          `nothing fills in ${whole}; known: ${VARIABLES.join(', ')}`,
          near === null ? 'remove it, or use a known one' : `did you mean \${${near}}?`,
        );
      });
  }
  if (typeof value !== 'object' || value === null || depth > 20) return [];
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    unknownVariables(item, [...path, Array.isArray(value) ? Number(key) : key], depth + 1),
  );
}

/** A raw CNI list is one that runtimes accept, and one that can work on as many nodes as there are. */
export function rawConflist(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const { cni } = cluster.spec;
    if (cni.type !== 'raw') return [];
    const path = [...cluster.path, 'cni', 'conflist'];
    const list = cni.conflist;
    if (list['plugins'] === undefined && list['type'] !== undefined) {
      return [
        problem(
          'CONFLIST_IS_ONE_PLUGIN',
          path,
          `this is the configuration of one plugin (${JSON.stringify(list['type'])}), not a list`,
          'wrap it: { "cniVersion": "1.0.0", "name": "mynet", "plugins": [ … ] }, with cniVersion and name moved out',
        ),
      ];
    }
    const inner = listOf(list['plugins']);
    const none =
      inner.length > 0
        ? []
        : [problem('CONFLIST_PLUGINS_MISSING', [...path, 'plugins'], 'the CNI list has no plugins', 'add "plugins": [{ "type": "bridge", … }]')];
    return [...head(list, path), ...none, ...plugins(cluster, inner, [...path, 'plugins']), ...unknownVariables(list, path)];
  });
}
