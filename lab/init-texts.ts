/** The files of a new lab folder. */

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

export function packageText(name: string, dependency: string, file: string): string {
  return json({
    name,
    private: true,
    type: 'module',
    scripts: { validate: `cnilab validate ${file}`, up: `cnilab up ${file} --verify`, down: `cnilab down ${name}` },
    dependencies: { cnilab: dependency },
  });
}

export function tsconfigText(): string {
  return json({
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      moduleResolution: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
    },
    include: ['*.ts'],
  });
}

export function gitignoreText(): string {
  return 'node_modules/\n';
}

export function labTypeScript(name: string): string {
  return `import { Cluster, Deployment, FlannelCni, Lab, PodsPerNode } from 'cnilab';

// A lab is a description: nothing happens until \`cnilab up lab.ts\`.
const lab = new Lab({
  name: '${name}',
  description: 'one control plane, two workers, flannel',
  // The network on which the nodes stand. Several segments with a router between them:
  // underlay: { segments: [{ name: 'left', cidr: '10.0.1.0/24' }, { name: 'right', cidr: '10.0.2.0/24' }] },
  underlay: { cidr: '172.30.0.0/24' },
});

const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 2,
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/16',
  // Others: BridgeCni, CalicoCni, WeaveCni, and RawCni for your own CNI configuration.
  cni: new FlannelCni({ backend: 'vxlan' }),
});

// Two pods on every node: enough to see same-node and cross-node traffic.
new PodsPerNode(cluster, 'web', { count: 2 });
// Pods on the workers only.
new Deployment(cluster, 'api', { replicas: 2, ports: [{ containerPort: 8080 }] });

export default lab;
`;
}

export function labYaml(name: string, schema: string): string {
  return `# yaml-language-server: $schema=${schema}
# A lab is a description: nothing happens until \`cnilab up lab.yaml\`.
name: ${name}
description: one control plane, two workers, flannel
# The network on which the nodes stand.
underlay:
  cidr: 172.30.0.0/24
clusters:
  - name: c1
    controlPlanes: 1
    workers: 2
    podCIDR: 10.244.0.0/16
    serviceCIDR: 10.96.0.0/16
    # Others: bridge, calico, weave, and raw for your own CNI configuration.
    cni:
      type: flannel
      backend: vxlan
    workloads:
      # Two pods on every node: enough to see same-node and cross-node traffic.
      - name: web
        perNode: 2
      # Pods on the workers only.
      - name: api
        replicas: 2
        ports:
          - containerPort: 8080
`;
}

export function readmeText(name: string, file: string): string {
  return `# ${name}

A Kubernetes network lab for cnilab.

    npx cnilab validate ${file}      # every problem at once, without touching the machine
    npx cnilab plan ${file}          # what will exist: nodes, addresses, routes
    npx cnilab doctor ${file}        # what this machine lacks for it
    npx cnilab up ${file} --verify   # bring it up and prove its network
    npx cnilab exec ${name} c1/worker1 -- ip route
    npx cnilab down ${name}
`;
}
