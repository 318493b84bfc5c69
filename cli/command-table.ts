/** Every command as data: parsing, help, completion and docs are made from this one table. */

export interface OptionRow {
  /** As commander reads it: `--junit <file>`. */
  readonly flags: string;
  readonly summary: string;
  /** How the value is read; a flag without a value has none. */
  readonly value?: 'text' | 'integer' | 'milliseconds' | 'seconds' | 'list' | 'repeated' | 'regex';
  /** Allowed values, for one or for each of a list. */
  readonly choices?: readonly string[];
  /** What a completion offers. */
  readonly completes?: 'file';
}

export interface ArgumentRow {
  /** As commander reads it: `<file>`, `[labs...]`. */
  readonly name: string;
  readonly summary: string;
  readonly completes?: 'file' | 'lab' | 'file-or-lab' | 'directory' | readonly string[];
}

export interface CommandRow {
  readonly summary: string;
  readonly arguments: readonly ArgumentRow[];
  readonly options: readonly OptionRow[];
  readonly examples: readonly string[];
  /** More about the command, a paragraph. */
  readonly details?: string;
  /** How long it may go on after Ctrl-C or the time limit to stop cleanly and save; 0 where nothing is left half done. */
  readonly graceMs: number;
}

const FILE = { name: '<file>', summary: 'lab file: .ts, .js, .yaml or .json', completes: 'file' } as const satisfies ArgumentRow;
const LAB = { name: '<lab>', summary: 'name of a running lab', completes: 'lab' } as const satisfies ArgumentRow;
const TARGET = { name: '<target>', summary: 'POD, NAMESPACE/POD, CLUSTER/NAMESPACE/POD, a node or a host' } as const satisfies ArgumentRow;
const PROFILE = {
  flags: '--profile <name>',
  value: 'text',
  choices: ['classic', 'current', 'strict'],
  summary: 'what is required: classic (every node to every pod), current (a node to its own pods), strict (pods to nodes as well)',
} as const satisfies OptionRow;
const JUNIT = { flags: '--junit <file>', value: 'text', completes: 'file', summary: 'also write the report as JUnit XML' } as const satisfies OptionRow;
const PODS = { flags: '--pods', summary: 'expand the matrix to pairs of pods' } as const satisfies OptionRow;

const engineRow = (choices: readonly string[], summary: string): OptionRow => ({ flags: '--engine <name>', value: 'text', choices, summary });
const IMAGES = [
  {
    flags: '--node-image <image>',
    value: 'text',
    summary: 'kind: image of every node; its tag is the Kubernetes version of clusters that name none (default: $CNILAB_NODE_IMAGE)',
  },
  { flags: '--image <repo=ref>', value: 'repeated', summary: 'kind: image to use instead of a default one; may be given several times' },
  { flags: '--offline', summary: 'fetch nothing; what is missing is named, and where it goes' },
] as const satisfies readonly OptionRow[];

const KUBECONFIG = {
  flags: '--kubeconfig <file>',
  value: 'text',
  completes: 'file',
  summary: 'a cluster that exists, by its kubeconfig',
} as const satisfies OptionRow;
const CONTEXT = { flags: '--context <name>', value: 'text', summary: 'context of the kubeconfig (default: the current one)' } as const satisfies OptionRow;

const STOP_GRACE_MS = 10_000;
/** A namespace takes a while to go, and so do containers that are just being made. */
const CLEANUP_GRACE_MS = 70_000;

export type CommandName =
  | 'init'
  | 'labs'
  | 'validate'
  | 'plan'
  | 'synth'
  | 'images'
  | 'lock'
  | 'up'
  | 'verify'
  | 'ls'
  | 'inspect'
  | 'exec'
  | 'shell'
  | 'kubeconfig'
  | 'down'
  | 'doctor'
  | 'schema'
  | 'explain scheduler'
  | 'fault list'
  | 'fault inject'
  | 'fault undo'
  | 'completion';

export const commands: Readonly<Record<CommandName, CommandRow>> = {
  init: {
    summary: 'write a commented lab to start from',
    arguments: [{ name: '<directory>', summary: 'folder to make; must be empty or new', completes: 'directory' }],
    options: [
      { flags: '--yaml', summary: 'a YAML lab instead of TypeScript' },
      { flags: '--force', summary: 'write into a folder that is not empty' },
    ],
    examples: ['cnilab init my-lab', 'cnilab init my-lab --yaml'],
    graceMs: 0,
  },
  labs: {
    summary: 'list the lab files of a folder',
    arguments: [{ name: '[directory]', summary: 'folder with lab files (default: labs)', completes: 'directory' }],
    options: [],
    examples: ['cnilab labs', 'cnilab labs ../course --json'],
    graceMs: 0,
  },
  validate: {
    summary: 'find every problem of lab files, without touching the machine',
    arguments: [{ ...FILE, name: '<files...>' }],
    options: [],
    examples: ['cnilab validate labs/*.ts', 'cnilab validate lab.yaml --json'],
    graceMs: 0,
  },
  plan: {
    summary: 'show what will exist, and what changes for a running lab',
    arguments: [{ name: '<file|lab>', summary: 'lab file, or a running lab (planned anew from its file)', completes: 'file-or-lab' }],
    options: [],
    examples: ['cnilab plan labs/flannel-vxlan.ts', 'cnilab plan flannel-vxlan --json'],
    graceMs: 0,
  },
  synth: {
    summary: 'write the files that an engine is given, and how to use them by hand',
    arguments: [FILE],
    options: [
      engineRow(['kind'], 'engine that takes them (default: kind)'),
      { flags: '-o, --out <directory>', value: 'text', completes: 'file', summary: 'folder to write into (default: only list the files)' },
      { flags: '--force', summary: 'write into a folder that holds something else, and over files that were changed' },
      ...IMAGES,
    ],
    examples: ['cnilab synth labs/flannel-vxlan.ts', 'cnilab synth labs/flannel-vxlan.ts --engine kind -o out/', 'cnilab synth labs/flannel-vxlan.ts --json'],
    details: 'The same lab gives the same bytes. Files that somebody changed since are not written over.',
    graceMs: 0,
  },
  images: {
    summary: 'list every image that a lab needs on kind',
    arguments: [{ name: '<file|lab>', summary: 'lab file, or a running lab', completes: 'file-or-lab' }],
    options: [...IMAGES],
    examples: ['cnilab images labs/flannel-vxlan.ts', 'cnilab images labs/flannel-vxlan.ts --json'],
    graceMs: 0,
  },
  lock: {
    summary: 'pin the files of other projects that a lab needs on kind, by SHA-256',
    arguments: [FILE],
    options: [{ flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'lock file (default: cnilab.lock.json beside the lab file)' }],
    examples: ['cnilab lock labs/calico-vxlan.ts', 'cnilab lock lab.yaml -o cnilab.lock.json'],
    details:
      "Fetches manifests and the CNI plugins of this machine's architecture into the cache. Versions whose digests cnilab knows need no lock file; an unknown digest is refused until it is pinned. What is pinned already stays, also for other labs of the folder: delete an entry to pin it anew.",
    graceMs: 0,
  },
  up: {
    summary: 'bring a lab up, or change a running one',
    arguments: [FILE],
    options: [
      engineRow(['netns', 'kind'], 'engine to run it on (default: netns)'),
      { flags: '--verify', summary: 'verify the network model once it is up' },
      { flags: '--replace', summary: 'take the running lab down when a change is not possible in place' },
      { flags: '--retain', summary: 'keep what was built when bringing up fails, to look at it' },
      ...IMAGES,
      { flags: '--load <image>', value: 'repeated', summary: 'kind: image of this machine to load into the nodes; may be given several times' },
      PROFILE,
      JUNIT,
      PODS,
    ],
    examples: [
      'cnilab up labs/flannel-vxlan.ts',
      'cnilab up lab.yaml --verify --junit report.xml',
      'cnilab up lab.yaml --replace --timeout 60',
      'cnilab up labs/flannel-vxlan.ts --engine kind --verify',
    ],
    details:
      'A second `up` of the same file changes nothing. Pods, workloads and nodes are added and removed in place (kind: workloads alone); what is not possible in place is refused (exit 6) with the reason, unless --replace is given.',
    graceMs: CLEANUP_GRACE_MS,
  },
  verify: {
    summary: 'prove the three network requirements on a running lab, or on any cluster',
    arguments: [{ name: '[lab|file]', summary: 'running lab, or its lab file; none with --kubeconfig or --context', completes: 'file-or-lab' }],
    options: [
      PROFILE,
      { flags: '--attempts <n>', value: 'integer', summary: 'fresh connections per pair and protocol, all must pass (default: 3)' },
      { flags: '--protocol <list>', value: 'list', choices: ['tcp', 'udp', 'icmp'], summary: 'protocols, comma-separated (default: all)' },
      { flags: '--family <list>', value: 'list', choices: ['ipv4', 'ipv6'], summary: 'address families, comma-separated (default: those of the lab)' },
      {
        flags: '--deadline <ms>',
        value: 'milliseconds',
        summary: 'how long unanswered probes are waited for, all together (default: 1000; inside of clusters 3000)',
      },
      {
        flags: '--suite <list>',
        value: 'list',
        choices: ['network', 'services', 'dns', 'policy'],
        summary: 'parts, comma-separated (default: all that the lab has)',
      },
      {
        flags: '--sample <n>',
        value: 'integer',
        summary:
          'probe about that many pairs of each kind, spread over all node pairs (default: all; inside of clusters of more than 40 nodes 12 for each node)',
      },
      { flags: '--only <regex>', value: 'regex', summary: 'run only the checks whose name matches' },
      { flags: '--skip <regex>', value: 'regex', summary: 'leave out the checks whose name matches' },
      KUBECONFIG,
      CONTEXT,
      { flags: '--probe-image <image>', value: 'text', summary: 'with --kubeconfig or --context: agnhost, from where the cluster can pull it' },
      JUNIT,
      PODS,
    ],
    examples: [
      'cnilab verify flannel-vxlan',
      'cnilab verify flannel-vxlan --profile strict --junit report.xml',
      'cnilab verify flannel-vxlan --attempts 100 --protocol udp --only r1',
      'cnilab verify --kubeconfig ~/.kube/config --context staging --profile current',
    ],
    details:
      'Exit 0: every requirement holds; 1: one does not; 5: something could not be judged. A cluster with an API is verified from inside: by a DaemonSet that answers and Jobs that probe, in one namespace that is removed, and proven gone, before the command ends. Nothing else of the cluster is touched.',
    graceMs: CLEANUP_GRACE_MS,
  },
  ls: { summary: 'list the labs that are up', arguments: [], options: [], examples: ['cnilab ls', 'cnilab ls --json'], graceMs: 0 },
  inspect: {
    summary: 'show a running lab: state, faults, addresses',
    arguments: [LAB],
    options: [{ flags: '--check', summary: 'also call CNI CHECK for every pod that plugins attached' }],
    examples: ['cnilab inspect flannel-vxlan', 'cnilab inspect flannel-vxlan --check', 'cnilab inspect flannel-vxlan --json'],
    graceMs: 0,
  },
  exec: {
    summary: 'run a program inside a pod or node',
    arguments: [LAB, TARGET, { name: '<argv...>', summary: 'program and its arguments, after --' }],
    options: [],
    examples: ['cnilab exec flannel-vxlan worker1 -- ip route', 'cnilab exec flannel-vxlan default/web-1 -- ping -c 1 10.244.2.2'],
    details: 'The exit code is the one of the program. --json has no effect on what the program prints.',
    graceMs: 0,
  },
  shell: { summary: 'open a shell inside a pod or node', arguments: [LAB, TARGET], options: [], examples: ['cnilab shell flannel-vxlan worker1'], graceMs: 0 },
  kubeconfig: {
    summary: 'print the kubeconfig of a running cluster',
    arguments: [LAB],
    options: [{ flags: '--cluster <name>', value: 'text', summary: 'which one, in a lab of several clusters' }],
    examples: ['cnilab kubeconfig flannel-vxlan > kc; KUBECONFIG=kc kubectl get pods -A'],
    details: 'Clusters of engine kind have one. It holds the credentials of an administrator; your own kubeconfig is never touched.',
    graceMs: 0,
  },
  down: {
    summary: 'take labs down; needs no lab file',
    arguments: [{ ...LAB, name: '[labs...]' }],
    options: [
      { flags: '--all', summary: 'every lab of this user' },
      KUBECONFIG,
      CONTEXT,
      { flags: '--force', summary: 'with --kubeconfig or --context: also what verifications use that may still run' },
    ],
    examples: ['cnilab down flannel-vxlan', 'cnilab down --all', 'cnilab down --kubeconfig ~/.kube/config'],
    details:
      'Taking down what is not up is fine. With --kubeconfig or --context nothing is a lab: what a killed verification left in that cluster is removed, and nothing else; until its deadline is over (minutes) it may be one that still runs, and is left.',
    graceMs: CLEANUP_GRACE_MS,
  },
  doctor: {
    summary: 'what this machine can run, found by trying, and how to mend the rest',
    arguments: [{ ...FILE, name: '[file]', summary: 'look only at what this lab needs' }],
    options: [engineRow(['netns', 'kind'], 'engine to run labs on (default: netns)'), ...IMAGES.slice(0, 1)],
    examples: ['cnilab doctor', 'cnilab doctor labs/calico-bgp.ts', 'cnilab doctor --engine kind'],
    graceMs: 0,
  },
  schema: { summary: 'print the JSON Schema of lab files', arguments: [], options: [], examples: ['cnilab schema > lab.schema.json'], graceMs: 0 },
  'explain scheduler': {
    summary: 'show which endpoint each scheduler of IPVS chooses',
    arguments: [{ name: '[scheduler]', summary: 'one of them (default: all)', completes: ['rr', 'wrr', 'lc', 'wlc', 'dh', 'sh', 'sed', 'nq'] }],
    options: [
      { flags: '--weights <list>', value: 'text', summary: 'weight of each endpoint (default: 1,1,1, as kube-proxy has it)' },
      { flags: '--active <list>', value: 'text', summary: 'connections that each has when it begins (default: none)' },
      { flags: '--connections <n>', value: 'integer', summary: 'how many are opened; all stay open (default: 12)' },
      { flags: '--clients <n>', value: 'integer', summary: 'how many clients open them in turn (default: 4)' },
    ],
    examples: ['cnilab explain scheduler', 'cnilab explain scheduler wrr --weights 3,1,1', 'cnilab explain scheduler lc --active 5,0,2'],
    details:
      "A model of the kernel's schedulers, for machines whose kernel has no ip_vs and for teaching: nothing is brought up. kubeProxy.scheduler of a lab with mode ipvs takes the same names.",
    graceMs: 0,
  },
  'fault list': {
    summary: 'list the faults that can be injected',
    arguments: [{ ...LAB, name: '[lab]', summary: 'say which apply to this running lab, and which are injected' }],
    options: [],
    examples: ['cnilab fault list', 'cnilab fault list flannel-vxlan'],
    graceMs: 0,
  },
  'fault inject': {
    summary: 'break a running lab in a known way',
    arguments: [LAB, { name: '<fault>', summary: 'name from `cnilab fault list`' }],
    options: [
      { flags: '--node <name>', value: 'text', summary: 'node to break (default: chosen by the fault)' },
      { flags: '--pod <name>', value: 'text', summary: 'pod to break (default: chosen by the fault)' },
    ],
    examples: ['cnilab fault inject flannel-vxlan stale-fdb', 'cnilab fault inject flannel-vxlan ip-forward-off --node worker1'],
    graceMs: STOP_GRACE_MS,
  },
  'fault undo': {
    summary: 'mend injected faults',
    arguments: [LAB, { name: '[fault]', summary: 'only this one (default: all)' }],
    options: [],
    examples: ['cnilab fault undo flannel-vxlan', 'cnilab fault undo flannel-vxlan stale-fdb'],
    graceMs: STOP_GRACE_MS,
  },
  completion: {
    summary: 'print a completion script for a shell',
    arguments: [{ name: '<shell>', summary: 'bash, zsh or fish', completes: ['bash', 'zsh', 'fish'] }],
    options: [],
    examples: [
      'source <(cnilab completion bash)',
      'cnilab completion zsh > "${fpath[1]}/_cnilab"',
      'cnilab completion fish > ~/.config/fish/completions/cnilab.fish',
    ],
    graceMs: 0,
  },
};

/** Understood by every command. */
export const globalOptions: readonly OptionRow[] = [
  { flags: '--json', summary: 'one JSON document on stdout, JSON lines on stderr' },
  { flags: '-q, --quiet', summary: 'no progress, no hints; errors only' },
  { flags: '-v, --verbose', summary: 'more progress; stack traces of errors' },
  { flags: '--timeout <seconds>', value: 'seconds', summary: 'give up after that many seconds (exit 4)' },
];

/** All names, in the order in which help lists them. */
export const commandNames: readonly CommandName[] = Object.keys(commands) as CommandName[];

/** Groups such as `fault`, whose members are `fault list`, `fault inject`, … */
export const commandGroups = {
  explain: 'show how something works, without a lab',
  fault: 'break a running lab in known ways, to see it diagnosed',
} as const;

export type GroupName = keyof typeof commandGroups;
