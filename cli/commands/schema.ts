import { labJsonSchema } from '../../topology/schema.ts';
import type { RunCommand } from '../invocation.ts';

/** The JSON Schema of lab files, for editors; JSON with and without --json. */
export const run: RunCommand = async ({ output }) => {
  const schema = labJsonSchema();
  output.document(schema);
  output.data(JSON.stringify(schema, null, 2));
  return Promise.resolve(0);
};
