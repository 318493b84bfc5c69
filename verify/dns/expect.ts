/** What clients must get from a cluster's DNS. Pure. */
import type { ClusterPlan } from '../../topology/plan.ts';
import { dnsZone, podRecord, resolveDns, type DnsAnswer, type DnsRecord, type DnsZone } from '../../topology/services/dns-records.ts';
import type { ResolvConf } from '../../topology/services/resolv-conf.ts';
import type { FailureClass } from '../oracle.ts';
import type { Answer, Question } from './ask.ts';

/** A question, and what the records say. */
export interface ExpectedAnswer {
  readonly question: Question;
  readonly answer: DnsAnswer;
}

/** Questions to one client; the records of a thousand Services are asked of their first ones. */
export const MOST_QUESTIONS = 500;

/** By UDP more records than these of one name may be cut off: those are asked for by TCP as well. */
const MANY = 5;

/**
 * Every record of the zone by UDP, the first of each type and names with many records by TCP as well; a name that does not exist, a type that a name does not have, and the name of a
 * pod by its address.
 */
export function questionsOf(cluster: ClusterPlan): { readonly asked: readonly ExpectedAnswer[]; readonly left: number } {
  const zone = dnsZone(cluster);
  const wanted = new Map<string, Question>();
  const add = (question: Question): void => {
    wanted.set(`${question.protocol} ${question.type} ${question.name}`, question);
  };
  const seen = new Set<string>();
  const count = new Map<string, number>();
  for (const { name, type } of zone.records) {
    const many = (count.get(`${type} ${name}`) ?? 0) + 1;
    count.set(`${type} ${name}`, many);
    add({ name, type, protocol: 'udp' });
    if (!seen.has(type) || many > MANY) add({ name, type, protocol: 'tcp' });
    seen.add(type);
  }
  const asked = [...wanted.values()].slice(0, MOST_QUESTIONS);
  const [service] = zone.records.filter((record) => record.type === 'A' || record.type === 'AAAA');
  const pod = cluster.pods.findLast((one) => one.interface !== null);
  const address = pod?.interface?.addresses[0];
  const podName = pod === undefined || address === undefined ? null : podRecord(pod.namespace, address.address, zone.domain);
  const extra: readonly Question[] = [
    { name: `no-such-service.default.svc.${zone.domain}`, type: 'A', protocol: 'udp' },
    ...(service === undefined ? [] : [{ name: service.name, type: 'TXT', protocol: 'udp' } as const]),
    // What the DNS of a cluster that was found makes of pods is its own setting.
    ...(podName === null || cluster.cni.type === 'observed' ? [] : [{ name: podName.name, type: podName.type, protocol: 'udp' } as const]),
  ];
  const expected = [...asked, ...extra].flatMap((question): readonly ExpectedAnswer[] => {
    const answer = resolveDns(zone, question);
    return answer === null ? [] : [{ question, answer }];
  });
  return { asked: expected, left: wanted.size - asked.length };
}

/**
 * What is wrong with an answer, or null. The order of records does not count, nor their TTL, which caches lower. One that says that it was cut off, as by UDP
 * it may be, is right when what it holds is: the rest comes by TCP (RFC 2181, 9).
 */
export function answerProblem({ question, answer }: ExpectedAnswer, got: Answer): string | null {
  if ('failed' in got) return got.failed === 'silent' ? 'no answer before the deadline' : got.failed;
  // Behind an alias to the outside stands what the outside says.
  const leads = answer.answers.some((record) => record.type === 'CNAME');
  const expected = answer.answers.map(textOf);
  const found = got.answers.map(textOf);
  const cut = got.truncated && question.protocol === 'udp';
  const missing = cut ? [] : expected.filter((text) => !found.includes(text));
  const surplus = leads ? [] : found.filter((text) => !expected.includes(text));
  if (missing.length === 0 && surplus.length === 0 && (got.rcode === answer.rcode || leads)) return null;
  return `${got.rcode}: ${found.length === 0 ? 'no record' : found.join(', ')}${got.truncated ? ' (truncated)' : ''}`;
}

/** What a client that got no answer, or another one, has seen. */
export function failureClass(got: Answer | undefined): FailureClass {
  return got === undefined ? 'not-run' : (('failed' in got ? CLASSES[got.failed] : undefined) ?? 'finding');
}

const CLASSES: Readonly<Record<string, FailureClass>> = {
  silent: 'silent',
  ETIMEDOUT: 'silent',
  // send() tells a process of the node itself that a rule of the node drops or rejects its datagram.
  EPERM: 'silent',
  ECONNREFUSED: 'refused',
  ENETUNREACH: 'no-route',
  EHOSTUNREACH: 'no-host',
};

/** What was expected, in the words of {@link answerProblem}. */
export function describeExpected({ answer }: ExpectedAnswer): string {
  return `${answer.rcode}: ${answer.answers.length === 0 ? 'no record' : answer.answers.map(textOf).join(', ')}`;
}

function textOf(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `${record.type} ${record.address}`;
    case 'CNAME':
    case 'PTR':
      return `${record.type} ${record.target}`;
    case 'SRV':
      return `SRV ${record.port} ${record.target}`;
    case 'TXT':
      return `TXT ${record.text}`;
  }
}

/**
 * Addresses that the resolver of a pod finds for a name, by resolv.conf(5): with fewer dots than ndots the search list comes first. Null where the outside
 * would have to be asked.
 */
export function searchAnswer(zone: DnsZone, conf: ResolvConf, name: string, type: 'A' | 'AAAA'): readonly string[] | null {
  const option = conf.options.find((one) => one.startsWith('ndots:'));
  const ndots = option === undefined ? 1 : Number(option.slice('ndots:'.length));
  const absolute = name.endsWith('.');
  const searched = absolute ? [] : conf.search.map((domain) => `${name}.${domain}`);
  const asItIs = name.replace(/\.$/, '');
  const tried = !absolute && name.split('.').length - 1 < ndots ? [...searched, asItIs] : [asItIs, ...searched];
  for (const candidate of tried) {
    const answer = resolveDns(zone, { name: candidate, type });
    if (answer === null) return null;
    const addresses = answer.answers.flatMap((record) => (record.type === type ? [record.address] : []));
    if (addresses.length > 0) return addresses;
  }
  return [];
}

/** Reads /etc/resolv.conf; a later search line takes the place of an earlier one (resolv.conf(5)). */
export function parseResolvConf(text: string): ResolvConf {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/),
  );
  const all = (word: string): readonly string[] => lines.filter(([first]) => first === word).flatMap(([, ...rest]) => rest);
  return { nameservers: all('nameserver'), search: lines.findLast(([first]) => first === 'search')?.slice(1) ?? [], options: all('options') };
}
