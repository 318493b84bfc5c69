import type { Diagnostic } from '../diagnostic.ts';
import { OUTSIDE_SEGMENT } from '../draft.ts';
import { labelProblem, subdomainProblem } from '../names.ts';
import { isService } from '../services/cluster-services.ts';
import type { LabSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';

/** Longest lab and cluster names, in characters: they are parts of namespace and file names. */
const LAB_LENGTH = 40;
const CLUSTER_LENGTH = 20;

/** A name that would be accepted, made of one that is not; null when nothing is left of it. */
function mended(text: string, length: number): string | null {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .slice(0, length)
    .replace(/^-+|-+$/g, '');
  return plain === '' ? null : plain;
}

function label(what: string, text: string, path: Path, length = 63): readonly Diagnostic[] {
  return diagnose(what, text, path, 'RFC 1123 label', labelProblem(text, length), length);
}

function subdomain(what: string, text: string, path: Path, length = 253): readonly Diagnostic[] {
  return diagnose(what, text, path, 'RFC 1123 subdomain', subdomainProblem(text, length), length);
}

/** RFC 1035 2.3.1, in lower case: a label that begins with a letter. */
function dnsLabel(what: string, text: string, path: Path): readonly Diagnostic[] {
  const digit = /^[0-9]/.test(text) ? `it begins with "${text.slice(0, 1)}"; a letter must come first` : null;
  return diagnose(what, text, path, 'RFC 1035 label', labelProblem(text) ?? digit, 63);
}

function diagnose(what: string, text: string, path: Path, form: string, reason: string | null, length: number): readonly Diagnostic[] {
  if (reason === null) return [];
  const better = mended(text, length);
  return [
    problem(
      'NAME_INVALID',
      path,
      `the ${what} ${JSON.stringify(text)} is not an ${form}: ${reason}`,
      better === null || better === text ? 'use a-z, 0-9 and "-", a letter first' : `use ${better}`,
    ),
  ];
}

/** Names are what Kubernetes, the kernel and a file system take without quoting: no shell metacharacter, no `../`. */
export function names(spec: LabSpec): readonly Diagnostic[] {
  return [
    ...label('lab name', spec.name, ['name'], LAB_LENGTH),
    ...(spec.underlay?.segments ?? []).flatMap((s, i) => [
      ...label('segment name', s.name, ['underlay', 'segments', i, 'name']),
      ...(s.name === OUTSIDE_SEGMENT && spec.outside !== undefined
        ? [
            problem(
              'NAME_RESERVED',
              ['underlay', 'segments', i, 'name'],
              `the outside stands on a segment of its own, which is named ${OUTSIDE_SEGMENT}`,
              'name this segment otherwise',
            ),
          ]
        : []),
    ]),
    ...(spec.hosts ?? []).flatMap((h, i) => label('host name', h.name, ['hosts', i, 'name'])),
    ...(spec.routers ?? []).flatMap((r, i) => label('router name', r.name, ['routers', i, 'name'])),
    ...(spec.outside?.hosts ?? []).flatMap((h, i) => label('host name', h.name, ['outside', 'hosts', i, 'name'])),
    ...(spec.clusters ?? []).flatMap((cluster, c) => {
      const path = ['clusters', c];
      return [
        ...label('cluster name', cluster.name, [...path, 'name'], CLUSTER_LENGTH),
        ...(cluster.dnsDomain === undefined ? [] : subdomain('DNS domain', cluster.dnsDomain, [...path, 'dnsDomain'])),
        // Linux takes host names of 64 bytes (HOST_NAME_MAX); kubelet registers a node under its host name.
        ...(cluster.nodes ?? []).flatMap((n, i) => subdomain('node name', n.name, [...path, 'nodes', i, 'name'], 63)),
        ...(cluster.networks ?? []).flatMap((one, i) => label('network name', one.name, [...path, 'networks', i, 'name'])),
        ...(cluster.workloads ?? []).flatMap((w, i) => [
          // The name is also the value of the pods' label "app", and several pods per node append their number to it.
          ...label('workload name', w.name, [...path, 'workloads', i, 'name'], (w.perNode ?? 1) > 1 ? 62 - String(w.perNode).length : 63),
          ...(w.namespace === undefined ? [] : label('namespace', w.namespace, [...path, 'workloads', i, 'namespace'])),
        ]),
        ...(cluster.objects ?? []).flatMap((o, i) => [
          // A Service's name is a label of its name in DNS.
          ...(isService(o) ? dnsLabel : subdomain)(`name of ${o.kind}`, o.metadata.name, [...path, 'objects', i, 'metadata', 'name']),
          ...(o.metadata.namespace === undefined ? [] : label('namespace', o.metadata.namespace, [...path, 'objects', i, 'metadata', 'namespace'])),
        ]),
      ];
    }),
  ];
}
