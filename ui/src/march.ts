// Which cell a ray meets: it walks over the heights until it is under them, and falls to the ground through holes.
import type { Ray } from "three";

import { locate } from "./numbers";
import type { Scene } from "./stage";
import { FLOOR, TALL } from "./surface";

const STRIDES_A_CELL = 2;

/** The cell nearest to where a ray first meets the surface, or else the ground; null beside both. */
export function march(ray: Ray, scene: Scene): { i: number; j: number; across: [number, number] } | null {
  const met = meetSurface(ray, scene) ?? meetGround(ray);
  if (met === null) return null;
  const [x, z] = [ray.origin.x + met * ray.direction.x, ray.origin.z + met * ray.direction.z];
  return Math.abs(x) > 1.02 || Math.abs(z) > 1.02 ? null : { ...scene.plane.nearest(x, -z), across: [x, -z] };
}

function meetSurface(ray: Ray, scene: Scene): number | null {
  const span = throughBox(ray);
  if (!span) return null;
  const cells = Math.max(...scene.surface.axes.map(({ values }) => values.length));
  const strides = Math.max(8, Math.ceil(((span[1] - span[0]) / 2) * cells * STRIDES_A_CELL));
  let [before, beforeGap] = [span[0], gap(ray, span[0], scene)];
  for (let stride = 1; stride <= strides; stride++) {
    const at = span[0] + ((span[1] - span[0]) * stride) / strides;
    const atGap = gap(ray, at, scene);
    if (beforeGap * atGap <= 0) return refine(ray, scene, before, at, beforeGap);
    [before, beforeGap] = [at, atGap];
  }
  return null;
}

function refine(ray: Ray, scene: Scene, low: number, high: number, lowGap: number): number {
  for (let round = 0; round < 12; round++) {
    const middle = (low + high) / 2;
    if (gap(ray, middle, scene) * lowGap > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** How far the ray is above the surface; not a number over a hole. */
function gap(ray: Ray, at: number, scene: Scene): number {
  const { origin, direction } = ray;
  const height = heightAt(scene, origin.x + at * direction.x, -(origin.z + at * direction.z));
  return origin.y + at * direction.y - height * TALL;
}

/** The height between four cells, as the mesh has it, to within its triangles. */
function heightAt({ surface, plane, scale }: Scene, first: number, second: number): number {
  const [rows, columns] = surface.axes.map(({ values }) => values);
  const i = locate(rows, plane.coefficient(0, first));
  const j = locate(columns, plane.coefficient(1, second));
  if (i < 0 || j < 0 || i > rows.length - 1 || j > columns.length - 1) return Number.NaN;
  const [top, left] = [Math.min(Math.floor(i), rows.length - 2), Math.min(Math.floor(j), columns.length - 2)];
  const [down, right] = [i - top, j - left];
  const height = (row: number, column: number): number => {
    const index = row * columns.length + column;
    return surface.computed && !surface.computed[index] ? Number.NaN : scale.height(surface.losses[index]);
  };
  return (
    (1 - down) * ((1 - right) * height(top, left) + right * height(top, left + 1)) +
    down * ((1 - right) * height(top + 1, left) + right * height(top + 1, left + 1))
  );
}

function meetGround(ray: Ray): number | null {
  const at = (FLOOR - ray.origin.y) / ray.direction.y;
  return at > 0 ? at : null;
}

/** Where a ray enters and leaves the box around the surface. */
function throughBox(ray: Ray): [number, number] | null {
  const { origin, direction } = ray;
  let [enter, leave] = [0, Infinity];
  const sides: [number, number, number, number][] = [
    [origin.x, direction.x, -1, 1],
    [origin.y, direction.y, -0.01, TALL + 0.01],
    [origin.z, direction.z, -1, 1],
  ];
  for (const [from, along, low, high] of sides) {
    if (Math.abs(along) < 1e-9) {
      if (from < low || from > high) return null;
      continue;
    }
    const [a, b] = [(low - from) / along, (high - from) / along];
    enter = Math.max(enter, Math.min(a, b));
    leave = Math.min(leave, Math.max(a, b));
  }
  return enter < leave ? [enter, leave] : null;
}
