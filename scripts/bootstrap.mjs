#!/usr/bin/env node
// Prepares a fresh machine and then runs the command after `--`. Node's own modules only: nothing is installed when this starts.
// What the machine lacks is what `cnilab doctor` says, and mending it is running doctor's remedies: there is no second list here.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const dashes = args.indexOf('--');
const own = dashes < 0 ? args : args.slice(0, dashes);
const command = dashes < 0 ? [] : args.slice(dashes + 1);
// `npm run quickstart -- --yes` puts --yes behind the command.
const yes = [...own, ...command].includes('--yes') || /^(1|true)$/i.test(process.env.CI ?? '');
const all = own.includes('--all');

const say = (text) => process.stderr.write(`${text}\n`);
const stop = (text, code) => {
  say(text);
  process.exit(code);
};
const run = (argv, options = {}) => spawnSync(argv[0], argv.slice(1), { cwd: root, stdio: ['inherit', 2, 'inherit'], ...options });

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  stop(`cnilab needs Node 20.19 or newer, this is ${process.versions.node}: see https://nodejs.org/en/download`, 3);

function dependenciesAreCurrent() {
  const installed = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installed)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
  return Object.entries(want).every(([path, entry]) => path === '' || entry.optional === true || have[path]?.version === entry.version);
}

if (!dependenciesAreCurrent()) {
  say('installing the dependencies of package-lock.json');
  // Not `npm ci`: it refuses a lock file without the packages of other platforms, which a mirror may not have.
  if (run(['npm', 'install', '--no-save', '--no-audit', '--no-fund']).status !== 0) stop('npm install failed: see above', 3);
}
if (run([process.execPath, `${root}node_modules/@typescript/native/bin/tsc`, '-p', `${root}tsconfig.build.json`]).status !== 0)
  stop('the build failed: see above', 70);

const labAt = own.indexOf('--lab');
const doctorArgs = ['doctor', ...(labAt < 0 ? [] : [own[labAt + 1]]), '--json'];

/** What doctor says is missing: everything the lab needs, with --all also what only some labs need and a package brings. */
function lacks() {
  const doctor = spawnSync(process.execPath, [`${root}dist/cli/main.js`, ...doctorArgs], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (doctor.error !== undefined || doctor.stdout.trim() === '') stop(`cnilab doctor did not answer\n${doctor.stderr}`, 70);
  return JSON.parse(doctor.stdout).capabilities.filter((c) => !c.ok && (isNeeded(c) || (all && byPackage(c))));
}

// Asked about one lab, doctor looks only at what that lab needs.
const isNeeded = (c) => c.required || labAt >= 0;
const byPackage = (c) => /\b(apt-get|dnf) /.test(c.remedy);

function mend(remedies) {
  if (!yesToAll()) stop('Nothing was installed. Run the commands above, or answer with --yes or CI=true.', 3);
  // Remedies are written for a user with sudo; root has no need of it, and small images have none.
  const sudo = process.getuid?.() === 0 ? 'sudo() { "$@"; }; ' : '';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if (!updated && remedies.some((r) => r.includes('apt-get'))) {
    run(['sh', '-c', `${sudo}sudo apt-get update -qq`], { env });
    updated = true;
  }
  for (const remedy of remedies) {
    say(`+ ${remedy}`);
    run(['sh', '-c', `${sudo}${remedy}`], { env });
  }
}

let updated = false;
let agreed = yes;
function yesToAll() {
  if (!agreed && process.stdin.isTTY) {
    process.stderr.write('Run these commands now? [y/N] ');
    const answer = spawnSync('sh', ['-c', 'read -r answer; echo "$answer"'], { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });
    agreed = /^(y|yes)$/i.test(answer.stdout.trim());
  }
  return agreed;
}

// A remedy can show the next lack (a program that was unpacked lacks a library): a few rounds, as long as there is something new to try.
const tried = new Set();
for (let missing = lacks(); ; missing = lacks()) {
  const remedies = [...new Set(missing.filter(byPackage).map((c) => c.remedy))].filter((r) => !tried.has(r));
  if (remedies.length === 0) {
    const left = missing.filter(isNeeded);
    if (left.length > 0) stop(left.map((c) => `missing: ${c.title}: ${c.detail}${c.remedy === '' ? '' : `\n  ${c.remedy}`}`).join('\n'), 3);
    break;
  }
  for (const c of missing) say(`missing: ${c.title}, needed by ${c.neededBy}${c.remedy === '' ? '' : `\n  ${c.remedy}`}`);
  mend(remedies);
  for (const r of remedies) tried.add(r);
}

if (command.length > 0) {
  const result = spawnSync(
    command[0],
    command.slice(1).filter((a) => a !== '--yes'),
    { cwd: root, stdio: 'inherit', env: process.env },
  );
  process.exit(result.status ?? 1);
}
