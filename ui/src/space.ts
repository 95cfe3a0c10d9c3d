// The surfaces in depth: one canvas of WebGL, one part of it for each surface, drawn when something changed.
import {
  ColorManagement,
  LinearSRGBColorSpace,
  PerspectiveCamera,
  Raycaster,
  Scene as Scene3D,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";

import { Axes, axisLabels } from "./axes";
import { aim } from "./camera";
import type { ColorsName } from "./colors";
import type { Surface } from "./document";
import { FatLine, type LineLook, type Segment } from "./fatline";
import { march } from "./march";
import { above, PathInSpace } from "./paths";
import { arrows, standing } from "./placed";
import { frameOn, type Label, type Pick, type Scene, type Stage } from "./stage";
import type { ViewState } from "./state";
import { FLOOR, SurfaceMesh, TALL } from "./surface";
import type { Theme } from "./theme";

// colors go to the screen as the style sheet and the color tables say them
ColorManagement.enabled = false;

const CROSS: Omit<LineLook, "color" | "rim"> = { width: 1.8, rimWidth: 1.2, opacity: 1, dash: [], lift: 0.008 };

/** How near the pointer must be to a point of a path to mean it, in CSS pixels. */
const NEAR = 9;

interface View {
  surface: Surface;
  space: Scene3D;
  mesh: SurfaceMesh;
  paths: PathInSpace[];
  axes: Axes;
  cross: FatLine;
  eye: PerspectiveCamera;
}

export class SpaceStage implements Stage {
  readonly kind = "space";
  private readonly renderer: WebGLRenderer;
  private readonly resolution = { value: new Vector2() };
  private views: View[] = [];
  private look = { colors: "" as ColorsName | "", theme: null as Theme | null, pixelRatio: 0, clientWidth: 0 };

  /** Throws where there is no WebGL. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly pixelRatio: () => number,
  ) {
    const context = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "default" });
    if (!context) throw new Error("There is no WebGL here.");
    this.renderer = new WebGLRenderer({ canvas, context });
    this.renderer.outputColorSpace = LinearSRGBColorSpace;
  }

  rebuild(scenes: Scene[]): void {
    const before = this.views;
    this.views = [];
    for (const scene of scenes) {
      const kept = before.find((view) => sameGround(view.surface, scene.surface) && !this.views.includes(view));
      this.views.push(kept ? Object.assign(kept, { surface: scene.surface }) : this.makeView(scene));
    }
    for (const view of before) if (!this.views.includes(view)) disposeView(view);
    scenes.forEach((scene, index) => {
      const view = this.views[index];
      view.mesh.setScale(scene.scale);
      fit(view, scene.points.length, this.resolution);
      scene.points.forEach((points, path) => view.paths[path].setPoints(points));
    });
    this.look = { colors: "", theme: null, pixelRatio: 0, clientWidth: 0 };
  }

  draw(scenes: Scene[], state: ViewState, theme: Theme, probe: Pick | null): Label[][] {
    const { clientWidth, clientHeight } = this.canvas;
    const pixelRatio = this.pixelRatio();
    const size = this.renderer.getSize(new Vector2());
    if (size.x !== clientWidth || size.y !== clientHeight || this.renderer.getPixelRatio() !== pixelRatio) {
      this.renderer.setPixelRatio(pixelRatio);
      this.renderer.setSize(clientWidth, clientHeight, false);
    }
    this.applyLook(scenes, state, theme, pixelRatio);
    this.renderer.setScissorTest(false);
    this.renderer.clear();
    this.renderer.setScissorTest(true);
    return scenes.map((scene, index) => this.drawView(index, scene, state, theme, probe));
  }

  pick(scenes: Scene[], state: ViewState, surface: number, x: number, y: number): Pick | null {
    const scene = scenes[surface];
    const { width, height } = frameOn(this.canvas, scene.frame);
    const { eye } = this.views[surface];
    aim(eye, state.camera, width / height);
    const near = this.nearPoint(scene, state, surface, x, y, width, height);
    if (near) return near;
    const caster = new Raycaster();
    caster.setFromCamera(new Vector2((x / width) * 2 - 1, 1 - (y / height) * 2), eye);
    const cell = march(caster.ray, scene);
    return cell && { kind: "cell", surface, ...cell };
  }

  private makeView(scene: Scene): View {
    const space = new Scene3D();
    const mesh = new SurfaceMesh(scene.surface, scene.plane);
    const axes = new Axes();
    const cross = new FatLine(this.resolution, 0.6);
    for (const part of cross.meshes) part.renderOrder = 20;
    space.add(mesh.group, axes.lines, ...cross.meshes);
    return { surface: scene.surface, space, mesh, paths: [], axes, cross, eye: new PerspectiveCamera() };
  }

  private applyLook(scenes: Scene[], state: ViewState, theme: Theme, pixelRatio: number): void {
    const { look } = this;
    const { clientWidth } = this.canvas;
    const sized = look.pixelRatio === pixelRatio && look.clientWidth === clientWidth;
    if (look.colors === state.colors && look.theme === theme && sized) return;
    this.look = { colors: state.colors, theme, pixelRatio, clientWidth };
    this.renderer.setClearColor(theme.stage);
    this.views.forEach((view, index) => {
      view.mesh.setColors(state.colors);
      view.mesh.setTheme(theme);
      view.cross.setLook({ ...CROSS, color: theme.ink, rim: theme.stage }, pixelRatio);
      view.paths.forEach((path, at) => path.setLook(scenes[index].strokes[at], theme, pixelRatio * weight(scenes[index])));
    });
  }

  private drawView(index: number, scene: Scene, state: ViewState, theme: Theme, probe: Pick | null): Label[] {
    const view = this.views[index];
    const frame = frameOn(this.canvas, scene.frame);
    const ratio = this.renderer.getPixelRatio();
    aim(view.eye, state.camera, frame.width / frame.height);
    scene.surface.paths.forEach((path, at) => {
      view.paths[at].group.visible = !state.off.has(path.name);
      const stands = standing(path, state.step);
      view.paths[at].setStanding(stands, arrows(path, stands, scene.plane));
    });
    view.cross.setSegments(crossAt(scene, probe?.surface === index ? probe : null));
    const ticks = view.axes.lay(scene, state.camera.azimuth, theme);
    this.resolution.value.set(frame.width * ratio, frame.height * ratio);
    const fromBottom = this.canvas.clientHeight - frame.y - frame.height;
    this.renderer.setViewport(frame.x, fromBottom, frame.width, frame.height);
    this.renderer.setScissor(frame.x, fromBottom, frame.width, frame.height);
    this.renderer.render(view.space, view.eye);
    const titles = [...scene.surface.axes.map(({ label }) => label), scene.lossLabel];
    return axisLabels(ticks, titles, view.eye, frame);
  }

  /** The nearest point of a path that is shown, within a few pixels. */
  private nearPoint(
    scene: Scene,
    state: ViewState,
    surface: number,
    x: number,
    y: number,
    width: number,
    height: number,
  ): Pick | null {
    let best: Pick | null = null;
    let bestAway = NEAR;
    scene.surface.paths.forEach(({ name }, path) => {
      if (state.off.has(name)) return;
      scene.points[path].forEach((point, at) => {
        if (point.outside !== "inside") return;
        const seen = new Vector3(...above(point)).project(this.views[surface].eye);
        const away = Math.hypot(((seen.x + 1) / 2) * width - x, ((1 - seen.y) / 2) * height - y);
        if (away < bestAway) [best, bestAway] = [{ kind: "point", surface, path, at }, away];
      });
    });
    return best;
  }
}

/** Whether the same mesh serves; paths on it may differ. */
function sameGround(one: Surface, other: Surface): boolean {
  return one.losses === other.losses && one.computed === other.computed && one.axes[0].values === other.axes[0].values;
}

/** Have as many paths as there are. */
function fit({ paths, space }: View, count: number, resolution: { value: Vector2 }): void {
  while (paths.length < count) {
    const path = new PathInSpace(resolution);
    paths.push(path);
    space.add(path.group);
  }
  for (const path of paths.splice(count)) {
    space.remove(path.group);
    path.dispose();
  }
}

function disposeView(view: View): void {
  view.mesh.dispose();
  view.cross.dispose();
  view.axes.dispose();
  for (const path of view.paths) path.dispose();
}

/** Lines and beads are finer in a small frame. */
function weight({ frame }: Scene): number {
  return Math.min(1, Math.max(0.7, frame.clientWidth / 600));
}

/** A cross on the surface, and a line to the ground, at what the pointer or the keys are on. */
function crossAt({ surface, plane, scale, points }: Scene, probe: Pick | null): Segment[] {
  if (!probe) return [];
  let [x, y, z] = [0, 0, 0];
  if (probe.kind === "point") [x, y, z] = above(points[probe.path][probe.at]);
  else {
    const [first, second] = surface.axes;
    const height = scale.height(surface.losses[probe.i * second.values.length + probe.j]);
    x = plane.across(0, first.values[probe.i]);
    z = -plane.across(1, second.values[probe.j]);
    y = Number.isFinite(height) ? height * TALL : FLOOR;
  }
  const arm = 0.05;
  return [
    { from: [x, FLOOR, z], to: [x, y, z], begin: 0, number: 0 },
    { from: [x - arm, y, z], to: [x + arm, y, z], begin: 0, number: 0 },
    { from: [x, y, z - arm], to: [x, y, z + arm], begin: 0, number: 0 },
  ];
}
