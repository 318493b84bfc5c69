import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../cli/command-table.ts';
import { conflistPath } from '../../cli/commands/cni.ts';
import { labFilePath } from '../../cli/commands/open-lab-file.ts';
import { parseArguments } from '../../cli/parse.ts';
import { loadEngine } from '../../lab/load-engine.ts';
import { shippedFolder } from '../../lab/shipped.ts';
import { shippedLabs } from '../../scripts/lab-pages.ts';
import type { LessonSpec } from '../../topology/lesson/lesson.ts';
import { valuesOf } from '../../verify/lesson/values.ts';

/** The catalogue, in the order in which it is told. */
const CATALOGUE: readonly string[] = `
  switch router linux-router names
  veth-pair bridge-by-hand vxlan-multicast
  docker-modes docker-bridge
  pause-pod cni-by-hand cni-script cni-mynet single-node-bridge
  bridge-routes bridge-gateway flannel-vxlan flannel-docker flannel-udp flannel-host-gw weave-mesh
  calico-bgp calico-ipip calico-cross-subnet calico-reflector
  service-clusterip service-userspace service-nodeport service-loadbalancer service-kinds service-ipvs proxy-modes
  cluster-dns dns-policy dns-broken
  policy-db policy-deny-all
  ingress-hosts mesh-redirect journey
  kubeadm-cluster cloned-nodes`
  .trim()
  .split(/\s+/);

const { labs, broken } = await shippedLabs();
const lessons = labs.flatMap(({ name, lesson, plan }) => (lesson === null ? [] : [{ name, lesson, plan }]));
const byName = new Map(lessons.map((one) => [one.name, one.lesson]));

/** Everything that is prose: what is filled in stands in commands, expectations and outputs alone. */
const prose = ({ goal, notShown = '', steps = [], look = [], checks = [], exercises = [], today = [] }: LessonSpec): readonly string[] => [
  goal,
  notShown,
  ...steps.flatMap((one) => [one.title, one.text, one.check?.says ?? '']),
  ...look.flatMap((one) => [one.title, one.text]),
  ...checks.map((one) => one.says),
  ...exercises.flatMap((one) => [one.title, one.symptom, one.why, ...one.hints, ...(one.checks ?? []).map((check) => check.says)]),
  ...today.flatMap((one) => [one.claim, one.truth]),
];

/** Commands of cnilab that prose tells to type, as a shell cuts them into words; one that is only named has no operands, one that ends in -- goes on elsewhere. */
const typed = (lesson: LessonSpec): readonly (readonly string[])[] =>
  prose(lesson)
    .flatMap((text) =>
      [...text.matchAll(/`cnilab ([^`]+)`/g)].map(([, line = '']) => [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)),
    )
    .filter((words) => words.length > 1 && words.at(-1) !== '--');

/** Files that a command line names, but for what only stands for one: FILE. */
function filesNamed(words: readonly string[]): readonly string[] {
  const { command, operands } = parseArguments(words);
  const rows = commands[command].arguments;
  return operands.filter((word, i) => String(rows[Math.min(i, rows.length - 1)]?.completes).startsWith('file') && !/^[A-Z]+$/.test(word));
}

/** The labs of the package, in a folder of one's own. */
const COPY = '`cp -r node_modules/cnilab/labs .`';

describe('the labs that ship', () => {
  it('are all readable', () => {
    expect(broken).toEqual([]);
  });

  it('each stand in a file of their own name', () => {
    expect(labs.filter(({ file, name }) => file !== name)).toEqual([]);
  });

  it('are the whole catalogue', () => {
    expect(CATALOGUE.filter((name) => !byName.has(name))).toEqual([]);
    expect(CATALOGUE).toHaveLength(42);
  });

  it('have each a place of their own in their topic', () => {
    const places = lessons.map(({ name, lesson }) => ({ name, place: `${lesson.topic} ${String(lesson.order)}` }));
    const shared = places.filter(({ place }) => places.filter((other) => other.place === place).length > 1);
    expect(shared.map(({ name, place }) => `${place}: ${name}`)).toEqual([]);
  });

  it('begin with one that needs nothing before it', () => {
    const first = lessons.find(({ lesson }) => lesson.topic === 'hosts' && lesson.order === 1);
    expect([first?.name, first?.lesson.level]).toEqual(['switch', 'first']);
  });
});

describe.each(lessons.map(({ name, lesson, plan }) => [name, lesson, plan] as const))('the lesson of %s', (_, lesson, plan) => {
  it('has enough to look at, to check and to mend', () => {
    expect(lesson.look?.length ?? 0, 'looks').toBeGreaterThanOrEqual(3);
    expect(lesson.checks?.length ?? 0, 'checks').toBeGreaterThanOrEqual(2);
    expect(lesson.exercises?.length ?? 0, 'exercises').toBeGreaterThanOrEqual(1);
    for (const { name, hints } of lesson.exercises ?? []) expect(hints.length, `hints of ${name}`).toBeGreaterThanOrEqual(2);
    for (const { title, shows } of lesson.look ?? []) expect(shows.filter((line) => line.trim() !== '…').length, `lines shown of ${title}`).toBeGreaterThan(0);
  });

  it('says where that is written that is true today', () => {
    for (const { source } of lesson.today ?? []) expect(source).toMatch(/^https:\/\/[\w.-]+\/\S*$/);
  });

  it('is taken by every engine that it names', async () => {
    for (const name of lesson.engines ?? ['netns']) {
      const refused = (await loadEngine(name)).refusals(plan).filter(({ severity }) => severity === 'error');
      expect(refused.map(({ message }) => `${name}: ${message}`)).toEqual([]);
    }
  });

  it('tells to type what cnilab understands', () => {
    for (const words of typed(lesson)) expect(() => parseArguments(words), words.join(' ')).not.toThrow();
  });

  it('tells to type what can be typed in a folder that holds nothing but the package', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-empty-'));
    try {
      if (prose(lesson).some((text) => text.includes(COPY))) symlinkSync(shippedFolder, join(folder, 'labs'));
      const missing = typed(lesson)
        .flatMap(filesNamed)
        .filter((word) => word !== plan.name && ![labFilePath(word, folder), conflistPath(word, folder)].some((path) => existsSync(path)));
      expect(missing).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves nothing in its prose that would have to be filled in', () => {
    const names = [...valuesOf(plan).keys()].map((name) => `\${${name}}`);
    expect(prose(lesson).filter((text) => names.some((name) => text.includes(name)))).toEqual([]);
  });
});
