// The frame of the ground and the ticks along it, on the sides that face the reader.
import { BufferAttribute, BufferGeometry, LineBasicMaterial, LineSegments, type PerspectiveCamera, Vector3 } from "three";

import { type Axis, meant } from "./document";
import { niceTicks, shortest } from "./numbers";
import type { Label, Scene } from "./stage";
import { FLOOR, TALL } from "./surface";
import type { Theme } from "./theme";

/** Length of a tick in the box; how far from the frame its label and the title stand, in pixels. */
const TICK = 0.035;
const LABEL_AWAY = 17;
const TITLE_AWAY = 46;
/** Frames of fewer pixels are too narrow for a title over the losses. */
const NARROW = 480;

type Place = [number, number, number];

/** One tick: where it begins on the frame, where it points, what it says. */
interface Tick {
  at: Place;
  out: Place;
  text: string;
}

export class Axes {
  readonly lines = new LineSegments(new BufferGeometry(), new LineBasicMaterial());

  constructor() {
    this.lines.frustumCulled = false;
  }

  dispose(): void {
    this.lines.geometry.dispose();
    (this.lines.material as LineBasicMaterial).dispose();
  }

  /** Lay the frame for where the camera is. */
  lay(scene: Scene, azimuth: number, theme: Theme): Tick[][] {
    const axes = ticks(scene, azimuth);
    const places: Place[] = [];
    for (const tick of axes.flat()) places.push(tick.at, moved(tick.at, tick.out, TICK));
    const corners: Place[] = [
      [-1, FLOOR, -1],
      [1, FLOOR, -1],
      [1, FLOOR, 1],
      [-1, FLOOR, 1],
    ];
    corners.forEach((corner, at) => places.push(corner, corners[(at + 1) % 4]));
    const [x, z] = postAt(azimuth);
    places.push([x, FLOOR, z], [x, TALL, z]);
    this.lines.geometry.setAttribute("position", new BufferAttribute(new Float32Array(places.flat()), 3));
    (this.lines.material as LineBasicMaterial).color.set(theme.quiet);
    return axes;
  }
}

/** The words along the axes, in CSS pixels of a frame. */
export function axisLabels(
  axes: Tick[][],
  titles: string[],
  eye: PerspectiveCamera,
  frame: { width: number; height: number },
): Label[] {
  const onScreen = (place: Place): [number, number] => {
    const seen = new Vector3(...place).project(eye);
    return [((seen.x + 1) / 2) * frame.width, ((1 - seen.y) / 2) * frame.height];
  };
  const beyond = (at: Place, out: Place, pixels: number): [number, number, number] => {
    const [[x, y], [toX, toY]] = [onScreen(at), onScreen(moved(at, out, 0.1))];
    const long = Math.hypot(toX - x, toY - y) || 1;
    const [right, down] = [(toX - x) / long, (toY - y) / long];
    return [x + right * pixels, y + down * pixels, right];
  };
  const labels: Label[] = [];
  axes.forEach((ticks, axis) => {
    let last: [number, number] = [-1e3, -1e3];
    for (const { at, out, text } of ticks) {
      const [x, y] = axis === 2 ? onScreen(moved(at, out, TICK * 1.7)) : beyond(at, out, LABEL_AWAY);
      if (Math.hypot(x - last[0], y - last[1]) < (axis === 2 ? 15 : 26)) continue;
      last = [x, y];
      labels.push({ text, x, y, role: "tick", align: axis === 2 ? side(ticks[0], onScreen) : "center" });
    }
    if (!ticks.length) return;
    if (axis === 2) {
      // the legend says it too
      if (frame.width < NARROW) return;
      const [x, y] = onScreen([ticks[0].at[0], TALL, ticks[0].at[2]]);
      labels.push({ text: titles[axis], x, y: y - 14, role: "title", align: "center" });
      return;
    }
    const [x, y, right] = beyond(middleOf(ticks), ticks[0].out, TITLE_AWAY);
    labels.push({ text: titles[axis], x, y, role: "title", align: Math.abs(right) < 0.1 ? "center" : right < 0 ? "right" : "left" });
  });
  return labels;
}

/** A coefficient, and what is written beside it. */
interface Mark {
  value: number;
  text: string;
}

/** Marks at round numbers from one coefficient to another. */
export function marks(axis: Axis, low: number, high: number, count: number): Mark[] {
  const origin = meant(axis, 0);
  const values = niceTicks(low + origin, high + origin, count);
  const texts = shortest(values);
  return values.map((value, at) => ({ value: value - origin, text: texts[at] }));
}

function ticks({ surface, plane, scale }: Scene, azimuth: number): Tick[][] {
  const angle = (azimuth * Math.PI) / 180;
  const [front, right] = [Math.cos(angle) >= 0 ? 1 : -1, Math.sin(angle) >= 0 ? 1 : -1];
  const along = (axis: 0 | 1): Mark[] => {
    const { values } = surface.axes[axis];
    return marks(surface.axes[axis], values[0], values[values.length - 1], 5);
  };
  const first = along(0).map(({ value, text }): Tick => {
    return { at: [plane.across(0, value), FLOOR, front], out: [0, 0, front], text };
  });
  const second = along(1).map(({ value, text }): Tick => {
    return { at: [right, FLOOR, -plane.across(1, value)], out: [right, 0, 0], text };
  });
  const [x, z] = postAt(azimuth);
  // away from the box, along the side of the ground that the post stands on
  const out: Place = x === -right ? [-right, 0, 0] : [0, 0, -front];
  const losses = shortest(scale.ticks);
  const up = scale.ticks.map((loss, at): Tick => ({ at: [x, scale.height(loss) * TALL, z], out, text: losses[at] }));
  return [first, second, up];
}

/** The corner of the ground furthest to the left, where the losses are written. */
function postAt(azimuth: number): [number, number] {
  const angle = (azimuth * Math.PI) / 180;
  const corners: [number, number][] = [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ];
  const toTheRight = ([x, z]: [number, number]): number => x * Math.cos(angle) - z * Math.sin(angle);
  return corners.reduce((best, corner) => (toTheRight(corner) < toTheRight(best) ? corner : best));
}

function side(tick: Tick, onScreen: (place: Place) => [number, number]): "left" | "right" {
  return onScreen(moved(tick.at, tick.out, TICK))[0] < onScreen(tick.at)[0] ? "right" : "left";
}

function middleOf(marks: Tick[]): Place {
  const { at, out } = marks[0];
  return [out[0] ? at[0] : 0, at[1], out[2] ? at[2] : 0];
}

function moved(at: Place, out: Place, by: number): Place {
  return [at[0] + out[0] * by, at[1] + out[1] * by, at[2] + out[2] * by];
}
