/** What only building and opening a lab need, in one place to be loaded late: taking a lab down, listing and entering it do without. */
export { openAgent } from './agent-session.ts';
export { compile } from './compile.ts';
export { labSession } from './lab-session.ts';
export { reconcile } from './reconcile.ts';
