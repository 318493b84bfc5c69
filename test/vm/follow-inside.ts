/** Follows the lesson of a lab that is up on this machine and prints what is not as it says, as a JSON list: run in machines that hold no more than the package. */
import { readLab } from '../../lab/read.ts';
import { followLesson } from '../follow-lesson.ts';

const [name = ''] = process.argv.slice(2);
const { spec } = await readLab(name);
if (spec.lesson === undefined) throw new Error(`lab ${name} has no lesson`);
process.stdout.write(JSON.stringify(await followLesson(name, spec.lesson)));
