/** What the shapes of a lab are made of. */
import { z } from 'zod';

/** An object without unknown fields. Its message for those carries the known names, from which the diagnostic is made. */
export const strict = <S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined) });

export interface FieldMeta {
  readonly default?: string | number | boolean;
  readonly examples?: readonly unknown[];
}

/** An optional field with its description for editors and the reference. */
export const optional = <T extends z.core.$ZodType>(type: T, description: string, meta: FieldMeta = {}): z.ZodExactOptional<T> =>
  z.exactOptional(type).meta({ description, ...meta, ...(meta.examples === undefined ? {} : { examples: [...meta.examples] }) });

/** A port that can be dialled or listened on. */
export const port: z.ZodInt = z.int().min(1).max(65535);
