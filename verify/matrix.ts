/** nodes × nodes: what became of the pairs between two nodes. */
import { cellOf, pairVerdict, protocolsOf, type PairTable } from './pair-table.ts';
import { percentile } from './latency.ts';
import type { MatrixCell } from './report.ts';

/** Failing pairs listed per cell, and in the whole matrix. */
const LISTED_PER_CELL = 20;
const LISTED = 1000;

interface Cell {
  pairs: number;
  failed: number;
  inconclusive: number;
  readonly failedPairs: MatrixCell['failedPairs'][number][];
}

/**
 * Every ordered pair of the lab's nodes; rows are the clients' nodes. Counts pairs of ends that were judged (pods to pods and to themselves, nodes to pods), all
 * protocols together. Nodes of different clusters have no pairs: `empty`.
 */
export function buildMatrix(tables: readonly PairTable[]): readonly MatrixCell[] {
  const cells = new Map<string, MatrixCell>();
  let listed = 0;
  for (const table of tables) {
    const { cluster, width } = table;
    const across = cluster.nodeIds.length;
    const counts = Array.from({ length: across * across }, (): Cell => ({ pairs: 0, failed: 0, inconclusive: 0, failedPairs: [] }));
    for (let pair = 0; pair < table.expected.length; pair++) {
      const verdict = pairVerdict(table, pair);
      if (verdict === null) continue;
      const client = Math.floor(pair / width);
      const server = pair % width;
      const cell = counts[cellOf(cluster, client, server)];
      if (cell === undefined) continue;
      cell.pairs++;
      if (verdict === 'inconclusive') cell.inconclusive++;
      if (verdict !== 'fail') continue;
      cell.failed++;
      if (cell.failedPairs.length >= LISTED_PER_CELL || listed >= LISTED) continue;
      listed++;
      cell.failedPairs.push({
        client: cluster.ends[client]?.id ?? '',
        server: cluster.ends[server]?.id ?? '',
        protocols: protocolsOf(table.failed[pair] ?? 0),
      });
    }
    counts.forEach((cell, index) => {
      const clientNode = cluster.nodeIds[Math.floor(index / across)] ?? '';
      const serverNode = cluster.nodeIds[index % across] ?? '';
      const latency = table.cells[index];
      const verdict = cell.failed > 0 ? 'fail' : cell.inconclusive > 0 ? 'inconclusive' : cell.pairs > 0 ? 'pass' : 'empty';
      cells.set(`${clientNode} ${serverNode}`, {
        clientNode,
        serverNode,
        verdict,
        pairs: cell.pairs,
        failed: cell.failed,
        failedPairs: cell.failedPairs,
        p50Us: latency === null || latency === undefined ? 0 : percentile(latency, 0.5),
      });
    });
  }
  const nodes = tables.flatMap((table) => table.cluster.nodeIds);
  return nodes.flatMap((clientNode) =>
    nodes.map(
      (serverNode) =>
        cells.get(`${clientNode} ${serverNode}`) ?? { clientNode, serverNode, verdict: 'empty' as const, pairs: 0, failed: 0, p50Us: 0, failedPairs: [] },
    ),
  );
}
