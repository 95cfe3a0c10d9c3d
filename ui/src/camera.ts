// Where the eye is: around a box two wide, two deep and as tall as the surface, seen whole at zoom 1.
import { PerspectiveCamera, Vector3 } from "three";

import type { Camera } from "./state";
import { FLOOR, TALL } from "./surface";

const FIELD_OF_VIEW = 28;
const RADIUS = 1.62;
const MIDDLE = (TALL + FLOOR) / 2 - 0.06;

export function aim(eye: PerspectiveCamera, camera: Camera, aspect: number): void {
  const halfUp = Math.tan(((FIELD_OF_VIEW / 2) * Math.PI) / 180);
  const away = RADIUS / (halfUp * Math.min(1, aspect * 0.9)) / camera.zoom;
  const azimuth = (camera.azimuth * Math.PI) / 180;
  const elevation = (Math.min(camera.elevation, 89.9) * Math.PI) / 180;
  const target = new Vector3(camera.pan[0], camera.pan[1] + MIDDLE, camera.pan[2]);
  eye.fov = FIELD_OF_VIEW;
  eye.aspect = aspect;
  eye.near = Math.max(0.05, away - 5);
  eye.far = away + 8;
  eye.position
    .set(Math.cos(elevation) * Math.sin(azimuth), Math.sin(elevation), Math.cos(elevation) * Math.cos(azimuth))
    .multiplyScalar(away)
    .add(target);
  eye.lookAt(target);
  eye.updateProjectionMatrix();
  eye.updateMatrixWorld();
}

/** The pan that moves the picture by a part of its height to the right and up. */
export function panned(camera: Camera, right: number, up: number): Camera["pan"] {
  const size = (2 * RADIUS) / camera.zoom;
  const azimuth = (camera.azimuth * Math.PI) / 180;
  const elevation = (camera.elevation * Math.PI) / 180;
  const [sideways, upward] = [-right * size, -up * size];
  return [
    camera.pan[0] + sideways * Math.cos(azimuth) - upward * Math.sin(elevation) * Math.sin(azimuth),
    camera.pan[1] + upward * Math.cos(elevation),
    camera.pan[2] - sideways * Math.sin(azimuth) - upward * Math.sin(elevation) * Math.cos(azimuth),
  ];
}
