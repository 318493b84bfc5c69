/** Every command as data: parsing, help, completion and docs are made from this one table. */
import { LEVELS, TOPICS } from '../topology/lesson/lesson.ts';

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
  /** The member of its group that is meant where none is named. */
  readonly implied?: true;
}

const FILE = {
  name: '<file>',
  summary: 'lab file: .ts, .js, .yaml or .json; or the name of a lab of the package',
  completes: 'file',
} as const satisfies ArgumentRow;
const LAB = { name: '<lab>', summary: 'name of a running lab', completes: 'lab' } as const satisfies ArgumentRow;
const TARGET = { name: '<target>', summary: 'POD, NAMESPACE/POD, CLUSTER/NAMESPACE/POD, a node, a host or a container' } as const satisfies ArgumentRow;
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
    summary:
      'kind: image of every node; its tag is the Kubernetes version of clusters that name none (default: $CNILAB_NODE_IMAGE); vm: folder of a prepared disk, or URL@sha256:HEX of a cloud image (default: $CNILAB_VM_IMAGE)',
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

const nodeRow = (action: string, summary: string): CommandRow => ({
  summary,
  arguments: [LAB, { name: '<node>', summary: 'NODE or CLUSTER/NODE' }],
  options: [],
  examples: [`cnilab node ${action} my-lab worker1`],
  details: 'For labs on engine vm, whose nodes are machines. The lab stays up; `cnilab verify` says what the network does without the node.',
  graceMs: STOP_GRACE_MS,
});

const cniRow = (action: string, summary: string, details: string, examples: readonly string[]): CommandRow => ({
  summary,
  arguments: [
    LAB,
    { name: '<pod>', summary: action === 'add' ? 'POD, NAMESPACE/POD, CLUSTER/NAMESPACE/POD, or a new name' : 'as it was given to `cni add`' },
    {
      name: '<conflist>',
      summary: 'file with a network configuration list (CNI specification); `by-hand.conflist`, where there is none here, is that of the package',
      completes: 'file',
    },
  ],
  options: [
    { flags: '--node <name>', value: 'text', summary: 'of a new name: node or host that it is on (default: the only one)' },
    { flags: '--ifname <name>', value: 'text', summary: 'interface to attach it by, CNI_IFNAME (default: eth0)' },
  ],
  examples,
  details: `${details} Shown are the environment, the input and the answer of each plugin.`,
  graceMs: STOP_GRACE_MS,
});

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
  | 'compare'
  | 'diagnose'
  | 'evidence'
  | 'step'
  | 'check'
  | 'exercise'
  | 'solve'
  | 'grade'
  | 'capture'
  | 'graph'
  | 'ls'
  | 'inspect'
  | 'exec'
  | 'shell'
  | 'kubeconfig'
  | 'down'
  | 'doctor'
  | 'schema'
  | 'explain way'
  | 'explain scheduler'
  | 'cni add'
  | 'cni check'
  | 'cni del'
  | 'fault list'
  | 'fault inject'
  | 'fault undo'
  | 'node stop'
  | 'node start'
  | 'node reboot'
  | 'node cut'
  | 'node mend'
  | 'selftest'
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
    summary: 'list the labs, by topic and level; the first one is where to begin',
    arguments: [
      { name: '[directory]', summary: 'folder with lab files (default: labs, or where there is none the labs of the package)', completes: 'directory' },
    ],
    options: [
      { flags: '--topic <name>', value: 'text', choices: TOPICS, summary: 'only the labs about it' },
      { flags: '--level <name>', value: 'text', choices: LEVELS, summary: 'first: begins its topic; next: after those; deep: for who wants to know exactly' },
    ],
    details:
      'A lab of the package is brought up by its name: `cnilab up switch`; `validate`, `plan`, `doctor` and `synth` take the name too. Its page, docs/labs/NAME.md, has what to type and what is shown then.',
    examples: ['cnilab labs', 'cnilab labs --topic service', 'cnilab labs ../course --json'],
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
    arguments: [
      { name: '<file|lab>', summary: 'lab file, a running lab (planned anew from its file), or the name of a lab of the package', completes: 'file-or-lab' },
    ],
    options: [],
    examples: ['cnilab plan labs/flannel-vxlan.ts', 'cnilab plan flannel-vxlan --json'],
    details: 'What the lab needs of the machine beyond what every lab does is read off the plan; `cnilab doctor FILE` tries whether it is there.',
    graceMs: 0,
  },
  synth: {
    summary: 'write the files that an engine is given, and how to use them by hand',
    arguments: [FILE],
    options: [
      engineRow(['kind', 'vm'], 'engine that takes them (default: kind)'),
      { flags: '-o, --out <directory>', value: 'text', completes: 'file', summary: 'folder to write into (default: only list the files)' },
      { flags: '--force', summary: 'write into a folder that holds something else, and over files that were changed' },
      ...IMAGES,
    ],
    examples: ['cnilab synth labs/flannel-vxlan.ts', 'cnilab synth labs/flannel-vxlan.ts --engine kind -o out/', 'cnilab synth labs/flannel-vxlan.ts --json'],
    details:
      'The same lab gives the same bytes, but for the keys and tokens that engine vm makes anew each time. Files that somebody changed since are not written over. `Corefile` is for reading: kubeadm configures the DNS with it.',
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
      engineRow(['netns', 'kind', 'vm'], 'engine to run it on (default: netns)'),
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
      'A second `up` of the same file changes nothing. Pods, workloads and nodes are added and removed in place (kind and vm: workloads alone); what is not possible in place is refused (exit 6) with the reason, unless --replace is given.',
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
  compare: {
    summary: 'put running labs side by side: how packets travel, what it costs, how fast it is',
    arguments: [{ name: '<labs...>', summary: 'two running labs or more, or their lab files', completes: 'file-or-lab' }],
    options: [
      { flags: '--seconds <n>', value: 'seconds', summary: 'how long TCP streams on each way of each lab, 0.2 to 10 (default: 1)' },
      { flags: '--verify', summary: 'verify every lab first, for the rows of the requirements' },
      { flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'also write the comparison as JSON' },
      { flags: '--force', summary: 'write over a file that exists' },
    ],
    examples: [
      'cnilab compare flannel-host-gw flannel-vxlan',
      'cnilab compare flannel-host-gw flannel-vxlan flannel-udp --verify',
      'cnilab compare bridge-routes flannel-vxlan --seconds 5 -o compared.json',
    ],
    details:
      'Nothing is brought up. Two ways of each lab are measured, between pods of one node and of two, round by round over the labs: what slows the machine down slows all of them. Ratios are against the first lab, and hold for this machine as it is now. A row that a lab cannot have is -, with the reason below. Exit 1 and 5 only with --verify.',
    graceMs: STOP_GRACE_MS,
  },
  diagnose: {
    summary: 'find out what is wrong with a running lab, or with one way through it',
    arguments: [
      LAB,
      { name: '[from]', summary: 'who asks: POD, NAMESPACE/POD, CLUSTER/NAMESPACE/POD, a node, a host, a router or a container' },
      { name: '[to]', summary: 'who is asked: as <from>, or svc/NAME, svc/NAMESPACE/NAME:PORT, a name of the DNS, an address' },
    ],
    options: [
      {
        flags: '--deadline <ms>',
        value: 'milliseconds',
        summary: 'how long unanswered probes are waited for, all together (default: 250; for names and the whole mesh 1000, between hosts 1500)',
      },
      { flags: '--pcap <file>', value: 'text', completes: 'file', summary: 'also write the packets of the failing pair (pcapng)' },
    ],
    examples: [
      'cnilab diagnose flannel-vxlan',
      'cnilab diagnose flannel-vxlan echo-worker1-1 default/echo-worker2-1',
      'cnilab diagnose shop worker1 svc/web:80',
      'cnilab diagnose linux-router a c',
    ],
    details:
      'Compares the state of every kernel with the plan before a packet is sent; then probes rung by rung (addresses, Services, names) until one breaks; then counts and captures around one failing probe. Between hosts, routers and containers it sends one packet, and walks it to where it is lost. Exit 0: nothing found; 1: something is; 5: nothing, and something could not be judged.',
    graceMs: 0,
  },
  evidence: {
    summary: 'collect what is needed to see what is wrong with a running lab, in one archive',
    arguments: [LAB],
    options: [
      { flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'archive to write, .tgz; - is stdout (default: LAB-evidence.tgz)' },
      { flags: '--force', summary: 'write over a file that exists' },
    ],
    examples: ['cnilab evidence flannel-vxlan', 'cnilab evidence flannel-vxlan -o evidence.tgz', 'cnilab evidence flannel-vxlan -o - > evidence.tgz'],
    details:
      'Routes, neighbours, forwarding entries, links with their MTUs, addresses, sysctls, rules with counters, connection tracking, the plan, a diagnosis, and the packets of a failing pair where there is one. Less than 1 MB; what was cut is said. Kubeconfigs, keys and tokens are left out.',
    graceMs: 0,
  },
  step: {
    summary: "take the next step of a lab's lesson: its command, then its check",
    arguments: [LAB],
    options: [
      { flags: '--all', summary: 'all steps that are left, up to the first that does not hold' },
      { flags: '--undo', summary: 'take the last step that is done back, where it says how' },
    ],
    examples: ['cnilab step bridge-by-hand', 'cnilab step bridge-by-hand --all', 'cnilab step bridge-by-hand --undo'],
    details:
      'Lessons that build their lab by hand have steps; what each runs is shown, so that it can be typed by hand instead. A step that was done by hand is recognised by its check. Exit 0: the step holds, or is taken back; 1: its check does not, or still does after --undo; 4: its command failed.',
    graceMs: STOP_GRACE_MS,
  },
  check: {
    summary: 'ask the checks of the exercise under way, or of the lesson, and grade them',
    arguments: [LAB],
    options: [
      { flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'also write the report as JSON, for `cnilab grade`' },
      { flags: '--force', summary: 'write over a file that exists' },
      { flags: '--learner <name>', value: 'text', summary: 'whose report it is (default: the name of the user)' },
    ],
    examples: ['cnilab check switch', 'cnilab check switch -o ada-switch.json --learner ada'],
    details:
      'Each check is asked until it holds or its time is over. An exercise whose checks all hold is solved, and over. Exit 0: all hold; 1: one does not; 5: one could not be judged.',
    graceMs: STOP_GRACE_MS,
  },
  exercise: {
    summary: 'break a lab as one of its exercises says, or list its exercises',
    arguments: [LAB, { name: '[exercise]', summary: 'one of them (default: list them)' }],
    options: [{ flags: '--hint', summary: 'the next hint of the exercise under way' }],
    examples: ['cnilab exercise switch', 'cnilab exercise switch wrong-mask', 'cnilab exercise switch --hint'],
    details:
      'Shown is what somebody complains about and where it is seen; what is wrong is for you to find, with `exec`, `explain`, `capture` and the rest. `cnilab check` tells whether it is mended, `cnilab solve` shows how. The lab has to be as its lesson says before.',
    graceMs: STOP_GRACE_MS,
  },
  solve: {
    summary: 'show and apply the solution of the exercise under way',
    arguments: [LAB],
    options: [],
    examples: ['cnilab solve switch'],
    details: 'Exit 0: the checks hold again and the exercise is over; 1: one does not. Also brings a lab back whose exercise was begun and killed half-way.',
    graceMs: STOP_GRACE_MS,
  },
  grade: {
    summary: 'make one table (CSV) of the reports that `cnilab check -o` wrote',
    arguments: [{ name: '<directory>', summary: 'folder with reports, one JSON file each', completes: 'directory' }],
    options: [
      { flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'file to write (default: stdout)' },
      { flags: '--force', summary: 'write over a file that exists' },
    ],
    examples: ['cnilab grade handed-in', 'cnilab grade handed-in -o grades.csv'],
    details:
      'Columns: learner, lab, exercise, verdict, score (checks that hold, of all), hints, minutes. A file that is no report is named with the reason, and left out (exit 1).',
    graceMs: 0,
  },
  capture: {
    summary: 'show the packets that pass in a pod or node, or write them into a file',
    arguments: [LAB, TARGET, { name: '[filter...]', summary: 'which packets, as tcpdump has it (default: all)' }],
    options: [
      { flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'write a pcapng file; - is stdout, for `| wireshark -k -i -` (default: print)' },
      { flags: '--force', summary: 'write over a file that exists' },
      { flags: '--interface <name>', value: 'text', summary: 'only this interface of it (default: all)' },
      { flags: '--count <n>', value: 'integer', summary: 'end after so many packets' },
      { flags: '--seconds <n>', value: 'seconds', summary: 'end after that time (default: Ctrl-C ends it)' },
    ],
    examples: [
      'cnilab capture flannel-vxlan worker1',
      'cnilab capture flannel-vxlan worker1 --interface eth0 udp port 8472',
      'cnilab capture flannel-vxlan echo-worker1-1 --count 5 icmp or arp',
      'cnilab capture flannel-vxlan worker1 -o worker1.pcapng --seconds 10 not arp',
    ],
    details:
      'A filter is made of [tcp|udp|icmp|icmp6|arp|ip|ip6] [src|dst] host ADDRESS, net CIDR, port NUMBER, joined by and, or, not and ( ), with the meaning of pcap-filter(7): outer headers only. What an overlay carries is printed beside it, and filtered on its own device (--interface flannel.1). Needs no root for a lab without root.',
    graceMs: STOP_GRACE_MS,
  },
  graph: {
    summary: 'draw a lab: nodes, pods, interfaces with addresses, bridges, cables, segments, tunnels',
    arguments: [{ name: '<lab|file>', summary: 'a lab that is up, or a lab file', completes: 'file-or-lab' }],
    options: [
      {
        flags: '--format <name>',
        value: 'text',
        choices: ['mermaid', 'svg'],
        summary: 'text for pages that draw Mermaid, or a picture (default: mermaid; svg for -o FILE.svg)',
      },
      { flags: '-o, --out <file>', value: 'text', completes: 'file', summary: 'file to write (default: -, stdout)' },
      { flags: '--force', summary: 'write over a file that exists' },
      { flags: '--running', summary: 'as the kernels of the running lab have it; what differs from the plan is marked' },
    ],
    examples: ['cnilab graph labs/flannel-vxlan.ts', 'cnilab graph labs/flannel-vxlan.ts -o flannel.svg', 'cnilab graph flannel-vxlan --running -o now.svg'],
    details:
      'From the plan: the same lab gives the same bytes. With --running devices and addresses are those that are there, and what is wrong with routes, forwarding entries, sessions, rules and settings is written at the node, pod or tunnel that has it. More than six pods of a node, and more than seven nodes or hosts of a segment, are counted, not drawn; what is marked is drawn before others.',
    graceMs: 0,
  },
  ls: { summary: 'list the labs that are up', arguments: [], options: [], examples: ['cnilab ls', 'cnilab ls --json'], graceMs: 0 },
  inspect: {
    summary: 'show a running lab: state, faults, lesson, addresses',
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
    details: 'Clusters of the engines kind and vm have one. It holds the credentials of an administrator; your own kubeconfig is never touched.',
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
    options: [engineRow(['netns', 'kind', 'vm'], 'engine to run labs on (default: netns)'), ...IMAGES.slice(0, 1), KUBECONFIG, CONTEXT],
    examples: ['cnilab doctor', 'cnilab doctor labs/calico-bgp.ts', 'cnilab doctor --engine kind', 'cnilab doctor --kubeconfig ~/.kube/config'],
    details:
      'With --kubeconfig or --context it is not about this machine: the nodes of that cluster, whether each is Ready, its kubelet, its container runtime, and the socket by which the kubelet reaches that (of ten nodes at most; it needs the right to get nodes/proxy). `cnilab kubeconfig LAB` writes such a file for a lab on kind or vm. docs/ports.md lists the ports that nodes need.',
    graceMs: 0,
  },
  schema: { summary: 'print the JSON Schema of lab files', arguments: [], options: [], examples: ['cnilab schema > lab.schema.json'], graceMs: 0 },
  'explain way': {
    summary: 'walk one packet through a running lab, hop by hop',
    arguments: [
      LAB,
      { name: '<from>', summary: 'who asks: POD, NAMESPACE/POD, CLUSTER/NAMESPACE/POD, a node, a host, a router or a container' },
      { name: '<to>', summary: 'who is asked: as <from>, or svc/NAME, svc/NAMESPACE/NAME, a name of the DNS, an address; with :PORT behind it' },
    ],
    options: [
      { flags: '--port <n>', value: 'integer', summary: 'port that is dialled (default: that of the Service, or the first one of the pod or container)' },
      { flags: '--live', summary: 'also send one packet, count it at every hop, and compare' },
      { flags: '--deadline <ms>', value: 'milliseconds', summary: 'with --live: how long the answer is waited for (default: 1500)' },
    ],
    examples: [
      'cnilab explain flannel-vxlan echo-worker1-1 default/echo-worker2-1',
      'cnilab explain shop client svc/web:80 --live',
      'cnilab explain shop worker1 172.30.0.3 --port 30080',
    ],
    details:
      'Routes, veth pairs, bridges, neighbours, tunnels, rules of Services and of policies, there and back: each hop with the line of state that it comes from and the command that shows it, read from the kernels; no packet is sent without --live. Exit 0: the packet arrives and its reply comes back; 1: it does not, and the walk ends where the packet does, or the packet of --live did otherwise; 5: it ends where the state that can be read ends (ip_vs, a proxy in a process). `cnilab explain way LAB …` is the full form, for a lab with the name of a topic.',
    graceMs: 0,
    implied: true,
  },
  'explain scheduler': {
    summary: 'show which endpoint each scheduler of IPVS chooses',
    arguments: [
      { name: '[scheduler]', summary: 'one of them (default: all)', completes: ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'mh'] },
    ],
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
  'cni add': cniRow(
    'add',
    'attach a pod by the plugins of a list',
    'For a name that the lab does not have, an empty namespace is made on --node; `cni del` and `down` remove it. A pod of the lab is attached a second time, by --ifname.',
    [
      'cnilab cni add flannel-vxlan by-hand bridge.conflist --node worker1',
      'cnilab cni add flannel-vxlan web-worker1 bridge.conflist --ifname net1',
      'cnilab cni add flannel-vxlan by-hand bridge.conflist --node worker1 --json',
    ],
  ),
  'cni check': cniRow(
    'check',
    'ask the plugins of a list whether a pod is still attached as they left it',
    'Exit 0: it is; 1: a plugin says what is not. The result of the ADD is handed to the plugins as prevResult.',
    ['cnilab cni check flannel-vxlan by-hand bridge.conflist'],
  ),
  'cni del': cniRow('del', 'detach a pod by the plugins of a list, the last one first', 'Fine when it is not attached, as the CNI specification asks for.', [
    'cnilab cni del flannel-vxlan by-hand bridge.conflist',
    'cnilab cni del flannel-vxlan web-worker1 bridge.conflist --ifname net1',
  ]),
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
  'node stop': nodeRow('stop', 'shut a node down; what does not follow its power button loses its power'),
  'node start': nodeRow('start', 'start a node that was stopped, and wait until it is ready'),
  'node reboot': nodeRow('reboot', 'reboot a node, and wait until it is ready again'),
  'node cut': nodeRow('cut', "pull the cable of a node's lab network; it keeps running"),
  'node mend': nodeRow('mend', 'put the cable in again, and wait until the node is ready'),
  selftest: {
    summary: 'prove the verifier: break scratch labs in every known way',
    arguments: [],
    options: [
      { flags: '--lab <lab|file>', value: 'text', completes: 'file', summary: 'in a copy of this lab, running or by its file (default: labs of its own)' },
      { flags: '--everywhere', summary: 'each fault in every lab that can show it (default: in two of its own; with --lab in that one)' },
      {
        flags: '--clean <n>',
        value: 'integer',
        summary: 'instead: that many verifications of healthy labs of every CNI, family and proxy mode; all must pass',
      },
    ],
    examples: ['cnilab selftest', 'cnilab selftest --lab flannel-vxlan', 'cnilab selftest --json > kill-matrix.json', 'cnilab selftest --clean 1000'],
    details:
      'Exit 0: every fault was found and left nothing behind; 1: one was not, or a healthy lab fails; 5: a healthy lab could not be judged. Faults are injected into scratch labs (selftest-…) of the embedded engine, one at a time, and the state of every kernel is compared before and after; labs that run are never touched. Scratch labs of a self-test that was killed are taken down first.',
    graceMs: CLEANUP_GRACE_MS,
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
  cni: 'call CNI plugins by hand, and see what goes in and comes out',
  explain: 'walk one packet through a running lab, or show how something works',
  fault: 'break a running lab in known ways, to see it diagnosed',
  node: 'stop, start, reboot or cut off a node that is a machine (engine vm)',
} as const;

export type GroupName = keyof typeof commandGroups;
