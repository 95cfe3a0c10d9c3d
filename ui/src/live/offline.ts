// A recorded run as a page of its own: this page, as it was built, with the document inside it.
import type { Document } from "../document";

type Typed = Float32Array | Float64Array | Int32Array | Uint8Array;

const TYPES = { Float32Array: "float32", Float64Array: "float64", Int32Array: "int32", Uint8Array: "uint8" } as const;

/** `built` is the live page as it was served; what lets it speak to its server is taken out. */
export function offlinePage(built: string, content: Document): string {
  const title = content.title.replace(/[<&]/g, (sign) => (sign === "<" ? "&lt;" : "&amp;"));
  const inside = JSON.stringify(content, packing).replaceAll("<", "\\u003c");
  return built
    .replace(/ connect-src [^;"]*;/, "")
    .replace(/<title>[^<]*<\/title>/, () => `<title>${title}</title>`)
    .replace(/(<script type="application\/json" id="document">)[^<]*/, (_, start: string) => start + inside);
}

/** Arrays as `_page_document.py` writes them. */
function packing(_: string, value: unknown): unknown {
  if (!ArrayBuffer.isView(value)) return value;
  const array = value as Typed;
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const parts = Array.from({ length: Math.ceil(bytes.length / PART) }, (_, k) => {
    return String.fromCharCode(...bytes.subarray(k * PART, (k + 1) * PART));
  });
  const dtype = TYPES[array.constructor.name as keyof typeof TYPES];
  return { dtype, shape: [array.length], data: btoa(parts.join("")) };
}

const PART = 8192;

/** Hand a page to the reader as a file. */
export function download(page: string, name: string): void {
  const address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
