// A line of any width in pixels, with a rim, dashes, and a part that has not been walked yet.
import {
  BufferAttribute,
  Color,
  GreaterDepth,
  InstancedBufferAttribute,
  InstancedBufferGeometry,
  LessEqualDepth,
  Mesh,
  ShaderMaterial,
  type Vector2,
} from "three";

import { LINE_FRAGMENT, LINE_VERTEX } from "./shaders";

export interface Segment {
  from: [number, number, number];
  to: [number, number, number];
  /** How far along the line it begins, for dashes. */
  begin: number;
  /** The point of the path that it leads to. */
  number: number;
}

export interface LineLook {
  color: string;
  rim: string;
  width: number;
  rimWidth: number;
  opacity: number;
  /** Dashes and gaps in units of the box. */
  dash: number[];
  /** How much nearer to the eye it is drawn than it lies, so that the surface it lies on does not cover it. */
  lift: number;
}

export class FatLine {
  /** The line, and the parts of it behind the surface, faintly. */
  readonly meshes: Mesh[];
  private readonly geometry = new InstancedBufferGeometry();
  private readonly materials: ShaderMaterial[];

  constructor(resolution: { value: Vector2 }, behind: number) {
    const corners = new Float32Array([0, -1, 0, 1, -1, 0, 0, 1, 0, 1, 1, 0]);
    this.geometry.setAttribute("position", new BufferAttribute(corners, 3));
    this.geometry.setIndex([0, 1, 2, 2, 1, 3]);
    const looks: [typeof LessEqualDepth | typeof GreaterDepth, number][] = [[LessEqualDepth, 1]];
    if (behind > 0) looks.push([GreaterDepth, behind]);
    this.materials = looks.map(([depthFunc, share]) => {
      const material = new ShaderMaterial({
        vertexShader: LINE_VERTEX,
        fragmentShader: LINE_FRAGMENT,
        uniforms: {
          resolution,
          reach: { value: 0 },
          lift: { value: 0 },
          color: { value: new Color() },
          rim: { value: new Color() },
          opacity: { value: 1 },
          width: { value: 1 },
          rimWidth: { value: 0 },
          dash: { value: [0, 0, 0, 0] },
          played: { value: Infinity },
        },
        transparent: true,
        depthWrite: false,
        depthFunc,
      });
      material.userData.share = share;
      return material;
    });
    this.meshes = this.materials.map((material) => {
      const mesh = new Mesh(this.geometry, material);
      mesh.frustumCulled = false;
      return mesh;
    });
    this.setSegments([]);
  }

  setSegments(segments: Segment[]): void {
    // frees the buffers before, and lets three.js count anew how many segments it may draw
    this.geometry.dispose();
    const numbers = (values: number[], size: number): InstancedBufferAttribute =>
      new InstancedBufferAttribute(new Float32Array(values), size);
    this.geometry.setAttribute("from", numbers(segments.flatMap(({ from }) => from), 3));
    this.geometry.setAttribute("to", numbers(segments.flatMap(({ to }) => to), 3));
    const lengths = segments.flatMap(({ from, to, begin }) => [begin, begin + distance(from, to)]);
    this.geometry.setAttribute("lengths", numbers(lengths, 2));
    this.geometry.setAttribute("number", numbers(segments.map(({ number }) => number), 1));
    this.geometry.instanceCount = segments.length;
    for (const mesh of this.meshes) mesh.visible = segments.length > 0;
  }

  setLook(look: LineLook, pixelRatio: number): void {
    for (const material of this.materials) {
      const { uniforms } = material;
      uniforms.color.value.set(look.color);
      uniforms.rim.value.set(look.rim);
      uniforms.width.value = (look.width / 2) * pixelRatio;
      uniforms.rimWidth.value = look.rimWidth * pixelRatio;
      uniforms.reach.value = (look.width / 2 + look.rimWidth + 1) * pixelRatio;
      uniforms.opacity.value = look.opacity * material.userData.share;
      uniforms.lift.value = look.lift;
      uniforms.dash.value = [0, 1, 2, 3].map((at) => look.dash[at % (look.dash.length || 1)] ?? 0);
    }
  }

  /** Draw faintly what leads to points after this one. */
  setPlayed(point: number): void {
    for (const material of this.materials) material.uniforms.played.value = point + 0.5;
  }

  dispose(): void {
    this.geometry.dispose();
    for (const material of this.materials) material.dispose();
  }
}

export function distance(from: number[], to: number[]): number {
  return Math.hypot(to[0] - from[0], to[1] - from[1], to[2] - from[2]);
}
