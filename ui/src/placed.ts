// Where the points of a path stand in the box, and which of them fall outside the picture.
import type { Path } from "./document";
import { lastAtMost } from "./numbers";
import { CEILING, type Plane, type Scale } from "./scale";

/** How far beyond the square a path is still drawn. */
export const MARGIN = 1.3;

export type Outside = "inside" | "beside" | "above" | "lost";

export interface PlacedPoint {
  /** Right, and to the back, from -1 to 1 on the square. */
  across: [number, number];
  /** Height of the true loss, and of the surface below. */
  height: number;
  below: number;
  outside: Outside;
}

export function placedPoints(path: Path, plane: Plane, scale: Scale): PlacedPoint[] {
  return Array.from(path.steps, (_, at) => {
    const across: [number, number] = [
      plane.across(0, path.coordinates[2 * at]),
      plane.across(1, path.coordinates[2 * at + 1]),
    ];
    const height = scale.height(path.losses[at]);
    return { across, height, below: scale.height(path.heights[at]), outside: outside(across, height) };
  });
}

/** The point at which a path stands at a step, or -1 before its first. */
export function standing(path: Path, step: number): number {
  return lastAtMost(path.steps, step);
}

/** Which points carry beads and stems: all of a short path, evenly chosen ones of a long one, always the ends. */
export function beads(count: number, most = 28): number[] {
  const every = Math.max(1, Math.ceil(count / most));
  const chosen = Array.from({ length: Math.ceil(count / every) }, (_, k) => k * every);
  if (count && chosen[chosen.length - 1] !== count - 1) chosen.push(count - 1);
  return chosen;
}

/** Which way the ball is pulled, or is about to go, as seen on the square: right and to the back. */
export interface Arrow {
  kind: "downhill" | "velocity";
  across: [number, number];
}

const SHORTEST = 0.08;
const LONGEST = 0.34;

/** The arrows at a point of a live path: true directions, and lengths that grow with theirs but stay in the picture. */
export function arrows(path: Path, at: number, plane: Plane): Arrow[] {
  const { live } = path;
  if (!live || at < 0) return [];
  return (["downhill", "velocity"] as const).flatMap((kind) => {
    const [a, b] = [live[kind][2 * at], live[kind][2 * at + 1]];
    const across = [plane.across(0, a) - plane.across(0, 0), plane.across(1, b) - plane.across(1, 0)];
    const length = Math.hypot(...across);
    if (!(length > 0) || !Number.isFinite(length)) return [];
    const drawn = SHORTEST + (LONGEST - SHORTEST) * (length / (length + 0.5));
    return [{ kind, across: [(across[0] / length) * drawn, (across[1] / length) * drawn] as [number, number] }];
  });
}

/** The lines of an arrow from the origin: its shaft and the two sides of its head. */
export function arrowLines({ across: [x, y] }: Arrow): [[number, number], [number, number]][] {
  const length = Math.hypot(x, y);
  const [u, v] = [x / length, y / length];
  const head = Math.min(0.05, length / 2);
  const side = (turn: number): [number, number] => [x - head * (u - turn * v * 0.6), y - head * (v + turn * u * 0.6)];
  return [
    [[0, 0], [x, y]],
    [[x, y], side(1)],
    [[x, y], side(-1)],
  ];
}

function outside(across: [number, number], height: number): Outside {
  if (!across.every(Number.isFinite) || !Number.isFinite(height)) return "lost";
  if (across.some((part) => Math.abs(part) > MARGIN)) return "beside";
  return height > CEILING ? "above" : "inside";
}
