/** A real cluster of kind, brought up by the built CLI as a user would. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../verify/report.ts';
import type { Outcome, Place } from '../integration/cnilab.ts';

/** Images that the tests' node image holds, instead of the newest ones. */
export const REAL_IMAGES: Readonly<Record<string, string>> = { 'ghcr.io/flannel-io/flannel': 'ghcr.io/flannel-io/flannel:v0.28.4' };
const IMAGES = Object.entries(REAL_IMAGES).flatMap(([repository, image]) => ['--image', `${repository}=${image}`]);

/** The containers of a kind cluster, or of all clusters. */
export function containers(cluster?: string): readonly string[] {
  const filter = `label=io.x-k8s.kind.cluster${cluster === undefined ? '' : `=${cluster}`}`;
  return execFileSync('docker', ['ps', '--all', '--filter', filter, '--format', '{{.Names}}'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name !== '');
}

/** Runs a program on a node, as root. */
export function onNode(node: string, ...argv: readonly string[]): string {
  return execFileSync('docker', ['exec', node, ...argv], { encoding: 'utf8' });
}

/** A lab that is up on kind, with everything that it made. */
export class RealLab {
  readonly place: Place;
  readonly name: string;
  readonly file: string;

  private constructor(place: Place, name: string, file: string) {
    this.place = place;
    this.name = name;
    this.file = file;
  }

  /** Brings a YAML lab up. */
  static async create(place: Place, name: string, yaml: string, more: readonly string[] = []): Promise<RealLab> {
    const lab = new RealLab(place, name, join(place.directory, `${name}.yaml`));
    await lab.become(yaml, ...more);
    return lab;
  }

  /** Brings the lab up, or makes the running one into another in place: workloads and objects, on the nodes that it has. */
  async become(yaml: string, ...more: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.up(yaml, ...more);
    if (code !== 0) throw new Error(`up ended with ${String(code)}:\n${stderr}\n${stdout.slice(0, 4000)}`);
  }

  /** Brings the lab up again, with another text in its file. */
  async up(yaml: string, ...more: readonly string[]): Promise<Outcome> {
    writeFileSync(this.file, yaml);
    return this.place.cnilab(['up', this.file, '--engine', 'kind', ...IMAGES, ...more]);
  }

  /** Verifies the lab; the exit code goes with the report. */
  async verify(...more: readonly string[]): Promise<{ readonly code: number | null; readonly report: Report; readonly stderr: string }> {
    const { code, stdout, stderr } = await this.place.cnilab(['verify', this.name, '--json', ...more]);
    if (stdout === '') throw new Error(`verify ended with ${String(code)}:\n${stderr}`);
    return { code, report: JSON.parse(stdout) as Report, stderr };
  }

  /** Path of a kubeconfig for the lab. */
  async kubeconfig(): Promise<string> {
    const { code, stdout, stderr } = await this.place.cnilab(['kubeconfig', this.name]);
    if (code !== 0) throw new Error(stderr);
    const file = join(this.place.directory, `${this.name}.kubeconfig`);
    writeFileSync(file, stdout, { mode: 0o600 });
    return file;
  }
}

/** The verdict of each requirement. */
export function verdicts(report: Report): Readonly<Record<string, string>> {
  return Object.fromEntries(report.requirements.map(({ id, verdict }) => [id, verdict]));
}

/** `client node>server node` of every failing cell of the matrix. */
export function failingCells(report: Report): readonly string[] {
  return report.matrix.filter((cell) => cell.verdict === 'fail').map((cell) => `${cell.clientNode}>${cell.serverNode}`);
}
