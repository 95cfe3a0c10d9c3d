// Lines of equal loss on the map: marching squares, through cells whose four corners have a height.
import type { Scene } from "./stage";

/** Segments of the line at a height, as x, y, x, y in places of the grid. */
export function isoline(heights: Float64Array, columns: number, level: number): number[] {
  const rows = heights.length / columns;
  const segments: number[] = [];
  const cross = (i: number, j: number, k: number, l: number): [number, number] | null => {
    const [from, to] = [heights[i * columns + j], heights[k * columns + l]];
    if (from < level === to < level) return null;
    const part = (level - from) / (to - from);
    return [i + part * (k - i), j + part * (l - j)];
  };
  for (let i = 0; i + 1 < rows; i++) {
    for (let j = 0; j + 1 < columns; j++) {
      const at = i * columns + j;
      if (!Number.isFinite(heights[at] + heights[at + 1] + heights[at + columns] + heights[at + columns + 1])) continue;
      const met = [
        cross(i, j, i + 1, j),
        cross(i + 1, j, i + 1, j + 1),
        cross(i, j + 1, i + 1, j + 1),
        cross(i, j, i, j + 1),
      ].filter((place) => place !== null);
      for (let pair = 0; pair + 1 < met.length; pair += 2) segments.push(...met[pair], ...met[pair + 1]);
    }
  }
  return segments;
}

/** Heights of all cells, row by row; not a number where there is none. */
export function heightsOf({ surface, scale }: Scene): Float64Array {
  return Float64Array.from(surface.losses, (loss, index) =>
    surface.computed && !surface.computed[index] ? Number.NaN : scale.height(loss),
  );
}
