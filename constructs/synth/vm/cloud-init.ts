import { SEED_LABEL, type UserNetwork, type VmMachine } from '../../../topology/vm-machines.ts';
import { manifestText } from '../manifest-file.ts';
import type { VmSecrets } from './kubeadm-config.ts';

/** Where the disk with these files is mounted while the machine becomes a node. */
const MOUNT = '/run/cnilab-seed';

/** The cluster's DNS does not start without a server to forward to; nothing answers there. */
const nobodyResolves = ({ gateways }: VmMachine): object => ({
  path: '/etc/resolv.conf',
  content: gateways.map((address) => `nameserver ${address}\n`).join('') + 'options timeout:1 attempts:1\n',
});

/** user-data: who may log in, and what is run once. https://cloudinit.readthedocs.io/en/latest/reference/modules.html */
export function userData(machine: VmMachine, { client, host }: VmSecrets, wayOut: boolean): string {
  const config = {
    hostname: machine.name,
    preserve_hostname: false,
    // Nobody but root, and root by this key alone.
    users: [{ name: 'root', lock_passwd: false }],
    disable_root: false,
    ssh_pwauth: false,
    // The image's own: small ones have no program that sets it.
    locale: 'false',
    ssh_authorized_keys: [client.publicLine],
    // Given, so that the other end is known, and no time goes into making one.
    ssh_deletekeys: true,
    ssh_keys: { ecdsa_private: host.privatePem, ecdsa_public: host.publicLine },
    ...(wayOut ? {} : { write_files: [nobodyResolves(machine)] }),
    runcmd: [
      ['mkdir', '-p', MOUNT],
      ['mount', '-o', 'ro,umask=0077', '-L', SEED_LABEL, MOUNT],
      ['sh', `${MOUNT}/bootstrap.sh`],
    ],
  };
  return `#cloud-config\n${manifestText([config])}`;
}

export function metaData(machine: VmMachine, engineName: string): string {
  return manifestText([{ 'instance-id': `${engineName}-${machine.name}`, 'local-hostname': machine.name }]);
}

/**
 * network-config, version 1: every renderer of cloud-init knows it. The default route leads to the lab's network, where the CNIs look for the interface between
 * nodes; beyond it nobody answers. A way out is one of other tables (`packages-script.ts`).
 */
export function networkConfig(machine: VmMachine, user: UserNetwork, wayOut: boolean): string {
  const { lab } = machine;
  return manifestText([
    {
      version: 1,
      config: [
        {
          type: 'physical',
          name: 'eth0',
          mac_address: lab.mac,
          mtu: lab.mtuBytes,
          subnets: lab.addresses.map(({ family, address, prefixLength }) => {
            const gateway = machine.gateways.find((one) => one.includes(':') === (family === 'ipv6'));
            return {
              type: family === 'ipv6' ? 'static6' : 'static',
              address: `${address}/${prefixLength}`,
              ...(gateway === undefined ? {} : { gateway }),
            };
          }),
        },
        {
          type: 'physical',
          name: 'eth1',
          mac_address: machine.userMac,
          subnets: [{ type: 'static', address: `${machine.userAddress}/${user.prefixLength}`, ...(wayOut ? { dns_nameservers: [user.dns] } : {}) }],
        },
      ],
    },
  ]);
}

/** Lines for /etc/hosts. */
export function hostsFile(machines: readonly VmMachine[]): string {
  return machines.flatMap(({ lab, name }) => lab.addresses.map(({ address }) => `${address} ${name}\n`)).join('');
}
