import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bridgeScript, CONFLIST, RANGES, READY, SETTINGS } from '../../constructs/synth/cni/bridge-script.ts';
import { lacking } from '../requires.ts';

/** Where a program is, or null. */
function find(name: string): string | null {
  try {
    return execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin command -v "$1"', '-', name], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

const busybox = process.env['CNILAB_BUSYBOX'] ?? find('busybox');
const shells = [
  { name: 'dash', argv: ['dash'], path: find('dash') },
  { name: 'bash as POSIX shell', argv: ['bash', '--posix'], path: find('bash') },
  { name: "busybox' ash", argv: [busybox ?? '', 'ash'], path: busybox },
].filter((shell) => shell.path !== null);
const tools = ['iptables', 'ip6tables', 'nsenter', 'unshare'].find((name) => find(name) === null);
const why = lacking('root', 'netns') ?? (tools === undefined ? null : `${tools} is not here`);

/** A node of its own: a network, /run and /etc that nobody else sees, and a kubectl that says what the test wrote. */
const SETUP = `set -e
export PATH=$PATH:/usr/sbin:/sbin
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
mount -t tmpfs tmpfs /run
mkdir ${SETTINGS}
cp "$1/settings/"* ${SETTINGS}
mount --bind "$1/bin" /usr/local/sbin
ip link set lo up
ip link add eth0 type veth peer name peer0
ip link set peer0 up
ip address add 172.30.0.2/24 dev eth0
ip address add fd00:30::2/64 dev eth0 nodad
ip link set eth0 up
shift
exec "$@" ${SETTINGS}/bridge.sh`;

let folder = '';
let node: ChildProcess | null = null;
let ended: Promise<{ readonly code: number | null; readonly log: string }>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-bridge-'));
});
afterEach(async () => {
  if (node !== null && node.exitCode === null) {
    node.kill('SIGKILL');
    await ended;
  }
  node = null;
  rmSync(folder, { recursive: true, force: true });
});

/** What kubectl says from now on, as the script's jsonpath has it; null: it fails. */
function nodesAre(lines: readonly string[] | null): void {
  writeFileSync(join(folder, 'bin', 'nodes.new'), lines === null ? '' : lines.map((line) => `${line}\n`).join(''));
  execFileSync('mv', [join(folder, 'bin', 'nodes.new'), join(folder, 'bin', lines === null ? 'fails' : 'nodes')]);
}

function prepare(): void {
  mkdirSync(join(folder, 'settings'));
  mkdirSync(join(folder, 'bin'));
  // busybox may take its own `ip`, which knows less than the one that every node has.
  const ip = `ip() { ${find('ip') ?? ''} "$@"; }\n`;
  writeFileSync(join(folder, 'settings', 'bridge.sh'), ip + bridgeScript.replace('pause=5', 'pause=1'));
  writeFileSync(join(folder, 'settings', 'conflist.json'), JSON.stringify({ plugins: [{ ipam: { ranges: RANGES } }] }));
  const kubectl = join(folder, 'bin', 'kubectl');
  writeFileSync(kubectl, '#!/bin/sh\n[ ! -e /usr/local/sbin/fails ] || { echo "the server does not answer" >&2; exit 1; }\ncat /usr/local/sbin/nodes\n');
  chmodSync(kubectl, 0o755);
}

function run(shell: readonly string[]): void {
  const child = spawn('unshare', ['-mn', '--propagation', 'private', 'sh', '-c', SETUP, '-', folder, ...shell], {
    env: { ...process.env, NODE_NAME: 'n1', POD_CIDRS: '10.244.0.0/16 fd00:10:244::/56', MASQUERADE: 'yes' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  node = child;
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  ended = new Promise((resolve) => child.on('close', (code) => resolve({ code, log })));
}

/** A command in the node's network and files. */
function inNode(...argv: readonly string[]): string {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return execFileSync('nsenter', ['-t', String(node?.pid), '-m', '-n', ...argv], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
}

function isThere(path: string): boolean {
  try {
    inNode('test', '-e', path);
    return true;
  } catch {
    return false;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    if (node?.exitCode !== null) throw new Error(`the script ended before ${what}: ${(await ended).log}`);
    try {
      if (holds()) return;
    } catch {
      // The node is still being set up.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came to this: ${what}`);
}

const ranges = (): string => JSON.stringify((JSON.parse(inNode('cat', CONFLIST)) as { plugins: [{ ipam: { ranges: unknown } }] }).plugins[0].ipam.ranges);
const routes = (family: '-4' | '-6'): readonly string[] =>
  inNode('ip', family, 'route', 'show', 'proto', '89')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').slice(0, 3).join(' '))
    .sort();
const rules = (program: string, table: string): readonly string[] =>
  inNode(program, '-t', table, '-S')
    .split('\n')
    .filter((line) => line.includes('CNILAB'));

const N1 = 'n1|10.244.0.0/24 fd00:10:244::/64|172.30.0.2 fd00:30::2';
const N2 = 'n2|10.244.1.0/24 fd00:10:244:1::/64|172.30.0.3 fd00:30::3';
const N3 = 'n3|10.244.2.0/24 fd00:10:244:2::/64|fd00:30::4 172.30.0.4';

describe.skipIf(why !== null)(`the script of the bridge CNI${why === null ? '' : `: ${why}`}`, () => {
  it.each(shells)('$name: follows the nodes of the cluster', { timeout: 60_000 }, async ({ argv }) => {
    prepare();
    nodesAre(['n1||172.30.0.2 fd00:30::2', N2]);
    run(argv);

    // Its own range is not known yet: routes to the others, but no pods here.
    await until('routes to n2', () => routes('-4').length === 1 && routes('-6').length === 1);
    expect([isThere(CONFLIST), isThere(READY)]).toEqual([false, false]);

    // A node without a range: pods may come here, but it is not ready, for the routes to that node are missing.
    nodesAre([N1, N2, 'n3||172.30.0.4 fd00:30::4']);
    await until('its list', () => isThere(CONFLIST));
    expect(isThere(READY)).toBe(false);
    expect(ranges()).toBe('[[{"subnet":"10.244.0.0/24"}],[{"subnet":"fd00:10:244::/64"}]]');

    nodesAre([N1, N2, N3]);
    await until('ready', () => isThere(READY));
    expect(routes('-4')).toEqual(['10.244.1.0/24 via 172.30.0.3', '10.244.2.0/24 via 172.30.0.4']);
    expect(routes('-6')).toEqual(['fd00:10:244:1::/64 via fd00:30::3', 'fd00:10:244:2::/64 via fd00:30::4']);
    expect(rules('iptables', 'nat')).toEqual([
      '-N CNILAB-POSTRTG',
      '-A POSTROUTING -m comment --comment cnilab -j CNILAB-POSTRTG',
      '-A CNILAB-POSTRTG -d 224.0.0.0/4 -j RETURN',
      '-A CNILAB-POSTRTG -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE',
    ]);
    expect(rules('ip6tables', 'filter')).toEqual([
      '-N CNILAB-FWD',
      '-A FORWARD -m comment --comment cnilab -j CNILAB-FWD',
      '-A CNILAB-FWD -s fd00:10:244::/56 -j ACCEPT',
      '-A CNILAB-FWD -d fd00:10:244::/56 -j ACCEPT',
    ]);
    expect(inNode('cat', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding')).toBe('1\n1\n');

    // What is in place is not written again, so counters live on; what somebody broke is mended; routes of others are theirs.
    const counted = [
      '*nat',
      ':CNILAB-POSTRTG - [0:0]',
      '[7:700] -A CNILAB-POSTRTG -d 224.0.0.0/4 -j RETURN',
      '[0:0] -A CNILAB-POSTRTG -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE',
      'COMMIT',
    ];
    inNode('sh', '-c', `printf '%s\\n' ${counted.map((line) => `'${line}'`).join(' ')} | iptables-restore --counters --noflush`);
    inNode('iptables', '-t', 'nat', '-D', 'POSTROUTING', '-m', 'comment', '--comment', 'cnilab', '-j', 'CNILAB-POSTRTG');
    inNode('ip6tables', '-D', 'CNILAB-FWD', '1');
    inNode('ip', 'route', 'del', '10.244.1.0/24');
    inNode('ip', 'route', 'add', '10.250.0.0/24', 'via', '172.30.0.3');
    await until('mended', () => routes('-4').length === 2 && rules('iptables', 'nat').length === 4 && rules('ip6tables', 'filter').length === 4);
    expect(inNode('iptables', '-t', 'nat', '-S', 'CNILAB-POSTRTG', '-v')).toContain('-c 7 700');

    // n2 is gone, n3 has another address.
    nodesAre([N1, 'n3|10.244.2.0/24 fd00:10:244:2::/64|172.30.0.5 fd00:30::5']);
    await until('n2 forgotten', () => routes('-4').length === 1 && routes('-6').length === 1);
    expect(routes('-4')).toEqual(['10.244.2.0/24 via 172.30.0.5']);
    expect(inNode('ip', 'route', 'show', '10.250.0.0/24')).toContain('via 172.30.0.3');

    // While the API does not answer everything stays.
    nodesAre(null);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect([routes('-4'), isThere(CONFLIST), isThere(READY)]).toEqual([['10.244.2.0/24 via 172.30.0.5'], true, true]);

    const stopped = Date.now();
    node?.kill('SIGTERM');
    const { code, log } = await ended;
    expect(code).toBe(0);
    expect(Date.now() - stopped).toBeLessThan(1500);
    expect(new Set(log.trim().split('\n'))).toEqual(new Set(['the server does not answer']));
  });
});
