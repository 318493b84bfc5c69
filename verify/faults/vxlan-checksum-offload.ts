import { type FaultTarget, overlayTo } from './target.ts';
import type { Fault } from './fault.ts';
import { fitsService } from './service-target.ts';
import { iptables, namespaceIn } from './steps.ts';

const TABLE = 'cnilab_bad_checksum';
/** A bit of the mark that neither the proxies nor the CNIs of a lab use. */
const MARK = '0x100';

/**
 * What a network card does that computes the checksum of the wrong header: the outer packets of what the proxy translated arrive with a wrong one. The card is
 * imitated: a wrong number is written, and all such packets are lost, where a real one only delays connections by 1, 3 or 63 seconds.
 */
export const vxlanChecksumOffload: Fault = {
  id: 'vxlan-checksum-offload',
  layer: 'overlay',
  title: 'outer packets of translated traffic leave a node with a wrong checksum (the network card is imitated)',
  diagnosis: 'overlay-checksum-bad',
  check: 'service-cluster-ip',
  needs: ['checksum-target', 'nft'],
  fits: (target) => {
    const device = overlayTo(target);
    if (device === null) return 'there is no VXLAN between the nodes';
    if (device.master !== null)
      return 'the VXLAN device is a port of a bridge: what leaves by it was not routed there, and translated packets are not told from others';
    return fitsService(
      target,
      ({ usable }) => usable.some((one) => !one.local && isOn(target, one.address)),
      'no Service of the lab has an endpoint on the other node',
    );
  },
  script: (target, snapshot) => {
    const { netns } = target.node;
    const device = overlayTo(target);
    if (device === null) return { inject: [], undo: [] };
    const { family } = device;
    const table = `inet ${TABLE}`;
    // First the right one is written: a packet whose checksum is still to be computed is not looked at on the other side.
    const outer = ['-o', device.dev, '-p', 'udp', '--dport', device.port, '-m', 'mark', '--mark', `${MARK}/${MARK}`];
    const fill = [...outer, '-j', 'CHECKSUM', '--checksum-fill'];
    const mangle = `table ${family === 'ipv4' ? 'ip' : 'ip6'} mangle`;
    const hadMangle = namespaceIn(snapshot, netns).rules.nft.includes(`${mangle} {`);
    return {
      inject: [
        {
          ...iptables(netns, family, '-t', 'mangle', '-A', 'POSTROUTING', ...fill),
          lack: 'the kernel has no CHECKSUM target (CONFIG_NETFILTER_XT_TARGET_CHECKSUM)',
        },
        {
          netns,
          argv: ['nft', '-f', '-'],
          input: [
            `add table ${table}`,
            `add chain ${table} forward { type filter hook forward priority 0; }`,
            `add rule ${table} forward oifname "${device.name}" ct status dnat meta mark set meta mark | ${MARK}`,
            `add chain ${table} postrouting { type filter hook postrouting priority 300; }`,
            `add rule ${table} postrouting oifname "${device.dev}" udp dport ${device.port} meta mark & ${MARK} == ${MARK} udp checksum set 0x1234`,
            '',
          ].join('\n'),
        },
      ],
      undo: [
        { netns, argv: ['nft', `delete table ${table}`] },
        hadMangle ? iptables(netns, family, '-t', 'mangle', '-D', 'POSTROUTING', ...fill) : { netns, argv: ['nft', `delete ${mangle}`] },
      ],
    };
  },
};

/** Is it the address of a pod of the peer? */
function isOn({ cluster, peer }: FaultTarget, address: string): boolean {
  return cluster.pods.some((pod) => pod.node === peer.name && pod.interface?.addresses.some((one) => one.address === address) === true);
}
