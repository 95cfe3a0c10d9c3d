// What both ways of drawing have in common: in space, and as a map.
import { type Stroke, stroke } from "./colors";
import type { Document, Surface } from "./document";
import { short } from "./numbers";
import { type PlacedPoint, placedPoints } from "./placed";
import { makeScale, Plane, type Scale } from "./scale";
import type { ViewState } from "./state";
import type { Theme } from "./theme";

/**
 * What lies under the pointer: a cell of a surface, or a point of a path on it. `across` is the very place on the square,
 * where a hand points at one.
 */
export type Pick =
  | { kind: "cell"; surface: number; i: number; j: number; across?: [number, number] }
  | { kind: "point"; surface: number; path: number; at: number };

/** A label on the page at a place of the canvas, in CSS pixels. */
export interface Label {
  text: string;
  x: number;
  y: number;
  role: "tick" | "title";
  align: "left" | "center" | "right";
}

/** Everything that is drawn of one surface, whichever way. */
export interface Scene {
  surface: Surface;
  plane: Plane;
  scale: Scale;
  /** What the loss is, and on which scale it is drawn. */
  lossLabel: string;
  points: PlacedPoint[][];
  /** One for each path, the same for the same name on all surfaces. */
  strokes: Stroke[];
  /** Where on the canvas it is drawn. */
  frame: HTMLElement;
}

export interface Stage {
  readonly kind: "space" | "map";
  /** Heights or places changed: the scale, the document. */
  rebuild(scenes: Scene[]): void;
  draw(scenes: Scene[], state: ViewState, theme: Theme, probe: Pick | null): Label[][];
  pick(scenes: Scene[], state: ViewState, surface: number, x: number, y: number): Pick | null;
}

export function pathNames(content: Document): string[] {
  return [...new Set(content.surfaces.flatMap(({ paths }) => paths.map(({ name }) => name)))];
}

export function makeScenes(content: Document, frames: HTMLElement[], state: ViewState, theme: Theme): Scene[] {
  const names = pathNames(content);
  return content.surfaces.map((surface, index) => {
    const plane = new Plane(surface);
    const scale = makeScale(surface, state.log);
    const points = surface.paths.map((path) => placedPoints(path, plane, scale));
    const strokes = surface.paths.map(({ name, live }) => stroke(live?.place ?? names.indexOf(name), theme.dark));
    const above = scale.offset ? ` above ${short(scale.offset)}` : "";
    const lossLabel = content.loss_label + (scale.log ? `${above}, log` : "");
    return { surface, plane, scale, lossLabel, points, strokes, frame: frames[index] };
  });
}

/** Where a frame lies on the canvas, in CSS pixels. */
export function frameOn(canvas: HTMLCanvasElement, frame: HTMLElement): { x: number; y: number; width: number; height: number } {
  const [outer, inner] = [canvas.getBoundingClientRect(), frame.getBoundingClientRect()];
  return { x: inner.left - outer.left, y: inner.top - outer.top, width: inner.width, height: inner.height };
}
