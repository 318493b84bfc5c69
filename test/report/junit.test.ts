import { describe, expect, it } from 'vitest';
import { escapeXml, MATRIX_LIMIT, renderJunit } from '../../report/junit.ts';
import type { MatrixCell, Report } from '../../verify/report.ts';
import { check, failReport, failure, inconclusiveReport, passReport } from './report-fixture.ts';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** A strict little reader: throws on whatever is not well-formed in the way that JUnit readers need. */
function parseXml(xml: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const stack = [root];
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  expect(body).not.toBe(xml);
  expect(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u.test(xml), 'characters of XML 1.0').toBe(false);
  let at = 0;
  for (const match of body.matchAll(/<(\/?)([a-z-]+)((?: [a-z0-9-]+="[^"<]*")*)(\/?)>/g)) {
    const text = body.slice(at, match.index);
    const top = stack.at(-1) as Element;
    if (/[<>]|&(?!(?:amp|lt|gt|quot|apos|#10);)/.test(text)) throw new Error(`stray markup: ${text}`);
    top.text += text;
    at = match.index + match[0].length;
    const [, close, name = '', attributes = '', selfClosed] = match;
    if (close === '/') {
      if (stack.pop()?.name !== name) throw new Error(`</${name}> closes another element`);
      continue;
    }
    const element: Element = {
      name,
      attributes: Object.fromEntries([...attributes.matchAll(/ ([a-z0-9-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value])),
      children: [],
      text: '',
    };
    top.children.push(element);
    if (selfClosed === '') stack.push(element);
  }
  if (stack.length !== 1 || body.slice(at).trim() !== '') throw new Error('unclosed element or trailing text');
  return root.children[0] as Element;
}

const suites = (report: Report): Element[] => parseXml(renderJunit(report)).children;
const suite = (report: Report, name: string): Element => suites(report).find((element) => element.attributes['name'] === name) as Element;
const cases = (element: Element): Element[] => element.children.filter((child) => child.name === 'testcase');

describe('renderJunit', () => {
  it('renders a failing run', async () => {
    await expect(renderJunit(failReport())).toMatchFileSnapshot('golden/junit-fail.xml');
  });

  it.each([
    ['pass', passReport()],
    ['fail', failReport()],
    ['inconclusive', inconclusiveReport()],
  ])('%s: is well-formed and its counts are those of its cases', (_name, report) => {
    const root = parseXml(renderJunit(report));
    const counts = (all: Element[]): Record<string, string> => {
      const n = (name: string): string => String(all.filter((item) => item.children.some((child) => child.name === name)).length);
      return { tests: String(all.length), failures: n('failure'), errors: n('error'), skipped: n('skipped') };
    };
    for (const child of root.children) expect(child.attributes).toMatchObject(counts(cases(child)));
    expect(root.attributes).toMatchObject(counts(root.children.flatMap(cases)));
  });

  it('a pass has no failure, error or skip', () => {
    expect(parseXml(renderJunit(passReport())).attributes).toMatchObject({ failures: '0', errors: '0', skipped: '0' });
  });

  it('an inconclusive result is an error, so that it cannot turn a build green', () => {
    const report = inconclusiveReport();
    const error = cases(suite(report, 'r2-node-to-pod'))
      .flatMap((item) => item.children)
      .find((child) => child.name === 'error');
    expect(error?.attributes).toEqual({ message: '3 pairs: c1/default/web-worker2-1: responder: EADDRINUSE', type: 'inconclusive' });
    expect(cases(suite(report, 'controls')).flatMap((item) => item.children.map((child) => child.name))).toEqual(['skipped']);
  });

  it('a failing pair carries what was seen, expected and diagnosed', () => {
    const [first] = cases(suite(failReport(), 'r1-pod-to-pod'));
    expect(first?.attributes['name']).toBe('c1/default/web-worker1-1 to c1/default/web-worker2-1 tcp ipv4');
    expect(first?.children[0]?.text).toMatch(
      /saw: the server saw 10\.244\.1\.0:40122\nexpected: 10\.244\.1\.2:40122\ndiagnosis: pod-source-rewritten[^]*mend: cnilab exec/,
    );
  });

  it('names test cases the same in every run, whatever the numbers', () => {
    const names = (report: Report): string[] =>
      suites(report)
        .flatMap(cases)
        .map((item) => item.attributes['name'] ?? '');
    const slower = passReport({
      elapsedMs: 9000,
      startedAt: '2027-01-01T00:00:00.000Z',
      checks: passReport().checks.map((c) => ({ ...c, latencyUs: null, probes: 1 })),
    });
    expect(names(slower)).toEqual(names(passReport()));
  });

  it('is bounded: of very many node pairs only those that do not pass are listed', () => {
    const n = MATRIX_LIMIT + 1;
    const matrix = Array.from(
      { length: n },
      (_, i): MatrixCell => ({
        clientNode: `a${String(i)}`,
        serverNode: 'b',
        verdict: i === 3 ? 'fail' : 'pass',
        pairs: 1,
        failed: i === 3 ? 1 : 0,
        p50Us: 1,
        failedPairs: [],
      }),
    );
    expect(cases(suite(passReport({ matrix }), 'node-pairs')).map((item) => item.attributes['name'])).toEqual(['a3 to b']);
  });

  it('survives hostile text: markup, control characters, lone surrogates', () => {
    const saw = 'a<b>&"\'\u0000\u001B[31m\uD800]]>\uFFFE';
    const report = passReport({ lab: 'x"y', checks: [check('r1-pod-to-pod', { verdict: 'fail', failures: [failure({ saw })], failuresTotal: 1 })] });
    expect(suite(report, 'r1-pod-to-pod').attributes['failures']).toBe('1');
    expect(escapeXml(saw)).toBe('a&lt;b&gt;&amp;&quot;&apos;\uFFFD\uFFFD[31m\uFFFD]]&gt;\uFFFD');
  });

  it('a failed check without a listed failure is still a failure', () => {
    const report = passReport({
      checks: [
        check('loss', { verdict: 'fail', reason: '3 of 270 probes lost', failures: [], pairs: { planned: 30, passed: 0, failed: 30, inconclusive: 0 } }),
      ],
    });
    expect(cases(suite(report, 'loss'))[0]?.children[0]?.attributes['message']).toBe('3 of 270 probes lost');
  });
});
