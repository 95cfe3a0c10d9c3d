// What the reader has chosen of the live side: what is shown, how descents go, which controls are hidden.
import { spoken } from "./names";
import type { DescentSettings, NetworkSubject, Plane, Range, Subject, SurfaceAnswer, Welcome } from "./wire";

/** A descent as it is chosen; `start` is null until somebody has chosen where. */
export interface Racer {
  /** Its number, from 0, which it keeps when others go. */
  id: number;
  /** What a lesson calls it; empty where its optimizer says enough. */
  name: string;
  start: [number, number] | null;
  settings: DescentSettings;
}

export interface Choices {
  /** Null where the server chooses. */
  subject: Subject | null;
  plane: Plane;
  /** The plane that descents were started on, where it has been cut anew since. */
  startPlane: Plane | null;
  racers: Racer[];
  /** The number of the descent whose controls are shown. */
  selected: number;
  /** Steps a second. */
  pace: number;
  /** The surface before stays beside the new one. */
  beside: boolean;
  lesson: string;
  hide: ReadonlySet<string>;
}

export const NETWORK: NetworkSubject = {
  kind: "network",
  data: "moons",
  noise: 0,
  normalize: "standard",
  hidden: [16],
  activation: "relu",
  initializer: "auto",
  norm: null,
  dropout: 0,
  skip: false,
  epochs: 20,
  seed: 0,
};

export const PLANE: Plane = { directions: "auto", size: 51, span: null, through: null, mode: "inference", seed: 0 };

/** What every descent has, until the server has said what its own settings are. */
export const DESCENT: DescentSettings = {
  optimizer: "sgd",
  learning_rate: 0.1,
  weight_decay: 0,
  batch_size: null,
  schedule: { kind: "constant" },
  seed: 0,
  steps: 2000,
};

export const PACES = [2, 10, 30, 100, 500, 100_000];

export const NOTHING_CHOSEN: Choices = {
  subject: null,
  plane: PLANE,
  startPlane: null,
  racers: [{ id: 0, name: "", start: null, settings: DESCENT }],
  selected: 0,
  pace: 30,
  beside: true,
  lesson: "",
  hide: new Set(),
};

export function selectedRacer({ racers, selected }: Choices): Racer {
  return racers.find(({ id }) => id === selected) ?? racers[0];
}

export function startedRacers({ racers }: Choices): Racer[] {
  return racers.filter(({ start }) => start);
}

/** A rate that an optimizer goes well with: its own default on networks, one that suits the plane elsewhere. */
export function usualRate(optimizer: string, welcome: Welcome, answer: SurfaceAnswer | null): number {
  const { suggested } = answer ?? {};
  if (suggested?.settings.optimizer === optimizer) return suggested.settings.learning_rate;
  const known = welcome.optimizers.find(({ name }) => name === optimizer);
  const usual = known?.learning_rate ?? DESCENT.learning_rate;
  if (answer?.subject.kind !== "classic" || !known?.stride) return usual;
  const half = Math.max(...answer.surface.axes.map(({ values }) => (values[values.length - 1] - values[0]) / 2));
  return Number((known.stride * half).toPrecision(1));
}

/** The values that the server offers for a number. */
export function rangeOf({ ranges }: Welcome, name: string): Range {
  const known = ranges.find((range) => range.name === name);
  return known ?? { name, label: "", low: 0, high: 1, default: 0, log: false, whole: false };
}

/** How a descent is called, on the page and in its address. */
export function labelOf({ id, name, settings }: Racer): string {
  const momentum = Number(settings.momentum) > 0 ? " + momentum" : "";
  return `${id + 1} ${name || spoken(settings.optimizer) + momentum}`;
}
