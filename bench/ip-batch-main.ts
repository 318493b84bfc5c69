/** Runs the reference builder on a file of stages, inside a holder, and prints its milliseconds. */
import { readFileSync } from 'node:fs';
import type { Stage } from '../engines/netns/ops.ts';
import { buildByIpBatch } from './ip-batch-builder.ts';

const stages = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as readonly Stage[];
process.stdout.write(`${await buildByIpBatch(stages)}\n`);
