/** What was met on the way so far. */
import type { DiagnosisName } from '../diagnosis/catalogue.ts';
import type { Hop, HopCounter, HopKind } from './document.ts';
import { commandAt, placeName, type World } from './world.ts';

/** Why a packet is lost, by its name; `mend`: the program that mends it, at the place of the loss. */
export interface Cause {
  readonly name: DiagnosisName;
  readonly mend?: readonly string[];
}

/** A hop before it is counted. */
export interface Step {
  readonly kind: HopKind;
  readonly netns: string;
  readonly says: string;
  readonly state?: string;
  /** The program that shows it. */
  readonly argv: readonly string[];
  readonly counter?: HopCounter | null;
  readonly cause?: Cause;
}

/** A tuple that connection tracking holds in a namespace: as it came, and as it went on. */
export interface Translation {
  readonly netns: string;
  readonly before: Tuple;
  readonly after: Tuple;
}

export interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly destinationPort: number | null;
}

export class Trail {
  readonly hops: Hop[] = [];
  readonly #world: World;
  readonly #outer: boolean;

  constructor(world: World, outer = false) {
    this.#world = world;
    this.#outer = outer;
  }

  add({ kind, netns, says, state = '', argv, counter = null, cause }: Step): void {
    this.hops.push({
      kind,
      says,
      state,
      counter,
      place: placeName(this.#world, netns),
      command: commandAt(this.#world, netns, argv),
      outer: this.#outer,
      rose: null,
      ...(cause === undefined ? {} : { cause: { name: cause.name, mend: cause.mend === undefined ? '' : commandAt(this.#world, netns, cause.mend) } }),
    });
  }

  /** For what may turn out to be no way: {@link keep} takes it over. */
  branch(outer: boolean = this.#outer): Trail {
    return new Trail(this.#world, outer);
  }

  keep({ hops }: Trail): void {
    this.hops.push(...hops);
  }
}
