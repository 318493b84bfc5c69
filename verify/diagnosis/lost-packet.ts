/** The place where a walk ends short, as a diagnosis. Pure. */
import type { Diagnosis } from '../report.ts';
import type { Hop, Leg, WalkReport } from '../walk/document.ts';
import type { DiagnosisName } from './catalogue.ts';

/** Null for a packet that came back, and where the walk could not be read to its end. */
export function diagnoseLoss({ arrives, why, legs, live }: WalkReport): Diagnosis | null {
  const leg = legs.at(-1);
  if (arrives !== 'no' || leg === undefined || live?.outcome === 'ok') return null;
  const loss = leg.hops.findLast((hop) => hop.kind === 'loss');
  const name = nameOf(leg, loss);
  return {
    name,
    title: why,
    where: [loss?.place ?? leg.ends],
    // Where nothing could be sent, the state alone says so.
    confidence: live === null || live.differs.length > 0 ? 'likely' : 'certain',
    evidence: [
      ...legs.map(wayText),
      ...(loss === undefined || loss.state === '' ? [] : [`${loss.place}: ${loss.state}`]),
      ...(loss === undefined || loss.command === '' ? [] : [`seen by: ${loss.command}`]),
      ...(live === null ? [] : [`one real packet: ${live.outcome}`]),
    ],
    ruledOut:
      leg.direction === 'back' && name !== 'forwarding-disabled'
        ? [{ name: 'forwarding-disabled', because: `the packet gets as far as ${legs[0]?.ends ?? ''}: whoever stands on the way there passes it on` }]
        : [],
    mend: loss?.cause?.mend ?? '',
    severity: 'fail',
    checks: [],
  };
}

function nameOf({ direction }: Leg, loss: Hop | undefined): DiagnosisName {
  const name = loss?.cause?.name ?? 'lost-on-the-way';
  return name === 'no-route' && direction === 'back' ? 'no-return-route' : name;
}

/** `the way there: a, b, c`, each place once. */
function wayText({ direction, hops, ends, fate }: Leg): string {
  const places = [...new Set([...hops.map(({ place }) => place), ends])];
  return `the way ${direction}: ${places.join(', ')}${fate === 'arrives' ? ', and there it arrives' : ', and no further'}`;
}
