import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { existingAccess, existingFidelity } from '../../engines/existing/engine.ts';
import { examineNodes } from '../../engines/existing/examine-nodes.ts';
import { collectEvidence } from '../../engines/kubernetes/collect-evidence.ts';
import { readFacts, settle } from '../../engines/kubernetes/facts.ts';
import { accessError, kubectlFor, patient, type KubectlDeps } from '../../engines/kubernetes/kubectl.ts';
import { missingPermissions, requirePermissions, rulesAsYaml } from '../../engines/kubernetes/permissions.ts';
import { recogniseCni } from '../../engines/kubernetes/recognise-cni.ts';
import { targetLines } from '../../engines/kubernetes/targets.ts';
import type { KubernetesAccess } from '../../engines/port.ts';
import { recordedFacts, recordedItems } from './kubernetes-fixture.ts';

const access: KubernetesAccess = { cluster: 'lab', kubeconfig: '/k', context: 'c', onNode: null };
type Answer = { readonly exitCode?: number; readonly stdout?: string; readonly stderr?: string; readonly failure?: string };

/** A kubectl that answers by a function of its arguments (without the flags of the access). */
function faked(answer: (args: readonly string[], input: string) => Answer): KubectlDeps & { readonly calls: readonly (readonly string[])[] } {
  const calls: (readonly string[])[] = [];
  return {
    calls,
    run: (argv, { input = '' }) => {
      calls.push(argv);
      return Promise.resolve({
        exitCode: 0,
        stdout: '',
        stderr: '',
        failure: '',
        ...answer(
          argv.slice(1).filter((one) => !/^--(kubeconfig|context|request-timeout)=/.test(one)),
          input,
        ),
      });
    },
  };
}

describe('nodes of a cluster that was found', () => {
  const node = (name: string, more: { readonly ready?: boolean; readonly controlPlane?: boolean } = {}): object => ({
    metadata: { name, labels: more.controlPlane === true ? { 'node-role.kubernetes.io/control-plane': '' } : {} },
    status: {
      conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True', reason: 'KubeletNotReady', message: 'cni plugin not initialized' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: { kubeletVersion: 'v1.34.4', containerRuntimeVersion: 'containerd://2.1.3' },
    },
  });
  const cluster = (nodes: readonly object[], configz: (name: string) => Answer): ReturnType<typeof faked> =>
    faked(([, , path = '']) =>
      path === '/version'
        ? { stdout: '{"gitVersion":"v1.34.4"}' }
        : path === '/api/v1/nodes'
          ? { stdout: JSON.stringify({ items: nodes }) }
          : configz(/nodes\/(.*)\/proxy\/configz$/.exec(path)?.[1] ?? ''),
    );
  const told = { stdout: '{"kubeletconfig":{"containerRuntimeEndpoint":"unix:///run/containerd/containerd.sock"}}' };

  it('have a kubelet each, and it a socket', async () => {
    const deps = cluster([node('w'), node('cp', { controlPlane: true })], () => told);
    const rows = await examineNodes(access, deps);
    expect(rows.map(({ id, ok, detail }) => [id, ok, detail])).toEqual([
      ['api', true, 'v1.34.4, answers for lab'],
      ['node-cp', true, 'control plane, kubelet v1.34.4 on port 10250, containerd://2.1.3 (unix:///run/containerd/containerd.sock)'],
      ['node-w', true, 'worker, kubelet v1.34.4 on port 10250, containerd://2.1.3 (unix:///run/containerd/containerd.sock)'],
    ]);
  });

  it('are told also where the kubelet is not to be asked, and why', async () => {
    const forbidden =
      'Error from server (Forbidden): nodes "w" is forbidden: User "dev" cannot get resource "nodes/proxy" in API group "" at the cluster scope';
    const [, row] = await examineNodes(
      access,
      cluster([node('w')], () => ({ exitCode: 1, stderr: forbidden })),
    );
    expect(row).toMatchObject({ ok: true, detail: expect.stringMatching(/containerd:\/\/2\.1\.3 \(its socket cannot be read: .*nodes\/proxy/) as string });
  });

  it('that are not ready are a lack, with the reason', async () => {
    const [, row] = await examineNodes(
      access,
      cluster([node('w', { ready: false })], () => told),
    );
    expect(row).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^node w is not ready: cni plugin not initialized, worker, kubelet/) as string,
      remedy: 'kubectl describe node w',
    });
  });

  it('of large clusters are not all asked, and it is said of whom', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `n${String(i).padStart(2, '0')}`);
    const deps = cluster(
      names.map((name) => node(name)),
      () => told,
    );
    const rows = await examineNodes(access, deps);
    expect(deps.calls.filter((argv) => argv.at(-1)?.endsWith('/configz') === true)).toHaveLength(10);
    expect(rows.filter(({ detail }) => detail.includes('only the first 10 kubelets were asked')).map(({ id }) => id)).toEqual(['node-n10', 'node-n11']);
  });
});

describe('kubectl', () => {
  it('always names the kubeconfig and the context, and bounds every request', async () => {
    const deps = faked(() => ({ stdout: '{"a":1}' }));
    expect(await kubectlFor(access, deps).json(['get', '--raw', '/version'])).toEqual({ a: 1 });
    expect(deps.calls).toEqual([['kubectl', '--kubeconfig=/k', '--context=c', '--request-timeout=20s', 'get', '--raw', '/version']]);
    await kubectlFor({ ...access, kubeconfig: null, context: null }, deps).run(['version']);
    expect(deps.calls[1]).toEqual(['kubectl', '--request-timeout=20s', 'version']);
  });
  it('creates all objects in one call', async () => {
    const inputs: string[] = [];
    const deps = faked((_, input) => (inputs.push(input), {}));
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } };
    await kubectlFor(access, deps).create([object, object]);
    expect(inputs.map((one) => (JSON.parse(one) as { readonly items: readonly unknown[] }).items.length)).toEqual([2]);
  });
  it('takes for made what is there the second time, whatever it is warned of besides', async () => {
    const warning = 'Warning: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false\n';
    const answers: Answer[] = [
      { exitCode: 1, stderr: `${warning}Error from server: etcdserver: leader changed\n` },
      { exitCode: 1, stderr: `${warning}Error from server (AlreadyExists): error when creating "STDIN": pods "a" already exists\n` },
    ];
    const deps = faked(() => answers.shift() ?? {});
    await expect(kubectlFor(access, deps).create([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }])).resolves.toBeUndefined();
    expect(deps.calls.length).toBe(2);
  });
  it.each<[string, string]>([
    ['KUBECONFIG_INVALID', 'error: stat /nonexist: no such file or directory'],
    ['KUBECONFIG_INVALID', 'Error in configuration: context was not found for specified context: nix'],
    ['KUBECONFIG_INVALID', `error: error loading config file "/etc/passwd": couldn't get version/kind; json parse error`],
    ['CLUSTER_UNREACHABLE', 'The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?'],
    ['CLUSTER_UNREACHABLE', 'Unable to connect to the server: dial tcp 192.0.2.1:6443: i/o timeout'],
    ['CLUSTER_UNREACHABLE', 'Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority'],
    ['FORBIDDEN_BY_CLUSTER', 'Error from server (Forbidden): nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope'],
    ['FORBIDDEN_BY_CLUSTER', 'error: You must be logged in to the server (Unauthorized)'],
    ['ENVIRONMENT_LACKS', 'Unable to connect to the server: getting credentials: exec: executable aws-iam-authenticator not found'],
  ])('%s: %s', (code, stderr) => {
    expect(accessError(access, `W1121 warning\n${stderr}\n`)).toMatchObject({ code });
  });
  it('leaves to the caller what the API itself says', async () => {
    const timeout = 'Error from server: Get "https://172.18.0.3:10250/containerLogs/a/b/c": dial tcp 172.18.0.3:10250: i/o timeout';
    for (const stderr of ['Error from server (NotFound): namespaces "foo" not found', timeout]) {
      expect(accessError(access, stderr)).toBeNull();
      const kubectl = kubectlFor(
        access,
        faked(() => ({ exitCode: 1, stderr })),
      );
      expect(await kubectl.run(['get'])).toMatchObject({ exitCode: 1, stderr });
      await expect(kubectl.text(['get', 'x y'])).rejects.toMatchObject({
        code: 'COMMAND_FAILED',
        message: expect.stringContaining(`get 'x y' failed`) as string,
      });
    }
  });
  it('says that kubectl is missing, that it took too long, or that the user interrupted', async () => {
    const failing = (answer: Answer, signal?: AbortSignal): Promise<unknown> =>
      kubectlFor(
        access,
        faked(() => answer),
      ).run(['get'], signal === undefined ? {} : { signal });
    await expect(failing({ exitCode: 127, failure: 'kubectl is not installed' })).rejects.toMatchObject({ code: 'ENVIRONMENT_LACKS' });
    await expect(failing({ exitCode: 1, failure: 'took longer than 1 ms' })).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining('took longer') as string,
    });
    await expect(failing({ exitCode: 1, failure: 'was canceled' }, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('patient', () => {
  const refused = 'The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?';
  /** The answers in turn; then `{}`. */
  const asked = async (stderrs: readonly string[], withinMs = 20_000, signal?: AbortSignal): Promise<{ readonly result: unknown; readonly calls: number }> => {
    const bad = stderrs.values();
    const deps = faked(() => {
      const { value } = bad.next();
      return value === undefined ? { stdout: '{}' } : { exitCode: 1, stderr: value };
    });
    const result = await patient(() => kubectlFor(access, deps).json(['get', '--raw', '/api']), withinMs, signal).catch((error: unknown) => error);
    return { result, calls: deps.calls.length };
  };
  it.each([
    refused,
    'Error from server: etcdserver: leader changed',
    'Error from server (Timeout): the server was unable to return a response in the time allotted: timeout',
    'Unable to connect to the server: EOF',
  ])('asks again after %s', async (stderr) => {
    expect(await asked([stderr])).toEqual({ result: {}, calls: 2 });
  });
  it('does not ask again for what time does not mend', async () => {
    expect(await asked(['Error from server (Forbidden): pods is forbidden: User "u"'])).toMatchObject({ result: { code: 'FORBIDDEN_BY_CLUSTER' }, calls: 1 });
    // The command itself names a timeout.
    expect(await asked(['Error from server (NotFound): pods "x" not found'])).toMatchObject({ result: { code: 'COMMAND_FAILED' }, calls: 1 });
  });
  it('gives up in time, with the last failure', async () => {
    expect(await asked([refused, refused, refused, refused], 1_100)).toMatchObject({ result: { code: 'CLUSTER_UNREACHABLE' }, calls: 3 });
  });
  it('is as much longer as a cluster is slower', async () => {
    const deps = faked(() => ({ exitCode: 1, stderr: refused }));
    const quick = kubectlFor({ ...access, slowness: 0.055 }, deps);
    await expect(quick.patiently(() => quick.text(['get', 'pods']))).rejects.toMatchObject({ code: 'CLUSTER_UNREACHABLE' });
    expect(deps.calls).toHaveLength(3);
  });
  it('ends when it is interrupted', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    expect(await asked([refused, refused], undefined, controller.signal)).toMatchObject({ result: { code: 'INTERRUPTED' }, calls: 1 });
  });
});

describe('permissions', () => {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'verify' },
    rules: [
      { apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] },
      { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['create'] },
    ],
  };
  const granted = (resourceRules: readonly unknown[], incomplete = false): KubectlDeps =>
    faked((args, input) => {
      if (args.includes('--raw')) return { stdout: JSON.stringify({ status: { incomplete, resourceRules } }) };
      const { items } = JSON.parse(input) as { readonly items: readonly { readonly spec: { readonly resourceAttributes: { readonly verb: string } } }[] };
      return { stdout: items.map((one) => `${one.spec.resourceAttributes.verb === 'get'}\n`).join('') };
    });
  const missing = (deps: KubectlDeps): Promise<unknown> => missingPermissions(kubectlFor(access, deps), [role]);

  it('finds nothing missing for who may do everything', async () => {
    expect(await missing(granted([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]))).toEqual([]);
  });
  it('lists what is missing, resource by resource; a rule for certain names grants nothing', async () => {
    const rules = [
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] },
      { verbs: ['get'], apiGroups: [''], resources: ['*/log'] },
      { verbs: ['create'], apiGroups: ['apps'], resources: ['daemonsets'], resourceNames: ['mine'] },
    ];
    expect(await missing(granted(rules))).toEqual([
      { apiGroups: [''], resources: ['pods/log'], verbs: ['list'] },
      { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['create'] },
    ]);
  });
  it('asks one by one where an authorizer cannot list its rules', async () => {
    expect(await missing(granted([], true))).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['list'] },
      { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['create'] },
    ]);
  });
  it('says the rules to grant as YAML', async () => {
    await expect(requirePermissions(kubectlFor(access, granted([{ verbs: ['*'], apiGroups: [''], resources: ['*'] }])), [role])).rejects.toMatchObject({
      code: 'FORBIDDEN_BY_CLUSTER',
      message: expect.stringMatching(/rules:\n- \{apiGroups: \["apps"\], resources: \["daemonsets"\], verbs: \["create"\]\}$/) as string,
    });
    expect(rulesAsYaml([])).toBe('rules:');
  });
});

describe('facts', () => {
  it('recognises CNIs by what they leave, and says unknown otherwise', () => {
    const by = (daemonSets: readonly string[], ...annotations: readonly string[]): string => recogniseCni(daemonSets, new Set(annotations)).name;
    expect(by(['kube-proxy', 'kube-flannel-ds'])).toBe('flannel');
    expect(by([], 'flannel.alpha.coreos.com/backend-type')).toBe('flannel');
    expect(by(['calico-node'], 'projectcalico.org/IPv4Address')).toBe('calico');
    expect(by(['calico-node', 'canal'])).toBe('flannel');
    expect(by(['cnilab-bridge'])).toBe('bridge');
    expect(by(['weave-net'])).toBe('weave');
    expect(by(['kube-proxy'])).toBe('unknown');
  });
  it('reads what a kubeadm cluster says of itself', () => {
    const raw = {
      version: 'v1.34.4',
      nodes: recordedItems('Node'),
      podIPs: ['10.244.0.2'],
      daemonSets: ['kube-proxy', 'kube-flannel-ds'],
      configs: [
        {
          metadata: { name: 'kubeadm-config' },
          data: { ClusterConfiguration: 'networking:\n  dnsDomain: cluster.local\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/16\n' },
        },
        { metadata: { name: 'kube-proxy' }, data: { 'config.conf': 'kind: KubeProxyConfiguration\nmode: nftables\n' } },
      ],
      pools: null,
      unread: [],
    };
    const { nodes, ...rest } = settle('lab', raw);
    const known = recordedFacts();
    // What flannel notes was not read when the facts were recorded.
    expect(nodes.map((node) => node.overlays?.length)).toEqual([1, 1, 1]);
    expect(nodes).toMatchObject(known.nodes);
    expect({ ...rest, nodes: known.nodes }).toEqual({ ...known, podIPs: ['10.244.0.2'] });
    expect(settle('lab', { ...raw, configs: [], daemonSets: ['calico-node'], pools: ['192.168.0.0/16'], nodes: [] })).toMatchObject({
      podCIDRs: ['192.168.0.0/16'],
      cni: { name: 'calico', ranges: 'cluster' },
      proxyMode: 'none',
      families: ['ipv4'],
    });
    // Nothing but nodes may be read.
    expect(settle('lab', { ...raw, configs: [], daemonSets: null, podIPs: null })).toMatchObject({
      podCIDRs: [],
      podIPs: null,
      proxyMode: 'iptables',
      cni: { name: 'flannel' },
    });
  });
  it.each([
    ['as they may be read', '10.0.0.10\n', ['10.0.0.10'], ['cluster.local is taken for it']],
    ['as nobody, where they may not', null, [], []],
  ] as const)('takes the Services of a cluster without a configuration of kubeadm %s', async (_how, dns, addresses, notes) => {
    const list = (items: readonly unknown[]): Answer => ({ stdout: JSON.stringify({ items }) });
    const deps = faked((args) => {
      if (args.includes('/version')) return { stdout: '{"gitVersion":"v1.34.0"}' };
      if (args.includes('/api/v1/nodes')) return list(recordedItems('Node'));
      if (args[1] !== 'service') return {};
      return dns === null
        ? { exitCode: 1, stderr: 'Error from server (Forbidden): services is forbidden: User "bob"' }
        : { stdout: args[2] === 'kube-dns' ? dns : '' };
    });
    const facts = await readFacts(kubectlFor(access, deps));
    expect([facts.apiServiceIPs, facts.dnsServiceIPs]).toEqual([[], addresses]);
    expect(facts.unread.map((line) => notes.find((note) => line.includes(note)))).toEqual(notes);
  });
  it('takes dual-stack families in the order of the nodes, and mode "" of kube-proxy for iptables', () => {
    const [node] = recordedItems('Node');
    const dual = { ...node, metadata: { name: 'n' }, spec: { podCIDRs: ['fd00::/64', '10.0.0.0/24'] } };
    const proxy = { metadata: { name: 'kube-proxy' }, data: { 'config.conf': 'clusterCIDR: fd00::/56,10.0.0.0/16\nmode: ""\n' } };
    expect(settle('x', { version: 'v1.30.0-eks-1', nodes: [dual], podIPs: [], daemonSets: [], configs: [proxy], pools: null, unread: [] })).toMatchObject({
      families: ['ipv6', 'ipv4'],
      proxyMode: 'iptables',
      podCIDRs: ['fd00::/56', '10.0.0.0/16'],
      serverVersion: '1.30.0',
    });
  });
});

describe('targetLines', () => {
  const facts = recordedFacts();
  it('gives every node a line, with the highest address that nobody has', () => {
    const lines = targetLines({ ...facts, podIPs: ['10.244.0.254', '10.244.0.253'] }, [
      { node: 'lab-control-plane', name: 'responder-a', ips: ['10.244.0.2'] },
    ]);
    expect(lines).toEqual([
      { index: 0, node: 'lab-control-plane', pod: 'responder-a', podIPs: ['10.244.0.2'], nodeIPs: ['172.18.0.4'], nobody: ['10.244.0.252'] },
      { index: 1, node: 'lab-worker', pod: '', podIPs: [], nodeIPs: ['172.18.0.6'], nobody: ['10.244.3.254'] },
      { index: 2, node: 'lab-worker2', pod: '', podIPs: [], nodeIPs: ['172.18.0.5'], nobody: ['10.244.1.254'] },
    ]);
  });
  it("dials no address that may be somebody else's, where pods cannot be listed", () => {
    expect(targetLines({ ...facts, podIPs: null }, []).map((line) => line.nobody)).toEqual([[], [], []]);
  });
});

describe('existingAccess', () => {
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'existing-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    return path;
  };
  const file = (): string => {
    const path = join(folder(), 'config');
    writeFileSync(path, 'kind: Config');
    return path;
  };
  const config = (text: object): KubectlDeps => faked(() => ({ stdout: JSON.stringify(text) }));
  const two = { 'current-context': 'dev', contexts: [{ name: 'dev' }, { name: 'prod' }] };

  it('takes the current context, or the one that is named', async () => {
    const kubeconfig = file();
    expect(await existingAccess({ kubeconfig, context: null }, config(two))).toEqual({ cluster: 'dev', kubeconfig, context: 'dev', onNode: null });
    expect(await existingAccess({ kubeconfig, context: 'prod' }, config(two))).toMatchObject({ cluster: 'prod' });
  });
  it('lists the contexts when the one asked for is not there', async () => {
    const kubeconfig = file();
    await expect(existingAccess({ kubeconfig, context: 'x' }, config(two))).rejects.toMatchObject({
      code: 'KUBECONFIG_INVALID',
      message: `${kubeconfig} has no context "x"; it has dev, prod`,
      hint: 'choose one: --context dev',
    });
    await expect(existingAccess({ kubeconfig, context: null }, config({ contexts: null }))).rejects.toMatchObject({
      message: expect.stringContaining('no context at all') as string,
    });
  });
  it('says that the file is not there, before kubectl shows an empty one', async () => {
    const deps = config({ contexts: null });
    await expect(existingAccess({ kubeconfig: join(folder(), 'none'), context: null }, deps)).rejects.toMatchObject({
      code: 'KUBECONFIG_INVALID',
      message: expect.stringContaining('ENOENT') as string,
    });
  });
  it('leaves everything to kubectl inside a pod, where there is no file', async () => {
    expect(await existingAccess({ kubeconfig: null, context: null }, config({ contexts: null }))).toEqual({
      cluster: 'cluster',
      kubeconfig: null,
      context: null,
      onNode: null,
    });
  });
  it('says what is not seen', () => {
    expect(existingFidelity()).toMatchObject({ engine: 'existing', absent: [expect.stringContaining('connection tracking'), expect.stringContaining('ICMP')] });
  });
});

describe('collectEvidence', () => {
  it('keeps within its bounds, without secrets, and says what it could not read', async () => {
    const directory = join(mkdtempSync(join(tmpdir(), 'evidence-')), 'evidence');
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const pods = Array.from({ length: 200 }, (_, index) => ({ metadata: { namespace: 'a', name: `p${index}` }, status: { phase: 'Pending' } }));
    const deps = faked((args) => {
      if (args[0] === 'get' && args[1] === 'nodes' && args.includes('--output=json')) return { stdout: JSON.stringify({ items: recordedItems('Node') }) };
      if (args[0] === 'get' && args[1] === 'pods' && args.includes('--output=json')) return { stdout: JSON.stringify({ items: pods }) };
      if (args[0] === 'describe') return { stdout: `WEAVE_PASSWORD: hunter2hunter2\n${'x'.repeat(500_000)}` };
      if (args[0] === 'logs') return { exitCode: 1, stderr: 'Error from server (BadRequest): container is waiting to start' };
      return { stdout: `${args.join(' ')}\n` };
    });
    const withNodes: KubernetesAccess = {
      ...access,
      onNode: (node, _argv, options) =>
        node === 'lab-worker' || options?.signal === undefined
          ? Promise.reject(new Error('no such container'))
          : Promise.resolve({ exitCode: 0, stdout: '1: lo', stderr: '' }),
    };
    const files = await collectEvidence(withNodes, kubectlFor(withNodes, deps), directory);
    expect(readdirSync(directory).toSorted()).toEqual(files);
    expect(files.length).toBeLessThanOrEqual(60);
    const sizes = files.map((name) => statSync(join(directory, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(2_000_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(120_000);
    const text = (name: string): string => readFileSync(join(directory, name), 'utf8');
    expect(files.map(text).join('')).not.toContain('hunter2');
    expect(text('pod-a-p0-log.txt')).toContain('waiting to start');
    expect(text('node-lab-control-plane-network.txt')).toBe('1: lo');
    expect(text('node-lab-worker-network.txt')).toContain('no such container');
    expect(deps.calls.flat().join(' ')).not.toMatch(/\bsecrets?\b/);
  });
});
