import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { synthesizeVm } from '../../../constructs/synth/synthesize-vm.ts';
import { PATCHES } from '../../../constructs/synth/vm/kubeadm-config.ts';
import { makeVmSecrets } from '../../../lab/vm-secrets.ts';
import { planLab } from '../../../topology/plan-lab.ts';
import type { ClusterSpec, LabSpec } from '../../../topology/spec.ts';
import { vmRefusals } from '../../../topology/vm-refusals.ts';
import { lacking } from '../../requires.ts';

const noKubeadm = lacking('kubeadm');
const noCloudInit = lacking('cloud-init');
const noSsh = lacking('ssh-keygen');
const noNetns = lacking('netns');

const SECRETS = {
  token: 'abcdef.0123456789abcdef',
  certificateKey: '00'.repeat(32),
  client: { publicLine: 'ecdsa-sha2-nistp256 CLIENT', privatePem: 'client key\n' },
  host: { publicLine: 'ecdsa-sha2-nistp256 HOST', privatePem: 'host key\n' },
};

const lab = (cluster: Partial<ClusterSpec> = {}, more: Partial<LabSpec> = {}): LabSpec => ({
  name: 'machines',
  clusters: [{ name: 'c1', kubernetesVersion: '1.34', ...(cluster.nodes === undefined ? { workers: 1 } : {}), cni: { type: 'flannel' }, ...cluster }],
  ...more,
});
const DUAL = { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] };

const LABS: Readonly<Record<string, LabSpec>> = {
  ipvs: lab({ kubeProxy: { mode: 'ipvs', scheduler: 'rr' }, workloads: [{ name: 'web', perNode: 1 }] }),
  'control-planes-dual': lab(
    { controlPlanes: 3, kubernetesVersion: '1.34.4', nodeImage: '/srv/disk', ...DUAL, portMappings: [{ containerPort: 30080, hostPort: 8080 }] },
    { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'], mtu: 1450 } },
  ),
  'one-node-ipv6': lab(
    { workers: 0, podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112', cni: { type: 'bridge' }, kubeProxy: { mode: 'none' } },
    { underlay: { cidr: 'fd00:30::/64' } },
  ),
  'cloud-image': lab({ nodeImage: `https://images.example/debian-12-generic-amd64.qcow2@sha512:${'0a'.repeat(64)}` }),
  v1beta3: lab({ kubernetesVersion: '1.30.2', controlPlanes: 2, dnsDomain: 'lab.example', kubeProxy: { mode: 'iptables' } }),
};
const filesOf = (spec: LabSpec): ReadonlyMap<string, string> =>
  new Map(synthesizeVm(planLab(spec), { upstream: new Map(), secrets: SECRETS }).files.map(({ path, content }) => [path, content]));
const kubeadmFiles = (spec: LabSpec): readonly (readonly [string, string])[] => [...filesOf(spec)].filter(([path]) => path.endsWith('/kubeadm.yaml'));

/** Runs the real kubeadm on a configuration, for a version that it knows: from PATH, else out of the node image. */
function kubeadm(command: string, config: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const input = config.replace(/^kubernetesVersion: .*/m, 'kubernetesVersion: v1.34.4').replace(PATCHES, '/tmp/cnilab-patches');
  const script = `mkdir -p /tmp/cnilab-patches; cat > /tmp/kubeadm.$$ && kubeadm ${command} --config /tmp/kubeadm.$$; code=$?; rm -f /tmp/kubeadm.$$; exit $code`;
  const own = spawnSync('kubeadm', ['version'], { stdio: 'ignore' }).status === 0;
  const image = process.env['CNILAB_NODE_IMAGE'] ?? '';
  const argv = own ? ['sh', '-c', script] : ['docker', 'run', '--rm', '-i', '--network', 'none', '--entrypoint', 'sh', image, '-c', script];
  return spawnSync(argv[0] ?? '', argv.slice(1), { input, encoding: 'utf8' });
}

/** Null when it accepts it. */
function refusedByKubeadm(config: string): string | null {
  const { status, stderr } = kubeadm('config validate', config);
  return status === 0 ? null : stderr;
}

describe('files of engine vm', () => {
  it.each(Object.entries(LABS))('%s', async (name, spec) => {
    expect(vmRefusals(planLab(spec)).filter(({ severity }) => severity === 'error')).toEqual([]);
    const files = filesOf(spec);
    const shown = [...files]
      .filter(([path]) => !/^(cni|verify|workloads)\/|bootstrap.sh$/.test(path))
      .map(([path, content]) => `==> ${path}\n${content}`)
      .join('\n');
    await expect(shown).toMatchFileSnapshot(`../golden/vm-${name}.txt`);
    await expect(files.get('nodes/control-plane1/seed/bootstrap.sh')).toMatchFileSnapshot('../golden/vm-bootstrap.sh');
  });

  it('are the same bytes for the same plan and secrets, with digests', () => {
    const make = () => synthesizeVm(planLab(lab()), { upstream: new Map(), secrets: SECRETS });
    expect(make()).toEqual(make());
    expect(make().clusters[0]).toMatchObject({ engineName: 'cnilab-machines', plugins: ['bridge'], config: 'nodes/control-plane1/seed/kubeadm.yaml' });
  });

  it('have a folder for each cluster, and ports of their own', () => {
    const clusters = ['a', 'b'].map((name) => ({ name, kubernetesVersion: '1.34', workers: 1, cni: { type: 'flannel' } as const }));
    const files = filesOf({ name: 'two', clusters });
    const forwards = [...files]
      .filter(([path]) => path.endsWith('qemu.sh'))
      .flatMap(([, text]) => [...text.matchAll(/hostfwd=tcp:127.0.0.1:(\d+)/g)].map((m) => m[1]));
    expect(new Set(forwards).size).toBe(forwards.length);
    expect(forwards).toHaveLength(6);
    expect([...files.keys()]).toContain('b/nodes/worker1/seed/user-data');
  });

  it('run shell scripts that a shell can read', () => {
    const scripts = [...filesOf(LABS['control-planes-dual'] ?? lab())].filter(([path]) => path.endsWith('.sh'));
    expect(scripts.map(([path, input]) => `${path} ${spawnSync('sh', ['-n'], { input, encoding: 'utf8' }).stderr}`)).toEqual(
      scripts.map(([path]) => `${path} `),
    );
  });

  it.each(['v1beta3', 'control-planes-dual'])('%s gives Kubernetes time on an emulated processor alone', (name) => {
    const files = filesOf(LABS[name] ?? lab());
    const script = files.get('nodes/control-plane1/seed/bootstrap.sh') ?? '';
    const lines = script.slice(script.indexOf('slow=\n'), script.indexOf('# Without KVM'));
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-grace-'));
    try {
      const config = files.get('nodes/control-plane1/seed/kubeadm.yaml') ?? '';
      writeFileSync(join(folder, 'kubeadm.yaml'), config);
      const written = (processor: string): readonly string[] => {
        writeFileSync(join(folder, 'systemd-detect-virt'), `#!/bin/sh\necho ${processor}\n`, { mode: 0o755 });
        const input = `PATH=${folder}:$PATH version=v1.34.4 seed=${folder} config=${folder}/out\n${lines}cat ${folder}/out\n`;
        const { stdout, stderr } = spawnSync('sh', ['-eu'], { input, encoding: 'utf8' });
        expect(stderr).toBe('');
        return stdout.split('\n');
      };
      const before = config.split('\n');
      const changed = (processor: string): readonly string[] =>
        written(processor).filter((line, at) => line !== before[at] && !line.startsWith('kubernetesVersion'));
      expect(changed('kvm')).toEqual([]);
      expect(changed('qemu').map((line) => line.trim().replace(/.*: /, ''))).toEqual(['180s', '15m0s']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of a cloud image are read by a shell, and pin the version that the lab names', () => {
    const image = LABS['cloud-image']?.clusters?.[0]?.nodeImage ?? '';
    for (const [kubernetesVersion, pinned] of [
      ['1.34', "'kubelet=1.34.*'"],
      ['1.34.4', "'kubelet=1.34.4-*'"],
    ] as const) {
      const input = filesOf(lab({ nodeImage: image, kubernetesVersion })).get('nodes/worker1/seed/packages.sh') ?? '';
      expect(spawnSync('sh', ['-n'], { input, encoding: 'utf8' }).stderr).toBe('');
      expect(input).toContain(pinned);
      expect(input).toContain('https://pkgs.k8s.io/core:/stable:/v1.34/deb/ /');
    }
    expect([...filesOf(lab()).keys()].filter((path) => path.endsWith('packages.sh'))).toEqual([]);
  });

  it.skipIf(noNetns !== null)(`lead a machine on a cloud image out, and nothing of the lab${noNetns === null ? '' : ` (skipped: ${noNetns})`}`, () => {
    const packages = filesOf(LABS['cloud-image'] ?? lab()).get('nodes/control-plane1/seed/packages.sh') ?? '';
    const wayOut = /cnilab-way-out <<'END'\n([^]*?)END\n/.exec(packages)?.[1] ?? '';
    const input = `set -e
for i in 0 1; do ip link add eth$i type veth peer name far$i; ip link set eth$i up; ip link set far$i up; done
ip address add 172.30.0.2/24 dev eth0; ip address add 192.0.2.10/24 dev eth1; ip route add default via 172.30.0.1
${wayOut}
for to in 203.0.113.1 192.0.2.3 172.30.0.3 10.96.0.1 10.244.7.7; do ip route get $to | head -1; done
echo main; ip route show table main`;
    const { stdout, stderr } = spawnSync('unshare', ['-Urn', 'sh'], { input, encoding: 'utf8' });
    expect(stderr).toBe('');
    const [routes = '', main = ''] = stdout.split('main\n');
    expect(routes.split('\n').map((line) => line.replace(/ (table \d+ )?src.*/, ''))).toEqual([
      '203.0.113.1 via 192.0.2.2 dev eth1',
      '192.0.2.3 dev eth1',
      '172.30.0.3 dev eth0',
      '10.96.0.1 via 172.30.0.1 dev eth0',
      '10.244.7.7 via 172.30.0.1 dev eth0',
      '',
    ]);
    expect(main).toContain('default via 172.30.0.1 dev eth0');
    expect(main).not.toContain('192.0.2.2');
  });

  it('run nothing that a lab file has in its names of folders', () => {
    const nodeImage = "/srv/$(echo run)/`echo run`/it's";
    const script = filesOf(lab({ nodeImage })).get('nodes/control-plane1/qemu.sh') ?? '';
    const upToImage = `${script.slice(0, script.indexOf('ACCEL=$'))}printf %s "$IMAGE"`;
    expect(spawnSync('sh', ['-c', upToImage], { encoding: 'utf8', env: {} }).stdout).toBe(nodeImage);
    expect(spawnSync('sh', ['-c', upToImage], { encoding: 'utf8', env: { CNILAB_VM_IMAGE: '/other' } }).stdout).toBe('/other');
  });

  it('start the kernel beside a disk, and leave a disk with a boot loader to itself', () => {
    const script = filesOf(lab()).get('nodes/control-plane1/qemu.sh') ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-qemu-sh-'));
    try {
      // Runs up to QEMU, which is called `echo`.
      const argv = (): string => {
        const text = script.replace(/^cd .*$/m, `cd '${folder}'`).replace('exec qemu-system-x86_64', 'exec echo');
        return spawnSync('sh', ['-c', text], { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', CNILAB_VM_IMAGE: folder } }).stdout;
      };
      writeFileSync(join(folder, 'disk.qcow2'), '');
      expect(argv()).toMatch(/^-name c1\/control-plane1 .* -daemonize\n$/);
      for (const name of ['vmlinuz', 'initrd']) writeFileSync(join(folder, name), '');
      expect(argv()).toContain(` -daemonize -kernel ${folder}/vmlinuz -initrd ${folder}/initrd -append root=/dev/vda `);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each<[string, Partial<ClusterSpec>, readonly (null | readonly [])[]]>([
    ['the only node', { workers: 0 }, [[]]],
    ['a control plane and a worker', { workers: 1 }, [null, null]],
    ['control planes alone', { controlPlanes: 3, workers: 0 }, [[], [], []]],
    ['control planes and a worker', { controlPlanes: 2, workers: 1 }, [null, null, null]],
    ['a control plane that takes pods beside a worker', { nodes: [{ name: 'cp', role: 'control-plane', schedulable: true }, { name: 'w' }] }, [[], null]],
    ['the only node, tainted', { nodes: [{ name: 'cp', role: 'control-plane', schedulable: false }] }, [null]],
  ])('keep the taint of control planes where there are workers: %s', (_name, cluster, taints) => {
    const configured = kubeadmFiles(lab(cluster)).map(([, text]) => parseAllDocuments(text)[0]?.toJS() as { nodeRegistration: { taints?: readonly [] } });
    expect(configured.map(({ nodeRegistration }) => nodeRegistration.taints ?? null)).toEqual(taints);
  });

  it('open node ports where port mappings arrive, and else leave that to kube-proxy', () => {
    const opened = (cluster: Partial<ClusterSpec>, more: Partial<LabSpec> = {}): unknown =>
      kubeadmFiles(lab(cluster, more))
        .flatMap(([, text]) => parseAllDocuments(text).map((one) => one.toJS() as { kind: string; nodePortAddresses?: unknown }))
        .find(({ kind }) => kind === 'KubeProxyConfiguration')?.nodePortAddresses;
    const portMappings = [{ containerPort: 30080, hostPort: 8080 }];
    const kubeProxy = { mode: 'nftables' } as const;
    expect(opened({ kubeProxy, portMappings })).toEqual(['172.30.0.0/24', '192.0.2.0/24']);
    const underlay = { cidr: ['172.30.0.0/24', 'fd00:30::/64'] };
    expect(opened({ ...DUAL, kubeProxy, portMappings }, { underlay })).toEqual(['172.30.0.0/24', 'fd00:30::/64', '192.0.2.0/24']);
    const v6 = { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' };
    expect(opened({ ...v6, kubeProxy, portMappings }, { underlay: { cidr: 'fd00:30::/64' } })).toEqual(['fd00:30::/64']);
    expect(opened({ kubeProxy })).toBeUndefined();
    for (const mode of ['iptables', 'ipvs'] as const) expect(opened({ kubeProxy: { mode }, portMappings })).toBeUndefined();
  });

  it.skipIf(noKubeadm !== null)(
    `are configurations that the real kubeadm accepts${noKubeadm === null ? '' : ` (skipped: ${noKubeadm})`}`,
    () => {
      for (const [name, spec] of Object.entries(LABS))
        for (const [path, text] of kubeadmFiles(spec)) expect(refusedByKubeadm(text), `${name} ${path}`).toBeNull();
      const [, text = ''] = kubeadmFiles(lab())[0] ?? [];
      expect(refusedByKubeadm(text.replace('podSubnet', 'podSubnets'))).toContain('podSubnets');
    },
    60_000,
  );

  it.skipIf(noKubeadm !== null)(
    `are what the real kubeadm makes a control plane of (init --dry-run)${noKubeadm === null ? '' : ` (skipped: ${noKubeadm})`}`,
    () => {
      const dryRun = (spec: LabSpec): string => {
        const { status, stdout, stderr } = kubeadm('init --dry-run --skip-token-print --ignore-preflight-errors=all', kubeadmFiles(spec)[0]?.[1] ?? '');
        expect(status, stderr).toBe(0);
        return stdout;
      };
      const ipvs = dryRun(LABS['ipvs'] ?? lab());
      for (const line of [
        '--node-cidr-mask-size=24',
        '--leader-elect=false',
        '--advertise-address=172.30.0.2',
        '--service-cluster-ip-range=10.96.0.0/16',
        '--cluster-cidr=10.244.0.0/16',
      ])
        expect(ipvs).toContain(`- ${line}\n`);
      expect(ipvs).toMatch(/scheduler: rr\n +strictARP: true/);
      expect(ipvs).toContain('mode: ipvs');
      const bare = (text: string): string => text.replaceAll(/^[ \t]+|^#.*\n/gm, '');
      expect(bare(ipvs)).toContain(bare(filesOf(LABS['ipvs'] ?? lab()).get('Corefile') ?? 'no Corefile'));
      const dual = dryRun(LABS['control-planes-dual'] ?? lab());
      for (const line of ['--node-cidr-mask-size-ipv4=24', '--node-cidr-mask-size-ipv6=64', '--leader-elect-lease-duration=120s'])
        expect(dual).toContain(`- ${line}\n`);
      expect(dryRun(LABS['one-node-ipv6'] ?? lab())).not.toContain('kube-proxy');
    },
    60_000,
  );

  it.skipIf(noCloudInit !== null)(`are user-data that the real cloud-init accepts${noCloudInit === null ? '' : ` (skipped: ${noCloudInit})`}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-cloud-init-'));
    try {
      const file = join(folder, 'user-data');
      const text = filesOf(lab()).get('nodes/control-plane1/seed/user-data') ?? '';
      writeFileSync(file, text);
      expect(execFileSync('cloud-init', ['schema', '--config-file', file], { encoding: 'utf8' })).toContain('Valid');
      writeFileSync(file, text.replace('runcmd:', 'runcmd: 3\nother:'));
      expect(spawnSync('cloud-init', ['schema', '--config-file', file]).status).not.toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('secrets', () => {
  it('have the forms that kubeadm asks for, and are never the same', () => {
    const [a, b] = [makeVmSecrets(), makeVmSecrets()];
    expect(a.token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
    expect(a.certificateKey).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set([a, b].flatMap((s) => [s.token, s.certificateKey, s.client.publicLine, s.host.publicLine])).size).toBe(8);
  });

  it.skipIf(noSsh !== null)(`are keys of which OpenSSH derives the same public line${noSsh === null ? '' : ` (skipped: ${noSsh})`}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-key-'));
    try {
      const { client } = makeVmSecrets();
      writeFileSync(join(folder, 'key'), client.privatePem, { mode: 0o600 });
      expect(execFileSync('ssh-keygen', ['-y', '-f', join(folder, 'key')], { encoding: 'utf8' }).trim()).toBe(client.publicLine);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what engine vm refuses', () => {
  const codes = (spec: LabSpec): readonly string[] => vmRefusals(planLab(spec)).map(({ code, path }) => `${code} ${path.join('.')}`);
  it.each<[string, LabSpec, readonly string[]]>([
    ['hosts', lab({}, { hosts: [{ name: 'db' }] }), ['VM_CLUSTERS_ONLY hosts']],
    ['an outside, and its router', lab({}, { outside: { hosts: [{ name: 'client' }] } }), ['VM_CLUSTERS_ONLY routers', 'VM_CLUSTERS_ONLY outside']],
    ['no cluster', { name: 'x', hosts: [{ name: 'db' }] }, ['VM_CLUSTERS_ONLY hosts', 'VM_CLUSTERS_ONLY clusters']],
    [
      'several disks',
      { name: 'x', clusters: ['/srv/a', '/srv/b'].map((nodeImage, i) => ({ name: `c${i}`, nodeImage, kubernetesVersion: '1.34', cni: { type: 'flannel' } })) },
      ['VM_ONE_DISK clusters'],
    ],
    ['a cloud image without its digest', lab({ nodeImage: 'https://images.example/disk.qcow2' }), ['VM_IMAGE_DIGEST clusters.0.nodeImage']],
    ['a digest that is too short', lab({ nodeImage: 'https://images.example/disk.qcow2@sha512:0a0a' }), ['VM_IMAGE_DIGEST clusters.0.nodeImage']],
    ['a digest in capitals', lab({ nodeImage: `https://images.example/disk.qcow2@sha256:${'0A'.repeat(32)}` }), ['VM_IMAGE_DIGEST clusters.0.nodeImage']],
    [
      'packages that no repository has',
      lab({ nodeImage: `https://images.example/disk.qcow2@sha256:${'0a'.repeat(32)}`, kubernetesVersion: '1.23' }),
      ['VM_KUBERNETES_OLD clusters.0.kubernetesVersion'],
    ],
    ['kindnet', lab({ cni: { type: 'kindnet' } }), ['VM_CNI_UNSUPPORTED clusters.0.cni']],
    ['flannel for Docker', lab({ cni: { type: 'flannel', docker: true } }), ['VM_CNI_UNSUPPORTED clusters.0.cni.docker']],
    ['an old kubeadm', lab({ kubernetesVersion: '1.21' }), ['VM_KUBERNETES_OLD clusters.0.kubernetesVersion']],
    [
      'a port of an IPv6 address',
      lab({ portMappings: [{ containerPort: 80, hostPort: 8080, listenAddress: '::1' }] }),
      ['VM_PORT_ADDRESS clusters.0.portMappings.0.listenAddress'],
    ],
    [
      'a port of a cluster without IPv4',
      lab(
        { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112', portMappings: [{ containerPort: 30080, hostPort: 8080 }] },
        { underlay: { cidr: 'fd00:30::/64' } },
      ),
      ['VM_PORT_FAMILY clusters.0.portMappings.0'],
    ],
    [
      'a port of a Service without IPv4, beside one with both',
      lab(
        {
          ...DUAL,
          portMappings: [30080, 30081].map((containerPort, i) => ({ containerPort, hostPort: 8080 + i })),
          objects: [
            { name: 'both', nodePort: 30080, ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' },
            { name: 'six', nodePort: 30081, ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' },
          ].map(({ name, nodePort, ...spec }) => ({
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { name },
            spec: { ...spec, type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, nodePort }] },
          })),
        },
        { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } },
      ),
      ['VM_PORT_FAMILY clusters.0.portMappings.1'],
    ],
    ['a port of its own choice', lab({ portMappings: [{ containerPort: 80, hostPort: 0 }] }), ['VM_PORT_FREE clusters.0.portMappings.0.hostPort']],
    [
      'all user networks taken',
      lab({ podCIDR: '192.0.2.0/24', nodeMask: { ipv4: 26 }, serviceCIDR: '198.51.100.0/24' }, { underlay: { cidr: '10.0.0.0/16' } }),
      ['VM_RANGES_TAKEN underlay'],
    ],
    [
      'a range of its own',
      lab({
        nodes: [
          { name: 'cp', role: 'control-plane' },
          { name: 'w', podCIDR: '10.244.77.0/24' },
        ],
      }),
      ['VM_POD_CIDR_FIXED clusters.0.nodes.1.podCIDR'],
    ],
    ['a proxy of long ago', lab({ kubernetesVersion: '1.25', kubeProxy: { mode: 'userspace' } }), ['VM_PROXY_MODE clusters.0.kubeProxy.mode']],
    [
      'a pod with an address of its own',
      lab({
        objects: [
          {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'db', annotations: { 'cnilab.dev/address': '10.244.1.77' } },
            spec: { containers: [{ name: 'db', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53' }] },
          },
        ],
      }),
      ['VM_ADDRESS_FIXED clusters.0.objects.0.metadata.annotations.cnilab.dev/address'],
    ],
    [
      'an Ingress without a controller',
      lab({
        objects: [
          {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'Ingress',
            metadata: { name: 'web' },
            spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
          },
        ],
      }),
      ['VM_INGRESS_CONTROLLER clusters.0.objects'],
    ],
    [
      'a label that kubelet refuses',
      lab({ nodes: [{ name: 'cp', role: 'control-plane', labels: { 'node.k8s.io/x': 'y' } }] }),
      ['NODE_LABEL_RESERVED clusters.0.nodes.0.labels.node.k8s.io/x'],
    ],
  ])('%s', (_name, spec, expected) => {
    expect(codes(spec)).toEqual(expected);
  });

  it('nothing of addresses: nodes have those of the plan', () => {
    const spec = lab({
      nodes: [
        { name: 'cp', role: 'control-plane' },
        { name: 'w', address: '172.30.0.77' },
      ],
    });
    expect(codes(spec)).toEqual([]);
    expect(
      (parse(filesOf(spec).get('nodes/w/seed/network-config') ?? '') as { config: { subnets: { address: string }[] }[] }).config[0]?.subnets[0]?.address,
    ).toBe('172.30.0.77/24');
  });
});
