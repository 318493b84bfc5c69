/** Brings a lab up on a FileEngine, and stops for ever at one step, to be killed there: argv is the world, the lab's JSON, and the step. */
import { writeSync } from 'node:fs';
import { asLoaded } from '../../lab/api.ts';
import { up } from '../../lab/up.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';

const [world = '', spec = '', stopAt = ''] = process.argv.slice(2);
const engine = new FileEngine(world);
engine.onStep = (step) => {
  if (step !== stopAt) return undefined;
  writeSync(1, 'there\n');
  return new Promise(() => {
    setInterval(() => undefined, 1000);
  });
};
await up(await asLoaded(JSON.parse(spec) as LabSpec), { engine: 'file', loadEngine: () => Promise.resolve(engine) });
