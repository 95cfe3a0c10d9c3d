// The programs of the graphics card. One draws the surface, its shadow on the ground and the holes in both.

export const enum Layer {
  Surface,
  Ground,
  Holes,
}

export const SURFACE_VERTEX = /* glsl */ `
attribute vec2 ground;
attribute float height;
attribute vec3 slope;
attribute float cell;
uniform int layer;
uniform float tall;
uniform float floorAt;
varying float vHeight;
varying float vCell;
varying vec3 vNormal;
varying vec2 vGround;

void main() {
  vHeight = height;
  vCell = cell;
  vGround = ground;
  vNormal = normalize(vec3(-slope.x * tall, 1.0, -slope.z * tall));
  vec3 place = vec3(ground.x, layer == ${Layer.Surface} ? height * tall : floorAt, ground.y);
  gl_Position = projectionMatrix * viewMatrix * vec4(place, 1.0);
}`;

export const SURFACE_FRAGMENT = /* glsl */ `
uniform int layer;
uniform sampler2D colors;
uniform float density;
uniform float start;
uniform vec3 paper;
uniform vec3 ink;
varying float vHeight;
varying float vCell;
varying vec3 vNormal;
varying vec2 vGround;

float contour(float number) {
  float change = fwidth(number);
  float away = abs(fract(number - 0.5) - 0.5) / max(change, 1e-6);
  return (1.0 - smoothstep(0.35, 1.25, away)) * (1.0 - smoothstep(0.25, 0.6, change));
}

float stripes(float place) {
  float change = max(fwidth(place), 1e-6);
  return 1.0 - smoothstep(0.0, 1.0, (abs(fract(place) - 0.5) - 0.16) / change + 0.5);
}

void main() {
  if (layer == ${Layer.Holes}) {
    float along = stripes((vGround.x + vGround.y) * 14.0);
    float across = stripes((vGround.x - vGround.y) * 14.0);
    float mark = vCell < 1.5 ? max(along, across) : vCell < 2.5 ? along : along * across;
    gl_FragColor = vec4(mix(paper, ink, 0.08 + 0.5 * mark), 1.0);
    return;
  }
  vec3 color = texture2D(colors, vec2(clamp(vHeight, 0.0, 1.0) * 0.99609375 + 0.001953125, 0.5)).rgb;
  float line = contour(vHeight * density + start);
  if (layer == ${Layer.Ground}) {
    color = mix(paper, color, 0.42);
    color = mix(color, ink, 0.34 * line);
  } else {
    vec3 normal = gl_FrontFacing ? normalize(vNormal) : -normalize(vNormal);
    // the light turns with the eye, so that no side is dark
    vec3 toLight = normalize(vec3(-0.45, 0.75, 0.5)) * mat3(viewMatrix);
    float light = 0.72 + 0.34 * max(0.0, dot(normal, toLight));
    color = gl_FrontFacing ? color * light : mix(color * light, paper, 0.22);
    float edge = dot(color, vec3(0.3, 0.59, 0.11)) > 0.32 ? 0.0 : 1.0;
    color = mix(color, vec3(edge), 0.42 * line);
  }
  gl_FragColor = vec4(color, 1.0);
}`;

/** Each segment of a line as a capsule on the screen: so wide in pixels, with a rim and round ends. */
export const LINE_VERTEX = /* glsl */ `
attribute vec3 from;
attribute vec3 to;
attribute vec2 lengths;
attribute float number;
uniform vec2 resolution;
uniform float reach;
uniform float lift;
varying vec2 vPlace;
varying float vLong;
varying float vLength;
varying float vNumber;

vec4 placed(vec3 point) {
  vec4 seen = viewMatrix * vec4(point, 1.0);
  seen.xyz *= 1.0 - lift;
  return projectionMatrix * seen;
}

void main() {
  vec4 first = placed(from);
  vec4 last = placed(to);
  if (first.w < 0.05 || last.w < 0.05) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
  vec2 a = first.xy / first.w * resolution * 0.5;
  vec2 b = last.xy / last.w * resolution * 0.5;
  vLong = length(b - a);
  vec2 along = vLong > 1e-4 ? (b - a) / vLong : vec2(1.0, 0.0);
  bool ahead = position.x > 0.5;
  vec2 corner = (ahead ? b + along * reach : a - along * reach) + vec2(-along.y, along.x) * position.y * reach;
  vPlace = vec2(ahead ? vLong + reach : -reach, position.y * reach);
  float part = vLong > 1e-4 ? vPlace.x / vLong : 0.0;
  vLength = mix(lengths.x, lengths.y, part);
  vNumber = number;
  float depth = ahead ? last.z / last.w : first.z / first.w;
  gl_Position = vec4(corner / (resolution * 0.5), depth, 1.0);
}`;

export const LINE_FRAGMENT = /* glsl */ `
uniform vec3 color;
uniform vec3 rim;
uniform float opacity;
uniform float width;
uniform float rimWidth;
uniform vec4 dash;
uniform float played;
varying vec2 vPlace;
varying float vLong;
varying float vLength;
varying float vNumber;

void main() {
  float beyond = max(0.0, max(-vPlace.x, vPlace.x - vLong));
  float away = length(vec2(beyond, vPlace.y));
  float total = dash.x + dash.y + dash.z + dash.w;
  if (total > 0.0) {
    float at = mod(vLength, total);
    if ((at > dash.x && at < dash.x + dash.y) || at > dash.x + dash.y + dash.z) discard;
  }
  float inside = 1.0 - smoothstep(width - 0.6, width + 0.6, away);
  float alpha = (1.0 - smoothstep(width + rimWidth - 0.6, width + rimWidth + 0.6, away)) * opacity;
  if (vNumber >= played) alpha *= 0.22;
  if (alpha < 0.01) discard;
  gl_FragColor = vec4(mix(rim, color, inside), alpha);
}`;

/** Round marks of one size on the screen; the ball is one, larger and shaded. */
export const MARK_VERTEX = /* glsl */ `
attribute float number;
uniform float size;
uniform float lift;
varying float vNumber;

void main() {
  vec4 seen = viewMatrix * vec4(position, 1.0);
  seen.xyz *= 1.0 - lift;
  gl_Position = projectionMatrix * seen;
  gl_PointSize = size;
  vNumber = number;
}`;

export const MARK_FRAGMENT = /* glsl */ `
uniform vec3 color;
uniform vec3 rim;
uniform float size;
uniform float opacity;
uniform float played;
uniform float shaded;
varying float vNumber;

void main() {
  vec2 place = gl_PointCoord * 2.0 - 1.0;
  float away = length(place) * size * 0.5;
  float radius = size * 0.5;
  float alpha = (1.0 - smoothstep(radius - 1.2, radius, away)) * opacity;
  if (vNumber > played) alpha *= 0.25;
  if (alpha < 0.01) discard;
  float inside = 1.0 - smoothstep(radius - 2.6 - shaded, radius - 1.6 - shaded, away);
  float glow = shaded * (0.55 * (1.0 - smoothstep(0.0, 0.75, length(place - vec2(-0.3, -0.35)))) - 0.12);
  gl_FragColor = vec4(mix(rim, color + glow, inside), alpha);
}`;
