// A path in space: a line at its true losses, its shadow, stems to the surface below, beads, and the ball.
import { BufferAttribute, BufferGeometry, Color, Group, GreaterDepth, LessEqualDepth, Points, ShaderMaterial, type Vector2 } from "three";

import type { Stroke } from "./colors";
import { distance, FatLine, type Segment } from "./fatline";
import { type Arrow, arrowLines, beads, type PlacedPoint } from "./placed";
import { MARK_FRAGMENT, MARK_VERTEX } from "./shaders";
import { FLOOR, TALL } from "./surface";
import type { Theme } from "./theme";

type Place = [number, number, number];

/** Length of a dash of one line width, in the box. */
const DASH_UNIT = 0.011;
const SHADOW = 0.006;

export class PathInSpace {
  readonly group = new Group();
  private readonly line: FatLine;
  private readonly shadow: FatLine;
  private readonly stems: FatLine;
  private readonly plumb: FatLine;
  private readonly downhill: FatLine;
  private readonly velocity: FatLine;
  private readonly marks = marks();
  private readonly ball = marks();
  /** The ball where the surface hides it. */
  private readonly ghost = marks(GreaterDepth, 0.45);
  private points: PlacedPoint[] = [];

  constructor(resolution: { value: Vector2 }) {
    this.line = new FatLine(resolution, 0.45);
    this.shadow = new FatLine(resolution, 0);
    this.stems = new FatLine(resolution, 0);
    this.plumb = new FatLine(resolution, 0.35);
    this.downhill = new FatLine(resolution, 0.6);
    this.velocity = new FatLine(resolution, 0.6);
    const lines = [this.shadow, this.stems, this.line, this.plumb, this.downhill, this.velocity];
    for (const line of lines) this.group.add(...line.meshes);
    this.group.add(this.marks, this.ghost, this.ball);
    this.group.children.forEach((child, place) => (child.renderOrder = 1 + place));
  }

  setPoints(points: PlacedPoint[]): void {
    this.points = points;
    this.line.setSegments(segments(points.map((point) => inside(point, above(point)))));
    this.shadow.setSegments(segments(points.map((point) => inside(point, onFloor(point)))));
    const shown = beads(points.length).filter((at) => points[at].outside === "inside");
    const stems = shown.filter((at) => Number.isFinite(points[at].below));
    this.stems.setSegments(
      stems.map((at) => ({ from: above(points[at]), to: onSurface(points[at]), begin: 0, number: at })),
    );
    place(this.marks, shown.map((at) => above(points[at])), shown);
  }

  setLook(stroke: Stroke, theme: Theme, pixelRatio: number): void {
    const rim = theme.dark ? "#101216" : "#ffffff";
    const dash = stroke.dash.map((part) => part * DASH_UNIT);
    const base = { color: stroke.color, rim, width: 3, rimWidth: 0.9, opacity: 1, dash, lift: 0.006 };
    this.line.setLook(base, pixelRatio);
    this.shadow.setLook({ ...base, width: 1.8, rimWidth: 0, opacity: 0.75, lift: 0 }, pixelRatio);
    this.stems.setLook({ ...base, width: 1, rimWidth: 0, opacity: 0.75, dash: [], lift: 0.004 }, pixelRatio);
    this.plumb.setLook(
      { ...base, color: theme.ink, width: 1.1, rimWidth: 0, opacity: 0.8, dash: [0.02, 0.02], lift: 0.004 },
      pixelRatio,
    );
    const arrow = { ...base, width: 2.6, rimWidth: 1.3, dash: [], lift: 0.01 };
    this.downhill.setLook({ ...arrow, color: theme.ink, rim: theme.stage }, pixelRatio);
    this.velocity.setLook(arrow, pixelRatio);
    look(this.marks, stroke.color, rim, 6.5 * pixelRatio, 0);
    for (const ball of [this.ball, this.ghost]) look(ball, stroke.color, rim, 19 * pixelRatio, 1);
  }

  /** Put the ball at a point of the path, with the arrows that are known there; -1 hides it. */
  setStanding(at: number, arrows: Arrow[]): void {
    this.line.setPlayed(at);
    this.shadow.setPlayed(at);
    this.stems.setPlayed(at);
    (this.marks.material as ShaderMaterial).uniforms.played.value = at + 0.5;
    const point = this.points[at];
    const seen = point?.outside === "inside";
    for (const ball of [this.ball, this.ghost]) place(ball, seen ? [above(point)] : [], [at]);
    for (const kind of ["downhill", "velocity"] as const) {
      const found = arrows.filter((arrow) => seen && arrow.kind === kind);
      this[kind].setSegments(found.flatMap((arrow) => arrowSegments(above(point), arrow)));
    }
    this.plumb.setSegments(seen ? [{ from: above(point), to: onFloor(point), begin: 0, number: at }] : []);
  }

  dispose(): void {
    for (const line of [this.line, this.shadow, this.stems, this.plumb, this.downhill, this.velocity]) line.dispose();
    for (const points of [this.marks, this.ball, this.ghost]) {
      points.geometry.dispose();
      (points.material as ShaderMaterial).dispose();
    }
  }
}

export function above({ across, height }: PlacedPoint): Place {
  return [across[0], height * TALL, -across[1]];
}

function arrowSegments([x, y, z]: Place, arrow: Arrow): Segment[] {
  return arrowLines(arrow).map(([from, to]) => ({
    from: [x + from[0], y, z - from[1]],
    to: [x + to[0], y, z - to[1]],
    begin: 0,
    number: 0,
  }));
}

function onSurface({ across, below }: PlacedPoint): Place {
  return [across[0], below * TALL, -across[1]];
}

function onFloor({ across }: PlacedPoint): Place {
  return [across[0], FLOOR + SHADOW, -across[1]];
}

function inside(point: PlacedPoint, at: Place): Place | null {
  return point.outside === "inside" ? at : null;
}

/** Join neighbors; a point outside the picture breaks the line. */
function segments(places: (Place | null)[]): Segment[] {
  const joined: Segment[] = [];
  let begin = 0;
  for (let number = 1; number < places.length; number++) {
    const [from, to] = [places[number - 1], places[number]];
    if (!from || !to) continue;
    joined.push({ from, to, begin, number });
    begin += distance(from, to);
  }
  return joined;
}

function marks(depthFunc: typeof LessEqualDepth | typeof GreaterDepth = LessEqualDepth, opacity = 1): Points {
  const material = new ShaderMaterial({
    vertexShader: MARK_VERTEX,
    fragmentShader: MARK_FRAGMENT,
    uniforms: {
      color: { value: new Color() },
      rim: { value: new Color() },
      size: { value: 1 },
      opacity: { value: opacity },
      lift: { value: 0.009 },
      played: { value: Infinity },
      shaded: { value: 0 },
    },
    transparent: true,
    depthWrite: false,
    depthFunc,
  });
  const points = new Points(new BufferGeometry(), material);
  points.frustumCulled = false;
  return points;
}

function place(points: Points, places: Place[], numbers: number[]): void {
  points.geometry.setAttribute("position", new BufferAttribute(new Float32Array(places.flat()), 3));
  points.geometry.setAttribute("number", new BufferAttribute(new Float32Array(numbers), 1));
  points.geometry.setDrawRange(0, places.length);
  points.visible = places.length > 0;
}

function look(points: Points, color: string, rim: string, size: number, shaded: number): void {
  const { uniforms } = points.material as ShaderMaterial;
  uniforms.color.value.set(color);
  uniforms.rim.value.set(rim);
  uniforms.size.value = size;
  uniforms.shaded.value = shaded;
}
