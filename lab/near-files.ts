import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

const LAB_FILE = /\.(?:[cm]?[jt]s|ya?ml|json)$/;

/** Levenshtein distance: insertions, deletions and substitutions that turn one text into the other. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      row.push(Math.min((row[j - 1] ?? 0) + 1, (previous[j] ?? 0) + 1, (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

const stem = (path: string): string => basename(path, extname(path));

/** Files that may have been meant by a path that does not exist: near in name, in its folder or in `labs/`, nearest first, at most three. */
export async function nearFiles(path: string): Promise<readonly string[]> {
  const folders = [...new Set([dirname(path), 'labs', join(dirname(path), 'labs')])];
  const lists = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder).catch(() => []);
      return names.filter((name) => LAB_FILE.test(name) && !name.endsWith('.d.ts')).map((name) => join(folder, name));
    }),
  );
  const wanted = stem(path);
  return lists
    .flat()
    .map((file) => ({ file, far: distance(stem(file), wanted) }))
    .filter(({ file, far }) => far <= Math.max(2, Math.floor(stem(file).length / 3)))
    .sort((a, b) => a.far - b.far || a.file.localeCompare(b.file))
    .slice(0, 3)
    .map(({ file }) => file);
}
