import { Yaml } from 'cdk8s';

/**
 * The text of a manifest: one YAML document per object, `---` between them, keys in the order of the objects.
 *
 * cdk8s writes YAML 1.1, where what only looks like a boolean or a time is quoted; readers of 1.2 understand it as well. Objects that are shared
 * between or within documents are copied first: they would become anchors and aliases, which kubectl reads but people do not.
 */
export function manifestText(documents: readonly object[]): string {
  return Yaml.stringify(...documents.map((document) => JSON.parse(JSON.stringify(document)) as object));
}
