// Elements, made in one call.

type Options<K extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[K], "style" | "children" | "attributes">> & {
  attributes?: Record<string, string>;
};

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Options<K> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const { attributes, ...properties } = options;
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element "${id}".`);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

function drawing(viewBox: string, name: string, shape: "line" | "path", given: Record<string, string>): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const inside = document.createElementNS(SVG, shape);
  for (const [key, value] of Object.entries(given)) inside.setAttribute(key, value);
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("class", name);
  svg.setAttribute("aria-hidden", "true");
  svg.append(inside);
  return svg;
}

/** A sign of 16 by 16, filled with the color of the text. */
export function icon(shape: string): SVGSVGElement {
  return drawing("0 0 16 16", "icon", "path", { d: shape, fill: "currentColor" });
}

/** A short sample of how a path is drawn. */
export function sample(color: string, dash: number[]): SVGSVGElement {
  const pattern = dash.map((part) => part * 3).join(" ");
  const given = { x1: "2", y1: "6", x2: "32", y2: "6", stroke: color, "stroke-width": "3" };
  return drawing("0 0 34 12", "sample", "line", pattern ? { ...given, "stroke-dasharray": pattern } : given);
}
