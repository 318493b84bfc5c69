#!/usr/bin/env node
// The main job on this machine: labs/three-requirements.ts up, verified, reported, down. Run by `npm run quickstart`, which prepares the machine first.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cnilab = (...args) => spawnSync(process.execPath, [`${root}dist/cli/main.js`, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1;

const verdict = cnilab('up', 'labs/three-requirements.ts', '--verify');
const down = cnilab('down', 'three-requirements');
process.exit(verdict === 0 ? down : verdict);
