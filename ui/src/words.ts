// The page in sentences: what is under the pointer, where each path stands, what the whole shows.
import { type Axis, Cell, cellAt, type Document, meant, type Path, type Surface } from "./document";
import { exact, short } from "./numbers";
import { standing } from "./placed";
import type { Pick, Scene } from "./stage";

export const CELL_WORDS: Record<Exclude<Cell, Cell.Finite>, string> = {
  [Cell.NotANumber]: "not a number (NaN)",
  [Cell.Infinite]: "infinite",
  [Cell.NotComputed]: "not computed",
};

/** Name and value of each thing known about what is under the pointer. */
export function pickFacts(scene: Scene, pick: Pick, content: Document): [string, string][] {
  const { surface } = scene;
  const [first, second] = surface.axes;
  if (pick.kind === "point") {
    const path = surface.paths[pick.path];
    return [
      ["path", path.name],
      [content.step_label, exact(path.steps, pick.at)],
      ["true loss", exact(path.losses, pick.at)],
      ["surface below", exact(path.heights, pick.at)],
      ["off the plane", exact(path.distances, pick.at)],
      [first.label, coordinate(first, path.coordinates[2 * pick.at])],
      [second.label, coordinate(second, path.coordinates[2 * pick.at + 1])],
    ];
  }
  const index = pick.i * second.values.length + pick.j;
  const cell = cellAt(surface, index);
  return [
    [first.label, coordinate(first, first.values[pick.i])],
    [second.label, coordinate(second, second.values[pick.j])],
    [content.loss_label, cell === Cell.Finite ? exact(surface.losses, index) : CELL_WORDS[cell]],
  ];
}

/** Where a path stands, in one sentence. */
export function standingWords(scene: Scene, path: number, step: number): string {
  const one = scene.surface.paths[path];
  const at = standing(one, step);
  if (at < 0) return "not started";
  const where = {
    inside: "",
    beside: " · beside the picture",
    above: " · above the picture",
    lost: " · not in the picture",
  }[scene.points[path][at].outside];
  const loss = `loss ${short(one.losses[at], 5)}`;
  if (scene.points[path][at].outside === "lost") return `${loss}${where}`;
  if (onPlane(one)) return `${loss} · on the surface${where}`;
  return `${loss} · surface below ${short(one.heights[at], 5)} · ${short(one.distances[at], 3)} off the plane${where}`;
}

/** How much of a path its plane holds. */
export function explainedWords(path: Path): string {
  const { explained, live, steps } = path;
  // how much a live path moves is told now and then, not with every point
  if (explained === null) return live && steps.length > 1 ? "" : "It does not move.";
  if (explained > 1 - 1e-6) return "The plane holds all of its movement.";
  const share = `${short(100 * explained, explained < 0.1 ? 2 : 3)}\u00a0%`;
  if (explained < 0.1) return `The plane shows almost nothing of it: ${share} of its movement.`;
  return `The plane holds ${share} of its movement.`;
}

/** What a plane is: its loss, how its directions were found, what they leave out. */
export function planeWords(surface: Surface): string {
  const { description, kind, explained, left_out, standard_error } = surface;
  const shares = explained?.map((share) => `${short(100 * share, 3)}\u00a0%`).join(" and ");
  const found: Record<string, string> = {
    filter: "random directions, normalized by filter",
    pca: `principal components of a path${shares ? `, ${shares} of its variance` : ""}`,
    eigen: "eigenvectors of the Hessian",
    between: "through given points",
  };
  const words = [
    description,
    found[kind],
    left_out.length ? `${left_out.length} ${left_out.length > 1 ? "arrays" : "array"} of parameters not moved` : "",
    description ? centerWords(surface, standard_error) : "",
  ];
  return words.filter(Boolean).join("; ");
}

/** The loss at the point that the plane goes through, with its standard error where it is known from some rows only. */
function centerWords({ axes, losses, ...rest }: Surface, error: number | null): string {
  const [i, j] = axes.map(({ values }) => values.indexOf(0));
  const index = i * axes[1].values.length + j;
  if (i < 0 || j < 0 || cellAt({ axes, losses, ...rest }, index) !== Cell.Finite) return "";
  return `loss at the center ${short(losses[index])}${error === null ? "" : ` ± ${short(error, 2)} (standard error)`}`;
}

/** How many cells have no height, and why. */
export function holes(surface: Surface): [Exclude<Cell, Cell.Finite>, number][] {
  const counts = new Map<Cell, number>();
  surface.losses.forEach((_: number, index: number) => {
    const cell = cellAt(surface, index);
    if (cell !== Cell.Finite) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  });
  return [...counts].sort() as [Exclude<Cell, Cell.Finite>, number][];
}

/** Everything the page shows, for who cannot see it. */
export function summary(content: Document, scenes: Scene[]): string[] {
  return scenes.flatMap(({ surface }) => {
    const name = surface.name ? `${surface.name}: ` : "";
    const whole = `${name}${surfaceWords(surface, content.loss_label)} ${planeWords(surface)}`.trim();
    return [whole, ...surface.paths.map((path) => pathWords(path, content))];
  });
}

function surfaceWords(surface: Surface, lossLabel: string): string {
  const [first, second] = surface.axes;
  let [lowest, highest] = [-1, -1];
  surface.losses.forEach((loss: number, index: number) => {
    if (cellAt(surface, index) !== Cell.Finite) return;
    if (lowest < 0 || loss < surface.losses[lowest]) lowest = index;
    if (highest < 0 || loss > surface.losses[highest]) highest = index;
  });
  const size = `${first.values.length} by ${second.values.length} points`;
  const along = `along ${first.label} from ${ends(first)}, and ${second.label} from ${ends(second)}`;
  const missing = holes(surface).map(([cell, count]) => ` ${count} are ${CELL_WORDS[cell]}.`);
  if (lowest < 0) return `A surface of ${size} ${along}. None has a finite ${lossLabel}.${missing.join("")}`;
  const columns = second.values.length;
  const at = [meant(first, first.values[Math.floor(lowest / columns)]), meant(second, second.values[lowest % columns])];
  const place = at.map((value) => short(value)).join(", ");
  return (
    `A surface of ${size} ${along}. Its lowest ${lossLabel} is ${short(surface.losses[lowest], 5)}, at ${place}; ` +
    `its highest ${short(surface.losses[highest], 5)}.${missing.join("")}`
  );
}

function pathWords(path: Path, content: Document): string {
  const last = path.steps.length - 1;
  if (last < 0) return `${path.name} has no points.`;
  return (
    `${path.name} goes from ${content.loss_label} ${short(path.losses[0], 5)} at ${content.step_label} ${path.steps[0]} ` +
    `to ${short(path.losses[last], 5)} at ${content.step_label} ${path.steps[last]}. ${explainedWords(path)}`
  );
}

function onPlane(path: Path): boolean {
  return (path.explained ?? 1) > 1 - 1e-9 && path.distances.every((away: number) => away < 1e-6);
}

function ends(axis: Axis): string {
  const { values } = axis;
  return `${short(meant(axis, values[0]))} to ${short(meant(axis, values[values.length - 1]))}`;
}

/** Grid places carry rounding in their last digits, which nobody asked for. */
function coordinate(axis: Axis, value: number): string {
  return String(Number(meant(axis, value).toPrecision(axis.origin ? 7 : 10)));
}
