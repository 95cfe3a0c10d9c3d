// The surface in space: a mesh whose heights are an attribute, the same mesh laid on the ground, and the holes.
import {
  BufferAttribute,
  BufferGeometry,
  DataTexture,
  DoubleSide,
  Group,
  LinearFilter,
  Mesh,
  ShaderMaterial,
  Color,
} from "three";

import { type ColorsName, colorTable } from "./colors";
import { Cell, cellAt, type Surface } from "./document";
import type { Plane, Scale } from "./scale";
import { Layer, SURFACE_FRAGMENT, SURFACE_VERTEX } from "./shaders";
import type { Theme } from "./theme";

/** Height of the highest loss in the box, and where the ground lies below the lowest. */
export const TALL = 1.05;
export const FLOOR = -0.42;

export class SurfaceMesh {
  readonly group = new Group();
  private readonly mesh = new BufferGeometry();
  private readonly holes = new BufferGeometry();
  private readonly colors = new DataTexture(colorTable("viridis"), 256, 1);
  private scaled = "";
  private readonly shared = {
    colors: { value: this.colors },
    density: { value: 1 },
    start: { value: 0 },
    tall: { value: TALL },
    floorAt: { value: FLOOR },
    paper: { value: new Color() },
    ink: { value: new Color() },
  };

  constructor(
    private readonly surface: Surface,
    private readonly plane: Plane,
  ) {
    this.colors.magFilter = this.colors.minFilter = LinearFilter;
    this.buildMesh();
    this.buildHoles();
    const layers: [BufferGeometry, Layer][] = [
      [this.mesh, Layer.Ground],
      [this.holes, Layer.Holes],
      [this.mesh, Layer.Surface],
    ];
    for (const [geometry, layer] of layers) this.group.add(this.drawn(geometry, layer));
  }

  /** Take the heights of all cells from a scale. */
  setScale(scale: Scale): void {
    const key = [scale.log, scale.lowest, scale.highest, scale.start, scale.density].join(" ");
    if (key === this.scaled) return;
    this.scaled = key;
    const heights = Float32Array.from(this.surface.losses, (loss) => scale.height(loss));
    this.mesh.setAttribute("slope", new BufferAttribute(this.slopes(heights), 3));
    // cells without a height are in no triangle; a number keeps the buffer clean
    const drawn = heights.map((height) => (Number.isFinite(height) ? height : 0));
    this.mesh.setAttribute("height", new BufferAttribute(drawn, 1));
    this.shared.density.value = scale.density;
    this.shared.start.value = scale.start - Math.floor(scale.start);
  }

  setColors(name: ColorsName): void {
    this.colors.image = { data: colorTable(name), width: 256, height: 1 };
    this.colors.needsUpdate = true;
  }

  setTheme(theme: Theme): void {
    this.shared.paper.value.set(theme.stage);
    this.shared.ink.value.set(theme.ink);
  }

  dispose(): void {
    this.mesh.dispose();
    this.holes.dispose();
    this.colors.dispose();
    for (const child of this.group.children) ((child as Mesh).material as ShaderMaterial).dispose();
  }

  private drawn(geometry: BufferGeometry, layer: Layer): Mesh {
    const material = new ShaderMaterial({
      vertexShader: SURFACE_VERTEX,
      fragmentShader: SURFACE_FRAGMENT,
      uniforms: { ...this.shared, layer: { value: layer } },
      side: DoubleSide,
      polygonOffset: layer !== Layer.Holes,
      polygonOffsetFactor: 1,
      polygonOffsetUnits: 1,
    });
    const mesh = new Mesh(geometry, material);
    mesh.frustumCulled = false;
    return mesh;
  }

  private get sizes(): [number, number] {
    return [this.surface.axes[0].values.length, this.surface.axes[1].values.length];
  }

  private groundOf(index: number): [number, number] {
    const columns = this.sizes[1];
    const [first, second] = this.surface.axes;
    const across = this.plane.across(0, first.values[Math.floor(index / columns)]);
    return [across, -this.plane.across(1, second.values[index % columns])];
  }

  /** Corners of the square cells between four points each. */
  private *quads(): Generator<[number, number, number, number]> {
    const [rows, columns] = this.sizes;
    for (let i = 0; i + 1 < rows; i++) {
      for (let j = 0; j + 1 < columns; j++) {
        const at = i * columns + j;
        yield [at, at + 1, at + columns, at + columns + 1];
      }
    }
  }

  private buildMesh(): void {
    const count = this.surface.losses.length;
    const ground = new Float32Array(count * 2);
    for (let index = 0; index < count; index++) ground.set(this.groundOf(index), index * 2);
    const triangles: number[] = [];
    for (const [a, b, c, d] of this.quads()) {
      if ([a, b, c, d].every((index) => cellAt(this.surface, index) === Cell.Finite)) triangles.push(a, c, b, b, c, d);
    }
    this.mesh.setAttribute("ground", new BufferAttribute(ground, 2));
    this.mesh.setAttribute("cell", new BufferAttribute(new Float32Array(count), 1));
    this.mesh.setIndex(triangles);
  }

  private buildHoles(): void {
    const ground: number[] = [];
    const cells: number[] = [];
    for (const corners of this.quads()) {
      const worst = Math.max(...corners.map((index) => cellAt(this.surface, index)));
      if (worst === Cell.Finite) continue;
      const [a, b, c, d] = corners.map((index) => this.groundOf(index));
      ground.push(...a, ...c, ...b, ...b, ...c, ...d);
      for (let corner = 0; corner < 6; corner++) cells.push(worst);
    }
    const count = cells.length;
    this.holes.setAttribute("ground", new BufferAttribute(new Float32Array(ground), 2));
    this.holes.setAttribute("cell", new BufferAttribute(new Float32Array(cells), 1));
    this.holes.setAttribute("height", new BufferAttribute(new Float32Array(count), 1));
    this.holes.setAttribute("slope", new BufferAttribute(new Float32Array(count * 3), 3));
    this.holes.setDrawRange(0, count);
  }

  /** Change of the height along the two sides of the square, from whichever neighbors have a height. */
  private slopes(heights: Float32Array): Float32Array {
    const [rows, columns] = this.sizes;
    const slopes = new Float32Array(heights.length * 3);
    const change = (before: number, after: number, side: 0 | 1): number => {
      const run = this.groundOf(after)[side] - this.groundOf(before)[side];
      const rise = heights[after] - heights[before];
      return run && Number.isFinite(rise) ? rise / run : Number.NaN;
    };
    const between = (before: number, at: number, after: number, side: 0 | 1): number =>
      [change(before, after, side), change(before, at, side), change(at, after, side), 0].find(Number.isFinite) ?? 0;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const at = i * columns + j;
        const [left, right] = [i ? at - columns : at, i + 1 < rows ? at + columns : at];
        const [front, back] = [j ? at - 1 : at, j + 1 < columns ? at + 1 : at];
        slopes.set([between(left, at, right, 0), 0, between(front, at, back, 1)], at * 3);
      }
    }
    return slopes;
  }
}
